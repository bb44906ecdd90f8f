"""Schema: the OASIS CAP 1.2 schema, shipped with its notice, and what it says about an element.

- The schema file is OASIS's own, unchanged (``data/CAP-v1.2.xsd``), and is compiled once a thread: a compiled schema
  keeps its list of faults to itself and cannot be shared.
- It is the floor and not the ceiling: it takes ``<polygon>not a polygon</polygon>``.
"""

from __future__ import annotations

import threading
from importlib.resources import files
from typing import Any

from lxml import etree
from msgspec import Struct

from tocsin.cap.tree import Element

OASIS_1_2 = "CAP-v1.2.xsd"
_compiled = threading.local()
_making = threading.Lock()


class Departure(Struct, frozen=True):
    """One thing the schema does not take."""

    message: str
    line: int | None


def schema(name: str = OASIS_1_2) -> etree.XMLSchema:
    """The compiled schema of this thread.

    One thread compiles at a time: libxml2 makes its types at the first schema of a process, and two threads that do so at once
    leave it broken for as long as the process lives.
    """
    kept: dict[str, etree.XMLSchema] | None = getattr(_compiled, "kept", None)
    if kept is None:
        kept = _compiled.kept = {}
    if name not in kept:
        source = files("tocsin.cap").joinpath("data", name).read_bytes()
        with _making:
            kept[name] = etree.XMLSchema(etree.fromstring(source))
    return kept[name]


def valid(element: Element, name: str = OASIS_1_2) -> tuple[Departure, ...]:
    """What the schema does not take in ``element``; nothing when it is valid."""
    judge = schema(name)
    if judge.validate(element):
        return ()
    log: Any = judge.error_log
    told = [
        Departure(error.message.replace("{urn:oasis:names:tc:emergency:cap:1.2}", ""), error.line or None)
        for error in log
    ]
    return tuple(told[:50]) or (Departure("The schema does not take it.", None),)
