"""What is read over HTTP: states, alerts, places, sources, the record."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import quote

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.web.conftest import NOON, OFFICE, Building, Server
from tocsin.cap.alert import Area, Named, Polygon
from tocsin.reach.heartbeat import verify
from tocsin.web.state import State, encode, plain, state
from tocsin.web.text import spoken

LVIV = "49.84,24.03"


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=4000) | st.text(
    "Увага! Повітряна тривога. ", min_size=200, max_size=3000
)


def square(south: float, west: float, north: float, east: float) -> Polygon:
    """A polygon with these edges, in degrees."""
    corners = [(south, west), (south, east), (north, east), (north, west), (south, west)]
    text = " ".join(f"{lat},{lon}" for lat, lon in corners)
    return Polygon(text, np.array([[round(a * 1e6), round(b * 1e6)] for a, b in corners], dtype=np.int64))


def test_a_place_that_nobody_spoke_of_is_unknown_and_never_calm(server: Server) -> None:
    """Before any source was heard the state is unknown, and says what to do."""
    state = server.get("/at/UA-30.json").json()
    assert state["phase"] == "unknown"
    assert state["instruction"]
    assert state["freshness"]["last_heard"] is None


def test_the_state_follows_the_alert_and_its_end(server: Server) -> None:
    """Calm while the source is heard, act while an alert stands, all-clear after its end."""
    building = server.building
    building.hear()
    assert server.get("/at/UA-30.json").json()["phase"] == "calm"
    act = building.publish("act")
    state = server.get("/at/ua-30.json").json()
    msgspec.convert(state, State)
    assert (state["phase"], state["place"], state["realm"]) == ("act", "UA-30", "actual")
    assert state["alerts"] == [{"identifier": act.identifier, "event_id": act.event_id, "version": 1}]
    assert state["headline"] == "Go to a shelter now."
    assert state["since"] == "2024-11-20T12:00:00+00:00"
    head = building.store.head()
    assert state["journal"] == {"seq": head.seq, "hash": head.hash.hex()}
    building.clock.turn(60)
    building.hear()
    building.publish("all-clear", event_id=act.event_id, version=2, msg_type="Update", headline="It is over.")
    assert server.get("/at/UA-30.json").json()["phase"] == "all-clear"


def test_silence_of_the_source_turns_calm_into_unknown_without_a_new_entry(server: Server) -> None:
    """Calm ends by the clock alone when its source falls silent, and what was last known is kept beside it."""
    server.building.hear()
    assert server.get("/at/UA-30.json").json()["phase"] == "calm"
    server.building.clock.turn(61)
    assert server.get("/at/UA-30.json").json()["phase"] == "unknown"


def test_what_was_last_known_stays_beside_unknown(server: Server) -> None:
    """A place whose source fell silent under an alert is not calm, and the last known phase is told."""
    server.building.hear()
    server.building.publish("prepare", response_types=("Prepare",))
    server.building.clock.turn(7 * 3600)
    state = server.get("/at/UA-30.json").json()
    assert (state["phase"], state["last_phase"]) == ("unknown", "prepare")


def test_a_restricted_alert_is_nowhere_to_be_read(server: Server) -> None:
    """An alert for staff changes no public state and stands in no list, feed or file."""
    server.building.hear()
    secret = server.building.publish("act", scope="Restricted", headline="Facility closed, shelter in place")
    open_one = server.building.publish("prepare", response_types=("Prepare",))
    assert server.get("/at/UA-30.json").json()["phase"] == "prepare"
    for path in ("/at/UA-30.json", "/at/UA-30.txt", "/alerts.atom", "/v1/alerts", "/v1/phase?place=UA-30"):
        reply = server.get(path)
        assert reply.status == 200
        assert b"Facility closed" not in reply.body
        assert secret.identifier.encode() not in reply.body
    assert server.get(f"/alerts/{secret.identifier}.xml").status == 404
    assert server.get(f"/alerts/{secret.identifier}.json").status == 404
    assert server.get(f"/v1/alerts/{secret.identifier}").status == 401
    assert server.get(f"/alerts/{open_one.identifier}.xml").status == 200


@pytest.mark.parametrize("language", spoken())
def test_ten_plain_lines_in_every_language(server: Server, language: str) -> None:
    """The text form has ten lines, at most 1 KB, in the language asked for, with times in the place's own zone."""
    server.building.hear()
    server.building.publish("act")
    reply = server.get(f"/at/UA-30.txt?lang={language}")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["content-language"] == language
    text = reply.body.decode()
    assert text.count("\n") == 10
    assert len(reply.body) <= 1000
    assert "14:00:00" in text


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(headline=WORDS, instruction=WORDS, sender=WORDS, language=st.sampled_from(spoken()))
def test_both_forms_stay_within_1_kb_for_any_words(
    building: Building, headline: str, instruction: str, sender: str, language: str
) -> None:
    """Whatever an alert says, in whatever script: JSON within 1 KB, and ten lines within 1 KB that move no cursor."""
    building.publish("act", headline=headline, instruction=instruction, language=language)
    building.house.sources = {"office": msgspec.structs.replace(OFFICE, name=sender)}
    at = building.clock.now()
    assert len(encode(state(building.house, "UA-30", language, at))) <= 1000
    text = plain(building.house, "UA-30", language, at)
    assert len(text.encode()) <= 1000
    assert text.count("\n") == 10
    assert not [letter for letter in text if not letter.isprintable() and letter != "\n"]


def test_the_language_follows_the_reader(server: Server) -> None:
    """Accept-Language decides, ``?lang=`` decides over it, and caches are told."""
    server.building.hear()
    german = server.get("/at/UA-30.json", Accept_Language="de-AT, en;q=0.5")
    assert german.json()["name"] == "Kyjiw (Stadt)" or german.headers["content-language"] == "de"
    assert server.get("/at/UA-30.json?lang=fr", Accept_Language="de").headers["content-language"] == "fr"
    assert "Accept-Language" in german.headers["vary"]


def test_an_unknown_place_is_a_problem_document(server: Server) -> None:
    """A code nobody knows is 404 with the code input.place-unknown, also behind the ready answers."""
    for path in ("/at/XX-99.json", "/at/XX-99.txt", "/v1/phase?place=XX-99", "/v1/alerts?area=XX-99"):
        reply = server.get(path)
        assert (reply.status, reply.headers["content-type"]) == (404, "application/problem+json")
        assert reply.json()["code"] == "input.place-unknown"


def test_a_state_is_revalidated_and_not_sent_again(server: Server) -> None:
    """The same state is 304 by its ETag for a while; a new alert changes the ETag at once."""
    server.building.hear()
    first = server.get("/at/UA-30.json")
    server.building.clock.turn(5)
    assert server.get("/at/UA-30.json", If_None_Match=first.headers["etag"]).status == 304
    server.building.publish("act")
    again = server.get("/at/UA-30.json", If_None_Match=first.headers["etag"])
    assert again.status == 200
    assert again.json()["phase"] == "act"


def test_as_of_moves_on_while_nothing_changes(server: Server) -> None:
    """A state that says the same is still told with a fresh moment: nobody takes an old look for a new one."""
    server.building.hear()
    first = server.get("/at/UA-30.json").json()["as_of"]
    server.building.clock.turn(20)
    server.building.hear()
    assert server.get("/at/UA-30.json").json()["as_of"] > first


def test_the_phase_at_a_point_says_why(server: Server) -> None:
    """A point in the alert's area is in its phase, one outside is not, and the answer names the alert and the reason."""
    server.building.hear()
    act = server.building.publish("act")
    inside = server.get("/v1/phase?point=50.45,30.52").json()
    assert (inside["phase"], inside["places"][0]) == ("act", "UA-30")
    assert inside["alerts"] == [act.identifier]
    assert inside["why"]
    assert server.get(f"/v1/phase?point={LVIV}").json()["phase"] == "calm"
    both = server.get("/v1/phase?point=50.45,30.52&place=UA-30")
    assert (both.status, both.json()["code"]) == (400, "input.parameter")


def test_a_point_at_sea_has_no_place_and_is_not_calm_by_that(server: Server) -> None:
    """Where no area is known, the phase is still one of the seven, and nothing breaks."""
    server.building.hear()
    answer = server.get("/v1/phase?point=0.0,-30.0")
    assert answer.status == 200
    assert answer.json()["places"] == []
    assert answer.json()["phase"] == "unknown"


def test_alerts_are_listed_by_area_both_ways(server: Server) -> None:
    """An alert for a region concerns its country, and one for the country the region (F21)."""
    region = server.building.publish("act", areas=("UA-63",))
    country = server.building.publish("prepare", areas=("UA",))

    def found(area: str) -> set[str]:
        return {one["identifier"] for one in server.get(f"/v1/alerts?area={area}").json()["alerts"]}

    assert found("UA") == {region.identifier, country.identifier}
    assert found("UA-63") == {region.identifier, country.identifier}
    assert found("UA-30") == {country.identifier}


def test_alerts_are_listed_by_point_and_the_polygon_wins(server: Server) -> None:
    """An issuer's own polygon decides for a point, whatever codes stand beside it."""
    area = Area("North", polygons=(square(50.4, 30.4, 50.5, 30.6),), geocodes=(Named("ISO3166-2", "UA-30"),))
    drawn = server.building.publish("act", areas_of=(area,))
    assert [one["identifier"] for one in server.get("/v1/alerts?point=50.45,30.5").json()["alerts"]] == [
        drawn.identifier
    ]
    assert server.get("/v1/alerts?point=50.2,30.5").json()["alerts"] == []


def test_active_lists_what_is_in_force(server: Server) -> None:
    """``active=true`` has what stands now, ``active=false`` the rest."""
    building = server.building
    building.hear()
    act = building.publish("act")
    other = building.publish("act", areas=("UA-63",))
    building.clock.turn(60)
    building.publish("all-clear", event_id=act.event_id, version=2, msg_type="Update")
    building.clock.turn(3600)
    building.hear()
    now = [one["identifier"] for one in server.get("/v1/alerts?active=true").json()["alerts"]]
    assert now == [other.identifier]
    before = {one["identifier"] for one in server.get("/v1/alerts?active=false").json()["alerts"]}
    assert other.identifier not in before
    assert act.identifier in before


def test_pages_lose_and_repeat_nothing(server: Server) -> None:
    """Following ``next`` gives every alert once, newest first; ``newer`` gives later what came since, in order."""
    made = [server.building.publish("act").identifier for _ in range(23)]
    seen: list[str] = []
    cursor, newer = "", ""
    for _ in range(10):
        page = server.get(f"/v1/alerts?limit=5{cursor}").json()
        seen += [one["identifier"] for one in page["alerts"]]
        newer = newer or page["newer"]
        if page["next"] is None:
            break
        cursor = f"&after={page['next']}"
        # What comes between two pages shifts none of them.
        server.building.publish("act")
    assert seen == list(reversed(made))
    later = [server.building.publish("act").identifier for _ in range(3)]
    since: list[str] = []
    while page := server.get(f"/v1/alerts?limit=2&after={newer}").json():
        since += [one["identifier"] for one in page["alerts"]]
        newer = page["newer"]
        if not page["alerts"]:
            break
    assert since[-3:] == later
    assert len(since) == len(set(since))
    assert not set(since) & set(made)


def test_status_filters_by_the_message(drill: Server) -> None:
    """Exercise and test messages are told apart."""
    exercise = drill.building.publish("act")
    drill.building.publish("act", status="Test")
    found = drill.get("/v1/alerts?status=Exercise").json()["alerts"]
    assert [one["identifier"] for one in found] == [exercise.identifier]
    assert found[0]["realm"] == "exercise"


def test_geojson_by_accept_and_by_format(server: Server) -> None:
    """GeoJSON bears the issuer's own shape, closed, longitude first; codes alone have no geometry."""
    area = Area("North", polygons=(square(50.4, 30.4, 50.5, 30.6),))
    server.building.publish("act", areas_of=(area,))
    server.building.publish("act")
    for reply in (server.get("/v1/alerts", Accept="application/geo+json"), server.get("/v1/alerts?format=geojson")):
        assert reply.headers["content-type"] == "application/geo+json"
        told = reply.json()
        assert told["type"] == "FeatureCollection"
        bare, drawn = told["features"]
        assert bare["geometry"] is None
        ring = drawn["geometry"]["coordinates"][0][0]
        assert ring[0] == ring[-1]
        assert {tuple(point) for point in ring} == {(30.4, 50.4), (30.6, 50.4), (30.6, 50.5), (30.4, 50.5)}
        assert drawn["properties"]["phase"] == "act"


def test_a_misspelt_filter_is_refused_by_name(server: Server) -> None:
    """A filter that does not exist, is doubled or out of bounds is named, and nothing is listed."""
    for query in ("aera=UA-30", "limit=0", "limit=201", "active=perhaps", "point=95,20", "after=x", "area=UA&area=PL"):
        reply = server.get(f"/v1/alerts?{query}")
        assert (reply.status, reply.json()["code"]) == (400, "input.parameter")
        assert query.partition("=")[0] in reply.json()["detail"]


def test_places_are_found_in_other_languages(server: Server) -> None:
    """A name in Ukrainian finds the place, named in the language of the reader."""
    found = server.get(f"/v1/places?q={quote('Львівська')}&lang=en").json()["places"]
    assert "UA-46" in [one["code"] for one in found]
    assert server.get("/v1/places?q=").status == 400
    assert server.get("/v1/places").status == 400


def test_sources_tell_whether_they_are_heard(server: Server) -> None:
    """A source is fresh while it is heard and not after it fell silent, by its own word."""
    server.building.hear()
    one = server.get("/v1/sources").json()["sources"][0]
    assert (one["id"], one["fresh"], one["last_heard"]) == ("office", True, "2024-11-20T12:00:00+00:00")
    server.building.clock.turn(61)
    one = server.get("/v1/sources").json()["sources"][0]
    assert (one["fresh"], one["last_heard"]) == (False, "2024-11-20T12:00:00+00:00")


def test_the_head_is_signed_with_the_key_that_is_published(server: Server) -> None:
    """Anyone can check the journal's head against /v1/keys, and a changed byte is found."""
    server.building.hear()
    reply = server.get("/v1/journal/head")
    key = server.get("/v1/keys").json()["keys"][0]["public_pem"]
    beat = verify(reply.body, key)
    assert beat is not None
    assert beat.journal.seq == server.building.store.head().seq
    forged = json.loads(reply.body)
    forged["signature"] = forged["signature"][:-4] + "AAAA"
    assert verify(json.dumps(forged), key) is None


def test_times_are_those_of_the_house(server: Server) -> None:
    """A night that is replayed shows its own times: as_of is the house's clock."""
    server.building.clock.set(NOON + timedelta(hours=3))
    assert server.get("/at/UA-30.json").json()["as_of"] == "2024-11-20T15:00:00+00:00"
