"""feed-quirks.md, section D: geometry. The number in a test's name is the quirk's."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.cap.making import AREA, INFO, POLYGON, alert, codes, one, polygon
from tocsin.cap.geometry import Budget, faultless
from tocsin.cap.geometry import polygon as read_polygon
from tocsin.cap.problem import Findings
from tocsin.cap.xml import TRUSTED, read

BOX = [[50_300_000, 30_200_000], [50_300_000, 30_800_000], [50_600_000, 30_800_000], [50_600_000, 30_200_000]]


def points(data: bytes) -> list[list[int]]:
    """The points of the first polygon."""
    rows: list[list[int]] = one(data).alerts[0].infos[0].areas[0].polygons[0].points.tolist()
    return rows


def test_a_polygon_in_micro_degrees() -> None:
    """Points are whole micro-degrees, latitude first, and the ring is closed."""
    shape = one(alert()).alerts[0].infos[0].areas[0].polygons[0].points
    assert shape.dtype == np.int64
    assert shape.tolist() == [*BOX, BOX[0]]


def test_47_areas_of_geocodes_alone() -> None:
    """An area that is only a geocode is a place: nothing is said against it."""
    data = polygon("").replace(
        b"<polygon></polygon>", b"<geocode><valueName>EMMA_ID</valueName><value>AT001</value></geocode>"
    )
    assert codes(data) == set()


def test_48_no_geometry_anywhere_raises_nothing() -> None:
    """A message without any area is read."""
    assert one(alert((AREA, ""))).alerts[0].infos[0].areas == ()


def test_49_the_edition_of_a_code_list_is_kept() -> None:
    """A geocode's name, which says which edition of which list, is kept letter for letter."""
    code = "<geocode><valueName>Taiwan_Geocode_112</valueName><value>10007</value></geocode>"
    (kept,) = one(alert(("</polygon>", "</polygon>" + code))).alerts[0].infos[0].areas[0].geocodes
    assert kept.name == "Taiwan_Geocode_112"


def test_50_only_words() -> None:
    """An area in words alone is kept and said."""
    data = alert((f"<polygon>{POLYGON}</polygon>", ""))
    assert one(data).alerts[0].infos[0].areas[0].description == "Kyiv"
    assert "area.no-shape" in codes(data)


@pytest.mark.parametrize("text", [POLYGON.replace(" ", "\n\t"), POLYGON.replace(" ", "  "), f" {POLYGON} \n"])
def test_51_blank_space_between_points(text: str) -> None:
    """Tabs, line breaks and double blanks between points give the same points and are said."""
    assert points(polygon(text)) == [*BOX, BOX[0]]
    assert "geometry.blank" in codes(polygon(text))


@pytest.mark.parametrize(
    "text",
    [
        f"({POLYGON})",
        f"POLYGON {POLYGON} end",
        "(50.3,30.2) (50.3,30.8) (50.6,30.8) (50.6,30.2) (50.3,30.2)",
        POLYGON + " 7",
    ],
)
def test_52_garbage_in_the_text(text: str) -> None:
    """Parentheses, words and a lone number are left out and said."""
    assert points(polygon(text)) == [*BOX, BOX[0]]
    assert "geometry.garbage" in codes(polygon(text))


def test_52_points_with_other_separators() -> None:
    """Pairs in WKT's or GeoRSS's manner are read and said."""
    for text in (POLYGON.replace(",", " "), POLYGON.replace(",", ", "), POLYGON.replace(" ", ";")):
        assert points(polygon(text)) == [*BOX, BOX[0]]
        assert "geometry.separator" in codes(polygon(text))


def test_53_not_closed() -> None:
    """A ring that is not closed is closed and said."""
    data = polygon(POLYGON.rpartition(" ")[0])
    assert points(data) == [*BOX, BOX[0]]
    assert "geometry.not-closed" in codes(data)


@pytest.mark.parametrize("text", ["50,30 51,31 50,30", "50,30 51,31", "50,30"])
def test_53_too_few_points(text: str) -> None:
    """Fewer than three different points are kept and said."""
    assert "geometry.few-points" in codes(polygon(text))


def test_53_zero_area() -> None:
    """A ring on one line encloses nothing, and that is said."""
    assert "geometry.zero-area" in codes(polygon("50,30 51,31 52,32 51,31 50,30"))
    assert "geometry.zero-area" in codes(polygon("50,30 50,31 50,32 50,30"))


def test_54_self_intersection() -> None:
    """A bow-tie is found, and kept as it came."""
    data = polygon("50,30 51,31 50,31 51,30 50,30")
    assert "geometry.self-intersection" in codes(data)
    assert len(points(data)) == 5


def test_54_a_ring_that_turns_twice_is_no_convex_one() -> None:
    """A pentagram turns one way only and still crosses itself."""
    angles = [2 * np.pi * 2 * n / 5 for n in range(5)]
    text = " ".join(f"{50 + np.sin(a):.5f},{30 + np.cos(a):.5f}" for a in (*angles, angles[0]))
    assert "geometry.self-intersection" in codes(polygon(text))


@given(st.integers(4, 40), st.randoms(use_true_random=False))
def test_54_crossings_are_found_exactly(count: int, chance: random.Random) -> None:
    """Our shortcuts (convex, starlike) never say that a ring is sound when a full search finds a crossing."""
    corners = [(chance.randint(0, 9), chance.randint(20, 29)) for _ in range(count)]
    text = " ".join(f"{a},{b}" for a, b in (*corners, corners[0]))
    found = Findings()
    shape = read_polygon(text, found, "", None, Budget(10_000))
    assert shape is not None
    said = {problem.code for problem in found.found} & {"geometry.self-intersection", "geometry.zero-area"}
    assert bool(said) is not bool(shapely.is_valid(shapely.polygons(shape.points)))
    quick = faultless(text)
    assert quick is None or (not found.found and quick == shape)


def test_55_the_same_polygon_twice() -> None:
    """The same polygon twice in one area is said; both are kept."""
    data = alert(("</polygon>", f"</polygon><polygon>{POLYGON}</polygon>"))
    assert len(one(data).alerts[0].infos[0].areas[0].polygons) == 2
    assert "geometry.repeated" in codes(data)


def test_56_swapped_axes_that_can_be_nothing_else() -> None:
    """Where latitude would be beyond 90, the axes are put in order, and that is said."""
    data = polygon("100.5,13.7 100.6,13.7 100.6,13.8 100.5,13.7")
    assert points(data)[0] == [13_700_000, 100_500_000]
    assert "geometry.swapped-axes" in codes(data)


def test_56_swapped_axes_that_only_seem_so() -> None:
    """A shape in the sender's country only when turned round is said and left as it came."""
    data = alert((POLYGON, "9.2,48.7 9.3,48.7 9.3,48.8 9.2,48.7"), ("en-GB", "de-DE"))
    assert points(data)[0] == [9_200_000, 48_700_000]
    assert "geometry.swapped-likely" in codes(data)


def test_57_longitude_beyond_180() -> None:
    """A longitude of 181 is kept, for the geometry that follows to bring home, and said."""
    data = polygon("50,179 50,181 51,181 51,179 50,179")
    assert points(data)[1] == [50_000_000, 181_000_000]
    assert "geometry.longitude-beyond-180" in codes(data)


def test_57_across_the_date_line() -> None:
    """A ring from 179 to -179 is said to cross the date line, and not to cross itself."""
    found = codes(polygon("50,179 50,-179 51,-179 51,179 50,179"))
    assert "geometry.antimeridian" in found
    assert "geometry.self-intersection" not in found


def test_58_huge_polygons() -> None:
    """A polygon of 20,000 points is read whole and said to be huge."""
    angles = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    text = " ".join(f"{50 + np.sin(a):.6f},{30 + np.cos(a):.6f}" for a in (*angles, angles[0]))
    assert len(points(polygon(text))) == 20_001
    assert "geometry.huge" in codes(polygon(text))


@pytest.mark.parametrize(
    ("text", "radius", "code"),
    [
        ("50,30 0", 0.0, "circle.radius-zero"),
        ("50,30 5000", 5000.0, "circle.radius-large"),
        ("50,30 -3", 0.0, "circle.radius"),
        ("50,30", 0.0, "circle.radius"),
        ("50,30 99999", 20_038.0, "circle.radius"),
        ("50,30 5000m", 5.0, "circle.unit"),
        ("100,30 5", 5.0, "geometry.swapped-axes"),
    ],
)
def test_59_circles(text: str, radius: float, code: str) -> None:
    """A circle's odd radius is bounded and said."""
    data = alert((f"<polygon>{POLYGON}</polygon>", f"<circle>{text}</circle>"))
    (circle,) = one(data).alerts[0].infos[0].areas[0].circles
    assert circle.radius_km == radius
    assert code in codes(data)


def test_59_a_circle_that_is_none() -> None:
    """A circle that cannot be read is left out and said."""
    data = alert((f"<polygon>{POLYGON}</polygon>", "<circle>somewhere</circle>"))
    assert one(data).alerts[0].infos[0].areas[0].circles == ()
    assert "geometry.unreadable" in codes(data)


def test_60_only_one_language_carries_the_shape() -> None:
    """That only some texts carry the area's shape is said."""
    second = INFO.replace("en-GB", "uk").replace(f"<polygon>{POLYGON}</polygon>", "")
    assert "area.part" in codes(alert(("</alert>", second + "</alert>")))


def test_61_translations_repeat_the_geometry() -> None:
    """The same polygon in each language is equal and has one hash, so that it is matched once."""
    found = one(alert(("</alert>", INFO.replace("en-GB", "uk") + "</alert>"))).alerts[0]
    first, second = (info.areas[0].polygons[0] for info in found.infos)
    assert first == second
    assert hash(first) == hash(second)


def test_62_several_polygons() -> None:
    """All polygons of an area are kept."""
    data = alert(("</polygon>", "</polygon><polygon>1,1 1,2 2,2 1,1</polygon>"))
    assert len(one(data).alerts[0].infos[0].areas[0].polygons) == 2


def test_63_polygon_and_geocode_are_both_kept() -> None:
    """An area that has lines and codes keeps both: a point query must not miss the zones."""
    code = "<geocode><valueName>UGC</valueName><value>CAZ015</value></geocode>"
    (area,) = one(alert(("</polygon>", "</polygon>" + code))).alerts[0].infos[0].areas
    assert area.polygons
    assert area.geocodes


def test_null_island() -> None:
    """A circle at 0, 0 is nearly always a missing value, and that is said."""
    assert "geometry.null-island" in codes(alert((f"<polygon>{POLYGON}</polygon>", "<circle>0,0 5</circle>")))


@given(st.text(alphabet="0123456789.,- +eE()\n\tabcN", max_size=80))
def test_no_text_raises(text: str) -> None:
    """Whatever stands where a polygon should, one comes back or a problem does."""
    found = Findings()
    assert read_polygon(text, found, "", None, Budget(1_000)) is not None or found.found


TEST_DATA = "KDE+foss-public-alert-server/foss_public_alert_server/lib/testdata/"
REAL = {
    "gdacs-cap_1023542.xml": {"geometry.garbage", "geometry.self-intersection"},
    "gdacs-cap_1470644.xml": {"geometry.longitude-beyond-180"},
    "mo-cap_monsoon.xml": {"geometry.blank"},
    "kz-2.49.0.0.398.0-20250306-133701-0284797-00-EN.xml": {"geometry.self-intersection"},
    "noaa-2.49.0.1.840.0.9b5195e635069329b12a7c697fad5934d144784a.001.1.xml": {"geometry.huge"},
    "il-488abaaf-cad5-4d2b-93b2-703016878453.xml": {"geometry.empty"},
    "TMD25680225051318_2.xml": {"geometry.swapped-axes"},
}


@pytest.mark.parametrize("name", REAL)
def test_real_messages_with_these_quirks(name: str, shared: Path) -> None:
    """The real messages that showed the quirks are read, with the problems that are in them."""
    reading = read((shared / "cap" / TEST_DATA / name).read_bytes(), limits=TRUSTED)
    assert REAL[name] <= {problem.code for problem in reading.problems}


def test_56_a_real_message_far_from_home(shared: Path) -> None:
    """The Swedish message with its axes turned round is recognised by its country."""
    reading = read((shared / "cap/kelvinn+capparselib/tests/resources/sweden.cap").read_bytes())
    assert "geometry.swapped-likely" in {problem.code for problem in reading.problems}
