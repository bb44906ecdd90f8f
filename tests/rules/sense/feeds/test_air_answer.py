"""Air-alert answers: every shape of the Ukrainian services as one value."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.errors import SourceError
from tocsin.place.gazetteer import AreaPack, Gazetteer, Unit
from tocsin.sense.feeds.air_answer import ORDER, REGIONS, AirAnswer, read_answer

WORLD = Gazetteer.world()
KHARKIV = AreaPack("ua", (Unit("124", "UA-63", {"uk": "Харківський район"}), Unit("1293", "124", {"uk": "Харків"})))


def read(data: Any, gazetteer: Gazetteer = WORLD) -> AirAnswer:
    return read_answer(data if isinstance(data, bytes) else json.dumps(data).encode(), gazetteer)


def on(answer: AirAnswer) -> set[tuple[str, str]]:
    return set(answer.running())


def test_the_numbers_are_those_of_the_regions(shared: Path) -> None:
    """Each of the services' numbers has the ISO code whose Ukrainian name the services print; all 27 are there."""
    tree = json.loads((shared / "airraid" / "regions_uk.json").read_text("utf-8"))
    for state in tree["states"]:
        found = WORLD.find(state["stateName"])
        assert [place.code for place in found][:1] == [REGIONS[str(state["stateId"])]], state["stateName"]
    assert len(set(REGIONS.values())) == len(REGIONS) == 27
    assert set(ORDER) == set(REGIONS)


def test_regions_with_active_alerts() -> None:
    """Regions that list alerts are on since the service's time, those that list none are quiet since theirs."""
    answer = read(
        [
            {"regionId": "31", "regionType": "State", "regionName": "м. Київ", "lastUpdate": "2024-11-20T01:06:00Z",
             "activeAlerts": [{"regionId": "31", "regionType": "State", "type": "AIR",
                               "lastUpdate": "2024-11-20T01:05:00.5Z"},
                              {"regionId": "31", "regionType": "State", "type": "DRONE_SWARM",
                               "lastUpdate": "2024-11-20T01:06:00Z"}]},
            {"regionId": 14, "regionType": "State", "regionName": "Київська область",
             "lastUpdate": "2024-11-20T00:50:00Z", "activeAlerts": []},
            {"regionId": "9999", "regionName": "Тест", "activeAlerts": [{"type": "AIR"}]},
        ]
    )  # fmt: skip
    assert on(answer) == {("UA-30", "air"), ("UA-30", "other")}
    assert answer.running()[("UA-30", "air")] == datetime(2024, 11, 20, 1, 5, 0, 500_000, tzinfo=UTC)
    assert answer.quiet == {"UA-32": datetime(2024, 11, 20, 0, 50, tzinfo=UTC)}
    assert (answer.whole, answer.updated, answer.tests) == (True, None, 1)


def test_alerts_with_their_times(shared: Path) -> None:
    """The recorded answers of a service: on where no end is given, over where one is; of when the answer says."""
    fixtures = shared / "cap" / "Fyennyi+alerts-in-ua-php" / "tests" / "fixtures"
    answer = read((fixtures / "active_alerts.json").read_bytes())
    assert answer.running() == {("UA-63", "air"): datetime(2023, 4, 15, 8, 30, tzinfo=UTC)}
    assert answer.updated == datetime(2023, 4, 15, 8, 40, tzinfo=UTC)
    history = read((fixtures / "alerts_history.json").read_bytes())
    assert [(said.area, said.at) for said in history.over] == [("UA-63", datetime(2023, 4, 14, 11, 30, tzinfo=UTC))]


def test_areas_below_the_region() -> None:
    """With the operator's pack an alert is in the area it names, without one in the oblast around it; an area that
    cannot be placed at all is said and takes nothing with it."""
    item = {"location_uid": "124", "location_title": "Харківський район", "location_type": "raion",
            "location_oblast_uid": 22, "started_at": "2024-11-20T01:00:00Z", "alert_type": "air_raid"}  # fmt: skip
    nowhere = {"location_uid": "77777", "location_title": "Щось нове", "started_at": "2024-11-20T01:00:00Z"}
    answer = read({"alerts": [item, nowhere, "noise"]}, WORLD.with_pack(KHARKIV))
    assert (on(answer), answer.widened) == ({("ua:124", "air")}, 0)
    assert len(answer.unplaced) == 2
    assert "77777 Щось нове" in answer.unplaced
    assert on(read({"alerts": [item]})) == {("UA-63", "air")}
    assert read({"alerts": [item]}).widened == 1
    city = [{"regionId": "1293", "regionName": "м. Харків та територія", "activeAlerts": [{"type": "AIR"}]}]
    assert on(read(city)) == {("UA-63", "air")}
    assert on(read(city, WORLD.with_pack(KHARKIV))) == {("ua:1293", "air")}


def test_one_letter_for_each_region() -> None:
    """A is on, P is on in a part and counts for the whole, N is quiet, a blank says nothing; quoted or not."""
    letters = "NNNNNNNNNAPNNNNNNN NNNNNNNN"
    for content in (letters.encode(), json.dumps(letters).encode(), json.dumps([letters]).encode()):
        answer = read(content)
        assert on(answer) == {("UA-30", "air"), ("UA-32", "air")}
        assert (len(answer.quiet), answer.whole, answer.widened) == (24, False, 1)
        assert "UA-40" not in answer.quiet


def test_states_with_a_flag() -> None:
    """Regions by name with a flag; a time without an offset is not taken for one in UTC."""
    quiet = {"id": 1, "name": "Вінницька область", "alert": False, "changed": "2022-04-05T06:12:52+03:00"}
    naive = {"id": 2, "name": "Волинська область", "alert": True, "changed": "2022-04-05 06:12:52"}
    answer = read({"states": [quiet, naive]})
    assert answer.quiet == {"UA-05": datetime(2022, 4, 5, 3, 12, 52, tzinfo=UTC)}
    assert answer.running() == {("UA-07", "air"): None}
    named = read({"states": {"м. Київ": {"alertnow": True, "changed": "2022-04-05T06:12:52+03:00"}}})
    assert on(named) == {("UA-30", "air")}


def test_bytes_as_services_send_them() -> None:
    """A byte order mark, UTF-16 and stray zero bytes are seen through (quirk 2)."""
    text = json.dumps({"alerts": [], "meta": {"last_updated_at": "2024-11-20T01:00:00Z"}})
    for content in (b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16"), b"\0" + text.encode() + b"\0\0\r\n"):
        assert read(content).updated == datetime(2024, 11, 20, 1, tzinfo=UTC)
    assert read(text.encode()).empty


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"null", b"[1]", b'{"error":"Unauthorized"}', b"<html>", b'"AN"', b'{"states":{}}', b'{"alerts":null}',
     b'[{"message":"Too many requests"}]'],
)  # fmt: skip
def test_what_is_no_answer(content: bytes) -> None:
    """Errors and unknown shapes are a fault of the source and never an answer that names nothing."""
    with pytest.raises(SourceError):
        read(content)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 40) | st.text(max_size=8)
    | st.sampled_from(["2024-11-20T01:00:00Z", "AIR", "31", "alerts", "A" * 27]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["alerts", "states", "activeAlerts", "regionId", "regionName", "location_uid", "location_title",
                         "started_at", "finished_at", "meta", "last_updated_at", "type", "alert_type", "name", "alert",
                         "lastUpdate", "changed"]),
        inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None)
@given(json_like)
def test_nothing_that_is_sent_raises_anything_else(data: Any) -> None:
    """Whatever JSON comes is an answer or a fault of the source."""
    try:
        answer = read(data)
    except SourceError:
        return
    assert answer.shape in ("regions", "alerts", "letters", "states")
