"""What is read over HTTP: states, alerts, places, sources, the record."""

from __future__ import annotations

from tests.contracts.web.conftest import Server
from tocsin.cap.geometry import __doc__ as _  # noqa: F401

ATOM = "{http://www.w3.org/2005/Atom}"


def test_a_place_that_nobody_spoke_of_is_unknown_and_never_calm(server: Server) -> None:
    """Before any source was heard the state is unknown, and says what to do."""
    state = server.get("/at/UA-30.json").json()
    assert state["phase"] == "unknown"
    assert state["instruction"]
    assert state["freshness"] == {"source": state["freshness"]["source"], "last_heard": None}


def test_the_state_follows_the_alert_and_its_end(server: Server) -> None:
    """Act while an alert stands, all-clear after its end, calm after that while the source is heard."""
    building = server.building
    building.hear()
    assert server.get("/at/UA-30.json").json()["phase"] == "calm"
    act = building.publish("act")
    state = server.get("/at/ua-30.json").json()
    assert state["phase"] == "act"
    assert state["place"] == "UA-30"
    assert state["alerts"] == [{"identifier": act.identifier, "event_id": act.event_id, "version": 1}]
    assert state["headline"] == "Go to a shelter now."
    assert state["journal"]["seq"] == building.store.head().seq
    assert state["journal"]["hash"] == building.store.head().hash.hex()
    building.clock.turn(60)
    building.hear()
    building.publish("all-clear", event_id=act.event_id, version=2, msg_type="Update", headline="It is over.")
    assert server.get("/at/UA-30.json").json()["phase"] == "all-clear"
