"""Every role at every door: the console's routes and the interface's writes, allowed or refused exactly as GRANTS says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from starlette.routing import Route

from tests.contracts.web.console.conftest import Browser, Office, Page, opened
from tocsin.errors import SettingsError
from tocsin.warn.enrolment import Way
from tocsin.warn.person import FRESH, GRANTS, Act, Role
from tocsin.web import console
from tocsin.web.console.gate import ANYBODY, Door, Fresh, Gate
from tocsin.web.console.session import Sessions
from tocsin.web.table import TABLE

DOORS = console.doors()
WHO = ("nobody", "expired", "nonsense", "removed", *(role.value for role in Role))
WRITES = [one for one in TABLE if one.method not in ("GET", "HEAD")]


class Staff:
    """One person of each role, and sessions for them as they are needed."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.persons: dict[str, str] = {}
        self.browsers: dict[str, Browser] = {}

    async def hire(self) -> None:
        """Enrol everybody."""
        await self.office.hire(Role.ADMINISTRATOR)
        for role in Role:
            self.persons[role.value], self.browsers[role.value] = await self.office.hire(role)
        self.persons["removed"], self.browsers["removed"] = await self.office.hire(*Role)
        self.persons["expired"], self.browsers["expired"] = await self.office.hire(*Role)
        self.browsers["nobody"] = self.office.browser("203.0.113.1")
        self.browsers["nonsense"] = self.office.browser("203.0.113.2")

    def browser(self, who: str) -> Browser:
        """A browser with a session begun just now, in the state that ``who`` says."""
        office, browser = self.office, self.browsers[who]
        identity = office.identity
        browser.cookies = {identity.origin.cookie("door"): "d" * 43}
        office.seconds += 3600
        name = identity.origin.cookie("session")
        if who == "nonsense":
            browser.cookies[name] = "n" * 43
        elif who != "nobody":
            browser.cookies[name] = Sessions(identity).begin(self.persons[who], Way.PASSKEY)
        return browser

    def spoil(self, who: str) -> None:
        """Let the session that was just begun come to its end."""
        if who == "expired":
            self.office.wait(31 * 60)

    @property
    def link(self) -> str:
        """The secret of an invitation."""
        return "x" * 43


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def staff(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Staff]:
    """An office with everybody in it."""
    office = opened(tmp_path_factory.mktemp("matrix"))
    made = Staff(office)
    await made.hire()
    identity = office.identity
    gone = made.persons["removed"]
    from tocsin.web.console import invite

    # A session that was open when the person was removed, as if ending it had failed.
    identity.record(identity.fact("person:removed", gone, {"by": ""}))
    assert gone not in invite.everybody(identity)
    yield made
    office.building.store.close()


def outcome(answer: Page) -> str:
    """What became of a request: in, not signed in, not allowed, or in but for the proof."""
    if answer.status == 303 and answer.header("location").startswith("/console/signin?next="):
        return "not signed in"
    return {
        "person.not-signed-in": "not signed in",
        "person.not-allowed": "not allowed",
        "person.not-fresh": "not fresh",
    }.get(answer.code, "in")


def expected(door: Door, who: str) -> str:
    """What GRANTS and the door's own word come to."""
    if door.act is ANYBODY:
        return "in"
    if who not in {role.value for role in Role}:
        return "not signed in"
    assert isinstance(door.act, Act)
    if door.act not in GRANTS[Role(who)]:
        return "not allowed"
    return "not fresh" if door.proof is Fresh.BOUND else "in"


def address(door: Door) -> str:
    """The door's path with something in place of its parts that leads nowhere."""
    return re.sub(r"{\w+(:\w+)?}", "x" * 20, door.path)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: f"{door.method} {door.path}")
async def test_console_door(staff: Staff, door: Door, who: str) -> None:
    """A role comes through a door exactly when it is granted the act; who is not signed in, only through open ones."""
    browser, path = staff.browser(who), address(door)
    session = browser.session_id()
    staff.spoil(who)
    if door.changes:
        whose = session if who in staff.persons and who not in ("expired", "removed") else "d" * 43
        answer = await browser.ask(
            door.method,
            path,
            f"csrf={browser.token(path, whose)}".encode(),
            content_type="application/x-www-form-urlencoded",
        )
    else:
        answer = await browser.get(path)
    assert outcome(answer) == expected(door, who), answer.text[-400:]
    assert answer.code != "person.forged-form", "the form's own token is right"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "door", [door for door in DOORS if door.proof is Fresh.BOUND], ids=lambda door: f"{door.method} {door.path}"
)
async def test_bound_door_opens_with_a_proof(staff: Staff, door: Door) -> None:
    """With a proof made for exactly this step, and with no other, every role that is granted the act comes through."""
    assert isinstance(door.act, Act)
    path = address(door)
    for role in Role:
        if door.act in GRANTS[role]:
            browser = staff.browser(role.value)
            other = await browser.proof(door.act.value, path + "/", [])
            assert outcome(await browser.submit(path, [("proof", other)])) == "not fresh"
            assert outcome(await browser.prove(door.act.value, path)) == "in"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("operation", WRITES, ids=lambda one: f"{one.method} {one.path}")
async def test_interface_write(staff: Staff, operation: object, who: str) -> None:
    """A console session opens nothing in the interface: what needs a token needs it whoever is signed in."""
    from tocsin.web.openapi import Operation

    assert isinstance(operation, Operation)
    browser = staff.browser(who)
    staff.spoil(who)
    path = re.sub(r"{\w+}", "x" * 20, operation.path)
    answer = await browser.ask(operation.method, path, b"{}", content_type="application/json")
    if operation.scope:
        assert (answer.status, answer.code) == (401, "person.not-signed-in")
    else:
        assert answer.code != "person.not-allowed"
    assert all("tocsin-" not in cookie for cookie in answer.every("set-cookie"))


@pytest.mark.asyncio(loop_scope="module")
async def test_every_route_is_a_gate(staff: Staff) -> None:
    """There is no way into the console but through a door that names its act or says that anybody may come."""
    routes = console.routes(staff.office.building.house)
    assert routes
    seen = set()
    for route in routes:
        assert isinstance(route, Route)
        assert isinstance(route.app, Gate), f"{route.path} does not pass the gate"
        seen |= {(door.method, door.path) for door in route.app.doors.values()}
    assert seen == {(door.method, door.path) for door in DOORS}
    assert all(door.act is ANYBODY or isinstance(door.act, Act) for door in DOORS)


@pytest.mark.asyncio(loop_scope="module")
async def test_methods_that_are_not_there(staff: Staff) -> None:
    """A method that a door does not name is refused before anything is looked at."""
    for path in {door.path for door in DOORS}:
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            answer = await staff.browser("administrator").ask(method, re.sub(r"{\w+}", "x", path))
            assert answer.status == 405, (method, path)


def test_open_doors_are_these_and_no_others() -> None:
    """Whoever opens another door to people who are not signed in has to say so here."""
    assert {f"{door.method} {door.path}" for door in DOORS if door.act is ANYBODY} == {
        "GET /console/static/{name}",
        "GET /console/answer/{token}",
        "POST /console/answer/{token}",
        "GET /console/enrol/{link}",
        "POST /console/enrol/{link}",
        "POST /console/enrol/{link}/options",
        "POST /console/enrol/{link}/passkey",
        "GET /console/signin",
        "POST /console/signin/options",
        "POST /console/signin/passkey",
        "POST /console/signin/app",
        "POST /console/signin/recovery",
        "GET /console/signin/oidc",
        "GET /console/signin/oidc/back",
        "POST /console/signout",
    }


@pytest.mark.parametrize("act", sorted(FRESH))
def test_no_door_for_a_grave_act_without_a_proof(act: Act) -> None:
    """A door that changes something by an act of FRESH cannot even be declared without a bound proof."""

    def does(visit: object) -> object:
        raise AssertionError

    assert Door("POST", "/console/x", does, act).proof is Fresh.BOUND  # type: ignore[arg-type]
    for fresh in (Fresh.NO, Fresh.RECENT):
        with pytest.raises(SettingsError):
            Door("POST", "/console/x", does, act, fresh)  # type: ignore[arg-type]


def test_no_door_without_an_act(tmp_path: Path) -> None:
    """A route that does not say what it needs fails when it is declared."""
    with pytest.raises(TypeError):
        Door("GET", "/console/x", lambda visit: None)  # type: ignore[call-arg,arg-type,return-value]
    for wrong in (None, "look", ""):
        with pytest.raises(SettingsError):
            Door("GET", "/console/x", lambda visit: None, wrong)  # type: ignore[arg-type,return-value]
    with pytest.raises(SettingsError):
        Door("GET", "/elsewhere", lambda visit: None, ANYBODY)  # type: ignore[arg-type,return-value]
