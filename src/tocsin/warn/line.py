"""One event as it was published: its alerts, and the steps that they make in its thread.

- Of a published alert the outside is read (areas, phase, version) and the times; the XML is parsed only where that is
  not enough: without areas, with infos that begin or end at different times, or for a point where there are polygons.
- What a message says of its realm counts, and not only what its entry says: any test mark in it makes it a test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from tocsin.cap.alert import NEXT_UPDATE_BY, PHASE, Alert
from tocsin.cap.coverage import area_of
from tocsin.cap.phase import CALM, ENDED, UNKNOWN, Phase, Saying, sayings
from tocsin.cap.realm import realm as realm_of
from tocsin.cap.thread import Step, Thread, thread
from tocsin.clock import parse
from tocsin.errors import NaiveTimeError
from tocsin.journal import ACTUAL, EXERCISE
from tocsin.warn.publish import Published

Reader = Callable[[Published], Alert]

SAID = {phase.value: phase for phase in Phase if phase not in (CALM, UNKNOWN)}
_TIME = re.compile(r"<(?:[\w.-]+:)?(effective|expires)>\s*([^<\s]+)\s*<")
_NEXT = re.compile(rf"{NEXT_UPDATE_BY}</(?:[\w.-]+:)?valueName>\s*<(?:[\w.-]+:)?value>\s*([^<\s]+)")
# The texts that may mark a test; a character reference in one may hide a mark.
_TEXT = re.compile(r"<(?:[\w.-]+:)?(?:event|headline|note|code|description|instruction)>([^<]+)<")
# A word here only means that the message must be read in full to know whether it marks a test.
_HINTS = (
    *("test", "exerc", "drill", "тест", "навч", "випроб", "учен", "учеб", "bung", "probe", "warntag", "essai"),
    *(
        "simula",
        "prueba",
        "prova",
        "ejerc",
        "esercit",
        "wicz",
        "próbn",
        "oefen",
        "cvi",
        "zkou",
        "övning",
        "provlarm",
        "tatbikat",
    ),
    *("תרגיל", "בדיקה", "bedika", "اختبار", "تمرين", "訓練", "測試", "测试", "演", "테스트", "훈련", "&"),
)
_ASIDE = ("eventCode>", "valueName>test", "valueName>Test", "valueName>is", "valueName>exer", "valueName>dri", "CDATA")


class Line:
    """One event: its published alerts by identifier, the codes it ever named, and its thread when it is asked for."""

    __slots__ = ("_full", "_thread", "codes", "drawn", "published", "shaped", "steps", "top")

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.published: dict[str, Published] = {}
        self.codes: set[str] = set()
        self.shaped = False
        # Whether each of its alerts draws all that it is for, so that boxes tell where it cannot hold.
        self.drawn = True
        self.top = -1
        self._thread: Thread | None = None
        self._full: Thread | None = None

    def add(self, published: Published, step: Step) -> None:
        """Take a published alert and the step it makes."""
        self.steps.append(step)
        self.published[published.identifier] = published
        self.shaped = self.shaped or "polygon>" in published.cap or "circle>" in published.cap
        self._thread = self._full = None

    def thread(self) -> Thread:
        """The event's thread, by what was read at once."""
        if self._thread is None:
            self._thread = thread(self.steps)
        return self._thread

    def full(self, read: Reader) -> Thread:
        """The event's thread with the polygons of its alerts, for questions about a point."""
        if not self.shaped:
            return self.thread()
        if self._full is None:
            found = [full_step(one, SAID[one.phase], read(one)) for one in self.published.values()]
            self._full = thread(found)
        return self._full


def in_realm(published: Published, realm: str, read: Reader) -> bool:
    """Whether the message itself belongs to ``realm``."""
    if "status>Exercise</" in published.cap or "status>Test</" in published.cap:
        return realm == EXERCISE
    if realm == ACTUAL and "status>Actual</" in published.cap:
        texts = _TEXT.findall(published.cap)
        if not any(map(_hinted, texts)) and not any(aside in published.cap for aside in _ASIDE):
            return True
    return realm_of(read(published)) == realm


@lru_cache(8192)
def _hinted(text: str) -> bool:
    """Whether ``text`` may hold a test mark; the same texts come again and again."""
    text = text.casefold()
    return any(hint in text for hint in _HINTS)


def step_of(published: Published, phase: Phase, read: Reader) -> Step:
    """The step that a published alert makes, from as little as will do."""
    if not published.areas:
        return full_step(published, phase, read(published))
    begins: set[datetime | None] = set()
    ends: set[datetime | None] = set()
    for name, kept in (("effective", begins), ("expires", ends)):
        # Every language says the same times: each is read once.
        kept.update(map(_time, set(_texts(name, published.cap))))
    if len(begins) > 1 or len(ends) > 1:
        return full_step(published, phase, read(published))
    update = _NEXT.search(published.cap)
    saying = Saying(
        phase,
        True,
        begins=begins.pop() if begins else None,
        ends=ends.pop() if ends else None,
        areas=area_of(published.areas),
        next_update_by=_time(update.group(1)) if update else None,
    )
    return _step(published, (saying,), None)


def _texts(name: str, cap: str) -> Iterator[str]:
    """The text of each element of this name, found by the name: most of a long message is neither of the two times."""
    at = cap.find(f"{name}>")
    while at >= 0:
        found = _TIME.match(cap, max(0, cap.rfind("<", 0, at))) if cap[at - 1] != "/" else None
        if found is not None and found[1] == name:
            yield found[2]
            at = found.end() - 1
        at = cap.find(f"{name}>", at + 1)


def full_step(published: Published, phase: Phase, alert: Alert) -> Step:
    """The step that a published alert makes, with all that its XML says of times and areas.

    A message that was mirrored word for word has no phase field; then the phase it was published under counts.
    """
    found = sayings(alert)
    if alert.parameter(PHASE) is None:
        found = tuple(msgspec.structs.replace(said, phase=phase, machine=True) for said in found)
    if published.areas:
        # The areas of the entry are those of the message; where a polygon says it more exactly, that stays beside.
        coded = area_of(published.areas)
        shaped = [said for said in found if any(area.polygons or area.circles for area in said.areas)]
        found = tuple(shaped or (msgspec.structs.replace(said, areas=coded) for said in found))
        found = found or (Saying(phase, True, areas=coded),)
    return _step(published, found or (Saying(phase, True),), alert)


def _step(published: Published, says: tuple[Saying, ...], alert: Alert | None) -> Step:
    refers = frozenset({published.supersedes}) if published.supersedes else frozenset[str]()
    event = published.event_id or published.identifier
    return Step(
        published.identifier,
        "",
        published.sent,
        published.version,
        event,
        says,
        refers,
        published.source,
        published.version > 1 or bool(refers),
        alert,
    )


def began(step: Step) -> datetime | None:
    """When what ``step`` says begins."""
    return min((said.begins for said in step.says if said.begins is not None), default=step.sent)


def over(step: Step, all_clear_for: timedelta) -> datetime | None:
    """The moment from which ``step`` says nothing more by its own clock; None where it has no end."""
    found: datetime | None = None
    for said in step.says:
        if said.phase in ENDED:
            start = said.begins or step.sent
            end = start + all_clear_for if start is not None else None
        else:
            end = said.ends
        if end is None:
            return None
        found = end if found is None else max(found, end)
    return found


def _time(text: str) -> datetime | None:
    try:
        return parse(text)
    except NaiveTimeError:
        return None
