"""Enrolment: somebody with a one-time link becomes a person here, by a passkey, an app, or the organisation's directory.

- A link is 256 random bits, kept as a keyed hash; it ends after its first use or after a day, and opening it uses nothing up,
  because messengers open links to show what is behind them.
- Where there is no administrator the start of the program prints a link for the first one, and each start a new one; there is
  no default credential (F8). Until then nothing is listened to beyond this machine.
- What a person may do stands in the invitation and nowhere in what they send.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec import Struct
from starlette.responses import Response

from tocsin.errors import InvitationSpentError, ParameterError
from tocsin.remark import Remark, remark
from tocsin.warn.enrolment import (
    CREDENTIAL_ADDED,
    INVITATION_MADE,
    INVITATION_WITHDRAWN,
    Credential,
    Held,
    Invitation,
    Invited,
    Personal,
    Way,
    Withdrawn,
)
from tocsin.warn.person import PERSON_ENROLLED, Act, Enrolled, Role
from tocsin.web.console.gate import ANYBODY, Door
from tocsin.web.console.identity import Identity, number, secret
from tocsin.web.console.origin import is_loopback
from tocsin.web.console.visit import Visit

PATH = "/console/enrol/"
ACCOUNT = "/console/account"
OPERATOR, START = "operator", "start"
"""In place of a person's id: whoever works on the machine itself, and the program as it starts."""


class Link(Struct, frozen=True):
    """A new invitation with the address that is given to the person, this once."""

    invitation: Invitation
    address: str


def invite(
    identity: Identity, roles: tuple[Role, ...], by: str, note: str = "", person: str = "", hours: float | None = None
) -> Link:
    """A one-time link that enrols somebody with ``roles``, or gives the enrolled ``person`` a new way in."""
    if not roles and not person:
        raise ParameterError(remark("enrol.roles", "roles: a person needs at least one"))
    at, text = identity.now(), secret()
    ends = at + timedelta(hours=min(hours or 24, identity.settings.invitation_hours))
    made = Invitation(number(), tuple(sorted(set(roles))), by, at, ends, note.strip()[:200], person)
    told = Invited(made.roles, by, ends, person)
    identity.book.invite(text, made, [identity.fact(INVITATION_MADE, made.id, told)])
    return Link(made, f"{identity.origin.address}{PATH}{text}")


def withdraw(identity: Identity, numbers: tuple[str, ...], by: str) -> None:
    """These invitations open nothing any more."""
    known = {one.id for one in identity.book.invitations()}
    ended = [one for one in numbers if one in known]
    if ended:
        told = Withdrawn(by)
        identity.book.withdraw(ended, [identity.fact(INVITATION_WITHDRAWN, one, told) for one in ended])


def first_link(identity: Identity) -> str | None:
    """The address that enrols the first administrator; None when there is one. Earlier first links end."""
    if identity.administrators():
        return None
    earlier = tuple(one.id for one in identity.book.invitations() if one.by == START)
    withdraw(identity, earlier, START)
    return invite(identity, (Role.ADMINISTRATOR,), START).address


def may_listen(identity: Identity, bind: str) -> bool:
    """Whether ``bind`` may be listened on: beyond this machine only once there is an administrator (F8, req. 89)."""
    host = bind.rpartition(":")[0].strip("[]")
    return is_loopback(host) or bool(identity.administrators())


def opened(identity: Identity, text: str) -> Invitation:
    """The invitation behind a link that still opens something; :class:`InvitationSpentError` for every other."""
    found = identity.book.invitation(text[:100])
    if found is None or identity.now() >= found.ends:
        raise InvitationSpentError
    if found.by not in (OPERATOR, START) and not identity.can(found.by, Act.ADMINISTER):
        # Who made the link has left or lost the role since; what they promised is not theirs to give any more.
        raise InvitationSpentError
    return found


def enrol(
    identity: Identity, text: str, person: str, known: Personal | None, held: Credential, key: bytes, by: str = ""
) -> str:
    """Make somebody a person with the roles of their invitation, which is used up; returns the person's id."""
    invitation = opened(identity, text)
    if invitation.person and (person != invitation.person or not identity.roles(person)):
        raise InvitationSpentError
    facts = [identity.fact(CREDENTIAL_ADDED, person, Held(held.way, held.id, person))]
    if not invitation.person:
        facts.insert(0, identity.fact(PERSON_ENROLLED, person, Enrolled(invitation.roles, invitation.by)))
    identity.book.enrol(text, person, None if invitation.person else known, held, key, facts)
    return person


def personal(name: str, email: str, phone: str, language: str) -> Personal:
    """What a person says about themselves, checked; :class:`ParameterError` names what is missing."""
    name, email, phone = name.strip(), email.strip(), phone.strip()
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise ParameterError(remark("enrol.name", "name: up to 200 letters"))
    local, _, domain = email.partition("@")
    if not local or "." not in domain or len(email) > 254 or not email.isprintable() or " " in email:
        raise ParameterError(remark("enrol.email", "email: an address such as name@example.org"))
    if phone and (len(phone) > 40 or not set(phone) <= set("+0123456789 ()-/")):
        raise ParameterError(remark("enrol.phone", "phone: digits, with + and the country in front"))
    return Personal(name, email, phone, language)


# --- pages ---------------------------------------------------------------------------------------------------------


def show(visit: Visit) -> Response:
    """``GET /console/enrol/{link}``: who you are, and how you will sign in."""
    return _page(visit, opened(visit.rooms.identity, visit.part("link")))


def _page(visit: Visit, invitation: Invitation, fault: Remark | str = "", status: int = 200) -> Response:
    rooms, link = visit.rooms, visit.part("link")
    app = rooms.codes.offer(visit.field("email"), link)
    zone = visit.house.gazetteer.get(rooms.identity.settings.home).zone
    return visit.page(
        "enrol.html",
        status,
        invitation=invitation,
        roles=[visit.words.say(f"role.{role}") for role in invitation.roles],
        ends=visit.words.time(invitation.ends, zone, rooms.identity.now()),
        app=app,
        fault=fault,
        given={name: visit.field(name) for name in ("name", "email", "phone")},
        oidc=rooms.identity.settings.oidc_name if rooms.oidc else "",
        link=link,
    )


def with_app(visit: Visit) -> Response:
    """``POST /console/enrol/{link}``: enrol with an authenticator app that has shown a right code."""
    rooms, identity, link = visit.rooms, visit.rooms.identity, visit.part("link")
    invitation = opened(identity, link)
    person = invitation.person or number()
    try:
        known = None if invitation.person else _given(visit, visit.field)
        held, key = rooms.codes.confirmed(visit.field("app"), visit.field("code"), person, link)
        enrol(identity, link, person, known, held, key)
    except ParameterError as wrong:
        return _page(visit, invitation, wrong.said or wrong.detail, 400)
    visit.sign_in(person, Way.TOTP)
    return visit.redirect(ACCOUNT)


def options(visit: Visit) -> Response:
    """``POST /console/enrol/{link}/options``: what the browser needs to make the first passkey."""
    identity, link = visit.rooms.identity, visit.part("link")
    invitation = opened(identity, link)
    if invitation.person:
        person, name = invitation.person, identity.own(invitation.person).email
    else:
        person, name = number(), _given(visit, _told(visit)).email
    return visit.answer(visit.rooms.passkeys.make_options(person, name, link))


def with_passkey(visit: Visit) -> Response:
    """``POST /console/enrol/{link}/passkey``: enrol with the passkey that was just made."""
    rooms, identity, link = visit.rooms, visit.rooms.identity, visit.part("link")
    invitation = opened(identity, link)
    known = None if invitation.person else _given(visit, _told(visit))
    made = rooms.passkeys.made(
        visit.told("token"), visit.told("credential", dict), link, str(visit.json.get("label", ""))
    )
    enrol(identity, link, made.person, known, made.held, made.key)
    visit.sign_in(made.person, Way.PASSKEY)
    return visit.answer({"next": ACCOUNT})


def _told(visit: Visit) -> Any:
    return lambda name: str(visit.json.get(name, "")) if isinstance(visit.json, dict) else ""


def _given(visit: Visit, take: Any) -> Personal:
    return personal(take("name"), take("email"), take("phone"), visit.language)


DOORS: tuple[Door, ...] = (
    Door("GET", PATH + "{link}", show, ANYBODY),
    Door("POST", PATH + "{link}", with_app, ANYBODY),
    Door("POST", PATH + "{link}/options", options, ANYBODY),
    Door("POST", PATH + "{link}/passkey", with_passkey, ANYBODY),
)
