"""A web page or a file as text: its letters decoded, its article cut out, and whether there is an article at all.

- Bytes are read by their mark, as UTF-8, else by the encoding whose letters fit best; what a header claims is a rumour.
- A page is cut to a bound before its article is looked for, so that no page costs more than another.
- A page that asks for consent or money, or that says nothing, is no report; it is known by what is *not* there: only a
  page without an article is suspected, for a whole article may have a banner beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

HTML_CHARACTERS = 400_000
"""A page is cut to this, without its scripts and styles, before its article is looked for."""
LEAST, WHOLE = 80, 700
"""An article has at least so many characters; from so many on it is one whatever stands beside it."""

_NO_TEXT = re.compile(r"(?is)<(script|style|svg|noscript|template|iframe)\b.*?</\1\s*>|<!--.*?-->")
_LONG_TAG = re.compile(r"<[^<>]{8000,}>")
_ENCODINGS = ("cp1252", "cp1251", "koi8-u", "iso8859-2", "cp1250", "cp866")
_NOT_FREE = re.compile(r'"isAccessibleForFree"\s*:\s*"?false', re.IGNORECASE)
_CONSENT = re.compile(
    r"(?i)accept (?:all )?cookies|before you continue|we value your privacy|manage (?:your )?(?:consent|preferences)"
    r"|(?:alle )?cookies akzeptieren|einwilligung|zustimmen und weiter|accepter (?:tous )?les cookies|tout accepter"
    r"|aceptar (?:todas )?(?:las )?cookies|akceptuj|zgadzam się|прийняти (?:всі|усі)|прийняти cookie|принять (?:все )?cookie"
    r"|consent-?(?:wall|form|banner)|privacy-?wall"
)
_PAYWALL = re.compile(
    r"(?i)subscribe (?:now|to (?:continue|read))|subscribers only|already a subscriber|to continue reading"
    r"|jetzt abonnieren|weiterlesen mit|nur für abonnenten|exklusiv für abonnenten|réservé aux abonnés|abonnez-vous"
    r"|solo para suscriptores|suscríbete|tylko dla prenumeratorów|лише для передплатників|передплатіть"
    r"|только для подписчиков|оформите подписку|pay-?wall"
)


class Cutting(Struct, frozen=True):
    """The article cut out of a page. ``refused`` is empty, or why there is none: ``page.empty``, ``.consent``, ``.paywall``."""

    text: str = ""
    headline: str = ""
    outlet: str = ""
    published: str = ""
    refused: str = ""


REASONS = {
    "page.empty": "there is no article on this page",
    "page.consent": "this page asks for consent instead of showing its article",
    "page.paywall": "this page shows its article to subscribers only",
}


def decode(content: bytes, known: Callable[[str], float] | None = None) -> str:
    """Bytes as text. ``known`` tells how much a text looks like some language, 0 to 1, where encodings compete."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    sample = content[:20_000]
    best, score = "cp1252", -99.0
    for encoding in _ENCODINGS:
        text = sample.decode(encoding, errors="replace")
        # The right table gives small letters beside one another and words that some language has.
        high = [letter for letter in text if letter > "\x7f"]
        small = sum(letter.islower() for letter in high) / max(1, len(high))
        value = small - text.count("\ufffd") + (2 * known(text) if known is not None else _company(text, len(high)))
        if value > score:
            best, score = encoding, value
    return content.decode(best, errors="replace")


def _company(text: str, high: int) -> float:
    """How well the letters beyond ASCII keep company: Cyrillic ones stand together, accented Latin ones alone."""
    together = sum(len(run) for run in re.findall(r"[^\x00-\x7f\W\d_]{2,}", text)) / max(1, high)
    cyrillic = sum("\u0400" <= letter <= "\u04ff" for letter in text) / max(1, high)
    return together if cyrillic > 0.5 else 1.0 - together


def article(content: bytes, known: Callable[[str], float] | None = None) -> Cutting:
    """The article cut out of a page. its headline on the first line; ``refused`` says why where there is none."""
    import trafilatura
    from lxml import etree

    raw = decode(content, known)
    document = _LONG_TAG.sub("", _NO_TEXT.sub("", raw))[:HTML_CHARACTERS]
    try:
        found = trafilatura.bare_extraction(document, include_comments=False, include_tables=False, with_metadata=True)
    except (ValueError, etree.LxmlError, RecursionError):
        found = None
    title, body = (str(getattr(found, name, "") or "") for name in ("title", "text"))
    refused = _refused(raw[:HTML_CHARACTERS], document, body)
    if title and body and not body.startswith(title):
        body = f"{title}\n{body}"
    outlet, published = (str(getattr(found, name, "") or "") for name in ("sitename", "date"))
    return Cutting(body, title, outlet, published, refused)


def _refused(raw: str, document: str, body: str) -> str:
    if len(body) >= WHOLE:
        return ""
    if _NOT_FREE.search(raw) or _PAYWALL.search(document):
        return "page.paywall"
    if _CONSENT.search(document) and len(body) < WHOLE // 2:
        return "page.consent"
    return "page.empty" if len(body.strip()) < LEAST else ""
