"""An index of alerts: the links that an Atom or RSS feed or a directory of files offers, and the times it bears.

- The index is only used to find alerts and to know how old it is. What it says about an alert is not believed: readers
  that take CAP fields from it lose repeated ones (quirk 16). Alerts inside it are read by :mod:`tocsin.cap.xml`.
- One entry, none, or thousands: all the same; an index with none is an index (quirk 15).
- The bytes go through the same gate as an alert's (:mod:`tocsin.cap.tree`): any encoding, no document type, no floods.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

from lxml import etree
from msgspec import Struct

from tocsin.cap.envelope import is_alert, local
from tocsin.cap.limits import TRUSTED
from tocsin.cap.tree import Element, grow
from tocsin.clock import utc
from tocsin.errors import NaiveTimeError, SourceError
from tocsin.sense.feeds.fetch import looks_like_page

CAP_TYPES = ("application/cap+xml", "application/common-alerting-protocol+xml")
MAX_ENTRIES = 10_000


class Link(Struct, frozen=True):
    """One alert that an index points to; ``version`` changes when the index says that the alert did."""

    address: str
    version: str = ""


class Index(Struct, frozen=True):
    """What was found: ``shape`` is alert, envelope, atom, rss or directory.

    ``updated`` is the newest moment that the index itself speaks of; ``cut`` that it was not well-formed.
    """

    shape: str
    links: tuple[Link, ...] = ()
    updated: datetime | None = None
    cut: bool = False


def read_index(content: bytes, address: str) -> Index:
    """What the bytes from ``address`` offer; raises :class:`SourceError` if they are nothing of the kind."""
    if not content.strip(b" \t\r\n\0"):
        raise SourceError(f"{address}: an empty answer")
    if looks_like_page(content):
        found = _directory(content, address)
        if not found.links:
            raise SourceError(f"{address}: a web page instead of alerts")
        return found
    if content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") or content.startswith(b"PK\x03\x04"):
        # JSON like CAP and archives of alerts: nothing in them but alerts.
        return Index("envelope")
    grown = grow(content, TRUSTED)
    root, cut = grown.root, any(code == "xml.not-well-formed" for code, _, _ in grown.problems)
    if root is None:
        raise SourceError(f"{address}: cannot be read ({grown.refused} {grown.detail})".replace(" )", ")"))
    name = local(root).lower()
    if is_alert(root):
        return Index("alert", cut=cut)
    if name == "feed":
        return _entries(root, "atom", "entry", address, cut)
    if name in ("rss", "rdf", "channel"):
        return _entries(root, "rss", "item", address, cut)
    if name in ("alerts", "edxldistribution") or next(root.iter("{*}alert"), None) is not None:
        return Index("envelope", cut=cut)
    raise SourceError(f"{address}: <{name[:40]}> is neither an alert nor an index of alerts")


def moment(text: str | None) -> datetime | None:
    """A time in RFC 3339 or as in e-mail, in UTC; None if there is none or nobody can say which moment it means."""
    text = (text or "").strip()
    try:
        return utc(datetime.fromisoformat(text))
    except (ValueError, NaiveTimeError):
        try:
            return utc(parsedate_to_datetime(text))
        except (ValueError, TypeError, NaiveTimeError, IndexError, OverflowError):
            return None


def _entries(root: Element, shape: str, entry: str, address: str, cut: bool) -> Index:
    times = [_own_time(root, "updated", "lastBuildDate", "pubDate", "date")]
    for channel in root.iterchildren("{*}channel"):
        times.append(_own_time(channel, "lastBuildDate", "pubDate", "date", "updated"))
    links: dict[str, Link] = {}
    for count, item in enumerate(root.iter(f"{{*}}{entry}")):
        if count >= MAX_ENTRIES:
            break
        stamp = _text(item, "updated", "pubDate", "date", "published")
        times.append(moment(stamp))
        if next(item.iter("{*}alert"), None) is None and (href := _href(item)):
            target = urljoin(address, href)
            links[target] = Link(target, stamp or _text(item, "id", "guid"))
    newest = max((time for time in times if time is not None), default=None)
    return Index(shape, tuple(links.values()), newest, cut)


def _href(item: Element) -> str:
    """The address of the alert: the link that says it is CAP, else an enclosure, else the first that is for reading."""
    best = ("", 99)
    for link in item.iterchildren("{*}link", "{*}enclosure", "{*}guid", "{*}id"):
        name = local(link)
        href = (link.get("href") or link.get("url") or link.text or "").strip()
        if not re.match("https?://|/|[^:]+$", href, re.IGNORECASE) or (name in ("guid", "id") and ":/" not in href):
            continue
        kind, relation = (link.get("type") or "").split(";")[0].strip().lower(), link.get("rel") or "alternate"
        if kind in CAP_TYPES:
            rank = 0
        elif href.lower().partition("?")[0].endswith((".cap", ".xml")):
            rank = 1
        elif name == "enclosure" or relation == "enclosure":
            rank = 2
        elif name == "link" and relation == "alternate" and kind != "text/html":
            rank = 3
        elif name == "link" and relation == "alternate":
            rank = 4
        else:
            rank = 5
        if href and rank < best[1] and relation not in ("self", "hub", "author", "license"):
            best = (href, rank)
    return best[0]


def _text(parent: Element, *names: str) -> str:
    for name in names:
        for found in parent.iterchildren(f"{{*}}{name}"):
            if found.text and found.text.strip():
                return found.text.strip()
    return ""


def _own_time(parent: Element, *names: str) -> datetime | None:
    return moment(_text(parent, *names))


def _directory(content: bytes, address: str) -> Index:
    """A listing of files as web servers make it, or a page that links to alerts."""
    root = etree.fromstring(content, etree.HTMLParser(no_network=True, huge_tree=False, recover=True))
    links: dict[str, Link] = {}
    for found in root.iter("a") if root is not None else ():
        href = (found.get("href") or "").strip()
        if href.lower().partition("?")[0].endswith((".cap", ".xml")) and len(links) < MAX_ENTRIES:
            # The row's text holds the file's date and size: when they change, so has the file.
            target = urljoin(address, href)
            links[target] = Link(target, " ".join((found.tail or "").split()))
    return Index("directory", tuple(links.values()))
