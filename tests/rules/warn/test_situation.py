"""The situation is what the journal comes to, whatever the order, and agrees with all alerts judged at once."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tocsin.cap import xml
from tocsin.cap.coverage import Coverage
from tocsin.cap.standing import place_standing
from tocsin.cap.thread import threads
from tocsin.errors import UnknownPlaceError
from tocsin.journal import GENESIS, Entry, fact, link
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.source import SOURCE_HEARD, SOURCE_LOST, Heard, Source
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.warn.situation import HISTORY, Situation

WORLD = Gazetteer.world()
REGIONS = WORLD.children("UA")
AIR = Source("air", "Air alerts", "air_alert", ("UA",), 30.0, True)
T0 = datetime(2024, 11, 19, 18, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def t(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def cap(one: Published, status: str, expires: datetime | None, headline: str, area: str) -> str:
    ends = f"<expires>{expires.isoformat()}</expires>" if expires else ""
    codes = "".join(
        f"<geocode><valueName>ISO3166-{2 if '-' in code else 1}</valueName><value>{code}</value></geocode>"
        for code in one.areas
    )
    fields = {"tocsin:event_id": one.event_id, "tocsin:version": str(one.version), "tocsin:phase": one.phase}
    fields["tocsin:next_update_by"] = "2024-11-20T00:00:00+00:00"
    parameters = "".join(
        f"<parameter><valueName>{name}</valueName><value>{value}</value></parameter>" for name, value in fields.items()
    )
    info = (
        f"<info><category>Security</category><event>Air alert</event><urgency>Immediate</urgency>"
        f"<severity>Extreme</severity><certainty>Observed</certainty>{ends}<headline>{headline}</headline>"
        f"{parameters}<area><areaDesc>x</areaDesc>{area}{codes}</area></info>"
    )
    return (
        f'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{one.identifier}</identifier>'
        f"<sender>tocsin.invalid</sender><sent>{one.sent.isoformat()}</sent><status>{status}</status>"
        f"<msgType>{'Alert' if one.version == 1 else 'Update'}</msgType><scope>{one.scope}</scope>{info}</alert>"
    )


def published(
    event: str,
    version: int,
    phase: str,
    minutes: float,
    areas: tuple[str, ...] = ("UA-30",),
    *,
    expires: float | None = None,
    source: str = "air",
    scope: str = "Public",
    status: str = "Actual",
    headline: str = "Air alert",
    area: str = "",
) -> Published:
    one = Published(f"{event}-{version}", event, version, phase, scope, source, areas, t(minutes), "")
    ends = None if expires is None else t(expires)
    return msgspec.structs.replace(one, cap=cap(one, status, ends, headline, area))


class Book:
    """A journal in memory for the tests: entries in a row, with a situation that follows."""

    def __init__(self, realm: str = "actual", sources: dict[str, Source] | None = None) -> None:
        self.realm = realm
        self.entries: list[Entry] = []
        self.situation = Situation(WORLD, realm, {"air": AIR} if sources is None else sources)

    def add(self, kind: str, subject: str, body: object, at: datetime, realm: str = "") -> None:
        prev = self.entries[-1].hash if self.entries else GENESIS
        entry = link(fact(kind, subject, body, realm or self.realm), len(self.entries) + 1, at, prev)
        self.entries.append(entry)
        self.situation.apply(entry)

    def publish(self, one: Published, realm: str = "") -> None:
        self.add(ALERT_PUBLISHED, one.identifier, one, one.sent, realm)

    def heard(self, minutes: float, source: str = "air", lost: bool = False, realm: str = "") -> None:
        body = Heard(t(minutes), 30.0, ("UA",), "Air alerts")
        self.add(SOURCE_LOST if lost else SOURCE_HEARD, source, body, t(minutes), realm)

    def phase(self, minutes: float, code: str = "UA-30", fresh: bool = True) -> str:
        if fresh:
            self.situation.heard("air", t(minutes))
        return self.situation.at_place(code, t(minutes)).phase.value


def test_after_a_start_everything_is_unknown() -> None:
    """Before a source has spoken, and where none does, a place is unknown."""
    book = Book()
    assert set(book.situation.phases(REGIONS, T0).values()) == {"unknown"}
    book.heard(0)
    assert set(book.situation.phases(REGIONS, T0).values()) == {"calm"}
    assert book.situation.at_place("PL", T0).phase == "unknown"


def test_an_alert_and_its_end() -> None:
    """Act, all-clear, and half an hour later calm; the regions around stay calm, the country shows it in part."""
    book = Book()
    book.heard(0)
    book.publish(published("e", 1, "act", 10, expires=400))
    assert book.phase(10) == "act"
    assert book.phase(10, "UA-32") == "calm"
    assert book.phase(10, "UA") == "act"
    standing = book.situation.at_place("UA-30", t(10))
    assert (standing.since, standing.ends, standing.event_id, standing.version) == (t(10), t(400), "e", 1)
    assert (standing.source, standing.last_heard, standing.relation) == ("air", t(10), "same")
    assert standing.next_update_by == datetime(2024, 11, 20, tzinfo=UTC)
    assert [live.published.identifier for live in standing.alerts] == ["e-1"]
    assert standing.alerts[0].alert.infos[0].headline == "Air alert"
    assert book.situation.at_place("UA", t(10)).relation == "part"
    book.publish(published("e", 2, "all-clear", 50))
    assert [book.phase(at) for at in (50, 51, 79.9, 80, 80.9)] == [
        "all-clear",
        "all-clear",
        "all-clear",
        "calm",
        "calm",
    ]
    assert book.situation.at_place("UA-30", t(80.9)).since == t(80)
    # After a silence it is calm since the source is heard again.
    assert book.phase(900, fresh=False) == "unknown"
    assert book.phase(900) == "calm"
    assert book.situation.at_place("UA-30", t(900)).since == t(900)


def test_expiry_and_silence() -> None:
    """An act that runs out is unknown, and so is everything when its source falls silent; what was known is kept."""
    book = Book()
    book.heard(0)
    book.publish(published("e", 1, "act", 10, expires=60))
    assert book.phase(59) == "act"
    assert book.phase(60) == "unknown"
    assert book.situation.at_place("UA-30", t(60)).last_phase == "act"
    book.situation.heard("air", t(60))
    assert book.situation.at_place("UA-32", t(61)).phase == "calm"
    assert book.situation.at_place("UA-32", t(61.01)).phase == "unknown"


def test_lost_and_heard_again() -> None:
    """A recorded loss makes its areas unknown at once, and a later word makes them known again."""
    book = Book()
    book.heard(0)
    book.publish(published("e", 1, "act", 10))
    book.heard(11)
    book.heard(11.1, lost=True)
    assert book.phase(11.2, fresh=False) == "unknown"
    assert book.situation.at_place("UA-30", t(11.2)).last_phase == "act"
    assert book.situation.at_place("UA-32", t(11.2)).phase == "unknown"
    book.heard(12)
    assert book.phase(12, fresh=False) == "act"
    assert book.phase(12, "UA-32", fresh=False) == "calm"


def test_two_sources_must_both_be_fresh() -> None:
    """A place that two sources cover is calm only while both are heard."""
    met = Source("met", "Weather", "cap", ("UA-30",), 60.0)
    book = Book(sources={"air": AIR, "met": met})
    book.heard(0)
    assert book.phase(0.5) == "unknown"
    book.situation.heard("met", t(0.5))
    assert book.phase(0.5) == "calm"
    assert book.phase(0.5, "UA-32") == "calm"


def test_a_source_known_from_the_journal_only() -> None:
    """The journal can be read without the settings of that day: an entry brings its source."""
    book = Book(sources={})
    assert book.situation.at_place("UA-30", T0).phase == "unknown"
    book.heard(0, "old")
    assert book.situation.at_place("UA-30", t(0.5)).phase == "calm"
    assert book.situation.at_place("UA-30", t(5)).phase == "unknown"


def test_late_double_and_superseded() -> None:
    """An act after its all-clear, or heard twice, changes nothing, also long after the event is forgotten."""
    book = Book()
    book.heard(0)
    book.publish(published("e", 2, "all-clear", 50))
    book.publish(published("e", 1, "act", 10))
    book.publish(published("e", 1, "act", 10))
    assert book.phase(51) == "all-clear"
    book.situation.heard("air", t(500))
    book.publish(published("f", 1, "act", 500, ("UA-46",)))
    assert book.situation.live(t(500))[0].published.event_id == "f"
    assert len(book.situation._lines) == 1
    book.publish(published("e", 1, "act", 10))
    assert book.phase(501) == "calm"
    assert book.situation.alert("e-2") is not None
    book.publish(published("e", 3, "all-clear", 502))
    assert book.phase(503) == "calm"
    book.publish(published("e", 4, "act", 504))
    assert book.phase(505) == "act"


def test_realms() -> None:
    """An entry or a message of another realm changes nothing, nor does one with a test mark."""
    book = Book()
    book.heard(0)
    book.publish(published("e", 1, "act", 1), realm="exercise")
    book.publish(published("f", 1, "act", 1, status="Exercise"))
    book.publish(published("g", 1, "act", 1, headline="TEST Air alert"))
    book.publish(published("h", 1, "act", 1, headline="Навчання: тривога"))
    book.heard(1, lost=True, realm="exercise")
    assert book.phase(2) == "calm"
    exercise = Book("exercise")
    exercise.heard(0)
    exercise.publish(published("f", 1, "act", 1, status="Exercise"))
    assert exercise.phase(2) == "act"
    exercise.publish(published("a", 1, "act", 1, ("UA-46",)), realm="exercise")
    assert exercise.phase(2, "UA-46") == "calm"


def test_exercise_silence_does_not_heal_actual() -> None:
    """That an exercise's source was heard proves nothing in the actual realm."""
    book = Book()
    book.heard(0, realm="exercise")
    assert book.phase(0, fresh=False) == "unknown"


def test_restricted() -> None:
    """The staff's notice is not the public's phase, and is there for those who may see it."""
    book = Book()
    book.heard(0)
    notice = published("e", 1, "act", 1, scope="Restricted", source="")
    book.publish(notice)
    assert book.phase(2) == "calm"
    staff = Situation(WORLD, "actual", {"air": AIR}, scopes=("Public", "Restricted"))
    for entry in book.entries:
        staff.apply(entry)
    staff.heard("air", t(2))
    assert staff.at_place("UA-30", t(2)).phase == "act"


def test_our_own_word_needs_no_source() -> None:
    """What is published by us stands though no source covers the place."""
    book = Book(sources={})
    book.publish(published("e", 1, "prepare", 1, ("FR",), source="", expires=60))
    assert book.situation.at_place("FR", t(2)).phase == "prepare"
    assert book.situation.at_place("FR", t(60)).phase == "unknown"


def test_points_and_polygons() -> None:
    """For a point the polygon decides; for the place the codes do."""
    book = Book()
    book.heard(0)
    square = "<polygon>50.4,30.4 50.4,30.6 50.5,30.6 50.5,30.4 50.4,30.4</polygon>"
    book.publish(published("e", 1, "act", 1, area=square))
    book.situation.heard("air", t(2))
    at = book.situation.at_point
    assert at(50_450_000, 30_500_000, t(2)).phase == "act"
    assert at(50_350_000, 30_500_000, t(2)).phase == "calm"
    assert at(49_840_000, 24_030_000, t(2)).phase == "calm"
    assert at(0, 0, t(2)).phase == "unknown"
    assert book.situation.at_place("UA-30", t(2)).phase == "act"


def test_polygon_alone() -> None:
    """A message without codes concerns the places its polygon lies in."""
    book = Book()
    book.heard(0)
    square = "<polygon>50.4,30.4 50.4,30.6 50.5,30.6 50.5,30.4 50.4,30.4</polygon>"
    book.publish(published("e", 1, "act", 1, (), area=square))
    assert book.phase(2) == "act"
    assert book.phase(2, "UA-46") == "calm"
    assert book.phase(2, "UA") == "act"


def test_unknown_codes() -> None:
    """A place nobody knows is an error; an alert for an area nobody knows leaves no place there calm."""
    book = Book()
    book.heard(0)
    with pytest.raises(UnknownPlaceError):
        book.situation.at_place("UA-99", T0)
    book.publish(published("e", 1, "act", 1, ("UKR:unheard-of",)))
    assert book.phase(2) == "unknown"


def test_live() -> None:
    """What stands, those that ask most first; what is over is not there."""
    book = Book()
    book.heard(0)
    book.publish(published("p", 1, "prepare", 1, ("UA",), source=""))
    book.publish(published("e", 1, "act", 2))
    book.publish(published("f", 1, "act", 3, ("UA-46",)))
    book.publish(published("f", 2, "all-clear", 4, ("UA-46",)))
    book.situation.heard("air", t(5))
    assert [live.published.identifier for live in book.situation.live(t(5))] == ["e-1", "p-1", "f-2"]
    book.situation.heard("air", t(50))
    assert [live.published.identifier for live in book.situation.live(t(50))] == ["e-1", "p-1"]


def test_history() -> None:
    """A place has its changes in order, also those of what it lies in and of what lies in it, and its silences."""
    book = Book()
    book.heard(0)
    book.publish(published("e", 1, "act", 10))
    book.publish(published("e", 2, "all-clear", 50))
    book.publish(published("p", 1, "prepare", 60, ("UA",), source=""))
    book.publish(published("f", 1, "act", 70, ("UA-46",)))
    book.heard(80, lost=True)
    book.heard(81)
    found = book.situation.history("UA-30", T0, t(100))
    assert [(one.at, one.phase.value, one.relation) for one in found if one.identifier] == [
        (t(10), "act", "same"),
        (t(50), "all-clear", "same"),
        (t(60), "prepare", "contains"),
    ]
    assert [(one.at, one.phase.value) for one in found if not one.identifier] == [
        (t(0), "calm"),
        (t(80), "unknown"),
        (t(81), "calm"),
    ]
    assert [one.identifier for one in book.situation.history("UA", t(65), t(75))] == ["f-1"]


def test_seq_and_head() -> None:
    """The situation knows up to which entry it has read, also of kinds that it does not read."""
    book = Book()
    book.add("report:received", "r", {}, T0)
    assert (book.situation.seq, book.situation.head) == (1, book.entries[0].hash)


def test_memory_is_bounded() -> None:
    """A year of alerts leaves behind the events of the last hours, and no more history than a ring holds."""
    book = Book()
    for number in range(2_000):
        minutes = number * 90
        book.situation.heard("air", t(minutes))
        book.publish(published(f"e{number}", 1, "act", minutes, expires=minutes + 600))
        book.situation.heard("air", t(minutes + 20))
        book.publish(published(f"e{number}", 2, "all-clear", minutes + 20))
    assert len(book.situation._lines) < 40
    assert len(book.situation.history("UA-30", T0, t(10**7))) <= HISTORY + 2
    assert book.phase(2_000 * 90) == "calm"


def test_what_ran_out_is_not_forgotten() -> None:
    """Acts that ran out without an end keep the place unknown however many there were; one end ends them all."""
    book = Book()
    for number in range(50):
        minutes = number * 90
        book.situation.heard("air", t(minutes))
        book.publish(published(f"e{number}", 1, "act", minutes, expires=minutes + 30))
        if number:
            assert book.phase(minutes + 60) == "unknown"
    assert len(book.situation._lines) < 5
    book.publish(published("last", 1, "act", 5000))
    book.publish(published("last", 2, "all-clear", 5010))
    assert book.phase(5011) == "all-clear"
    assert book.phase(5050) == "calm"
    book.situation.heard("air", t(9000))
    book.publish(published("other", 1, "prepare", 9000, ("UA-46",)))
    assert book.phase(9001) == "calm"


PHASES = ("prepare", "act", "hold", "all-clear", "retracted")
STEPS = some.lists(
    some.tuples(
        some.sampled_from(["e", "f", "g"]),
        some.integers(1, 4),
        some.sampled_from(PHASES),
        some.integers(0, 40),
        some.lists(some.sampled_from(["UA-30", "UA-32", "UA", "PL-MZ"]), min_size=1, max_size=2, unique=True),
        some.one_of(some.none(), some.integers(-5, 90)),
    ),
    max_size=8,
)


@given(STEPS, some.integers(0, 100), some.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_same_as_all_at_once(steps: list[tuple[object, ...]], later: int, shuffler: random.Random) -> None:
    """Entry by entry in any order, the situation is what all alerts judged at once come to."""
    alerts: list[Published] = []
    for number, (event, version, phase, minutes, areas, lasts) in enumerate(steps):
        assert isinstance(event, str)
        assert isinstance(version, int)
        assert isinstance(phase, str)
        assert isinstance(minutes, int)
        assert isinstance(areas, list)
        assert lasts is None or isinstance(lasts, int)
        one = published(
            event, version, phase, minutes, tuple(areas), expires=None if lasts is None else minutes + lasts
        )
        name = f"{one.identifier}-{number}"
        alerts.append(
            msgspec.structs.replace(one, identifier=name, cap=one.cap.replace(f">{one.identifier}<", f">{name}<"))
        )
    at = t(40 + later)
    read = [xml.read(one.cap.encode()).alerts[0] for one in alerts]
    coverage = Coverage(WORLD)
    for _ in range(2):
        shuffler.shuffle(alerts)
        book = Book()
        for one in alerts:
            book.publish(one)
        book.situation.heard("air", at)
        for code in ("UA-30", "UA-32", "UA"):
            expect = place_standing(threads(read), code, at, coverage)
            found = book.situation.at_place(code, at)
            assert (found.phase, found.last_phase) == (expect.phase, expect.last)
            if found.phase != "calm":
                assert (found.since, found.ends) == (expect.since, expect.ends)
            assert book.situation.phases((code,), at) == {code: expect.phase}


def test_fast_enough_for_a_map() -> None:
    """The phases of the 27 regions of Ukraine are read again in well under a millisecond, also while acts stand."""
    import time

    book = Book()
    book.heard(0)
    for number, code in enumerate(REGIONS):
        book.publish(published(f"e{number}", 1, "act", 1, (code,)))
    book.situation.heard("air", t(2))
    assert len(REGIONS) == 27
    assert set(book.situation.phases(REGIONS, t(2)).values()) == {"act"}
    best = min(_timed(lambda: book.situation.phases(REGIONS, t(2)), time.perf_counter) for _ in range(20))
    assert best < 0.001


def _timed(call: object, clock: object) -> float:
    assert callable(call)
    assert callable(clock)
    begin = clock()
    call()
    return float(clock() - begin)
