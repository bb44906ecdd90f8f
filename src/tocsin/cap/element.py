"""Elements into values: one table-driven walk from a CAP element of any version and namespace to an Alert.

- The tables are the standard's sequence: an element's place in it, whether it must stand, how its text is read.
- An element is taken wherever it stands and whatever its order; each departure is said and nothing is raised.
- Text for people is kept letter for letter, markup included; codes, times and names lose the blank space around them.
- Elements that are not CAP's are kept as XML text.

Standard: CAP 1.2, 3.2 (the sequences) and 3.3 (the texts); CAP 1.0 for ``name=value``.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec
from lxml import etree

from tocsin.cap import geometry
from tocsin.cap.alert import (
    Alert,
    Area,
    Info,
    Named,
    Reference,
    Resource,
    Unknown,
)
from tocsin.cap.geometry import Budget
from tocsin.cap.problem import Findings
from tocsin.cap.sequence import (
    ALERT_MUST,
    AREA,
    AREA_MUST,
    CIRCLE,
    CODE,
    CODES,
    FREE,
    INFO,
    INFO_MUST,
    LANGUAGE,
    LIST,
    NAMED,
    NUMBER,
    POLYGON,
    REFERENCES,
    RESOURCE,
    RESOURCE_MUST,
    SIGNATURE,
    SINGLE,
    TIME,
    TOKENS,
    Spec,
    tables,
)
from tocsin.cap.sequence import (
    LOCAL_NAMES as LOCAL_NAMES,
)
from tocsin.cap.sequence import (
    NAMESPACES as NAMESPACES,
)
from tocsin.cap.time import moment
from tocsin.cap.tree import Element, inner, line

LONGEST = 200_000
_OLD_VALUES = {"very likely": "Likely"}
_MARKUP = re.compile(r"</?[A-Za-z][^<>]{0,300}>|&(?:\w{2,10}|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
_LANGUAGE = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*")
_QUOTED = re.compile(r'"([^"]*)"|(\S+)')
_SENT = re.compile(r"\d{4}-\d\d-\d\dT\S+")


class Walk:
    """One walk through one alert element; ``found`` collects what departs from the standard."""

    __slots__ = ("budget", "found", "namespace", "signed", "tables", "unknown", "version")

    def __init__(self, namespace: str, found: Findings, budget: Budget) -> None:
        self.namespace = namespace
        self.tables = tables(namespace)
        self.found, self.budget = found, budget
        known = NAMESPACES.get(namespace)
        self.version = known or next((v for v in ("1.2", "1.1", "1.0") if v in namespace), "1.2")
        self.unknown: list[Unknown] = []
        self.signed = False

    def alert(self, element: Element, original: bytes | None) -> Alert:
        """The alert that ``element`` holds."""
        if self.namespace not in NAMESPACES:
            self.found.add("xml.namespace", "alert", self.namespace or "none", line(element))
        values, loose = self._fields(element, self.tables.alert, ALERT_MUST, "alert")
        if loose is not None:
            self._adopt(values, loose)
        return Alert(**values, unknown=tuple(self.unknown), signed=self.signed, version=self.version, original=original)

    def _adopt(self, values: dict[str, Any], loose: dict[str, Any]) -> None:
        """Elements of an info or an area that stood directly in the alert become an info of their own."""
        area = {key[5:]: value for key, value in loose.items() if key.startswith("area:")}
        info = {key[5:]: value for key, value in loose.items() if key.startswith("info:")}
        if area:
            info["areas"] = (*info.get("areas", ()), Area(**area))
        infos = values.get("infos", ())
        if info and not infos:
            values["infos"] = (Info(**info),)
        elif area and infos:
            first = msgspec.structs.replace(infos[0], areas=(*infos[0].areas, Area(**area)))
            values["infos"] = (first, *infos[1:])

    def _fields(
        self, element: Element, table: dict[str, Spec], must: tuple[int, tuple[tuple[int, str], ...]], path: str
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The values of ``element``'s children by our names, and those that belong to another parent."""
        values: dict[str, Any] = {}
        loose: dict[str, Any] | None = None
        found = self.found
        seen = last = 0
        for child in element:
            spec = table.get(child.tag)
            if spec is None:
                spec, owner = self._stranger(child, table, path)
                if spec is None:
                    continue
                if owner:
                    loose = {} if loose is None else loose
                    self._take(child, spec, loose, owner + ":", path)
                    continue
            rank, bit, reading, name, codes = spec
            if rank < last:
                if self.version != "1.0":
                    found.add("element.order", f"{path}/{_local(child)}", "", line(child))
            else:
                last = rank
            # The common readings stand here and not in a method: this loop is the cost of reading.
            text = child.text
            if reading < SINGLE:
                if seen & bit or not text or len(child):
                    if seen & bit:
                        self._again(child, reading, name, values, path)
                        continue
                    text = self._odd(child, text, path, bool(must[0] & bit))
                    seen |= bit
                    if not text:
                        continue
                seen |= bit
                if reading == FREE:
                    if ("<" in text or "&" in text) and _MARKUP.search(text):
                        found.add("text.markup", f"{path}/{_local(child)}", "", line(child))
                    values[name] = text
                elif reading == CODE:
                    values[name] = text if text in codes else self._code(child, text, codes, path)
                elif reading == TIME:
                    read, wrong = moment(text)
                    if wrong:
                        for code in wrong:
                            found.add(code, f"{path}/{_local(child)}", text, line(child))
                    values[name] = read
                else:
                    values[name] = self._single(child, reading, name, text, path)
            else:
                seen |= bit
                if reading == NAMED:
                    named = self._named(child, path)
                    if named is not None:
                        values.setdefault(name, []).append(named)
                else:
                    self._repeated(child, reading, name, codes, values, path)
        if seen & must[0] != must[0]:
            for bit, missing in must[1]:
                if not seen & bit:
                    found.add("element.missing", path, missing, line(element))
        for name, value in values.items():
            if type(value) is list:
                values[name] = tuple(value)
        tail = element.text
        if tail and not tail.isspace():
            found.add("element.text", path, tail, line(element))
        return values, loose

    # --- one element ------------------------------------------------------------------------------------------------

    def _take(self, child: Element, spec: Spec, into: dict[str, Any], prefix: str, path: str) -> None:
        """Read a child that stands in another parent than its own."""
        _, _, reading, name, codes = spec
        key = prefix + name
        if reading >= SINGLE:
            if reading == NAMED:
                named = self._named(child, path)
                if named is not None:
                    into[key] = (*into.get(key, ()), named)
                return
            holder: dict[str, Any] = {}
            self._repeated(child, reading, name, codes, holder, path)
            into[key] = (*into.get(key, ()), *holder.get(name, ()))
            return
        text = self._odd(child, child.text, path) if not child.text or len(child) else child.text
        if not text or key in into:
            return
        if reading == CODE:
            into[key] = text if text in codes else self._code(child, text, codes, path)
        elif reading == TIME:
            into[key] = self._moment(child, text, path)
        elif reading == FREE:
            into[key] = text
        else:
            into[key] = self._single(child, reading, name, text, path)

    def _moment(self, child: Element, text: str, path: str) -> datetime | None:
        read, wrong = moment(text)
        for code in wrong:
            self.found.add(code, f"{path}/{_local(child)}", text, line(child))
        return read

    def _odd(self, child: Element, text: str | None, path: str, must: bool = False) -> str:
        """The text of an element that is empty or has elements inside."""
        if len(child):
            self.found.add("element.children", f"{path}/{_local(child)}", "", line(child))
            return inner(child)
        if not text:
            code = "element.blank" if must else "headline.empty" if _local(child) == "headline" else "element.empty"
            self.found.add(code, f"{path}/{_local(child)}", "", line(child))
        return text or ""

    def _again(self, child: Element, reading: int, name: str, values: dict[str, Any], path: str) -> None:
        """A second element where one may stand: texts for people are joined, of all others the first is kept."""
        self.found.add("element.repeated", f"{path}/{_local(child)}", "", line(child))
        text = inner(child)
        if text and reading == FREE:
            values[name] = f"{values[name]}\n{text}" if values.get(name) else text
        elif text and values.get(name) is None:
            if reading == TIME:
                values[name] = self._moment(child, text, path)
            elif reading == CODE:
                values[name] = text.strip()
            else:
                values[name] = self._single(child, reading, name, text, path)

    def _code(self, child: Element, text: str, codes: dict[str, str], path: str) -> str:
        bare = " ".join(text.split())
        where = f"{path}/{_local(child)}"
        if bare != text:
            self.found.add("value.blank", where, text, line(child))
            if not bare or bare in codes:
                return bare
        for code in codes:
            if code.lower() == bare.lower():
                self.found.add("value.case", where, bare, line(child))
                return code
        if bare.lower() in _OLD_VALUES:
            self.found.add("value.old", where, bare, line(child))
            return _OLD_VALUES[bare.lower()]
        self.found.add("value.unknown", where, bare, line(child))
        return bare

    def _single(self, child: Element, reading: int, name: str, text: str, path: str) -> Any:
        if reading == REFERENCES:
            return self._references(child, text, path)
        where = f"{path}/{_local(child)}"
        if reading == LIST:
            return tuple(quoted or bare for quoted, bare in _QUOTED.findall(text[:LONGEST]) if quoted or bare)
        if text[0] <= " " or text[-1] <= " " or "\n" in text:
            text = " ".join(text.split())
            self.found.add("value.blank", where, "", line(child))
        if reading == NUMBER:
            try:
                return int(text[:18])
            except ValueError:
                self.found.add("value.number", where, text, line(child))
                return None
        if reading == LANGUAGE and not _LANGUAGE.fullmatch(text):
            self.found.add("language.form", where, text, line(child))
        elif name in ("identifier", "sender") and (" " in text or "," in text or "<" in text or "&" in text):
            self.found.add("identifier.form", where, text, line(child))
        elif name in ("altitude", "ceiling") and not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)", text):
            self.found.add("value.number", where, text, line(child))
        return text

    def _references(self, child: Element, text: str, path: str) -> tuple[Reference, ...]:
        read: list[Reference] = []
        wrong = False
        for quoted, bare in _QUOTED.findall(text[:LONGEST]):
            parts = (quoted or bare).split(",")
            if len(parts) == 3 and parts[0] and parts[1]:
                wrong = wrong or not _SENT.fullmatch(parts[2])
                read.append(Reference(*parts))
            else:
                wrong = True
                read.extend(_guessed(parts))
        if wrong:
            self.found.add("references.form", f"{path}/{_local(child)}", text, line(child))
        return tuple(read)

    def _repeated(
        self, child: Element, reading: int, name: str, codes: dict[str, str], values: dict[str, Any], path: str
    ) -> None:
        kept: list[Any] = values.setdefault(name, [])
        found = self.found
        if reading in (CODES, TOKENS):
            text = child.text
            if not text or len(child):
                text = self._odd(child, text, path)
            if reading == CODES:
                if text:
                    kept.append(text if text in codes else self._code(child, text, codes, path))
            elif text:
                bare = text.strip()
                if bare != text:
                    found.add("value.blank", f"{path}/{_local(child)}", "", line(child))
                kept.append(bare)
            return
        number = len(kept) + 1
        if reading >= INFO:
            self.budget.blocks -= 1
            if self.budget.blocks < 0:
                found.add("element.many", path, _local(child), line(child))
                return
        if reading == POLYGON:
            where = f"{path}/polygon[{number}]"
            text = inner(child) if len(child) else child.text
            polygon = geometry.polygon(text, found, where, line(child), self.budget)
            if polygon is not None:
                kept.append(polygon)
        elif reading == CIRCLE:
            circle = geometry.circle(child.text, found, f"{path}/circle[{number}]", line(child))
            if circle is not None:
                kept.append(circle)
        elif reading == AREA:
            kept.append(self.area(child, f"{path}/area[{number}]"))
        elif reading == INFO:
            kept.append(self.info(child, f"{path}/info[{number}]"))
        elif reading == RESOURCE:
            where = f"{path}/resource[{number}]"
            fields, _ = self._fields(child, self.tables.resource, RESOURCE_MUST, where)
            kept.append(Resource(**fields))

    def info(self, element: Element, path: str) -> Info:
        """The info that ``element`` holds; parts of an area that stand loose in it become an area."""
        values, loose = self._fields(element, self.tables.info, INFO_MUST, path)
        if loose is not None:
            area = {key[5:]: value for key, value in loose.items() if key.startswith("area:")}
            if area:
                values["areas"] = (*values.get("areas", ()), Area(**area))
        return Info(**values)

    def area(self, element: Element, path: str) -> Area:
        """The area that ``element`` holds."""
        values, _ = self._fields(element, self.tables.area, AREA_MUST, path)
        return Area(**values)

    def _named(self, child: Element, path: str) -> Named | None:
        """A valueName and its value, in any order, or CAP 1.0's ``name=value``."""
        if len(child) == 2:
            first, second = child
            if first.tag == self.tables.value_name and second.tag == self.tables.value:
                name, value = first.text, second.text
                if name and value and name[0] > " " and value[0] > " " and name[-1] > " " and value[-1] > " ":
                    return Named(name, value)
        where = f"{path}/{_local(child)}"
        name = value = None
        for at, part in enumerate(child):
            text = inner(part)
            local = _local(part).lower()
            if local == "valuename" and name is None:
                name = text
                if at:
                    self.found.add("element.order", where, "", line(part))
            elif local == "value" and value is None:
                value = text
            else:
                self.found.add("element.unknown", where, _local(part), line(part))
        if name is None and value is None:
            name, sign, value = (child.text or "").partition("=")
            if not sign:
                name, value = "", name
            elif self.version != "1.0":
                self.found.add("element.form", where, child.text or "", line(child))
        bare_name, bare_value = (name or "").strip(), (value or "").strip()
        if (name or "") != bare_name or (value or "") != bare_value:
            self.found.add("value.blank", where, bare_name, line(child))
        if not bare_name or not bare_value:
            empty_code = _local(child).lower() == "geocode"
            self.found.add("geocode.empty" if empty_code else "element.empty", where, bare_name, line(child))
            if empty_code or not bare_name:
                return None
        return Named(bare_name, bare_value)

    def _stranger(self, child: Element, table: dict[str, Spec], path: str) -> tuple[Spec | None, str]:
        """What an element that has no place here means: its spec, and whose it is when it is misplaced."""
        tag = child.tag
        if not isinstance(tag, str):
            return None, ""
        if tag == SIGNATURE:
            self.signed = True
            if path != "alert":
                self.found.add("element.misplaced", path, "Signature", line(child))
            elif (after := child.getnext()) is not None and after.tag != SIGNATURE:
                self.found.add("element.order", "alert/Signature", "", line(child))
            return None, ""
        namespace, _, local = tag[1:].rpartition("}") if tag[0] == "{" else ("", "", tag)
        start = f"{{{self.namespace}}}" if self.namespace else ""
        where = f"{path}/{local}"
        if namespace == self.namespace or namespace in NAMESPACES or not namespace:
            mine = start + local
            if mine in table:
                self.found.add("xml.namespace", where, namespace or "none", line(child))
                return table[mine], ""
            for name, spec in table.items():
                if name.lower() == mine.lower():
                    self.found.add("element.case", where, "", line(child))
                    return spec, ""
            for owner, other in (("info", self.tables.info), ("area", self.tables.area)):
                if mine in other and table is not self.tables.resource and not (owner == "info" and "info[" in path):
                    self.found.add("element.misplaced", where, f"belongs in {owner}", line(child))
                    return other[mine], owner
        self.found.add("element.unknown", where, tag, line(child))
        if self.budget.text > 0 and len(self.unknown) < 500:
            xml = etree.tostring(child, encoding="unicode", with_tail=False)
            self.budget.text -= len(xml)
            self.unknown.append(Unknown(path, xml))
        return None, ""


def _local(element: Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _guessed(parts: list[str]) -> list[Reference]:
    """What a malformed reference may mean. Some feeds list all senders, then all identifiers, then one date."""
    if len(parts) >= 4 and _SENT.fullmatch(parts[-1]):
        half = (len(parts) - 1) // 2
        if len(parts) % 2 == 1:
            senders, names = parts[:half], parts[half : 2 * half]
            return [Reference(a, b, parts[-1]) for a, b in zip(senders, names, strict=True)]
        return [Reference(parts[0], name, parts[-1]) for name in parts[1:-1] if name]
    if len(parts) == 2:
        return [Reference(parts[0], parts[1])]
    return [Reference("", part) for part in parts if part][:20]
