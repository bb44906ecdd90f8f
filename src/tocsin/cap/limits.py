"""Limits: how much one document may cost before it is refused, and the count that finds out beforehand.

- The count is taken from the bytes before any tree is built: a million small elements cost a parser 274 MB and
  nobody refuses them (measured).
- The quick bound (every ``<`` and every ``=``) is right for honest messages; only what exceeds it is counted exactly.
- A document type is refused whatever it holds: an internal entity can make a reader show what no signature covers.
- All of this is only right on UTF-8: a search for ``<!DOCTYPE`` is evaded by UTF-16. :mod:`tocsin.cap.tree` brings
  every document to UTF-8 first.
"""

from __future__ import annotations

from xml.parsers import expat  # Only to count: no entity is ever declared, since a document type stops it.

from msgspec import Struct


class Limits(Struct, frozen=True):
    """What one document may hold: ``size`` in bytes, ``elements``, ``attributes``, ``depth``, ``alerts``, shapes.

    ``attributes`` counts all, ``each`` those of one element, namespaces included. ``shapes`` bounds polygons,
    ``blocks`` infos, areas and resources.

    ``depth`` is the parser's own bound, which it keeps without being told. ``points`` bounds the work on shapes: rings
    are tested for crossing themselves until so many points were tested.
    """

    size: int = 2_000_000
    elements: int = 30_000
    attributes: int = 10_000
    each: int = 64
    depth: int = 256
    alerts: int = 2_000
    points: int = 60_000
    shapes: int = 1_000
    blocks: int = 6_000


PUBLIC = Limits()
TRUSTED = Limits(size=10_000_000, elements=100_000, alerts=5_000, points=500_000, shapes=20_000, blocks=40_000)


class _Stop(Exception):  # noqa: N818 - it is not an error, it ends a count.
    """The count is over."""


def refusal(data: bytes, limits: Limits) -> str | None:
    """The code under which ``data`` (UTF-8) is refused before any tree is built, or None."""
    size = len(data)
    if size > limits.size:
        return "xml.too-large"
    # One letter that is rare is found much sooner than two of which the first is everywhere.
    if b"!" in data and (b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"<!doctype" in data[:512]):
        return _counted(data, limits)
    # The start and the end of an element are two "<"; a comment or a CDATA section is one. What is too short to hold
    # so many need not be counted: an element takes 4 bytes (<a/>) and an attribute 5 ( a=""); a thousand signs of
    # equality are more than feeds have and less than what can do harm.
    if (size > 4 * limits.elements and _more(data, b"<", 2 * limits.elements)) or (
        size > 5_000 and _more(data, b"=", 1_000)
    ):
        # A start tag is only counted when it is over; one that is all attributes need not be waited for.
        pairs = data.count(b'="') + data.count(b"='")
        if pairs > limits.attributes and pairs > limits.each * data.count(b"<"):
            return "xml.attributes"
        return _counted(data, limits)
    return None


def _more(data: bytes, mark: bytes, most: int) -> bool:
    """Whether ``mark`` stands in ``data`` more often than ``most``; what is rare is found sooner than it is counted."""
    at = -1
    for _ in range(min(most, 1_000) + 1):
        at = data.find(mark, at + 1)
        if at < 0:
            return False
    return most <= 1_000 or data.count(mark) > most


def _counted(data: bytes, limits: Limits) -> str | None:
    """Count exactly, as far as the document is well-formed, and stop at the first limit."""
    verdict: list[str] = []
    elements = attributes = depth = other = 0

    def begin(_name: str, pairs: list[str]) -> None:
        nonlocal elements, attributes, depth
        elements += 1
        depth += 1
        attributes += len(pairs) >> 1
        if elements > limits.elements:
            stop("xml.elements")
        elif attributes > limits.attributes or len(pairs) > 2 * limits.each:
            stop("xml.attributes")
        elif depth > limits.depth:
            stop("xml.depth")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def more(*_: object) -> None:
        nonlocal other
        other += 1
        if other > limits.elements:
            stop("xml.elements")

    def doctype(name: str, *_: object) -> None:
        stop("xml.html" if name.lower() == "html" else "xml.doctype")

    def stop(code: str) -> None:
        verdict.append(code)
        raise _Stop

    parser = expat.ParserCreate("utf-8")
    parser.ordered_attributes = True
    parser.buffer_text = True
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CommentHandler = more
    parser.ProcessingInstructionHandler = more
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
    except _Stop:
        return verdict[0]
    except expat.ExpatError:
        # What expat cannot follow is bounded by the quick count alone, and may not declare anything.
        if b"<!ENTITY" in data or b"<!DOCTYPE" in data[:4096]:
            return "xml.html" if b"<html" in data[:8192].lower() else "xml.doctype"
        if b"<!doctype html" in data[:512].lower():
            return "xml.html"
        if data.count(b"<") > 2 * limits.elements:
            return "xml.elements"
        if data.count(b"=") > limits.attributes:
            return "xml.attributes"
    return None
