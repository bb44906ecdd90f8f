"""The public feed: every alert published for everybody, as Atom with links to the CAP messages, and each message itself.

- ``/alerts/{identifier}.xml`` is the message byte for byte as it was published; it never changes, so caches may keep it.
- The feed shows the newest alerts; ``?before=NUMBER`` goes on to older ones (RFC 5005, section 3), without a gap, since
  a page is bounded by journal numbers and not by positions.
- Ids are made from the message's own identity (sender, identifier, sent): they stay when the address of this
  installation changes.
- An exercise says so in the title of the feed and of each entry, because that is all a lock screen shows (F16).
- The first page is made when an entry has come and somebody asks, and kept with its compressed form.

Standards: RFC 4287 (Atom), RFC 5005 (paging), OASIS CAP 1.2.
"""

from __future__ import annotations

import uuid
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, quote

from lxml import etree

from tocsin.cap.alert import Info
from tocsin.clock import EPOCH, spell
from tocsin.errors import ParameterError
from tocsin.journal import EXERCISE
from tocsin.recent import Recent
from tocsin.settings import Settings
from tocsin.warn.phrase import book
from tocsin.web.ready import Ready
from tocsin.web.register import Register, Shown

FEED, MESSAGES = "/alerts.atom", "/alerts/"
NEWEST = 50
KEEP = 200
ATOM_TYPE = "application/atom+xml; charset=utf-8"
CAP_TYPE = "application/cap+xml; charset=utf-8"
JSON_TYPE = "application/json"
FOR_EVER = "public, max-age=31536000, immutable"

ATOM, CAP = "http://www.w3.org/2005/Atom", "urn:oasis:names:tc:emergency:cap:1.2"
_NAMES: dict[Any, str] = {None: ATOM, "cap": CAP}
_XML10 = {code: None for code in range(32) if code not in (9, 10, 13)} | {0xFFFE: None, 0xFFFF: None}


def address_of(identifier: str, form: str = "xml") -> str:
    """The path of an alert: ``/alerts/{identifier}.xml``."""
    return f"{MESSAGES}{quote(identifier, safe='')}.{form}"


def in_language(infos: tuple[Info, ...], language: str) -> Info | None:
    """The info for a reader of ``language``: the same tag, the same language, English, or the first there is."""
    for wanted in (language, language.partition("-")[0], "en"):
        for info in infos:
            tag = (info.language or "en-US").lower()
            if tag == wanted.lower() or tag.partition("-")[0] == wanted.lower():
                return info
    return infos[0] if infos else None


class Feed:
    """The feed of one register as ready answers: ``/alerts.atom`` and ``/alerts/{identifier}.xml``."""

    def __init__(self, register: Register, settings: Settings) -> None:
        self.register, self.settings = register, settings
        self.base = settings.public_url.rstrip("/")
        self.language = settings.languages[0]
        self._first: Ready | None = None
        self._upto = -1
        self._entries: Recent[int, bytes] = Recent(KEEP)
        self._messages: Recent[str, Ready] = Recent(KEEP)
        self._pages: Recent[int, Ready] = Recent(KEEP // 10)

    def ready(self, path: str, query: bytes) -> Ready | None:
        """The answer for ``path``, or None where it is not ours; an alert nobody published raises NotFoundError."""
        if path == FEED:
            return self.page(_before(query)) if query else self.first()
        if path.startswith(MESSAGES) and path.endswith(".xml"):
            return self.message(path[len(MESSAGES) : -len(".xml")])
        return None

    def first(self) -> Ready:
        """The newest alerts, made anew only when there is a newer one."""
        upto = len(self.register)
        if self._first is None or self._upto != upto:
            self._first, self._upto = self.render(None), upto
        return self._first

    def page(self, before: int | None) -> Ready:
        """The alerts below a number. An older page never changes, so it is kept."""
        rows = self.register.rows
        if before is None or not rows or before > rows[-1].seq:
            return self.first()
        return self._pages.made(before, lambda: self.render(before))

    def message(self, identifier: str) -> Ready:
        """One alert as published."""
        known = self._messages.get(identifier)
        if known is None:
            shown = self.register.find(identifier)
            known = self._messages[identifier] = Ready(
                shown.published.cap.encode(),
                CAP_TYPE,
                address_of(identifier),
                modified=shown.published.sent,
                cache=FOR_EVER,
            )
        return known

    def render(self, before: int | None) -> Ready:
        """A page of the feed."""
        shown = [self.register.show(row) for row in islice(self.register.newest(before), NEWEST + 1)]
        more, shown = len(shown) > NEWEST, shown[:NEWEST]
        updated = max((one.published.sent for one in shown), default=EPOCH)
        root = etree.Element(f"{{{ATOM}}}feed", nsmap=_NAMES)
        _text(
            root,
            "id",
            f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'tocsin:{self.settings.sender}/{self.register.realm}')}",
        )
        _text(root, "title", self._title())
        _text(root, "updated", spell(updated))
        _text(etree.SubElement(root, f"{{{ATOM}}}author"), "name", self.settings.sender_name)
        _text(root, "generator", "Tocsin")
        here = FEED if before is None else f"{FEED}?before={before}"
        _link(root, "self", self.base + here, "application/atom+xml")
        _link(root, "alternate", f"{self.base}/", "text/html")
        if before is not None:
            _link(root, "first", self.base + FEED, "application/atom+xml")
        if more:
            _link(root, "next", f"{self.base}{FEED}?before={shown[-1].seq}", "application/atom+xml")
        frame = etree.tostring(root, xml_declaration=True, encoding="utf-8")
        end = frame.rindex(b"</")
        body = b"".join((frame[:end], *(self._entry(one) for one in shown), frame[end:]))
        return Ready(body, ATOM_TYPE, FEED, modified=updated if shown else None, cache="public, max-age=5")

    def _title(self) -> str:
        mark = f"{book().exercise(self.language)}: " if self.register.realm == EXERCISE else ""
        return f"{mark}{self.settings.sender_name}"

    def _entry(self, shown: Shown) -> bytes:
        return self._entries.made(shown.seq, lambda: etree.tostring(self._make(shown), encoding="utf-8"))

    def _make(self, shown: Shown) -> etree._Element:
        published, alert = shown.published, shown.alert
        info = in_language(alert.infos, self.language) or Info()
        entry = etree.Element(f"{{{ATOM}}}entry", nsmap=_NAMES)
        own = f"cap:{alert.sender},{alert.identifier},{spell(published.sent)}"
        _text(entry, "id", f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, own)}")
        title = info.headline or info.event or published.identifier
        word = book().exercise(self.language)
        if self.register.realm == EXERCISE and not title.casefold().startswith(word.casefold()):
            title = f"{word}. {title}"
        _text(entry, "title", title)
        _text(entry, "updated", spell(published.sent))
        _text(entry, "published", spell(published.sent))
        _text(etree.SubElement(entry, f"{{{ATOM}}}author"), "name", info.sender_name or self.settings.sender_name)
        address = self.base + address_of(published.identifier)
        _link(entry, "alternate", address, "application/cap+xml")
        _link(entry, "related", self.base + address_of(published.identifier, "json"), "application/json")
        etree.SubElement(entry, f"{{{ATOM}}}category", term=published.phase, scheme="urn:tocsin:phase")
        _text(entry, "summary", "\n".join(filter(None, (info.description, info.instruction))))
        _cap(entry, "identifier", published.identifier)
        _cap(entry, "status", alert.status)
        _cap(entry, "msgType", alert.msg_type)
        _cap(entry, "event", info.event)
        for name in ("urgency", "severity", "certainty"):
            _cap(entry, name, getattr(info, name))
        for name, moment in (("effective", info.effective), ("onset", info.onset), ("expires", info.expires)):
            if moment is not None:
                _cap(entry, name, spell(moment))
        for area in info.areas:
            _cap(entry, "areaDesc", area.description)
            for code in area.geocodes:
                pair = etree.SubElement(entry, f"{{{CAP}}}geocode")
                _cap(pair, "valueName", code.name)
                _cap(pair, "value", code.value)
        return entry


def _before(query: bytes) -> int | None:
    values = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=20).get("before")
    if not values:
        return None
    if len(values) > 1 or not values[0].isascii() or not values[0].isdigit() or len(values[0]) > 18:
        raise ParameterError("before: a journal number, as the feed's next link has it")
    return int(values[0])


def _clean(text: str) -> str:
    """``text`` without what XML 1.0 cannot hold: a feed that no reader can open warns nobody."""
    return "".join(c for c in text.translate(_XML10) if not 0xD800 <= ord(c) <= 0xDFFF)


def _text(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, f"{{{ATOM}}}{name}").text = _clean(text)


def _cap(parent: etree._Element, name: str, text: str) -> None:
    if text:
        etree.SubElement(parent, f"{{{CAP}}}{name}").text = _clean(text)


def _link(parent: etree._Element, rel: str, href: str, kind: str) -> None:
    etree.SubElement(parent, f"{{{ATOM}}}link", rel=rel, href=_clean(href), type=kind)
