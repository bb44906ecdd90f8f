"""Envelope: the alerts inside another document, and the links of an index that only points at alerts.

- An alert is found as an element (EDXL-DE, Atom content, ``<alerts>`` wrappers, anything else) or as text that was
  escaped or encoded in base64 (RSS descriptions, ``content:encoded``, EDXL ``contentData``).
- An index of links is not alerts: what feeds repeat in their entries has lost repeated parameters and geocodes, so
  the links are given and nothing is read out of an entry.
- The search is linear in the document and stops at its limits, whatever was sent.
"""

from __future__ import annotations

import base64
import binascii
import html
import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from lxml import etree
from msgspec import Struct

from tocsin.cap.element import LOCAL_NAMES
from tocsin.cap.limits import Limits
from tocsin.cap.tree import Element

_OPENING = re.compile(r"<(?:[\w.-]{1,40}:)?alert[\s>]")
_CLOSING = re.compile(r"</(?:[\w.-]{1,40}:)?alert\s*>")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")
_FEEDS = frozenset({"feed", "rss", "RDF"})


class Link(Struct, frozen=True):
    """One entry of an index: where the alert is, and the entry's own id, title and time as they came."""

    href: str
    identifier: str = ""
    title: str = ""
    updated: str = ""


def local(element: Element) -> str:
    """The local name of an element; empty for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def namespace(element: Element) -> str:
    """The namespace of an element, or an empty text."""
    tag = element.tag
    return tag[1 : tag.index("}")] if isinstance(tag, str) and tag[0] == "{" else ""


def is_alert(element: Element) -> bool:
    """Whether this is a CAP alert under whatever namespace: by its name, and by one child at least or by CAP's URN."""
    if local(element).lower() != "alert":
        return False
    uri = namespace(element).lower()
    return ":cap:" in uri or "/cap/" in uri or any(local(child) in LOCAL_NAMES for child in element)


def elements(root: Element) -> Iterator[Element]:
    """The alert elements below ``root``, outermost ones only."""
    for element in root.iter("{*}alert", "{*}Alert"):
        if is_alert(element) and not any(is_alert(above) for above in element.iterancestors()):
            yield element


def texts(root: Element) -> Iterator[str]:
    """The alerts that stand below ``root`` as text."""
    for element in root.iter():
        text = element.text
        if not text or len(text) < 60:
            continue
        if "alert" in text:
            if "<" in text:
                yield from _cut(text)
            elif "&lt;" in text:
                yield from _cut(html.unescape(text))
        elif local(element) in ("contentData", "Content", "content") and _BASE64.fullmatch(text):
            try:
                plain = base64.b64decode(text, validate=False).decode("utf-8", "replace")
            except (binascii.Error, ValueError):
                continue
            yield from _cut(plain)


def _cut(text: str) -> Iterator[str]:
    """Each stretch of ``text`` from an opening alert tag to the next closing one."""
    at = 0
    while (opening := _OPENING.search(text, at)) is not None:
        closing = _CLOSING.search(text, opening.end())
        if closing is None:
            return
        yield text[opening.start() : closing.end()]
        at = closing.end()


def serialised(element: Element) -> bytes:
    """The bytes of one element, with the namespaces it needs, in UTF-8."""
    return etree.tostring(element, encoding="utf-8", with_tail=False, xml_declaration=False)


def links(root: Element, most: int) -> tuple[Link, ...]:
    """The links of an Atom or RSS index."""
    if local(root) not in _FEEDS:
        return ()
    found: list[Link] = []
    for entry in root.iter("{*}entry", "{*}item"):
        fields: dict[str, str] = {}
        href = ""
        for child in entry:
            name, text = local(child), (child.text or "").strip()
            if name == "link":
                address = (child.get("href") or text).strip()
                if address.startswith(("http://", "https://")) and (not href or "cap" in (child.get("type") or "")):
                    href = address
            elif name in ("id", "guid", "title", "updated", "pubDate") and text:
                fields.setdefault(name, text)
        if not href:
            href = next((v for k in ("guid", "id") if (v := fields.get(k, "")).startswith(("http:", "https:"))), "")
        if href:
            found.append(
                Link(
                    href,
                    fields.get("id") or fields.get("guid") or "",
                    fields.get("title", ""),
                    fields.get("updated") or fields.get("pubDate") or "",
                )
            )
            if len(found) == most:
                break
    return tuple(found)


def unzipped(data: bytes, limits: Limits) -> list[bytes] | None:
    """The files in a zip archive; None when it is broken, protected or unpacks to more than the limit."""
    left = limits.size
    files: list[bytes] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > limits.alerts:
                return None
            for entry in entries:
                if entry.is_dir() or entry.file_size == 0:
                    continue
                with archive.open(entry) as opened:
                    # The sizes an archive declares may be lies: only what was read counts.
                    content = opened.read(left + 1)
                left -= len(content)
                if left < 0:
                    return None
                files.append(content)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError, OSError, KeyError):
        return None
    return files
