"""Tree: from the bytes that came to the elements in them, safely, repairing what can be repaired and saying so.

- Every document is brought to UTF-8 before anything looks at it: what guards against a document type must see it in
  any encoding, and one path is easier to keep safe than ten.
- The parser resolves no entity, loads nothing, and never sees a document that has a document type.
- A document that is not well-formed is mended (bytes in another encoding, zero bytes, bare ampersands, HTML's
  entities) and, if that is not enough, recovered as far as it goes; each of these is a coded problem.

Clauses: XML 1.0 appendix F (finding the encoding); RFC 3023's charset of the transport is deliberately not asked.
"""

from __future__ import annotations

import codecs
import html
import re
from typing import Any

from lxml import etree
from msgspec import Struct

from tocsin.cap.limits import Limits, refusal

Element = etree._Element

_SAFE: dict[str, Any] = {
    "encoding": "utf-8",
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
_PARSER = etree.XMLParser(**_SAFE)
_MENDING = etree.XMLParser(recover=True, **_SAFE)

_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
# The declarations that nearly every document has.
_COMMON = frozenset(
    start % (mark, mark, mark, mark) + end
    for start in (b"<?xml version=%s1.0%s encoding=%sUTF-8%s", b"<?xml version=%s1.0%s encoding=%sutf-8%s")
    for mark in (b'"', b"'")
    for end in (b"", b" ")
)
_PLAIN = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
# What is read beside Unicode: encodings that feeds really use. Nothing with escapes that change what "<" means, save
# where Python decodes it before we look.
_CODECS = (
    "cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp874 koi8-r koi8-u gb2312 gbk gb18030 big5 "
    "big5hkscs shift_jis cp932 euc_jp euc_kr cp949 iso2022_jp tis-620 latin-1 iso8859-1 iso8859-2 iso8859-3 "
    "iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-9 iso8859-10 iso8859-11 iso8859-13 iso8859-14 "
    "iso8859-15 iso8859-16 mac-roman mac-cyrillic utf-16 utf-16-le utf-16-be utf-32 utf-32-le utf-32-be"
)
_KNOWN = frozenset(_CODECS.split())
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# XML 1.0, 2.2: what may not stand in a document at all.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_AMPERSAND = re.compile(
    r"<!\[CDATA\[.*?\]\]>|&(?:#\d{1,7};|#x[0-9a-fA-F]{1,6};|(?:amp|lt|gt|quot|apos);|(\w{2,32};)?)", re.S
)
_TOO_MUCH = ("depth", "amplification", "Huge input", "too long", "use XML_PARSE_HUGE")


def line(element: Element) -> int | None:
    """The line on which an element begins, counted from 1."""
    at: Any = element.sourceline
    return int(at) if at else None


def inner(element: Element) -> str:
    """All text inside an element, also that of the elements in it."""
    return "".join(str(part) for part in element.itertext())


class Grown(Struct):
    """What grew from the bytes: ``root`` or ``refused``; ``plain`` the document in UTF-8 as it was parsed.

    ``problems`` are (code, detail, line).
    """

    root: Element | None = None
    plain: bytes = b""
    refused: str = ""
    detail: str = ""
    problems: list[tuple[str, str, int | None]] = []


def grow(data: bytes, limits: Limits) -> Grown:
    """The root element of ``data``, or why it is refused; nothing is raised."""
    if len(data) > limits.size:
        return Grown(refused="xml.too-large", detail=f"{len(data):,} bytes")
    grown = Grown()
    plain = _utf8(data, grown)
    if plain is None:
        return grown
    grown.plain = plain
    if (code := refusal(plain, limits)) is not None:
        return Grown(refused=code, problems=grown.problems)
    try:
        root = etree.fromstring(plain, _PARSER)
    except etree.XMLSyntaxError as wrong:
        return _mended(plain, grown, limits, wrong)
    except ValueError as wrong:
        return Grown(refused="xml.not-xml", detail=str(wrong), problems=grown.problems)
    if b"!" not in plain:
        grown.root = root
        return grown
    return _guarded(root, grown)


def _guarded(root: Element | None, grown: Grown) -> Grown:
    """The second wall: no tree with a document type passes, however it came about."""
    if root is None:
        grown.refused = "xml.not-xml"
    elif root.getroottree().docinfo.internalDTD is not None:
        grown.refused = "xml.doctype"
    else:
        grown.root = root
    return grown


def _utf8(data: bytes, grown: Grown) -> bytes | None:
    """``data`` in UTF-8 without a byte order mark; None when it is refused."""
    if data[: data.find(b"?>", 0, 120)] in _COMMON:
        return data
    if data[:3] == codecs.BOM_UTF8:
        data = data[3:]
    elif data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or data[:4] == codecs.BOM_UTF32_BE:
        name = next(name for mark, name in _BOMS if data.startswith(mark))
        grown.problems.append(("xml.bom", name, None))
        return _decoded(data, name, grown).lstrip("\ufeff").encode("utf-8", "replace")
    elif data[:4] == b"<\0\0\0" or data[:4] == b"\0\0\0<":
        return _decoded(data, "utf-32-le" if data[0] else "utf-32-be", grown).encode("utf-8", "replace")
    elif data[:2] in (b"<\0", b"\0<"):
        return _decoded(data, "utf-16-le" if data[0] else "utf-16-be", grown).encode("utf-8", "replace")
    if b"encoding" not in data[:200]:
        return data
    declared = _DECLARED.search(data[:300])
    if declared is None or (name := declared[1].decode("ascii").lower()) in _PLAIN:
        return data
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        codec = ""
    if codec not in _KNOWN:
        grown.refused, grown.detail = "xml.encoding-unknown", name
        return None
    if codec.startswith(("utf-16", "utf-32")):
        # The declaration was readable as ASCII, so it is not true.
        grown.problems.append(("xml.encoding", f"declared {name}", 1))
        return data
    return _decoded(data, codec, grown).encode("utf-8", "replace")


def _decoded(data: bytes, codec: str, grown: Grown) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as wrong:
        grown.problems.append(("xml.encoding", f"byte {wrong.start} is not {codec}", None))
        # Windows' letters are what a page in "ISO 8859-1" or ASCII really has there.
        return data.decode(codec, "replace")


def _western(wrong: UnicodeError) -> tuple[str, int]:
    """Bytes that are not UTF-8 are nearly always Windows 1252, pasted in between."""
    assert isinstance(wrong, UnicodeDecodeError)
    return wrong.object[wrong.start : wrong.end].decode("cp1252", "replace"), wrong.end


codecs.register_error("tocsin.western", _western)


def _mended(plain: bytes, grown: Grown, limits: Limits, wrong: etree.XMLSyntaxError) -> Grown:
    """A second and a third try at a document that is not well-formed."""
    reason = str(wrong)
    if any(mark in reason for mark in _TOO_MUCH):
        return Grown(refused="xml.depth" if "depth" in reason else "xml.too-large", detail=reason)
    try:
        text = plain.decode("utf-8")
    except UnicodeDecodeError as bad:
        grown.problems.append(("xml.encoding", f"byte {bad.start} is not UTF-8", plain.count(b"\n", 0, bad.start) + 1))
        # A letter here and there is mended by itself; a whole document in another encoding is read in it.
        few = plain.decode("utf-8", "replace").count("\ufffd") < 5_000
        text = plain.decode("utf-8", "tocsin.western") if few else plain.decode("cp1252", "replace")
    cleaned = _CONTROL.sub("", text)
    if len(text) - len(cleaned) > len(text) // 8:
        return Grown(refused="xml.not-xml", problems=grown.problems)  # It is binary.
    if cleaned != text:
        grown.problems.append(("xml.nul", f"{len(text) - len(cleaned)} of them", None))
    begin = cleaned.find("<")
    if begin < 0:
        return Grown(refused="xml.not-xml" if cleaned.strip() else "xml.empty", problems=grown.problems)
    if begin:
        grown.problems.append(("xml.before", cleaned[:begin], 1))
        cleaned = cleaned[begin:]
    low = cleaned[:4096].lower()
    if "<html" in low or "<!doctype html" in low:
        return Grown(refused="xml.html", problems=grown.problems)
    entities: list[str] = []

    def entity(found: re.Match[str]) -> str:
        whole = found[0]
        if whole[0] == "<" or (len(whole) > 1 and found[1] is None):
            return whole
        entities.append(whole)
        meant = html.unescape(whole) if found[1] else whole
        return f"&amp;{whole[1:]}" if meant == whole else "".join(f"&#{ord(letter)};" for letter in meant)

    if cleaned.count("&") > 20_000:
        return Grown(refused="xml.not-xml", detail="bare ampersands", problems=grown.problems)
    cleaned = _AMPERSAND.sub(entity, cleaned)
    if entities:
        grown.problems.append(("xml.entity", " ".join(entities[:5]), None))
    again = cleaned.encode("utf-8", "replace")
    if (code := refusal(again, limits)) is not None:
        return Grown(refused=code, problems=grown.problems)
    try:
        return _guarded(etree.fromstring(again, _PARSER), grown)
    except etree.XMLSyntaxError as still:
        grown.problems.append(("xml.not-well-formed", str(still), still.lineno))
    try:
        root = etree.fromstring(again, _MENDING)
    except etree.XMLSyntaxError as never:
        return Grown(refused="xml.not-xml", detail=str(never), problems=grown.problems)
    return _guarded(root, grown)
