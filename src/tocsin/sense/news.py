"""News: what one outlet wrote at one address, as a report that people read and that never warns anybody by itself.

- The words are the outlet's own; only what is around them on a page is left out.
- New words at the same address are a new report that names the one before it: nothing is overwritten.
- The id is made from source, address and words, so what was read before is known again after a restart.
"""

from __future__ import annotations

import re
from datetime import datetime

import msgspec
from msgspec import Struct

from tocsin.sense.report import NEWS_JSON, Report, report_id

TEXT_CHARACTERS = 30_000
"""An article is cut to this; the longest pages are feeds of everything and not one article."""


class News(Struct, frozen=True, omit_defaults=True):
    """One version of an article. ``before`` is the report of the version before it; ``excerpt``: not all of its words.

    ``licence`` is ``spans`` where the outlet lets no more be kept than a few sentences of it.
    """

    headline: str
    text: str
    published: datetime | None = None
    language: str = ""
    outlet: str = ""
    url: str = ""
    before: str = ""
    excerpt: bool = False
    licence: str = ""


def news_id(source: str, url: str, headline: str, text: str) -> str:
    """The id of these words at this address."""
    return report_id(source, "\0".join(("news", url, headline, text)).encode("utf-8", "replace"))


def news_report(source: str, news: News, received: datetime) -> Report:
    """A version of an article as the report that is recorded."""
    # Cut before it is cleaned: a page of 50 MB is not walked letter by letter for the part that is kept.
    clean = {
        name: _clean(getattr(news, name)[: 2 * TEXT_CHARACTERS])
        for name in ("headline", "text", "language", "outlet", "url")
    }
    news = msgspec.structs.replace(
        news, **(clean | {"text": clean["text"][:TEXT_CHARACTERS], "headline": clean["headline"][:500]})
    )
    named = news_id(source, news.url, news.headline, news.text)
    content = msgspec.json.encode(news)
    return Report(named, source, NEWS_JSON, content, received, news.published, news.url, news.language)


def spans(text: str, headline: str, most: int) -> str:
    """The headline and the first whole sentences of ``text``, ``most`` characters at most: what may be quoted of it.

    A sentence is kept whole or not at all, so that nothing is quoted as the half of what was said; only a first one that
    is longer than all is cut at a word.
    """
    head = headline if text.startswith(headline) and headline else ""
    kept, used = [], 0
    for found in _SENTENCE.finditer(text[len(head) :]):
        sentence = found[0].strip()
        if not sentence:
            continue
        if used + len(sentence) > most:
            break
        kept.append(sentence)
        used += len(sentence) + 1
    body = " ".join(kept) or text[len(head) :].strip()[:most].rpartition(" ")[0]
    return f"{head}\n{body}" if head and body else head or body


_SENTENCE = re.compile(r"[^.!?…\n]*(?:[.!?…](?![\s\n]|$)[^.!?…\n]*)*[.!?…]*[”“»\"’)]*(?:\n|\s|$)")


def _clean(text: str) -> str:
    """Text that can be stored and shown: no halves of letters, nothing that turns the direction of what follows."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c for c in text if c in "\n\t" or (c >= " " and c not in _TURNING))


_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x7f\ufeff")
