"""The course of an event: what was done, when and by whom; which promises were kept; who was called and who answered.

- A step is one entry of the journal in a stable form: its kind, what it is about, who did it, and a few values. The words
  for it are chosen where it is shown, in the reader's language.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tocsin.account.answer import ANSWER_GIVEN
from tocsin.account.chronicle import Chronicle
from tocsin.warn.owner import PAGE_ANSWERED, PAGE_DUE, PAGE_FAILED, PAGE_SENT, Answered, Page, Tried
from tocsin.warn.promise import PROMISE_MADE, Promised

QUIET = frozenset({"draft:changed", "answer:given", "page:sent", "page:failed"})
"""Kinds that come in dozens and are counted, not told one by one."""
TOLD = (
    "phase",
    "version",
    "channel",
    "recipients",
    "rule",
    "code",
    "reason",
    "audience",
    "source",
    "wrong",
    "until",
    "by",
    "status",
    "field",
    "now",
    "to",
    "unaccounted",
    "title",
    "way",
)


class Step(Struct, frozen=True):
    """One thing that happened. ``count`` is how many like it followed one another at once."""

    at: datetime
    seq: int
    kind: str
    about: str
    who: str = ""
    values: dict[str, str] = {}
    count: int = 1

    def public(self) -> Step:
        """Without who did it and why."""
        return replace(self, who="", values={name: text for name, text in self.values.items() if name != "reason"})


class Promise(Struct, frozen=True):
    """A promised "next update by" and when the next word came; ``kept`` is None while it is open."""

    event_id: str
    identifier: str
    made: datetime
    by: datetime
    word: datetime | None
    kept: bool | None


class Try(Struct, frozen=True):
    """One way by which a call was tried; ``wrong`` is empty where it was sent."""

    at: datetime
    way: str
    wrong: str


class Calling(Struct, frozen=True):
    """One call to one person, by which ways it was tried, and when that person first answered after it."""

    about: str
    person: str
    at: datetime
    step: int
    answered: datetime | None
    kind: str = ""
    tries: tuple[Try, ...] = ()

    @property
    def sent(self) -> bool:
        """Whether it left by any way."""
        return any(not one.wrong for one in self.tries)


def steps(found: Chronicle) -> tuple[Step, ...]:
    """Every entry as a step, in order; what is only counted is one step with its number."""
    told: list[Step] = []
    for entry in found.entries:
        body = _body(entry.body)
        about = str(body.get("identifier") or body.get("rollcall") or body.get("alert") or entry.subject)
        who = str(body.get("person", ""))
        values = {name: _text(body[name]) for name in TOLD if body.get(name) not in (None, "", [], {})}
        if entry.kind == ANSWER_GIVEN:
            # What one person said is told in the headcount, as a number.
            values = {}
        step = Step(entry.at, entry.seq, entry.kind, about, who, values)
        last = told[-1] if told else None
        if (
            last is not None
            and last.kind == step.kind
            and step.kind in QUIET
            and (step.kind == ANSWER_GIVEN or (last.about == about and last.who == who))
        ):
            told[-1] = replace(last, count=last.count + 1)
        else:
            told.append(step)
    return tuple(told)


def _body(data: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _text(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


def promises(found: Chronicle, at: datetime) -> tuple[Promise, ...]:
    """Every promise of the event. The next word on it keeps it, if it comes in time."""
    made = []
    for entry in found.entries:
        if entry.kind != PROMISE_MADE:
            continue
        said = entry.read(Promised)
        # The word that makes a promise is in the same commit and does not keep it.
        later = [
            alert for _, alert in found.alerts if alert.event_id == said.event_id and alert.identifier != entry.subject
        ]
        word = next((alert.sent for alert in later if alert.sent >= entry.at.replace(microsecond=0)), None)
        kept = word <= said.by if word is not None else (False if at > said.by else None)
        made.append(Promise(said.event_id, entry.subject, entry.at, said.by, word, kept))
    return tuple(made)


def calls(found: Chronicle) -> tuple[Calling, ...]:
    """Every call to an owner, a deputy or a duty officer."""
    answers: dict[tuple[str, str], list[datetime]] = {}
    tries: dict[str, list[Try]] = {}
    for entry in found.entries:
        if entry.kind == PAGE_ANSWERED:
            about = entry.subject.rsplit("/", 2)[0]
            answers.setdefault((about, entry.read(Answered).person), []).append(entry.at)
        elif entry.kind in (PAGE_SENT, PAGE_FAILED):
            tried = entry.read(Tried)
            wrong = (tried.wrong or "failed") if entry.kind == PAGE_FAILED else ""
            tries.setdefault(entry.subject, []).append(Try(entry.at, tried.way, wrong))
    return tuple(
        Calling(
            page.about,
            page.person,
            entry.at,
            page.step,
            next((at for at in answers.get((page.about, page.person), ()) if at >= entry.at), None),
            page.kind,
            tuple(tries.get(entry.subject, ())),
        )
        for entry in found.entries
        if entry.kind == PAGE_DUE
        for page in (entry.read(Page),)
    )
