"""A briefing as one HTML page: what to do first, what was corrected, what conflicts, and who says what.

- Everything from a report is escaped; nothing in the page runs or is fetched.
- Each line leads to its evidence, and a corrected claim is struck through beside what replaced it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tocsin.assess.claim import Claim
from tocsin.assess.extract import Reading
from tocsin.assess.incident import Incident, Pointer

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:1rem auto;padding:0 1rem;color:#1b1b1b}"
    "h2{border-top:3px solid;padding-top:.5rem}li{margin:.3rem 0}small{color:#555}s{color:#777}"
    ".todo li{font-size:1.1rem;font-weight:600}.side{border-left:4px solid #b06000;padding-left:.6rem;margin:.3rem 0}"
)
_WORDS = {
    "shelter": "Take shelter",
    "evacuate": "Leave the area",
    "stay_away": "Stay away",
    "be_ready": "Be ready",
    "monitor_media": "Follow the news",
    "boil_water": "Boil water",
    "closed": "Closed",
    "open": "Open",
    "all_clear": "All-clear reported",
}


def page(readings: Sequence[Reading], incidents: Sequence[Incident]) -> str:
    """The page. Its language is English; the words of the reports keep theirs."""
    names = {reading.source.report: number for number, reading in enumerate(readings, 1)}
    languages = {reading.source.report: reading.language for reading in readings}
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>Briefing</title><style>{_STYLE}</style><h1>Briefing</h1>",
    ]
    for incident in incidents:
        parts += _incident(incident, names, languages)
    parts.append("<h2>Reports</h2><ol>")
    parts += [f"<li lang={escape(r.language)}>{escape(r.source.report)} {_day(r)}</li>" for r in readings]
    return "\n".join([*parts, "</ol></html>"])


def _day(reading: Reading) -> str:
    return reading.source.published.isoformat() if reading.source.published else ""


def _evidence(pointers: Sequence[Pointer], names: dict[str, int]) -> str:
    return " <small>[" + ", ".join(f"{names[p.report]}:{p.start}–{p.end}" for p in pointers) + "]</small>"


def _quoted(text: str, language: str) -> str:
    return f"<q lang={escape(language)} dir=auto>{escape(text)}</q>"


def _incident(incident: Incident, names: dict[str, int], languages: dict[str, str]) -> list[str]:
    title = next(iter(incident.title.values()), incident.id)
    parts = [f"<h2 dir=auto>{escape(title)}</h2>"]
    where = ", ".join(name for _, name in incident.places[:6])
    parts.append(f"<p>{escape(incident.when)} · {escape(where)} · {len(incident.reports)} reports</p>")
    if incident.actions:
        parts.append("<h3>What people are told</h3><ul class=todo>")
        for line in incident.actions:
            who = line.facility or line.audience or "public"
            more = "; ".join(escape(text) for text in (line.condition, line.area, line.date) if text)
            origins = "1 origin" if line.origins == 1 else f"{line.origins} origins"
            parts.append(
                f"<li>{_WORDS[line.action]}: {escape(who)}{' (' + more + ')' if more else ''} "
                f"<small>{origins}</small>{_evidence(line.evidence, names)}</li>"
            )
        parts.append("</ul>")
    if incident.corrections:
        parts.append("<h3>Corrected</h3><ul>")
        parts += [
            f"<li><s dir=auto>{escape(one.wrong)}</s><br>{escape(one.right)}{_evidence(one.evidence, names)}</li>"
            for one in incident.corrections
        ]
        parts.append("</ul>")
    for one in incident.contradictions:
        parts.append(f"<h3>In conflict: {escape(one.about)}</h3>")
        parts += [
            f"<p class=side dir=auto>{escape(side.text)}{_evidence(side.evidence, names)}</p>" for side in one.sides
        ]
    parts.append("<h3>Who says what</h3><ul>")
    parts += [_claim(claim, names, languages) for claim in incident.claims]
    parts.append("</ul>")
    return parts


def _claim(claim: Claim, names: dict[str, int], languages: dict[str, str]) -> str:
    speaker = claim.speaker.name or "unclear: " + (", ".join(claim.speaker.candidates) or "nobody named")
    words = _quoted(claim.text, languages[claim.report])
    if claim.standing == "corrected":
        words = f"<s>{words}</s>"
    mark = "" if claim.standing == "claimed" else f" <small>{claim.standing}</small>"
    where = _evidence([Pointer(claim.report, claim.span.start, claim.span.end)], names)
    return f"<li>{escape(speaker)} <small>{claim.stance}</small>: {words}{mark}{where}</li>"
