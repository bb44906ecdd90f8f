"""``tocsin phase``: the phase at a place and time that follows from given alerts.

- The alerts given are all there is, and their sources were just heard; ``--last-heard`` says otherwise.
- A file that cannot be read is named on standard error, costs no other file anything, and leaves no place calm.
- Times are shown in the place's own zone with its name; JSON has them in UTC.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import msgspec
from msgspec import Struct

from tocsin.cap import xml
from tocsin.cap.alert import Alert, Scope
from tocsin.cap.coverage import Coverage, Point, Where
from tocsin.cap.phase import CALM, UNKNOWN
from tocsin.cap.realm import mark, realm
from tocsin.cap.standing import Contact, Judgement, place_standing
from tocsin.cap.thread import threads
from tocsin.clock import parse, spell
from tocsin.errors import UnknownPlaceError, UnreadableError
from tocsin.journal import ACTUAL, REALMS
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.source import Source

INTERVALS = 2.0
_MOST_WHYS = 20


class Answer(Struct, frozen=True):
    """One line of JSON; ``last_phase`` is what was last known where the phase is unknown."""

    place: str
    at: datetime
    phase: str
    since: datetime | None
    ends: datetime | None
    alerts: tuple[str, ...]
    why: tuple[str, ...]
    last_phase: str
    relation: str
    realm: str


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--at", "at_text", required=True, metavar="TIME", help="The moment, with an offset from UTC.")
@click.option("--place", "place", required=True, metavar="LAT,LON|CODE", help="A point in degrees, or an area code.")
@click.option("--last-heard", "heard_text", metavar="TIME", help="When the sources were last heard; else: just now.")
@click.option("--interval", default=30.0, show_default=True, help="How often the sources are heard, in seconds.")
@click.option("--realm", "wanted", default=ACTUAL, show_default=True, type=click.Choice(REALMS), help="Which to judge.")
@click.option("--restricted", is_flag=True, help="Judge what is not for the public too.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def command(
    files: tuple[str, ...],
    at_text: str,
    place: str,
    heard_text: str | None,
    interval: float,
    wanted: str,
    restricted: bool,
    as_json: bool,
) -> None:
    """The phase at a place and time that follows from these alerts, and why.

    Example: tocsin phase alert.xml end.xml --at 2024-11-20T03:10:00+02:00 --place 50.45,30.52
    """
    at = parse(at_text)
    heard = parse(heard_text) if heard_text is not None else at
    gazetteer = Gazetteer.world()
    where = _where(place, gazetteer)
    alerts, unread = _read(files)
    if unread and not alerts and len(unread) == len(files):
        raise UnreadableError("; ".join(unread))
    for line in unread:
        click.echo(f"{UnreadableError.__doc__} {line} [{UnreadableError.code}]", err=True)
    judged, notes = _chosen(alerts, wanted, restricted)
    fresh = Source("given", "given", "given", interval_s=interval).fresh(heard, at, INTERVALS)
    contact = Contact() if fresh else Contact(True, ("the source of these alerts",), heard)
    found = place_standing(threads(judged, at), where, at, Coverage(gazetteer), contact)
    found = _doubted(found, unread)
    answer = Answer(
        place,
        at,
        str(found.phase),
        found.since,
        found.ends,
        tuple(dict.fromkeys(strand.course.step.identifier for strand in found.strands)),
        (*found.why, *notes),
        str(found.last),
        found.strands[0].relation if found.strands else "",
        wanted,
    )
    click.echo(_json(answer) if as_json else _text(answer, where, gazetteer))


def _where(text: str, gazetteer: Gazetteer) -> Where:
    """A point in degrees or an area code; anything else is an error that says which of the two it could have been."""
    if "," in text:
        try:
            latitude, longitude = (Decimal(part.strip()) for part in text.split(","))
        except (InvalidOperation, ValueError):
            raise UnknownPlaceError(f"{text!r} is neither LAT,LON in degrees nor an area code") from None
        if not (latitude.is_finite() and longitude.is_finite() and abs(latitude) <= 90 and abs(longitude) <= 180):
            raise UnknownPlaceError(f"{text!r}: latitude goes from -90 to 90 and longitude from -180 to 180")
        return Point(round(latitude * 1_000_000), round(longitude * 1_000_000))
    return gazetteer.canonical(text.strip())


def _read(files: Iterable[str]) -> tuple[list[Alert], list[str]]:
    alerts: list[Alert] = []
    unread: list[str] = []
    for name in files:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        reading = xml.read(data, limits=xml.TRUSTED)
        alerts += reading.alerts
        if reading.refused is not None:
            unread.append(f"{name}: {reading.refused.message}")
    return alerts, unread


def _chosen(alerts: Iterable[Alert], wanted: str, restricted: bool) -> tuple[list[Alert], tuple[str, ...]]:
    """The alerts that count in this realm and for these eyes, and why the others do not."""
    chosen: list[Alert] = []
    notes: dict[str, None] = {}
    for alert in alerts:
        of = realm(alert)
        if of is None:
            notes[f"not-in-force: {alert.identifier} has the status {alert.status}, which is for nobody"] = None
        elif of != wanted:
            told = mark(alert) or f"status: {alert.status}"
            notes[f"other-realm: {alert.identifier} belongs to the realm {of} ({told}) and says nothing here"] = None
        elif not restricted and alert.scope in (Scope.RESTRICTED, Scope.PRIVATE):
            notes[f"not-public: {alert.identifier} has the scope {alert.scope}"] = None
        else:
            chosen.append(alert)
    lines = tuple(notes)
    return chosen, lines[:_MOST_WHYS]


def _doubted(found: Judgement, unread: list[str]) -> Judgement:
    """Calm is not proven by alerts of which one could not be read."""
    if found.phase != CALM or not unread:
        return found
    why = f"unreadable: {'; '.join(unread)}; what it says is not known, and unknown is never calm"
    return msgspec.structs.replace(found, phase=UNKNOWN, last=UNKNOWN, since=None, why=(why,))


def _json(answer: Answer) -> str:
    plain = {
        name: spell(value) if isinstance(value, datetime) else value
        for name, value in msgspec.structs.asdict(answer).items()
    }
    return msgspec.json.encode(plain).decode()


def _text(answer: Answer, where: Where, gazetteer: Gazetteer) -> str:
    """The answer for a person: what to know first, then why."""
    around = gazetteer.at(where.latitude, where.longitude) if isinstance(where, Point) else (gazetteer.get(where),)
    zone = ZoneInfo(around[0].zone if around else "UTC")
    name = gazetteer.name(around[0].code, "en") if around else answer.place
    lines = [f"{answer.phase.upper()}  {name} ({answer.place}) at {_local(answer.at, zone)}"]
    if answer.phase == UNKNOWN and answer.last_phase != UNKNOWN:
        lines[0] += f"; last known: {answer.last_phase}, keep doing it"
    if answer.realm != ACTUAL:
        lines[0] = f"EXERCISE  {lines[0]}"
    if answer.since is not None:
        lines.append(f"  since {_local(answer.since, zone)}")
    if answer.ends is not None:
        lines.append(f"  until {_local(answer.ends, zone)}")
    lines += [f"  alert {identifier}" for identifier in answer.alerts]
    lines += [f"  {why}" for why in answer.why]
    return "\n".join(lines)


def _local(moment: datetime, zone: ZoneInfo) -> str:
    """A moment in the place's own zone, with the zone's name."""
    try:
        local = moment.astimezone(zone)
    except OverflowError:
        local = moment
    seconds = timedelta(seconds=local.second)
    return local.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M") + f" ({zone.key})"
