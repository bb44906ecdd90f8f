"""People: who works here, inviting others, giving and taking roles, removing somebody and everything about them.

- Only an administrator, and every change with a proof made for exactly it; nobody gives themselves a role they do not have.
- There is always an administrator: the last one can neither be removed nor lose the role.
- Who is removed is signed out everywhere and erased; the journal keeps an id that means nobody any more.
- Opening the list is a view of personal data and stands in the journal.
"""

from __future__ import annotations

from msgspec import Struct
from starlette.responses import Response

from tocsin.errors import IllegalStepError, NotAllowedError, NotFoundError, ParameterError
from tocsin.remark import remark
from tocsin.warn.enrolment import Personal, Removed
from tocsin.warn.person import PERSON_CHANGED, PERSON_REMOVED, Act, Enrolled, Role
from tocsin.web.console import enrol
from tocsin.web.console.gate import Door
from tocsin.web.console.identity import Identity
from tocsin.web.console.session import Sessions
from tocsin.web.console.visit import Visit

PEOPLE = "/console/people"


class Listed(Struct, frozen=True):
    """A person as an administrator sees them."""

    id: str
    known: Personal
    roles: tuple[Role, ...]
    ways: tuple[str, ...]
    signed_in: bool


def everybody(identity: Identity) -> tuple[str, ...]:
    """The ids of all who work here now."""
    at = identity.now()
    return tuple(sorted(person for person in identity.book.everybody() if identity.people.roles(person, at)))


def listed(identity: Identity, viewer: str) -> list[Listed]:
    """Everybody, by name, for ``viewer``, who from then on stands in the journal as having seen them."""
    persons = everybody(identity)
    known = identity.reveal(viewer, "people", persons)
    found = [
        Listed(
            person,
            known.get(person, Personal(person)),
            tuple(sorted(identity.roles(person))),
            tuple(sorted({one.way.value for one in identity.book.credentials(person)})),
            bool(identity.kept.of(person)),
        )
        for person in persons
    ]
    return sorted(found, key=lambda one: (one.known.name.casefold(), one.id))


def set_roles(identity: Identity, person: str, roles: tuple[Role, ...], by: str) -> None:
    """Give a person exactly these roles."""
    if not identity.roles(person):
        raise NotFoundError
    if not roles:
        raise ParameterError(remark("invite.roles", "roles: a person needs at least one; remove the person instead"))
    own = identity.people.get(person)
    if by == person and own is not None and not set(roles) <= own.roles:
        raise NotAllowedError(remark("invite.own", "nobody gives themselves a role; ask another administrator"))
    with identity.order:
        _keep_one(identity, person, Role.ADMINISTRATOR in roles)
        identity.record(identity.fact(PERSON_CHANGED, person, Enrolled(tuple(sorted(set(roles))), by)))


def remove(identity: Identity, sessions: Sessions, person: str, by: str) -> None:
    """Remove a person: signed out everywhere, erased, and without any role from now on."""
    if not identity.roles(person):
        raise NotFoundError
    with identity.order:
        _keep_one(identity, person, False)
        identity.book.erase(person, [identity.fact(PERSON_REMOVED, person, Removed(by))])
    sessions.end_all(person, "removed")


def _keep_one(identity: Identity, person: str, stays: bool) -> None:
    if not stays and identity.administrators() == (person,):
        raise IllegalStepError(remark("invite.last", "this is the last administrator; make another one first"))


def chosen_roles(texts: tuple[str, ...]) -> tuple[Role, ...]:
    """The roles of these names; :class:`ParameterError` for one that there is not."""
    try:
        return tuple(sorted({Role(text) for text in texts if text}))
    except ValueError as wrong:
        raise ParameterError(remark("invite.wrong", "roles: {wrong}", wrong=str(wrong))) from None


# --- pages ---------------------------------------------------------------------------------------------------------


def show(visit: Visit) -> Response:
    """``GET /console/people``."""
    return _page(visit)


def _page(visit: Visit, link: enrol.Link | None = None, status: int = 200) -> Response:
    identity, text, at = visit.rooms.identity, visit.words, visit.rooms.identity.now()
    zone = visit.house.gazetteer.get(identity.settings.home).zone
    return visit.page(
        "people.html",
        status,
        people=listed(identity, visit.person.person_id),
        roles=[(role.value, text.say(f"role.{role}"), text.say(f"role.{role}.does")) for role in Role],
        open=[
            (one.id, one.note, ", ".join(text.say(f"role.{role}") for role in one.roles), text.time(one.ends, zone, at))
            for one in identity.book.invitations()
            if one.ends > at
        ],
        link=link,
        ends=text.time(link.invitation.ends, zone, at) if link else "",
    )


def invite(visit: Visit) -> Response:
    """``POST /console/people``: a link for somebody new, shown now and never again."""
    roles = chosen_roles(visit.every("role"))
    return _page(visit, enrol.invite(visit.rooms.identity, roles, visit.person.person_id, visit.field("note")))


def withdraw(visit: Visit) -> Response:
    """``POST /console/people/withdraw``: a link that opens nothing any more."""
    enrol.withdraw(visit.rooms.identity, (visit.field("invitation"),), visit.person.person_id)
    return visit.redirect(PEOPLE)


def change(visit: Visit) -> Response:
    """``POST /console/people/{person}/roles``."""
    set_roles(visit.rooms.identity, visit.part("person"), chosen_roles(visit.every("role")), visit.person.person_id)
    return visit.redirect(PEOPLE)


def renew(visit: Visit) -> Response:
    """``POST /console/people/{person}/link``: a new way in for somebody who has lost theirs."""
    identity, person = visit.rooms.identity, visit.part("person")
    if not identity.roles(person):
        raise NotFoundError
    return _page(visit, enrol.invite(identity, (), visit.person.person_id, person=person))


def leave(visit: Visit) -> Response:
    """``POST /console/people/{person}/remove``."""
    remove(visit.rooms.identity, visit.rooms.sessions, visit.part("person"), visit.person.person_id)
    return visit.redirect(PEOPLE)


DOORS: tuple[Door, ...] = (
    Door("GET", PEOPLE, show, Act.ADMINISTER, menu="menu.people"),
    Door("POST", PEOPLE, invite, Act.ADMINISTER),
    Door("POST", PEOPLE + "/withdraw", withdraw, Act.ADMINISTER),
    Door("POST", PEOPLE + "/{person}/roles", change, Act.ADMINISTER),
    Door("POST", PEOPLE + "/{person}/link", renew, Act.ADMINISTER),
    Door("POST", PEOPLE + "/{person}/remove", leave, Act.ADMINISTER),
)
