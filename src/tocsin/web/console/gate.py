"""The gate: who may call which route of the console, and what a request must bring to be taken.

- Every route is a :class:`Door` that names the act it needs, or says that anybody may come; there is no third kind, and a test
  walks all of them with every role against :data:`tocsin.warn.person.GRANTS`.
- In this order: the origin, the session, the act, the form's token, the proof of presence; then the handler, and nothing of
  its is done before.
- What changes something must come from a page of this origin (Origin, Sec-Fetch-Site) with the token of exactly this form of
  exactly this session. Cookies are never enough.
- An act of :data:`tocsin.warn.person.FRESH` cannot be declared without a proof made for exactly what is sent. The session gets
  a new secret with it.
- Somebody asking for what their roles do not grant stands in the journal.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, StrEnum
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from tocsin.errors import (
    ForgedFormError,
    MediaTypeError,
    MethodError,
    NotAllowedError,
    NotFreshError,
    NotSignedInError,
    ParameterError,
    SettingsError,
    TocsinError,
    UnreadableError,
)
from tocsin.remark import word
from tocsin.warn.enrolment import SESSION_PROVED, SESSION_REFUSED, SESSION_UNPROVED, Proved, Stopped, Way
from tocsin.warn.person import FRESH, Act
from tocsin.web.console.identity import Identity, secret
from tocsin.web.console.oidc import OpenId
from tocsin.web.console.origin import is_loopback
from tocsin.web.console.passkey import Passkeys
from tocsin.web.console.session import COOKIE, RECENT, Sessions, Signed
from tocsin.web.console.text import chosen
from tocsin.web.console.totp import Codes
from tocsin.web.console.visit import DOOR_COOKIE, HOME, LANGUAGE_COOKIE, Visit
from tocsin.web.guard import neighbour
from tocsin.web.problem import Refusal, problem, refuse

if TYPE_CHECKING:
    from tocsin.web.house import House

log = logging.getLogger("tocsin.console")

SAFE = ("GET", "HEAD")
OUTSIDE_PROOF = frozenset({"csrf", "proof", "code"})
"""Fields of a form that are about the form itself; every other one is part of what is proved."""
SIGN_IN = "/console/signin"

Does = Callable[[Visit], "Response | Awaitable[Response]"]


class Anybody(Enum):
    """Said in place of an act by a door that is open to people who are not signed in."""

    ANYBODY = "anybody"


ANYBODY = Anybody.ANYBODY


class Fresh(StrEnum):
    """What proof of presence a door asks for."""

    NO = "no"
    RECENT = "recent"  # one of the last minutes, signing in included
    BOUND = "bound"  # one made for exactly what is sent


class Door(Struct, frozen=True):
    """One method of one path and what it asks of who comes.

    ``does`` is a coroutine function (runs in the event loop) or a plain function (runs in a thread, may wait for the disk).
    ``fresh`` is by itself BOUND where the act is one of FRESH and something is changed. ``quiet``: what pages ask for by
    themselves, which keeps no session alive. ``menu``: the key of the word under which it stands in the menu.

    A page is one module of this package with, at its end::

        DOORS = (
            Door("GET", "/console/drafts/{id}", show, Act.LOOK),
            Door("POST", "/console/drafts/{id}/approve", approve, Act.APPROVE),  # BOUND by itself
        )
    """

    method: str
    path: str
    does: Does
    act: Act | Anybody
    fresh: Fresh | None = None
    quiet: bool = False
    menu: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.act, Act | Anybody):
            raise SettingsError(f"{self.method} {self.path} names no act")
        if not self.path.startswith(HOME):
            raise SettingsError(f"{self.path} is not in the console")
        if self.changes and self.act in FRESH and self.fresh not in (None, Fresh.BOUND):
            raise SettingsError(f"{self.method} {self.path}: {self.act} needs a proof made for it")

    @property
    def changes(self) -> bool:
        """Whether it can change something."""
        return self.method not in SAFE

    @property
    def proof(self) -> Fresh:
        """The proof it asks for."""
        return self.fresh or (Fresh.BOUND if self.changes and self.act in FRESH else Fresh.NO)


class Rooms:
    """Everything that the console's handlers use: the house, and identity with its parts."""

    def __init__(self, house: House, identity: Identity) -> None:
        self.house, self.identity = house, identity
        self.sessions = Sessions(identity)
        self.passkeys = Passkeys(identity)
        self.codes = Codes(identity)
        self.oidc = OpenId(identity) if identity.settings.oidc_issuer else None
        self.doors: tuple[Door, ...] = ()

    def menu(self, visit: Visit) -> list[tuple[str, str]]:
        """What this person finds in the menu: path and word."""
        if visit.signed is None:
            return []
        return [
            (door.path, visit.words.say(door.menu))
            for door in self.doors
            if door.menu and isinstance(door.act, Act) and visit.can(door.act)
        ]

    def ring(self, visit: Visit, door: Door) -> None:
        """Bring the banner for a page that is not at the desk; the desk's own pages bring theirs."""
        asked = visit.request.method in SAFE and visit.request.headers.get("x-requested-with") != "fetch"
        if asked and isinstance(door.act, Act) and not door.quiet and not getattr(door.does, "at_desk", False):
            from tocsin.web.console.desk_room import ring

            visit.bell = ring(visit)

    async def prove(self, visit: Visit, act: str) -> tuple[Way, str]:
        """Check the proof that came with a form; the way it was made and the digest it is for."""
        signed, fields = visit.person, [pair for pair in visit.fields if pair[0] not in OUTSIDE_PROOF]
        if given := visit.field("proof"):
            try:
                told = json.loads(given)
                token, answer = str(told["token"]), told["credential"]
            except (ValueError, KeyError, TypeError):
                raise NotFreshError from None
            checked = await asyncio.to_thread(self.passkeys.prove, signed, act, visit.path, fields, token, answer)
            return Way.PASSKEY, checked
        if code := visit.field("code"):
            await asyncio.to_thread(self.codes.prove, signed.person_id, code)
            return Way.TOTP, self.passkeys.step_digest(signed, act, visit.path, fields, "").hex()
        raise NotFreshError


class Gate:
    """The ASGI application of one path of the console."""

    def __init__(self, rooms: Rooms, doors: Sequence[Door]) -> None:
        self.rooms = rooms
        self.doors = {door.method: door for door in doors}
        self.path = doors[0].path
        self.allow = ", ".join(sorted({*self.doors, *(("HEAD",) if "GET" in self.doors else ())}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        visit = self._visit(request)
        try:
            response = await self._enter(visit)
        except (TocsinError, Refusal) as wrong:
            response = await self._refused(visit, wrong)
        except Exception:
            # The route and not the address: an invitation's address is a secret, and a log is read by many.
            log.exception("a request broke: %s %s", request.method, self.path)
            response = await self._refused(visit, TocsinError())
        for name, value, seconds in visit.cookies:
            self.rooms.identity.origin.give(response, name, value, seconds)
        if language := scope.get("tocsin.language"):
            # Which language a person reads is no secret, and it outlives their session.
            response.set_cookie(LANGUAGE_COOKIE, language, 31_536_000, path="/console/", samesite="lax", httponly=True)
        headers = response.headers
        headers.setdefault("Cache-Control", "no-store")
        # Under the stricter policy of other pages a browser would not say where a form comes from.
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Vary", "Cookie, Accept-Language")
        await response(scope, receive, send)

    # --- coming in -------------------------------------------------------------------------------------------------

    def _visit(self, request: Request) -> Visit:
        identity, cookies = self.rooms.identity, request.cookies
        language = chosen(
            identity.settings.languages,
            request.query_params.get("lang", ""),
            cookies.get(LANGUAGE_COOKIE, ""),
            request.headers.get("accept-language", ""),
        )
        name = identity.origin.cookie(DOOR_COOKIE)
        visit = Visit(request, self.rooms, None, language, cookies.get(name, "")[:64], self._address(request))
        visit.readable = "GET" in self.doors
        if "lang" in request.query_params and cookies.get(LANGUAGE_COOKIE) != language:
            visit.request.scope["tocsin.language"] = language
        return visit

    def _address(self, request: Request) -> str:
        """The key of who asks: the address our own reverse proxy names, or the one that is connected."""
        client = request.client.host if request.client else ""
        if client in self.rooms.identity.settings.trusted_proxies:
            forwarded = request.headers.get("x-forwarded-for", "").rsplit(",", 1)[-1].strip()[:64]
            client = forwarded or client
        return neighbour((client, 0))

    async def _enter(self, visit: Visit) -> Response:
        request, identity = visit.request, self.rooms.identity
        if identity.origin.fault:
            raise SettingsError(identity.origin.fault)
        door = self.doors.get("GET" if request.method == "HEAD" else request.method)
        if door is None:
            raise Refusal(MethodError(f"allowed: {self.allow}"), headers={"Allow": self.allow})
        if door.changes:
            self._from_here(request)
        elif away := self._elsewhere(request):
            return RedirectResponse(away, 307)
        visit.signed = signed = self._signed(request, door)
        request.scope.setdefault("state", {})["signed"] = signed
        if isinstance(door.act, Act):
            await self._allowed(visit, door)
        elif signed is None:
            if door.changes:
                identity.knock(visit.address)
            if not visit.door_id and not door.quiet:
                visit.door_id = secret()
                visit.cookies.append((DOOR_COOKIE, visit.door_id, None))
        if door.changes:
            await self._read(visit)
        if door.proof is not Fresh.NO:
            await self._proved(visit, door)
        if signed is not None and not door.quiet:
            await asyncio.to_thread(self.rooms.sessions.touch, signed)
        self.rooms.ring(visit, door)
        if inspect.iscoroutinefunction(door.does):
            answered = await door.does(visit)
            assert isinstance(answered, Response)
            return answered
        done = await asyncio.to_thread(door.does, visit)
        assert isinstance(done, Response)
        return done

    def _from_here(self, request: Request) -> None:
        """What changes something comes from a page of this origin; a browser says so, and nothing else is let in."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if origin != self.rooms.identity.origin.address or site not in (None, "same-origin"):
            raise ForgedFormError

    def _elsewhere(self, request: Request) -> str:
        """Where to go instead when this machine was asked for by a number: passkeys belong to a name."""
        origin = self.rooms.identity.origin
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if host == origin.host or not is_loopback(host) or not is_loopback(origin.host):
            return ""
        query = f"?{request.url.query}" if request.url.query else ""
        return f"{origin.address}{request.url.path}{query}"

    def _signed(self, request: Request, door: Door) -> Signed | None:
        text = request.cookies.get(self.rooms.identity.origin.cookie(COOKIE), "")
        return self.rooms.sessions.find(text, reading=not door.changes)

    async def _allowed(self, visit: Visit, door: Door) -> None:
        if visit.signed is None:
            raise NotSignedInError
        assert isinstance(door.act, Act)
        identity, person = self.rooms.identity, visit.signed.person_id
        if not identity.can(person, door.act):
            stopped = identity.fact(SESSION_REFUSED, visit.signed.session_id, Stopped(person, door.act, self.path))
            await asyncio.to_thread(identity.record, stopped)
            identity.people.require(person, door.act, identity.now())
            raise NotAllowedError(word("may", door.act.value))

    async def _read(self, visit: Visit) -> None:
        """The body, and the token of the form it came from."""
        request, identity = visit.request, self.rooms.identity
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await request.body()
        if kind == "application/json":
            identity.check_form(visit.whose, "json", request.headers.get("x-csrf", ""))
            try:
                visit.json = json.loads(body)
            except (ValueError, RecursionError):
                raise UnreadableError("this is not JSON") from None
        elif kind == "application/x-www-form-urlencoded":
            try:
                visit.fields = parse_qsl(
                    body.decode("utf-8"),
                    keep_blank_values=True,
                    strict_parsing=bool(body),
                    errors="strict",
                    max_num_fields=1000,
                )
            except ValueError:
                raise ParameterError("this form cannot be read") from None
            identity.check_form(visit.whose, visit.path, visit.field("csrf"))
        else:
            raise MediaTypeError("a form or JSON")

    async def _proved(self, visit: Visit, door: Door) -> None:
        signed, identity = visit.person, self.rooms.identity
        bound = door.proof is Fresh.BOUND
        if (
            not bound
            and identity.now() - signed.fresh_at <= RECENT
            and not visit.field("proof")
            and not visit.field("code")
        ):
            return
        act = door.act.value
        try:
            visit.way, digest = await self.rooms.prove(visit, act)
        except NotFreshError:
            if visit.field("proof") or visit.field("code"):
                # Whoever sits at an open session and cannot prove who they are may not be who it was opened for.
                failed = Stopped(signed.person_id, act, visit.path)
                await asyncio.to_thread(identity.record, identity.fact(SESSION_UNPROVED, signed.session_id, failed))
            raise
        done = identity.fact(
            SESSION_PROVED, signed.session_id, Proved(signed.person_id, act, visit.path, visit.way, digest)
        )
        await asyncio.to_thread(identity.record, done)
        before = visit.request.cookies.get(identity.origin.cookie(COOKIE), "")
        renewed = await asyncio.to_thread(self.rooms.sessions.renew, signed, before)
        if renewed is None:
            raise NotSignedInError
        visit.cookies.append((COOKIE, renewed, None))
        visit.signed = self.rooms.sessions.find(renewed, reading=False)
        visit.request.scope["state"]["signed"] = visit.signed

    # --- not coming in ---------------------------------------------------------------------------------------------

    async def _refused(self, visit: Visit, wrong: TocsinError | Refusal) -> Response:
        request = visit.request
        error = wrong.error if isinstance(wrong, Refusal) else wrong
        people = "text/html" in request.headers.get("accept", "") and not self.rooms.identity.origin.fault
        if not people or visit.json is not None:
            return refuse(request, wrong)
        if isinstance(error, NotSignedInError) and request.method in SAFE:
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{SIGN_IN}?next={quote(asked, safe='/')}", 303)
        if isinstance(error, NotFreshError) and visit.signed is not None:
            return self._prove_page(visit, error)
        told = problem(error, visit.language)
        if isinstance(error, NotSignedInError):
            visit.signed = None
        response = visit.page("fault.html", told.status, problem=told, said=error.said, home=HOME)
        if isinstance(wrong, Refusal):
            response.headers.update(wrong.headers)
            if wrong.retry_after is not None:
                response.headers["Retry-After"] = str(wrong.retry_after)
        return response

    def _prove_page(self, visit: Visit, error: NotFreshError) -> Response:
        """The same form once more, with the ways to prove one's presence for it."""
        door = self.doors[visit.request.method]
        person = visit.person.person_id
        kept = [(name, value) for name, value in visit.fields if name not in OUTSIDE_PROOF]
        return visit.page(
            "prove.html",
            403,
            fields=kept,
            act=door.act.value,
            tried=bool(visit.field("proof") or visit.field("code")),
            passkey=bool(self.rooms.identity.book.credentials(person, Way.PASSKEY)),
            app=self.rooms.codes.has_app(person),
        )


def proof_options(visit: Visit) -> Response:
    """``POST /console/proof``: what the browser needs to have a passkey confirm the form that is about to be sent."""
    fields = visit.told("fields", list)
    pairs = [(str(pair[0]), str(pair[1])) for pair in fields if isinstance(pair, list) and len(pair) == 2]
    kept = [pair for pair in pairs if pair[0] not in OUTSIDE_PROOF]
    return visit.answer(visit.rooms.passkeys.proof_options(visit.person, visit.told("act"), visit.told("path"), kept))


DOORS: tuple[Door, ...] = (Door("POST", "/console/proof", proof_options, Act.LOOK),)
