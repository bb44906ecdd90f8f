"""An area that shrinks or grows: who leaves, who joins and who stays are told different things, in one commit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tests.rules.warn.test_desk import AT, MINUTE, Office, unsigned
from tocsin.cap.phase import Phase, says
from tocsin.cap.xml import read
from tocsin.errors import GeometryError, IllegalStepError
from tocsin.journal import ACTUAL, Fact, fact
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.source import SOURCE_HEARD, Heard, Source
from tocsin.warn.compile import ALARM, QUIET
from tocsin.warn.draft import Where
from tocsin.warn.extent import difference, grew, left_over
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.warn.situation import Situation

WORLD = Gazetteer.world()
BIG = "50.0,30.0 50.0,31.0 51.0,31.0 51.0,30.0 50.0,30.0"
LEFT = "50.0,30.0 50.0,30.5 51.0,30.5 51.0,30.0 50.0,30.0"
INNER = "50.4,30.4 50.4,30.6 50.6,30.6 50.6,30.4 50.4,30.4"


def situation(office: Office) -> Situation:
    """What the journal of this office comes to, with a source that is alive."""
    source = Source("s", "S", "test", ("UA",), 36_000.0, True)
    found = Situation(WORLD, ACTUAL, {"s": source})
    from tocsin.journal import link

    heard = fact(SOURCE_HEARD, "s", Heard(office.at, 36_000.0, ("UA",), "S"))
    found.apply(link(heard, 1, office.at, bytes(32)))
    for entry in office.entries:
        found.apply(entry)
    return found


def update(
    office: Office, first: Published, where: Where, phase: str = "", people: tuple[str, ...] = ("ben",)
) -> list[Published]:
    """Publish an update of ``first`` for ``where``; all messages that left, in their order."""
    office.at += 10 * MINUTE
    office.record(office.desk.begin_update("d2", "ann", first.identifier, office.at, phase, where))
    office.record(office.desk.propose("d2", "ann", office.at))
    for person in people:
        office.approve("d2", person)
    made = office.record(office.desk.publish("d2", "ann", office.at, unsigned, office.at))
    return [_body(item) for item in made if item.kind == ALERT_PUBLISHED]


def _body(item: Fact) -> Published:
    import msgspec

    return msgspec.json.decode(item.body, type=Published)


def start(office: Office, phase: str = "act", **where: Any) -> Published:
    """The first alert."""
    return office.publish_all(phase=phase, where=Where(**where))


def test_who_leaves_gets_an_all_clear_and_the_rest_the_update() -> None:
    """Two regions become one: the other is cleared in the same commit; nobody who stays is alarmed again."""
    office = Office()
    first = start(office, codes=("UA-30", "UA-32"))
    clear, rest = update(office, first, Where(codes=("UA-30",)))
    assert (clear.phase, clear.areas, rest.phase, rest.areas) == ("all-clear", ("UA-32",), "act", ("UA-30",))
    assert (clear.version, rest.version, clear.event_id, rest.event_id) == (2, 3, first.event_id, first.event_id)
    (alert,) = read(rest.cap.encode()).alerts
    assert alert.parameter(ALARM) == QUIET
    now = situation(office)
    assert now.at_place("UA-32", office.at + MINUTE).phase == Phase.ALL_CLEAR
    assert now.at_place("UA-30", office.at + MINUTE).phase == Phase.ACT


def test_a_shrink_calms_and_so_needs_two() -> None:
    """Nobody clears a region alone by calling it an update."""
    office = Office()
    first = start(office, codes=("UA-30", "UA-32"))
    with pytest.raises(IllegalStepError):
        update(office, first, Where(codes=("UA-30",)), people=())


def test_a_country_shrinks_to_a_region() -> None:
    """Each other region of the country is named as the one that leaves."""
    office = Office()
    first = start(office, codes=("UA",))
    clear, _ = update(office, first, Where(codes=("UA-30",)))
    assert "UA-30" not in clear.areas
    assert set(clear.areas) == set(WORLD.children("UA")) - {"UA-30"}
    now = situation(office)
    assert now.at_place("UA-46", office.at + MINUTE).phase == Phase.ALL_CLEAR
    assert now.at_place("UA-30", office.at + MINUTE).phase == Phase.ACT


def test_a_drawn_area_shrinks_by_its_shape() -> None:
    """A clean rest is drawn and cleared: a point in it is clear, one in the other half is not."""
    office = Office()
    name = {"en": "Kyiv and around", "uk": "Київ і околиці", "de": "Kiew und Umgebung", "fr": "Kyiv et environs"}
    first = start(office, polygons=(BIG,), name=name)
    clear, rest = update(office, first, Where(polygons=(LEFT,), name=name))
    assert says(read(clear.cap.encode()).alerts[0]) == Phase.ALL_CLEAR
    now = situation(office)
    assert now.at_point(50_500_000, 30_750_000, office.at + MINUTE).phase == Phase.ALL_CLEAR
    assert now.at_point(50_500_000, 30_250_000, office.at + MINUTE).phase == Phase.ACT
    assert rest.version == 3


def test_a_rest_that_is_not_clean_is_refused() -> None:
    """A rest with a hole cannot be written in CAP: somebody must choose codes, and nothing is guessed (F4)."""
    office = Office()
    name = {"en": "Kyiv and around"}
    first = start(office, polygons=(BIG,), name=name)
    with pytest.raises(GeometryError, match="codes"):
        update(office, first, Where(polygons=(INNER,), name=name))


def test_who_joins_a_hold_is_told_to_act() -> None:
    """ "Stay in the shelter" is no advice for who was not told to go there; taking it back reaches all of them."""
    office = Office()
    first = start(office, codes=("UA-30",))
    joining, staying = update(office, first, Where(codes=("UA-30", "UA-32")), "hold")
    assert (joining.phase, joining.areas) == ("act", ("UA-32",))
    assert staying.phase == "hold"
    (alert,) = read(staying.cap.encode()).alerts
    assert [code.value for code in alert.infos[0].areas[0].geocodes] == ["UA-30"]
    now = situation(office)
    assert now.at_place("UA-32", office.at + MINUTE).phase == Phase.ACT
    assert now.at_place("UA-30", office.at + MINUTE).phase == Phase.HOLD
    for message in (joining, staying):
        (retraction,) = read(message.retraction.encode()).alerts
        assert {code.value for code in retraction.infos[0].areas[0].geocodes} == {"UA-30", "UA-32"}


def test_a_bigger_area_sounds_again() -> None:
    """The same phase for more people alarms; the same for the same people does not (F22)."""
    office = Office()
    first = start(office, codes=("UA-30",))
    (bigger,) = update(office, first, Where(codes=("UA-30", "UA-32")))
    assert read(bigger.cap.encode()).alerts[0].parameter(ALARM) is None


def test_an_escalation_sounds_again() -> None:
    """Prepare to act alarms in the same area."""
    office = Office()
    first = start(office, "prepare", codes=("UA-30",))
    (louder,) = update(office, first, Where(codes=("UA-30",)), "act")
    assert read(louder.cap.encode()).alerts[0].parameter(ALARM) is None


@pytest.mark.parametrize(
    ("phases", "last"),
    [((), "all-clear"), (("act",), "prepare"), (("act", "retracted"), "all-clear"), (("hold",), "prepare")],
)
def test_what_cannot_follow_is_not_written(phases: tuple[str, ...], last: str) -> None:
    """No all-clear of a calm event, none of what was taken back, and no lesser word than act for an act."""
    office = Office()
    first: Published | None = None
    for phase in phases:
        if phase == "retracted":
            assert first is not None
            office.record(office.desk.retract("r", first.identifier, "dan", office.at, unsigned, office.at))
            office.approve("r")
            office.publish("r", "dan")
        else:
            first = office.publish_all(phase=phase)
    if first is None:
        office.record(office.desk.begin("x", "ann", office.content(last), office.at))
    else:
        office.record(office.desk.begin_update("x", "ann", first.identifier, office.at, last))
    with pytest.raises(IllegalStepError, match="cannot follow"):
        office.desk.propose("x", "ann", office.at)


def test_a_retraction_after_the_planned_end_is_still_heard() -> None:
    """A false alarm that is noticed late is told as one: it holds from when it is sent."""
    office = Office()
    first = office.publish_all(phase="act", ends=AT + timedelta(minutes=30))
    office.at += timedelta(hours=2)
    office.record(office.desk.retract("r", first.identifier, "dan", office.at, unsigned, office.at))
    office.approve("r")
    office.publish("r", "dan")
    assert situation(office).at_place("UA-30", office.at + MINUTE).phase == Phase.RETRACTED


def test_why_it_ended_stands_in_the_message() -> None:
    """An all-clear says that it ended, a retraction that it was an error: as a parameter and in the note."""
    office = Office()
    first = office.publish_all(phase="act")
    (clear,) = update(office, first, Where(codes=("UA-30",)), "all-clear")
    (alert,) = read(clear.cap.encode()).alerts
    assert (alert.parameter("cancelReason"), alert.msg_type) == ("ended", "Update")
    assert "ended" in alert.note
    (retraction,) = read(first.retraction.encode()).alerts
    assert (retraction.parameter("cancelReason"), retraction.msg_type) == ("error", "Cancel")
    assert "error" in retraction.note


def test_what_is_left_over() -> None:
    """By codes and by shape; the same area leaves nothing, and a circle that changes leaves no clean rest."""
    assert left_over(Where(codes=("UA-30",)), Where(codes=("UA-30",)), WORLD) == Where()
    assert left_over(Where(codes=("UA-30",)), Where(codes=("UA",)), WORLD) == Where()
    assert left_over(Where(polygons=(LEFT,)), Where(polygons=(BIG,)), WORLD) == Where()
    assert not grew(Where(codes=("UA",)), Where(codes=("UA-30",)), WORLD)
    assert grew(Where(polygons=(LEFT,)), Where(polygons=(BIG,)), WORLD)
    assert not grew(Where(polygons=(BIG,)), Where(polygons=(LEFT,)), WORLD)
    with pytest.raises(GeometryError):
        left_over(Where(circles=("50,30 5",)), Where(circles=("50,30 3",)), WORLD)
    with pytest.raises(GeometryError):
        left_over(Where(codes=("UA-30",)), Where(polygons=(BIG,)), WORLD)
    half = difference(Where(polygons=(LEFT,)), Where(polygons=(BIG,)), WORLD)
    assert half is not None
    assert (round(half.misses, 2), round(half.beyond, 2)) == (0.5, 0.0)
    assert replace(half, beyond=0.7).most == 0.7
