"""No way leads from the exercise realm to an actual alert: through the console's forms and through the interface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.contracts.web.conftest import Server, drill
from tests.contracts.web.console.conftest import opened
from tests.contracts.web.console.desk import furnish
from tests.contracts.web.console.test_work import KYIV, TYPED, Desk
from tests.contracts.web.test_submitting import post
from tests.rules.warn.test_desk_properties import PAYLOADS
from tocsin.cap.xml import read, write
from tocsin.errors import TocsinError
from tocsin.journal import EXERCISE
from tocsin.warn.person import Role
from tocsin.warn.publish import ALERT_PUBLISHED, Published

__all__ = ["drill"]

FIELDS = (
    "extra.en",
    "extra.uk",
    "name.en",
    "hazard",
    "audience",
    "phase",
    "facility",
    "owner",
    "reason.wide",
    "realm",
    "status",
    "shape",
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An office of the exercise realm."""
    office = opened(tmp_path, EXERCISE)
    furnish(office)
    office.building.hear()
    yield Desk(office.building, office.identity, office.app)
    office.building.store.close()


def test_there_are_a_hundred_ways_through_the_forms() -> None:
    """Every field with every payload."""
    assert len(FIELDS) * len(PAYLOADS) >= 100


@pytest.mark.parametrize("number", range(len(PAYLOADS)))
async def test_no_form_makes_an_actual_alert_of_an_exercise(desk: Desk, number: int) -> None:
    """Whatever is sent in whichever field, with two persons who agree to it: what leaves is an exercise."""
    _, ann = await desk.hire(Role.AUTHOR, Role.DUTY_OFFICER)
    _, ben = await desk.hire(Role.APPROVER)
    sent = 0
    for field in FIELDS:
        address = await desk.begin(ann, "act")
        fields = [*(one for one in (*KYIV, *TYPED) if one[0] != field), (field, PAYLOADS[number])]
        if (
            await ann.submit(address, [*fields, ("confirm", "en"), ("confirm", "uk"), ("do", "propose")])
        ).status != 303:
            continue
        await desk.approve(ben, address)
        await desk.send(ann, address)
        desk.wait(16)
        desk.building.hear()
        await ann.get(address)
        sent += 1
    published = desk.published()
    assert sent
    assert published
    for done in published:
        for text in (done.cap, done.retraction):
            for alert in read(text.encode()).alerts if text else ():
                assert alert.status == "Exercise"
    assert {entry.realm for entry in desk.building.entries(ALERT_PUBLISHED)} <= {EXERCISE}


@pytest.mark.parametrize("number", range(len(PAYLOADS)))
def test_no_submission_makes_an_actual_alert_of_an_exercise(drill: Server, number: int) -> None:
    """A message that calls itself actual is refused, and words in any field of another do not make it one."""
    building, payload = drill.building, PAYLOADS[number]
    token = building.token()
    for status in ("Actual", "Exercise", "Test"):
        for field in ("headline", "description", "instruction", "note"):
            message = msgspec.structs.replace(building.message(**{field: payload}), status=status)
            try:
                content = write(message)
            except TocsinError:
                continue
            reply = post(drill, token, content)
            assert reply.status == 422 if status == "Actual" else reply.status in (201, 422, 429)
    for entry in building.entries(ALERT_PUBLISHED):
        assert read(entry.read(Published).cap.encode()).alerts[0].status != "Actual"
    assert b"<status>Actual</status>" not in drill.get("/alerts.atom").body
