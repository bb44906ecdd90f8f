"""Signing in and out: a passkey first, an app or a recovery code beside it, or the organisation's directory.

- Whether somebody is known here shows in no answer and in no time; every refusal is the same page with the same words.
- Signing in leads back to where the person was; only within the console.
- The page that ends a session soon asks here whether to go on, and what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from markupsafe import escape
from starlette.responses import RedirectResponse, Response

from tocsin.clock import spell
from tocsin.errors import NotFoundError, SignInRefusedError
from tocsin.warn.enrolment import Way
from tocsin.warn.person import Act
from tocsin.web.console import enrol
from tocsin.web.console.gate import ANYBODY, SIGN_IN, Door
from tocsin.web.console.identity import number
from tocsin.web.console.oidc import BACK, COOKIE
from tocsin.web.console.oidc import SECONDS as OIDC_SECONDS
from tocsin.web.console.visit import HOME, Visit, wanted


def show(visit: Visit) -> Response:
    """``GET /console/signin``: the ways in."""
    after = wanted(visit.request.query_params.get("next", ""))
    if visit.signed is not None:
        return visit.redirect(after)
    return _page(visit, after)


def _page(visit: Visit, after: str, fault: str = "", status: int = 200, way: str = "") -> Response:
    rooms = visit.rooms
    return visit.page(
        "signin.html",
        status,
        next=after,
        fault=fault,
        way=way,
        oidc=rooms.identity.settings.oidc_name if rooms.oidc else "",
        nobody=not rooms.identity.administrators(),
        email=visit.field("email"),
    )


def options(visit: Visit) -> Response:
    """``POST /console/signin/options``: what the browser needs to ask for any passkey of this console."""
    return visit.answer(visit.rooms.passkeys.sign_in_options())


def with_passkey(visit: Visit) -> Response:
    """``POST /console/signin/passkey``: the passkey's answer."""
    rooms = visit.rooms
    person = rooms.passkeys.sign_in(visit.told("token"), visit.told("credential", dict), visit.address)
    rooms.codes.unlock(person)
    visit.sign_in(person, Way.PASSKEY)
    return visit.answer({"next": wanted(str(visit.json.get("next", "")))})


async def with_app(visit: Visit) -> Response:
    """``POST /console/signin/app``: an e-mail address and a code from the app."""
    codes = visit.rooms.codes
    return await _by_code(
        visit, Way.TOTP, lambda: codes.sign_in(visit.field("email"), visit.field("code"), visit.address)
    )


async def with_recovery(visit: Visit) -> Response:
    """``POST /console/signin/recovery``: one of the codes on paper."""
    codes = visit.rooms.codes
    return await _by_code(visit, Way.RECOVERY, lambda: codes.recover(visit.field("recovery"), visit.address))


async def _by_code(visit: Visit, way: Way, find: Callable[[], str]) -> Response:
    after = wanted(visit.field("next"))

    def work() -> Response:
        try:
            visit.sign_in(find(), way)
        except SignInRefusedError:
            return _page(visit, after, visit.words.say("signin.refused"), 403, way.value)
        return visit.redirect(after)

    # Both together, so that the answer takes the same time whatever the store had to do.
    done, _ = await asyncio.gather(
        asyncio.to_thread(work), asyncio.sleep(visit.rooms.identity.pause), return_exceptions=True
    )
    if isinstance(done, BaseException):
        raise done
    return done


async def to_oidc(visit: Visit) -> Response:
    """``GET /console/signin/oidc``: off to the organisation's directory, from here or from an invitation."""
    rooms = visit.rooms
    if rooms.oidc is None:
        raise NotFoundError
    rooms.identity.knock(visit.address)
    link = visit.request.query_params.get("invitation", "")[:100]
    if link:
        enrol.opened(rooms.identity, link)
    address, kept = await rooms.oidc.set_out(link, wanted(visit.request.query_params.get("next", "")))
    response = RedirectResponse(address, 303)
    # The directory leads back from another site, and a strict cookie would not come along.
    rooms.identity.origin.give(response, COOKIE, kept, OIDC_SECONDS, lax=True)
    return response


async def from_oidc(visit: Visit) -> Response:
    """``GET /console/signin/oidc/back``: back from the directory."""
    rooms, identity = visit.rooms, visit.rooms.identity
    if rooms.oidc is None:
        raise NotFoundError
    cookie = visit.request.cookies.get(identity.origin.cookie(COOKIE), "")
    subject = await rooms.oidc.come_back(dict(visit.request.query_params), cookie, visit.address)

    def work() -> str:
        held = identity.book.credential(Way.OIDC, subject.key)
        if held is None and subject.invitation:
            invitation = enrol.opened(identity, subject.invitation)
            person = invitation.person or number()
            made = subject.credential(person, identity)
            known = None if invitation.person else subject.personal()
            enrol.enrol(identity, subject.invitation, person, known, made, subject.key)
        elif held is None or not identity.roles(held.person):
            identity.refuse(Way.OIDC, "not known", visit.address)
        else:
            person = held.person
        rooms.codes.unlock(person)
        visit.sign_in(person, Way.OIDC)
        return person

    await asyncio.to_thread(work)
    after = enrol.ACCOUNT if subject.invitation else wanted(subject.next)
    # A redirect would still count as led here from another site, and the strict cookie would stay behind.
    page = visit.page("back.html", after=after, refresh=escape(after))
    visit.cookies.append((COOKIE, "", 0))
    return page


def out(visit: Visit) -> Response:
    """``POST /console/signout``: here, or everywhere."""
    if visit.signed is not None:
        if visit.field("everywhere"):
            visit.rooms.sessions.end_all(visit.signed.person_id)
        else:
            visit.rooms.sessions.end(visit.signed)
    visit.sign_out()
    response = visit.redirect(SIGN_IN)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def left(visit: Visit) -> Response:
    """``GET /console/session``: when this session ends, for the page that counts down; asking does not prolong it."""
    return visit.answer({"ends": spell(visit.person.over_at), "now": spell(visit.rooms.identity.now())})


def go_on(visit: Visit) -> Response:
    """``POST /console/session``: the person is still there."""
    identity = visit.rooms.identity
    identity.kept.touch(visit.person.session_id, identity.now())
    ends = min(visit.person.ends, identity.now() + visit.rooms.sessions.idle)
    return visit.answer({"ends": spell(ends), "now": spell(identity.now())})


DOORS: tuple[Door, ...] = (
    Door("GET", SIGN_IN, show, ANYBODY),
    Door("POST", SIGN_IN + "/options", options, ANYBODY),
    Door("POST", SIGN_IN + "/passkey", with_passkey, ANYBODY),
    Door("POST", SIGN_IN + "/app", with_app, ANYBODY),
    Door("POST", SIGN_IN + "/recovery", with_recovery, ANYBODY),
    Door("GET", SIGN_IN + "/oidc", to_oidc, ANYBODY),
    Door("GET", BACK, from_oidc, ANYBODY),
    Door("POST", HOME + "signout", out, ANYBODY),
    Door("GET", HOME + "session", left, Act.LOOK, quiet=True),
    Door("POST", HOME + "session", go_on, Act.LOOK),
)
