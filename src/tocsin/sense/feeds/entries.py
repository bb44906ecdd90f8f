"""Entries: what a news feed lists, out of RSS, Atom, JSON Feed and news sitemaps, all in one shape.

- A feed is hostile until shown otherwise: entities are refused, everything is bounded, and markup is only ever text.
- A sitemap names articles and tells nothing of them; their pages are read as those of a feed without summaries.
- A sitemap of sitemaps is followed one step, to the newest of its own host.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import fastfeedparser
from msgspec import Struct

from tocsin.cap.limits import TRUSTED
from tocsin.cap.tree import Element, grow
from tocsin.errors import SourceError
from tocsin.sense.feeds.index import moment

MAX_ENTRIES = 300
SITEMAPS = 3
"""So many sitemaps of a sitemap of sitemaps are read, the newest first."""
_TAG = re.compile(r"<[^<>]{0,4000}>")
_SITEMAP = re.compile(rb"<(?:[a-z0-9]+:)?(urlset|sitemapindex)[\s>]")
_DAWN = datetime(1, 1, 1, tzinfo=UTC)


class Item(Struct, frozen=True):
    """One entry of a feed. ``version`` changes when the feed says that the article did."""

    address: str
    headline: str = ""
    summary: str = ""
    published: datetime | None = None
    version: str = ""
    language: str = ""


def read_feed(content: bytes, address: str) -> tuple[str, list[Item]]:
    """The title and the entries of an RSS, Atom or JSON feed; raises :class:`SourceError` if it is none."""
    if b"<!ENTITY" in content[:200_000].upper():
        raise SourceError(f"{address}: a feed that declares entities is not read")
    try:
        found = fastfeedparser.parse(content, include_tags=False, include_media=False, include_enclosures=False)
        title, entries = str(found.feed.get("title") or ""), list(found.entries)[:MAX_ENTRIES]
    except Exception as wrong:  # the parser raises whatever its input makes it raise
        raise SourceError(f"{address}: not a feed that can be read ({str(wrong)[:120]})") from None
    items: dict[str, Item] = {}
    for entry in entries:
        link = str(entry.get("link") or "").strip()
        target = urljoin(address, link) if link else ""
        if not target.startswith(("http://", "https://")) or target in items:
            continue
        whole = max((str(c.get("value") or "") for c in entry.get("content") or ()), key=len, default="")
        summary = plain(max(whole, str(entry.get("description") or ""), key=len))
        stamps = [str(entry.get(name) or "") for name in ("published", "updated")]
        published = moment(stamps[0]) or moment(stamps[1])
        version = "|".join((*stamps, str(entry.get("title") or "")))
        language = str(entry.get("language") or found.feed.get("language") or "")
        items[target] = Item(target, plain(str(entry.get("title") or "")), summary, published, version, language)
    return plain(title), list(items.values())


def plain(text: str) -> str:
    """A feed's text without its marks, in one piece."""
    return " ".join(html.unescape(_TAG.sub(" ", text[:200_000])).split())


# --- sitemaps --------------------------------------------------------------------------------------------------------


def sitemap(content: bytes) -> str:
    """``urlset`` for a sitemap, ``sitemapindex`` for one of sitemaps, empty for anything else."""
    found = _SITEMAP.search(content[:4_000])
    return found[1].decode() if found else ""


def read_sitemap(content: bytes, address: str) -> tuple[str, list[Item]]:
    """The outlet and the articles of a news sitemap, the newest first; raises :class:`SourceError` if it is none.

    A plain sitemap without ``news:news`` lists pages of all kinds, and is refused: a whole site is no news.
    """
    root = _root(content, address)
    items: dict[str, Item] = {}
    title = ""
    for url in root.iterchildren("{*}url"):
        news = next(iter(url.iterchildren("{*}news")), None)
        target = _text(url, "loc")
        if news is None or not target.startswith(("http://", "https://")) or target in items:
            continue
        outlet = next(iter(news.iterchildren("{*}publication")), None)
        title = title or (_text(outlet, "name") if outlet is not None else "")
        stamp, changed = _text(news, "publication_date"), _text(url, "lastmod")
        language = _text(outlet, "language") if outlet is not None else ""
        headline = plain(_text(news, "title"))
        version = "|".join((stamp, changed, headline))
        items[target] = Item(target, headline, "", moment(_whole(stamp)), version, language)
    if not items:
        raise SourceError(f"{address}: a sitemap that names no news")
    newest = sorted(items.values(), key=lambda item: item.published or _DAWN, reverse=True)
    return plain(title), newest[:MAX_ENTRIES]


def nested(content: bytes, address: str) -> list[str]:
    """The addresses of the newest sitemaps in a sitemap of sitemaps, of this host only."""
    found = []
    for one in _root(content, address).iterchildren("{*}sitemap"):
        target = urljoin(address, _text(one, "loc"))
        if urlsplit(target)[:2] == urlsplit(address)[:2]:
            found.append((moment(_whole(_text(one, "lastmod"))) or _DAWN, "news" in target.lower(), target))
    return [target for _, _, target in sorted(found, key=lambda one: one[:2], reverse=True)[:SITEMAPS]]


def _root(content: bytes, address: str) -> Element:
    grown = grow(content, TRUSTED)
    if grown.root is None:
        raise SourceError(f"{address}: a sitemap that cannot be read ({grown.refused})")
    return grown.root


def _text(parent: Element, name: str) -> str:
    return next((found.text.strip() for found in parent.iterchildren(f"{{*}}{name}") if found.text), "")


def _whole(stamp: str) -> str:
    """A bare day, which a sitemap may give, as a moment."""
    return f"{stamp}T00:00:00+00:00" if len(stamp) == 10 else stamp
