"""Writing: valid by the schema always, the same when read again, and the identity for what was not changed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.rules.cap.making import ALERT, alert, one
from tocsin.cap.alert import (
    Alert,
    Area,
    Category,
    Certainty,
    Circle,
    Info,
    MsgType,
    Named,
    Polygon,
    Reference,
    Resource,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
)
from tocsin.cap.schema import valid
from tocsin.cap.xml import TRUSTED, read, write
from tocsin.errors import UnfitAlertError

# Every letter that XML can carry, those with a meaning in XML among them.
LETTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
TEXT = st.text(st.one_of(LETTERS, st.sampled_from("<>&\"'\n\r\t]")), min_size=1, max_size=30)
OPTIONAL = st.one_of(st.just(""), TEXT)
WORD = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=12)
CHANCE_TIME = st.datetimes(datetime(1991, 1, 1), datetime(2099, 12, 31)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
NAMED = st.builds(Named, WORD, WORD)


def several(each: st.SearchStrategy[object], most: int = 3, least: int = 0) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(each, min_size=least, max_size=most).map(tuple)


@st.composite
def rings(draw: st.DrawFn) -> Polygon:
    latitudes = st.integers(-90_000_000, 90_000_000)
    longitudes = st.integers(-180_000_000, 180_000_000)
    corners = draw(st.lists(st.tuples(latitudes, longitudes), min_size=3, max_size=30))
    return Polygon("", np.array([*corners, corners[0]], dtype=np.int64))


CIRCLES = st.builds(
    lambda latitude, longitude, radius: Circle("", latitude, longitude, radius),
    st.integers(-90_000_000, 90_000_000),
    st.integers(-180_000_000, 180_000_000),
    st.floats(0.001, 20_000).map(lambda km: round(km, 3)),
)
AREAS = st.builds(Area, TEXT, several(rings()), several(CIRCLES), several(NAMED))
RESOURCES = st.builds(Resource, TEXT, st.just("image/png"), st.one_of(st.none(), st.integers(0, 10**12)))
INFOS = st.builds(
    Info,
    language=st.sampled_from(["", "en", "uk-UA", "sr-Latn", "de-LS"]),
    categories=several(st.sampled_from([str(each) for each in Category]), least=1),
    event=TEXT,
    response_types=several(st.sampled_from([str(each) for each in ResponseType])),
    urgency=st.sampled_from([str(each) for each in Urgency]),
    severity=st.sampled_from([str(each) for each in Severity]),
    certainty=st.sampled_from([str(each) for each in Certainty]),
    audience=OPTIONAL,
    event_codes=several(NAMED),
    effective=st.one_of(st.none(), CHANCE_TIME),
    onset=st.one_of(st.none(), CHANCE_TIME),
    expires=st.one_of(st.none(), CHANCE_TIME),
    sender_name=OPTIONAL,
    headline=OPTIONAL,
    description=OPTIONAL,
    instruction=OPTIONAL,
    web=st.sampled_from(["", "https://alert.example/a?b=1&c=2"]),
    contact=OPTIONAL,
    parameters=several(NAMED),
    resources=several(RESOURCES),
    areas=several(AREAS),
)
ALERTS = st.builds(
    Alert,
    identifier=WORD,
    sender=WORD,
    sent=CHANCE_TIME,
    status=st.sampled_from([str(each) for each in Status]),
    msg_type=st.sampled_from([str(each) for each in MsgType]),
    scope=st.sampled_from([str(each) for each in Scope]),
    source=OPTIONAL,
    restriction=OPTIONAL,
    addresses=several(st.one_of(WORD, st.builds("{} {}".format, WORD, WORD))),
    codes=several(WORD),
    note=OPTIONAL,
    references=several(st.builds(Reference, WORD, WORD, st.just("2024-11-20T03:05:00+02:00"))),
    incidents=several(WORD),
    infos=several(INFOS),
)


@settings(max_examples=150, deadline=None)
@given(ALERTS)
def test_what_is_written_is_valid_and_reads_as_what_it_was(made: Alert) -> None:
    """Every alert that can be written is valid by the OASIS schema and reads again as the same alert."""
    written = write(made)
    assert valid(etree.fromstring(written)) == ()
    (again,) = read(written, limits=TRUSTED).alerts
    assert msgspec.structs.replace(again, original=None) == made
    assert re.search(rb"T\d\d:\d\d:\d\dZ<", written) is None


def test_an_untouched_message_comes_back_byte_for_byte() -> None:
    """Reading and writing is the identity, also for a message the standard would not allow."""
    for data in (alert(), alert(("</scope>", "</scope><x:y xmlns:x='urn:x'/>")), alert().replace(b"UTF-8", b"utf-8")):
        assert write(one(data).alerts[0]) == data


def test_a_changed_message_is_written_anew() -> None:
    """What was changed after reading is not hidden behind the bytes it was read from."""
    changed = msgspec.structs.replace(one(alert()).alerts[0], note="changed")
    assert b"<note>changed</note>" in write(changed)


def test_all_real_messages_come_back(shared: Path) -> None:
    """Every real message that stands alone in its file comes back byte for byte."""
    count = 0
    for path in sorted((shared / "cap").rglob("*")):
        if path.suffix in (".xml", ".cap", ".txt") and path.is_file() and path.stat().st_size < 200_000:
            data = path.read_bytes()
            reading = read(data)
            if len(reading.alerts) == 1 and reading.alerts[0].original == data:
                assert write(reading.alerts[0]) == data, path
                count += 1
    assert count > 60


GOOD = one(ALERT.encode()).alerts[0]
INFO = GOOD.infos[0]


@pytest.mark.parametrize(
    "change",
    [
        {"identifier": ""},
        {"identifier": "a b"},
        {"sender": "a,b"},
        {"sent": None},
        {"sent": datetime(2024, 11, 20, 3, 5)},  # noqa: DTZ001
        {"sent": datetime(2024, 11, 20, 3, 5, 0, 1, tzinfo=UTC)},
        {"status": "actual"},
        {"msg_type": ""},
        {"note": "a\0b"},
        {"references": (Reference("a", "b", ""),)},
        {"incidents": ('a"b',)},
        {"infos": (msgspec.structs.replace(INFO, categories=()),)},
        {"infos": (msgspec.structs.replace(INFO, event=""),)},
        {"infos": (msgspec.structs.replace(INFO, language="not a tag"),)},
        {"infos": (msgspec.structs.replace(INFO, areas=(Area(""),)),)},
        {"infos": (msgspec.structs.replace(INFO, areas=(Area("a", geocodes=(Named("x", ""),)),)),)},
    ],
)
def test_what_cannot_be_valid_is_refused(change: dict[str, object]) -> None:
    """An alert that cannot be written as valid CAP 1.2 raises, and nothing is written."""
    with pytest.raises(UnfitAlertError):
        write(msgspec.structs.replace(GOOD, original=None, **change))
