"""Advice: what a model adds to a briefing, beside what the rules found and never among it.

- The briefing's own parts stay as they are without a model; each line here says that a model proposed it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

from msgspec import Struct

from tocsin.assess.incident import Incident
from tocsin.assess.match import Matcher
from tocsin.assess.model import Likeness, Model, Proposed, as_json, ask
from tocsin.assess.reading import Reading


class Advice(Struct, frozen=True):
    """What ``model`` says of some reports: statements, and reports that may be about one event, the likeliest first.

    ``dropped`` counts what was not taken from it, by reason.
    """

    model: str
    proposed: tuple[Proposed, ...]
    perhaps: tuple[tuple[str, str], ...]
    dropped: dict[str, int]

    def of(self, incident: Incident) -> tuple[Proposed, ...]:
        """The statements that it proposes from an incident's reports."""
        return tuple(one for one in self.proposed if one.claim.report in incident.reports)


def advise(model: Model, readings: Sequence[Reading]) -> Advice:
    """Ask a model about reports that have been read."""
    proposed: list[Proposed] = []
    dropped: Counter[str] = Counter()
    for reading in readings:
        found = ask(model, reading)
        proposed += found.kept
        dropped.update(found.dropped)
    by_report = {one.source.report: one for one in readings}
    liken = Likeness(model, by_report.get)
    perhaps = _perhaps(readings, liken)
    if liken.failed:
        dropped["order"] = liken.failed
    return Advice(model.name, tuple(proposed), perhaps, dict(sorted(dropped.items())))


def _perhaps(readings: Sequence[Reading], liken: Likeness) -> tuple[tuple[str, str], ...]:
    """Pairs of reports that the matcher left apart and asks a person about."""
    matcher = Matcher()
    matcher.liken = liken
    for reading in readings:
        matcher.add(reading)
    matcher.settle()
    return tuple(
        (report, matcher.incidents[number][0])
        for report, number, _ in matcher.suggestions
        if number in matcher.incidents and matcher.incident_of[report] != number
    )


def added(body: dict[str, Any], incidents: Sequence[Incident], advice: Advice) -> dict[str, Any]:
    """A briefing's JSON with the advice in keys of its own: ``proposed`` in each incident, and ``model``."""
    for shown, incident in zip(body["incidents"], incidents, strict=True):
        shown["proposed"] = [as_json(one) for one in advice.of(incident)]
    body["model"] = {
        "name": advice.model,
        "dropped": dict(advice.dropped),
        "perhaps_one_event": [list(pair) for pair in advice.perhaps],
    }
    return body


def section(advice: Advice) -> str:
    """The advice as a section of the briefing's page. Everything from a report is escaped."""
    lines = "".join(
        f"<li>{escape(one.claim.speaker.name or 'unclear')}: <q dir=auto>{escape(one.claim.text)}</q> "
        f"<small>[{escape(one.claim.report)}:{one.claim.span.start}–{one.claim.span.end}]</small></li>"
        for one in advice.proposed
    )
    return f"<h2>Proposed by a model</h2><p>{escape(advice.model)}; checked by nobody.</p><ul>{lines}</ul>"
