"""The review as a page: one file that can be mailed and printed, and the same inside the console.

- The file holds its own style and pictures and loads nothing. Beside what people read stands the signed JSON that it was made
  from, so that it can be checked without us.
- Times are in the zone of the installation, and say so; the page is in the reader's language.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_skeleton
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup
from msgspec import Struct

from tocsin.account.course import Step
from tocsin.account.review import Review, decode, encode
from tocsin.account.verdict import Opening, Verdict
from tocsin.errors import UnknownPlaceError, UnreadableError
from tocsin.web.chart import course, curves, slope
from tocsin.web.console.tell import decimal
from tocsin.web.console.visit import environment
from tocsin.web.house import Signer
from tocsin.web.text import Texts

ALGORITHM = "Ed25519"
MOST_BARS = 30


class Signed(Struct, frozen=True):
    """A review with its signature. ``value`` is over the bytes of :func:`tocsin.account.review.encode`, in base64."""

    review: Review
    key_id: str
    value: str
    algorithm: str = ALGORITHM


def signed(made: Review, keys: Signer) -> Signed:
    """``made`` with the signature of the realm's key."""
    return Signed(made, keys.key_id, base64.b64encode(keys.sign(encode(made))).decode())


def as_json(one: Signed) -> bytes:
    """``{"review": ..., "signature": {"algorithm", "key_id", "value"}}``; the signature is over the bytes of ``review``."""
    signature = {"algorithm": one.algorithm, "key_id": one.key_id, "value": one.value}
    return b'{"review":' + encode(one.review) + b',"signature":' + json.dumps(signature).encode() + b"}"


def read(data: bytes) -> tuple[bytes, Signed]:
    """The bytes that were signed and the signed review, from JSON or from a page; UnreadableError for anything else."""
    start = data.find(b'<script type="application/json" id="signed">')
    if start >= 0:
        inner = data[start:].partition(b">")[2].partition(b"</script>")[0]
        data = inner.replace(b"\\u003c", b"<")
    try:
        found = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        signature = msgspec.json.decode(found["signature"], type=dict[str, str])
        content = bytes(found["review"])
        return content, Signed(decode(content), signature["key_id"], signature["value"], signature["algorithm"])
    except (msgspec.MsgspecError, KeyError) as wrong:
        raise UnreadableError(f"this is no review: {wrong}") from None


def shown(
    made: Review, t: Texts, zone: str, place: Callable[[str, str], str], who: Callable[[str], str] = str
) -> dict[str, Any]:
    """What the template of the body is filled with.

    ``place`` gives the name of an area code in a language, ``who`` a person's name where the reader may know it.
    """
    language = t.language
    title = made.title.get(language) or made.title.get("en") or next(iter(made.title.values()), made.event)
    return {
        "review": made,
        "title": title,
        "t": t,
        "zone": zone,
        "km2": lambda area: format_decimal(round(area), locale=t.locale),
        "share": lambda part: format_percent(part, "0.#%", locale=t.locale),
        "reached": reached(made, t, place),
        "slopes": [slope(roll) for roll in made.headcounts],
        "shownback": readings(made),
        "course": course(made.issues, made.ended),
        "curves": curves(made.delivery),
        "span": lambda seconds: span(seconds, t),
        "step": lambda one: said(one, t),
        "hours": hours(made.steps, zone),
        "who": who,
        "places": lambda codes: ", ".join(named(code, language, place) for code in codes),
        "date": lambda at: format_skeleton("yMMMd", at.astimezone(ZoneInfo(zone)), locale=t.locale),
        "silent": [one for one in made.delivery if one.silent],
    }


class Hour(Struct, frozen=True):
    """The steps of one hour of the zone's clock; ``shown``: they are in sight at once, the first and the last hour."""

    begins: datetime
    ends: datetime
    steps: tuple[Step, ...]
    shown: bool


def hours(steps: Sequence[Step], zone: str) -> tuple[Hour, ...]:
    """``steps`` hour by hour, in their order, so that a long night can be folded. ``zone`` is an IANA name."""
    here = ZoneInfo(zone)
    groups = [
        # Half an hour and a quarter are zones as well: the clock on the wall says where an hour begins.
        (begins, tuple(told))
        for begins, told in groupby(
            steps, lambda one: one.at.astimezone(here).replace(minute=0, second=0, microsecond=0)
        )
    ]
    last = len(groups) - 1
    return tuple(
        Hour(begins, begins + timedelta(hours=1), told, at in (0, last)) for at, (begins, told) in enumerate(groups)
    )


class Bar(Struct, frozen=True):
    """One line of a table with its share of the longest one."""

    name: str
    number: int
    percent: int


def reached(made: Review, t: Texts, place: Callable[[str, str], str]) -> list[tuple[str, list[Bar]]]:
    """Where the widest of the versions went, and in which languages: a title and its bars."""
    if not made.reach:
        return []
    widest = max(made.reach, key=lambda one: sum(one.areas.values()))
    shown = []
    parts: tuple[tuple[str, dict[str, int], Callable[[str], str]], ...] = (
        ("area", widest.areas, lambda code: named(code, t.language, place) if code else t.say("review.reach.nowhere")),
        ("language", widest.languages, lambda tag: tongue(tag, t)),
    )
    for key, counts, of in parts:
        most = max(counts.values(), default=0)
        bars = [
            Bar(of(name), number, round(100 * number / most) if most else 0)
            for name, number in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_BARS]
        ]
        if bars:
            shown.append((t.say(f"review.reach.{key}"), bars))
    return shown


def tongue(tag: str, t: Texts) -> str:
    """The name of a language in the reader's; its tag where there is none."""
    if not tag:
        return t.say("review.reach.no-language")
    # Babel does not say what type its table of names has.
    names: Any = t.locale.languages
    return str(names.get(tag.partition("-")[0], tag))


def readings(made: Review) -> list[tuple[str, list[Verdict], Opening | None]]:
    """What the channels showed of each version, with when its way to subscribers opened."""
    opened = {one.identifier: one for one in made.openings}
    words: dict[str, list[Verdict]] = {}
    for one in made.verdicts:
        words.setdefault(one.identifier, []).append(one)
    return [(name, words.get(name, []), opened.get(name)) for name in dict.fromkeys([*words, *opened])]


def named(code: str, language: str, place: Callable[[str, str], str]) -> str:
    """The name of an area; what is no code (a drawn area's own words, a language) stays as it is."""
    try:
        return place(code, language)
    except UnknownPlaceError:
        return code


def page(one: Signed, t: Texts, zone: str, place: Callable[[str, str], str]) -> str:
    """The review as one file. ``zone`` is an IANA name."""
    static = files("tocsin.web") / "static"
    names = ("palette.css", "console/console.css", "console/desk.css", "console/review.css")
    style = "".join((static / name).read_text("utf-8") for name in names)
    # Inside a script element only "<" could end it.
    embedded = Markup(as_json(one).decode().replace("<", "\\u003c"))  # noqa: S704 - it is JSON of ours, and "<" is escaped
    return (
        environment()
        .get_template("review/file.html")
        .render(**shown(one.review, t, zone, place), style=Markup(style), embedded=embedded, sealed=one)  # noqa: S704
    )


def span(seconds: float | None, t: Texts) -> str:
    """A time span as people say it: 12 ms, 3.4 s, 5 min 20 s, 2 h 5 min; a dash for none."""
    if seconds is None:
        return "–"
    if seconds < 0:
        return "−" + span(-seconds, t)
    if seconds < 1:
        return f"{seconds * 1000:.0f}\u00a0ms"
    if seconds < 60:
        return f"{decimal(seconds, t)}\u00a0{t.say('unit.s')}"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\u00a0{t.say('unit.min')} {left}\u00a0{t.say('unit.s')}"
    return f"{minutes // 60}\u00a0{t.say('unit.h')} {minutes % 60}\u00a0{t.say('unit.min')}"


def said(one: Any, t: Texts) -> str:
    """A step in words: the sentence for its kind where there is one, else the kind itself."""
    key = f"review.step.{one.kind}"
    text = t.say(key) if key in t else one.kind
    phase = one.values.get("phase", "")
    more = [t.say(f"phase.{phase}") if phase and f"phase.{phase}" in t else phase]
    # The code of a roll call is what people answer with, and tells nothing here.
    names = ("channel", "recipients", "rule", "code", "source", "reason")
    more += [
        f"{one.values[name]}"
        for name in names
        if name in one.values and not (name == "code" and one.kind.startswith("rollcall:"))
    ]
    detail = ", ".join(part for part in more if part)
    times = f" ×{one.count}" if one.count > 1 else ""
    return f"{text}{times}{': ' + detail if detail else ''}"
