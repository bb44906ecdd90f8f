"""The phase of a place: which alerts concern it, and which of many decides."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from tests.rules.cap.said import act, alert, area, clear, info, ours, prepare, t
from tocsin.cap.alert import Alert, Area, Circle, Named, Polygon
from tocsin.cap.coverage import Coverage, Point, Where
from tocsin.cap.standing import Contact, Judgement, place_standing
from tocsin.cap.thread import threads
from tocsin.place.area import Shape
from tocsin.place.gazetteer import AreaPack, Gazetteer, Unit

WORLD = Gazetteer.world()
PACK = WORLD.with_pack(
    AreaPack(
        "UKR",
        (
            Unit("bucha", "UA-32", {"en": "Bucha raion"}),
            Unit("brovary", "UA-32", {"en": "Brovary raion"}),
            Unit("bucha-town", "bucha", {"en": "Bucha"}),
        ),
    )
)
KYIV = Point(50_450_000, 30_523_000)
LVIV = Point(49_840_000, 24_030_000)
ON_KYIV = Coverage(WORLD)
ON_PACK = Coverage(PACK)
LOST = Contact(True, ("source",), t(-10))


def box(south: float, west: float, north: float, east: float) -> Polygon:
    ring = [(south, west), (south, east), (north, east), (north, west), (south, west)]
    return Polygon("", np.array([(round(a * 1e6), round(b * 1e6)) for a, b in ring], dtype=np.int64))


def judge(alerts: Iterable[Alert], where: Where, minutes: float, contact: Contact | None = None) -> Judgement:
    on = ON_PACK if isinstance(where, str) and (":" in where or where == "UA-32") else ON_KYIV
    return place_standing(threads(alerts), where, t(minutes), on, contact or Contact())


def phase(alerts: Iterable[Alert], where: Where, minutes: float, contact: Contact | None = None) -> str:
    return judge(alerts, where, minutes, contact).phase.value


def geocoded(name: str, value: str, description: str = "") -> Area:
    return Area(description, geocodes=(Named(name, value),))


def test_no_alert() -> None:
    """Calm only with a covered place and a fresh source."""
    assert phase([], "UA-30", 0) == "calm"
    assert phase([], KYIV, 0) == "calm"
    assert phase([], "UA-30", 0, Contact(covered=False)) == "unknown"
    assert phase([], "UA-30", 0, LOST) == "unknown"


@pytest.mark.parametrize(
    ("named", "where", "relation"),
    [
        ("UA-30", "UA-30", "same"),
        ("UA", "UA-30", "contains"),
        ("UA-30", "UA", "part"),
        ("UA-32", "UA-30", None),
        ("PL", "UA-30", None),
        ("UA-30", KYIV, "contains"),
        ("UA", KYIV, "contains"),
        ("UA-46", KYIV, None),
        ("UA-46", LVIV, "contains"),
    ],
)
def test_codes(named: str, where: Where, relation: str | None) -> None:
    """An alert for a country concerns its regions, one for a region its country, and no other."""
    found = judge([act(areas=(area(named),))], where, 1)
    assert found.phase == ("act" if relation else "calm")
    assert [strand.relation for strand in found.strands] == ([relation] if relation else [])


def test_both_ways_below_the_oblast() -> None:
    """An alert for a raion concerns its oblast and its hromada, and not its neighbour (F21)."""
    raion = [act(areas=(geocoded("UKR", "bucha"),))]
    assert judge(raion, "UA-32", 1).strands[0].relation == "part"
    assert judge(raion, "UKR:bucha", 1).strands[0].relation == "same"
    assert judge(raion, "UKR:bucha-town", 1).strands[0].relation == "contains"
    assert phase(raion, "UKR:brovary", 1) == "calm"
    oblast = [act(areas=(area("UA-32"),))]
    for place in ("UA-32", "UKR:bucha", "UKR:bucha-town", "UKR:brovary"):
        assert phase(oblast, place, 1) == "act"


def test_an_end_for_a_part_ends_that_part() -> None:
    """An all-clear for one raion leaves the oblast and the other raion in act."""
    alerts = [act("a", 0, areas=(area("UA-32"),)), clear("c", 10, areas=(geocoded("UKR", "bucha"),))]
    assert phase(alerts, "UA-32", 11) == "act"
    assert phase(alerts, "UKR:brovary", 11) == "act"
    assert phase(alerts, "UKR:bucha", 11) == "all-clear"
    assert phase(alerts, "UKR:bucha-town", 11) == "all-clear"
    both = (geocoded("UKR", "bucha"), geocoded("UKR", "brovary"))
    two = [act("a", 0, areas=both), clear("c", 10, areas=both[:1])]
    assert phase(two, "UA-32", 11) == "act"
    assert phase([*two, clear("d", 12, ["c"], areas=both[1:])], "UA-32", 13) == "all-clear"
    assert phase([*two, clear("d", 12, ["c"], areas=(area("UA-32"),))], "UA-32", 13) == "all-clear"
    # All of its parts are the whole of it, ended at once or one after the other.
    whole = [act("a", 0, areas=(area("UA-32"),)), clear("c", 10, areas=both)]
    assert phase(whole, "UA-32", 11) == "all-clear"
    steps = [act("a", 0, areas=(area("UA-32"),)), clear("c", 10, areas=both[:1]), clear("d", 20, ["c"], areas=both[1:])]
    assert [phase(steps, "UA-32", at) for at in (11, 21)] == ["act", "all-clear"]


def test_an_update_that_leaves_a_place_out() -> None:
    """An update that no longer names a place does not end the act there: only an all-clear does."""
    alerts = [
        act("a", 0, areas=(area("UA-30"), area("UA-32"))),
        alert("b", 10, info(areas=(area("UA-32"),)), kind="Update", refers=["a"]),
    ]
    assert phase(alerts, "UA-30", 11) == "act"
    assert phase(alerts, "UA-32", 11) == "hold"
    assert phase([*alerts, clear("c", 20, ["b"], areas=(area("UA-32"),))], "UA-30", 21) == "act"
    assert phase([*alerts, clear("c", 20, ["b"], areas=(area("UA-30"),))], "UA-30", 21) == "all-clear"


def test_an_update_that_adds_a_place() -> None:
    """A place that an update adds is in act from then on, and not in hold."""
    added = alert("b", 10, info(areas=(area("UA-30"), area("UA-32"))), kind="Update", refers=["a"])
    alerts = [act("a", 0, areas=(area("UA-32"),)), added]
    assert judge(alerts, "UA-30", 11).phase == "act"
    assert judge(alerts, "UA-30", 11).since == t(10)
    assert phase(alerts, "UA-32", 11) == "hold"


def test_a_cancel_without_areas_ends_all() -> None:
    """A Cancel has no info as a rule; it ends the whole of what it refers to."""
    cancel = alert("c", 10, kind="Cancel", refers=["a"])
    for where in ("UA-30", "UA", KYIV):
        assert phase([act("a", 0), cancel], where, 11) == "all-clear"
    assert phase([act("a", 0), cancel], "UA-32", 11) == "calm"
    assert phase([cancel], "UA-30", 11) in ("calm", "unknown")


def test_polygon_decides_for_points() -> None:
    """The issuer's own polygon decides for a point, whatever codes stand beside it."""
    around = Area("", polygons=(box(50.3, 30.3, 50.6, 30.8),))
    assert phase([act(areas=(around,))], KYIV, 1) == "act"
    assert phase([act(areas=(around,))], LVIV, 1) == "calm"
    elsewhere = Area("", polygons=(box(48, 30, 49, 31),), geocodes=(Named("ISO3166-2", "UA-30"),))
    assert phase([act(areas=(elsewhere,))], KYIV, 1) == "calm"
    assert phase([act(areas=(elsewhere,))], "UA-30", 1) == "act"


def test_point_on_the_edge() -> None:
    """A point on an edge or a corner of the polygon is inside."""
    square = [act(areas=(Area("", polygons=(box(50, 30, 51, 31),)),))]
    for latitude, longitude in ((50_000_000, 30_500_000), (51_000_000, 31_000_000), (50_333_333, 30_000_000)):
        assert phase(square, Point(latitude, longitude), 1) == "act"
    assert phase(square, Point(49_999_999, 30_500_000), 1) == "calm"


def test_circle() -> None:
    """A circle in kilometres decides for a point; a radius of nought is the point itself and its region."""
    ten = [act(areas=(Area("", circles=(Circle("", 50_450_000, 30_523_000, 10.0),)),))]
    assert phase(ten, KYIV, 1) == "act"
    assert phase(ten, Point(50_450_000, 31_523_000), 1) == "calm"
    assert phase(ten, "UA-30", 1) == "act"
    nought = [act(areas=(Area("", circles=(Circle("", 50_450_000, 30_523_000, 0.0),)),))]
    assert phase(nought, KYIV, 1) == "act"
    assert phase(nought, "UA-30", 1) == "act"
    assert phase(nought, "UA-46", 1) == "calm"


def test_polygon_over_coarse_shapes() -> None:
    """Without codes a polygon is laid over our shapes: a part from an overlap that is no sliver, else nothing."""
    inside = Area("", polygons=(box(50.40, 30.45, 50.50, 30.60),))
    found = judge([act(areas=(inside,))], "UA-30", 1)
    assert (found.phase, found.strands[0].relation) == ("act", "part")
    everything = Area("", polygons=(box(49, 29, 52, 32),))
    assert judge([act(areas=(everything,))], "UA-30", 1).strands[0].relation == "contains"
    assert phase([act(areas=(inside,))], "UA-46", 1) == "calm"
    assert judge([act(areas=(inside,))], "UA", 1).strands[0].relation == "part"


def test_slivers() -> None:
    """What is thinner than three kilometres and small beside both is made by coarse lines, and concerns nobody."""
    shape = WORLD.shape("UA-46")
    assert shape is not None
    south, west, _, east = shape.bounds or (0, 0, 0, 0)
    beside = Area("", polygons=(box(south / 1e6 - 1, west / 1e6, south / 1e6 + 0.001, east / 1e6),))
    assert phase([act(areas=(beside,))], "UA-46", 1) == "calm"
    deep = Area("", polygons=(box(south / 1e6 - 1, west / 1e6, south / 1e6 + 0.3, east / 1e6),))
    assert phase([act(areas=(deep,))], "UA-46", 1) == "act"


def test_an_end_with_the_same_polygon() -> None:
    """An all-clear with the polygon of the act ends it; one for another polygon does not."""
    one, other = (
        Area("", polygons=(box(50.40, 30.45, 50.50, 30.60),)),
        Area("", polygons=(box(50.3, 30.3, 50.4, 30.4),)),
    )
    acting = act("a", 0, areas=(one,))
    assert phase([acting, clear("c", 10, areas=(one,))], "UA-30", 11) == "all-clear"
    assert phase([acting, clear("c", 10, areas=(other,))], "UA-30", 11) == "act"
    assert phase([acting, clear("c", 10, areas=(other,))], KYIV, 11) == "act"
    assert phase([acting, clear("c", 10, areas=(one,))], KYIV, 11) == "all-clear"


def test_an_end_with_the_polygon_drawn_again() -> None:
    """A place with a code takes a polygon whose corner moved for the same; a point is told exactly."""
    one = Area("", polygons=(box(50.40, 30.45, 50.50, 30.60),))
    again = Area("", polygons=(box(50.41, 30.45, 50.50, 30.60),))
    alerts = [act("a", 0, areas=(one,)), clear("c", 10, areas=(again,))]
    assert phase(alerts, "UA-30", 11) == "all-clear"
    assert phase(alerts, KYIV, 11) == "all-clear"
    assert phase(alerts, Point(50_405_000, 30_500_000), 11) == "act"
    half = Area("", polygons=(box(50.45, 30.45, 50.50, 30.60),))
    assert phase([act("a", 0, areas=(one,)), clear("c", 10, areas=(half,))], "UA-30", 11) == "act"


def test_description_alone() -> None:
    """An area that has a name and nothing else is found by it (quirk 50)."""
    assert phase([act(areas=(Area("Kyiv City"),))], "UA-30", 1) == "act"
    assert phase([act(areas=(Area("Lviv Oblast"),))], "UA-30", 1) == "calm"


@pytest.mark.parametrize("areas", [(), (Area(""),), (Area("the area that was told"),), (geocoded("X", "1"),)])
def test_an_area_nobody_knows(areas: tuple[Area, ...]) -> None:
    """An act whose area nobody can tell leaves no place calm, and makes none act; when it is over, it is over."""
    acting = act("a", 0, areas=areas)
    for where in ("UA-30", KYIV, "FR"):
        assert phase([acting], where, 1) == "unknown"
        assert phase([acting, clear("c", 10, areas=areas)], where, 50) == "calm"
    assert any(why.startswith("area-unclear") for why in judge([acting], "UA-30", 1).why)


def test_a_code_that_tells_its_country() -> None:
    """A code of a registry we do not have still tells the country: places there are unclear, others are not."""
    austria = [act(areas=(geocoded("EMMA_ID", "AT002", "somewhere"),))]
    assert phase(austria, "UA-30", 1) == "calm"
    assert phase(austria, KYIV, 1) == "calm"
    assert phase(austria, "AT", 1) == "act"
    assert phase(austria, "AT-9", 1) == "unknown"
    britain = [act(areas=(geocoded("EMMA_ID", "UK010", "somewhere"),))]
    assert phase(britain, "GB", 1) == "act"
    assert phase(britain, "UA", 1) == "calm"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("urn:oasis:names:tc:emergency:cap:1.2:profile:CAP-AU:1.0:ISO3166-2", "AU-NSW"),
        ("ISO 3166-2", "au-nsw"),
        ("http://www.iso.org/iso/country_codes.html", "AU"),
        ("ISO3166-1", "AUS"),
    ],
)
def test_names_of_the_lists_of_iso(name: str, value: str) -> None:
    """The lists of ISO 3166 go by several names, and mean the same codes."""
    assert phase([act(areas=(geocoded(name, value),))], "AU-NSW", 1) == "act"
    assert phase([act(areas=(geocoded(name, value),))], "UA-30", 1) == "calm"


def test_order_of_phases() -> None:
    """Act before hold before the latest of prepare, all-clear and retracted."""
    acting = ours("a", 0, "act", 1, "a")
    holding = ours("h", 5, "hold", 2, "h")
    ready = ours("p", 6, "prepare", 1, "p")
    over = [ours("c1", 0, "act", 1, "c"), ours("c2", 8, "all-clear", 2, "c")]
    assert phase([acting, holding, ready, *over], "UA-30", 9) == "act"
    assert phase([holding, ready, *over], "UA-30", 9) == "hold"
    assert phase([ready, *over], "UA-30", 9) == "all-clear"
    assert phase([ready, *over], "UA-30", 39) == "prepare"
    found = judge([acting, holding, ready, *over], "UA-30", 9)
    assert [strand.course.step.identifier for strand in found.strands] == ["a", "h", "c2", "p"]


def test_another_threads_end() -> None:
    """An all-clear in another thread does not end an act that stands, even of the same sender for the same place."""
    alerts = [act("a", 0, expires=60), clear("c", 30, refers=["never-seen"])]
    assert phase(alerts, "UA-30", 31) == "act"
    # Once the act has run out, its own sender's later word for the same place answers for it; another's does not.
    assert phase([act("a", 0, expires=20), clear("c", 30, refers=["x"])], "UA-30", 31) == "all-clear"
    other = clear("c", 30, refers=["x"], sender="other@example.net")
    assert phase([act("a", 0, expires=20), other], "UA-30", 31) == "unknown"
    part = [act("a", 0, expires=20, areas=(area("UA"),)), clear("c", 30, refers=["x"])]
    assert phase(part, "UA", 31) == "unknown"


def test_act_that_ran_out_before_prepare() -> None:
    """An act that ran out makes the place unknown although somebody else says "be ready"."""
    alerts = [act("a", 0, expires=20), prepare("p", 25, expires=600, sender="embassy@example.org")]
    found = judge(alerts, "UA-30", 30)
    assert (found.phase, found.last) == ("unknown", "act")


def test_lost() -> None:
    """A lost source makes everything unknown and keeps what was known last."""
    found = judge([act()], "UA-30", 1, LOST)
    assert (found.phase, found.last, found.since) == ("unknown", "act", t(-10))
    assert found.strands
    found = judge([prepare()], "UA-30", 1, LOST)
    assert (found.phase, found.last) == ("unknown", "prepare")


def test_embassy_and_siren() -> None:
    """Kyiv, 20 November: acts come and go over the embassy's "be ready", which shows again after each all-clear."""
    notice = prepare("notice", 0, expires=24 * 60, areas=(area("UA"),), sender="embassy@example.org")
    day = [notice, act("a", 100), clear("c", 132)]
    expect = [(99, "prepare"), (100, "act"), (131.9, "act"), (132, "all-clear"), (161, "all-clear"), (162, "prepare")]
    assert [(at, phase(day, "UA-30", at)) for at, _ in expect] == expect
    assert phase(day, "UA-46", 110) == "prepare"
    assert phase(day, "UA-30", 24 * 60) == "calm"
    assert phase(day, "UA-30", 24 * 60, LOST) == "unknown"


def test_until() -> None:
    """A judgement holds until the moment it names, and may change there."""
    found = judge([act("a", 0, expires=60)], "UA-30", 1)
    assert found.until == t(60)
    found = judge([act("a", 0, expires=60), clear("c", 10)], "UA-30", 11)
    assert found.until == t(40)


def test_point_below_a_region_without_lines() -> None:
    """A point in an oblast is told of an alert for a raion whose lines we do not have."""
    raion = [act(areas=(geocoded("UKR", "bucha"),))]
    bucha = Point(50_545_000, 30_212_000)
    found = place_standing(threads(raion), bucha, t(1), ON_PACK)
    assert (found.phase, found.strands[0].relation) == ("act", "part")
    assert place_standing(threads(raion), LVIV, t(1), ON_PACK).phase == "calm"
    lines = Shape.of([box(50.4, 29.6, 50.9, 30.4).points])
    drawn = WORLD.with_pack(AreaPack("UKR", (Unit("bucha", "UA-32", {"en": "Bucha raion"}, lines),)))
    assert place_standing(threads(raion), bucha, t(1), Coverage(drawn)).phase == "act"
    away = Point(49_800_000, 30_115_000)  # Bila Tserkva: the same oblast, another raion.
    assert place_standing(threads(raion), away, t(1), Coverage(drawn)).phase == "calm"
