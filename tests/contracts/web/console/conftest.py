"""The console of a real house on a real store, asked through the whole application, and browsers that keep cookies."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from starlette.applications import Starlette

from tests.contracts.web.conftest import Building
from tests.contracts.web.console.authenticator import Authenticator
from tocsin.errors import TocsinError
from tocsin.store.people import SqlPeople
from tocsin.store.session import SqlSessions
from tocsin.warn.person import Role
from tocsin.web import console, site
from tocsin.web.api import Interface
from tocsin.web.console import enrol
from tocsin.web.console.identity import Identity
from tocsin.web.console.totp import Codes
from tocsin.web.guard import Guard
from tocsin.web.problem import Refusal, refuse


@dataclass
class Page:
    """An answer as it came."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    def header(self, name: str) -> str:
        """The first header of this name."""
        return next((value for key, value in self.headers if key == name), "")

    def every(self, name: str) -> list[str]:
        """All headers of this name."""
        return [value for key, value in self.headers if key == name]

    @property
    def code(self) -> str:
        """The stable code of a fault, on a page as in a problem document; empty when it is none."""
        if "problem+json" in self.header("content-type"):
            return str(self.json()["code"])
        found = re.search(r"<code>((?:person|input|operator|other-side)\.[a-z-]+)</code>", self.text)
        return found[1] if found else ("person.not-fresh" if 'data-proof="' in self.text and self.status == 403 else "")

    def csrf(self, action: str) -> str:
        """The token of the form with this action."""
        found = re.search(
            rf'action="{re.escape(action)}"[^>]*>\s*<input type="hidden" name="csrf" value="([^"]+)"', self.text
        )
        assert found, f"no form with the action {action}"
        return found[1]

    @property
    def json_token(self) -> str:
        """The token for what the script sends."""
        found = re.search(r'name="json-token" content="([^"]+)"', self.text)
        assert found
        return found[1]


class Browser:
    """Keeps cookies, says where it comes from, and shows forms' tokens, as a browser does."""

    def __init__(self, office: Office, address: str = "192.0.2.1") -> None:
        self.office, self.address = office, address
        self.cookies: dict[str, str] = {}
        self.authenticator = Authenticator(office.identity.origin.address)

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Page:
        """One request. Headers with ``None`` are left out."""
        origin = self.office.identity.origin
        given = {"host": origin.address.partition("//")[2], "accept": "text/html", "accept-language": "en"}
        if method not in ("GET", "HEAD"):
            given |= {"origin": origin.address, "sec-fetch-site": "same-origin"}
        if self.cookies:
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items() if value is not None],
            "client": (self.address, 40000),
            "server": ("127.0.0.1", 1),
        }
        sent: list[dict[str, Any]] = []
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not waiting:
                # A browser that is given a file stays until it has it.
                await asyncio.Event().wait()
            return waiting.pop()

        async def send(message: Any) -> None:
            sent.append(message)

        await self.office.app(scope, receive, send)  # type: ignore[arg-type]
        start = next(one for one in sent if one["type"] == "http.response.start")
        answer = Page(
            start["status"],
            [(name.decode(), value.decode()) for name, value in start["headers"]],
            b"".join(one.get("body", b"") for one in sent if one["type"] == "http.response.body"),
        )
        for line in answer.every("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return answer

    async def get(self, path: str, **headers: str) -> Page:
        """GET ``path``."""
        return await self.ask("GET", path, **headers)

    async def post(self, path: str, fields: Sequence[tuple[str, str]], **headers: str) -> Page:
        """Send a form."""
        kind = {"content_type": "application/x-www-form-urlencoded"}
        return await self.ask("POST", path, urlencode(fields).encode(), **(kind | headers))

    async def send(self, path: str, value: Any, token: str, **headers: str) -> Page:
        """Send JSON, as the page's script does."""
        kind = {"content_type": "application/json", "accept": "application/json", "x_csrf": token}
        return await self.ask("POST", path, msgspec.json.encode(value), **(kind | headers))

    def token(self, action: str, session: str = "") -> str:
        """The token of a form, as the page would have it."""
        whose = session or self.session_id() or self.cookies.get(self.office.identity.origin.cookie("door"), "")
        return self.office.identity.form_token(whose, action)

    @property
    def secret(self) -> str:
        """The session's secret."""
        return self.cookies.get(self.office.identity.origin.cookie("session"), "")

    def session_id(self) -> str:
        """The session that this browser has, if it is one."""
        found = self.office.identity.kept.find(self.secret) if self.secret else None
        return found[0].id if found else ""

    async def submit(self, path: str, fields: Sequence[tuple[str, str]] = (), **headers: str) -> Page:
        """Send a form with its token."""
        return await self.post(path, [("csrf", self.token(path)), *fields], **headers)

    async def proof(self, act: str, path: str, fields: Sequence[tuple[str, str]], **forged: Any) -> str:
        """A proof of presence for exactly these fields."""
        options = await self.send("/console/proof", {"act": act, "path": path, "fields": fields}, self.token("json"))
        assert options.status == 200, options.text
        told = options.json()
        return msgspec.json.encode(
            {"token": told["token"], "credential": self.authenticator.answer(told, **forged)}
        ).decode()

    async def prove(self, act: str, path: str, fields: Sequence[tuple[str, str]] = (), **forged: Any) -> Page:
        """Send a form with its token and a proof of presence for it."""
        return await self.submit(path, [*fields, ("proof", await self.proof(act, path, fields, **forged))])

    async def sign_in(self, **forged: Any) -> Page:
        """Sign in with the passkey."""
        page = await self.get("/console/signin")
        options = (await self.send("/console/signin/options", {}, page.json_token)).json()
        answer = self.authenticator.answer(options, **forged)
        return await self.send(
            "/console/signin/passkey", {"token": options["token"], "credential": answer, "next": ""}, page.json_token
        )

    async def enrol(self, address: str, name: str = "Olena Kovalenko", email: str = "olena@example.org") -> Page:
        """Follow an invitation and make a passkey."""
        path = address.removeprefix(self.office.identity.origin.address)
        page = await self.get(path)
        assert page.status == 200, page.text
        person = {"name": name, "email": email, "phone": ""}
        options = await self.send(f"{path}/options", person, page.json_token)
        assert options.status == 200, options.text
        told = options.json()
        made = self.authenticator.make(told)
        return await self.send(
            f"{path}/passkey", {**person, "token": told["token"], "credential": made}, page.json_token
        )


@dataclass
class Office:
    """A house with its console."""

    building: Building
    identity: Identity
    app: Any
    seconds: float = 0.0
    count: int = field(default=0)

    def browser(self, address: str = "192.0.2.1") -> Browser:
        """Somebody's browser."""
        return Browser(self, address)

    async def hire(self, *roles: Role) -> tuple[str, Browser]:
        """A person with these roles and their browser, signed in."""
        self.count += 1
        browser = self.browser(f"192.0.2.{self.count % 250 + 1}")
        link = enrol.invite(self.identity, roles, enrol.OPERATOR)
        answer = await browser.enrol(link.address, f"Person {self.count}", f"person{self.count}@example.org")
        assert answer.status == 200, answer.text
        found = self.identity.kept.find(browser.secret)
        assert found is not None
        return found[0].person, browser

    def identity_codes(self) -> Codes:
        """The codes of this office, without pages around them."""
        return Codes(self.identity)

    def kinds(self, *kinds: str) -> list[tuple[str, str]]:
        """What was recorded of these kinds: kind and subject."""
        return [(entry.kind, entry.subject) for entry in self.building.store.read(0, 100_000, kinds)]

    def wait(self, seconds: float) -> None:
        """Time passes, on every clock."""
        self.building.clock.turn(seconds)
        self.seconds += seconds


def opened(folder: Path, realm: str = "actual", url: str = "", **given: Any) -> Office:
    """A house with a console, under the address ``url`` where it is really served."""
    building = Building(folder, realm, **given)
    house, store = building.house, building.store
    if url:
        building.settings = house.settings = msgspec.structs.replace(building.settings, public_url=url)
    identity = Identity(
        building.settings,
        building.clock,
        store,
        SqlPeople(store, folder, realm),
        SqlSessions(store, realm),
        data=folder,
        steady=lambda: office.seconds,
        pause=0.0,
    )
    house.identity = identity  # type: ignore[attr-defined,unused-ignore]
    handlers: dict[Any, Any] = {TocsinError: _refuse, Refusal: _refuse, 404: _missing}
    routed = Starlette(routes=[*console.routes(house), *site.routes(Interface(house))], exception_handlers=handlers)
    office = Office(building, identity, Guard(routed, house.limits))
    return office


async def _refuse(request: Any, wrong: Exception) -> Any:
    return refuse(request, wrong)


async def _missing(request: Any, wrong: Exception) -> Any:
    return refuse(request, wrong)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A house of the actual realm with its console."""
    made = opened(tmp_path)
    yield made
    made.building.store.close()
