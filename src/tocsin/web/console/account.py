"""A person's own account: what they sign in with, where they are signed in, and what is known about them.

- Changing what one signs in with needs a proof of presence of the last minutes; signing in is one.
- The last way in cannot be taken away; recovery codes are shown once, when they are made.
- Looking at one's own data is nobody's business; looking at others' is :mod:`tocsin.web.console.invite`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from starlette.responses import Response

from tocsin.clock import utc
from tocsin.errors import IllegalStepError, NotFoundError, ParameterError
from tocsin.reach.vapid import application_server_key
from tocsin.remark import remark
from tocsin.warn.enrolment import CREDENTIAL_ADDED, CREDENTIAL_REMOVED, Held, Way
from tocsin.warn.person import DELEGATION_MADE, PERSON_CHANGED, PERSON_ON_CALL, Act, Delegation, Enrolled, OnCall
from tocsin.web.console.enrol import ACCOUNT, personal
from tocsin.web.console.gate import Door, Fresh
from tocsin.web.console.invite import chosen_roles
from tocsin.web.console.session import RECENT
from tocsin.web.console.visit import Visit


def show(visit: Visit) -> Response:
    """``GET /console/account``."""
    return _page(visit)


def _page(visit: Visit, codes: tuple[str, ...] = (), status: int = 200) -> Response:
    rooms, signed, text = visit.rooms, visit.person, visit.words
    identity, at = rooms.identity, rooms.identity.now()
    zone = visit.house.gazetteer.get(identity.settings.home).zone
    labels = rooms.passkeys.labels(signed.person_id)
    held = identity.book.credentials(signed.person_id)
    own = identity.people.get(signed.person_id)
    return visit.page(
        "account.html",
        status,
        known=identity.own(signed.person_id),
        roles=[text.say(f"role.{role}") for role in sorted(signed.roles)],
        ways=[
            (one.id, text.say(f"way.{one.way}"), labels.get(one.id, ""), text.time(one.made, zone, at))
            for one in held
            if one.way is not Way.RECOVERY
        ],
        left=sum(one.way is Way.RECOVERY for one in held),
        passkeys=len(labels),
        sessions=[
            (
                text.say(f"way.{one.way}"),
                text.time(one.begun, zone, at),
                text.time(one.seen, zone, at),
                one.id == signed.session_id,
            )
            for one in identity.kept.of(signed.person_id)
        ],
        app=None
        if rooms.codes.has_app(signed.person_id)
        else rooms.codes.offer(identity.own(signed.person_id).email, signed.person_id),
        codes=codes,
        own_roles=[(role.value, text.say(f"role.{role}")) for role in sorted(own.roles)] if own else [],
        on_call=[
            (text.time(start, zone, at), text.time(end, zone, at))
            for start, end in (own.on_call if own else ())
            if end > at
        ],
        recent=at - signed.fresh_at <= RECENT,
        devices=[
            (one.id, one.label, text.time(one.made, zone, at)) for one in identity.book.devices((signed.person_id,))
        ],
        push_key=application_server_key(visit.house.vapid) if visit.house.vapid is not None else "",
    )


def confirm(visit: Visit) -> Response:
    """``POST /console/account/confirm``: a proof of presence, so that what one signs in with can be changed."""
    return visit.redirect(ACCOUNT)


def describe(visit: Visit) -> Response:
    """``POST /console/account``: other words about oneself."""
    identity, person = visit.rooms.identity, visit.person.person_id
    known = personal(visit.field("name"), visit.field("email"), visit.field("phone"), visit.language)
    own = identity.people.get(person)
    told = Enrolled(tuple(sorted(own.roles)) if own else (), person)
    identity.book.describe(person, known, [identity.fact(PERSON_CHANGED, person, told)])
    return visit.redirect(ACCOUNT)


def passkey_options(visit: Visit) -> Response:
    """``POST /console/account/passkey/options``: what the browser needs to make one more passkey."""
    person = visit.person.person_id
    name = visit.rooms.identity.own(person).email or person
    return visit.answer(visit.rooms.passkeys.make_options(person, name, visit.person.session_id))


def add_passkey(visit: Visit) -> Response:
    """``POST /console/account/passkey``: one more passkey."""
    rooms, identity = visit.rooms, visit.rooms.identity
    made = rooms.passkeys.made(
        visit.told("token"), visit.told("credential", dict), visit.person.session_id, str(visit.json.get("label", ""))
    )
    told = Held(Way.PASSKEY, made.held.id, made.person)
    identity.book.add([(made.held, made.key)], [identity.fact(CREDENTIAL_ADDED, made.person, told)])
    return visit.answer({"next": ACCOUNT})


def add_app(visit: Visit) -> Response:
    """``POST /console/account/app``: an authenticator app, in place of the one before."""
    rooms, identity, person = visit.rooms, visit.rooms.identity, visit.person.person_id
    held, key = rooms.codes.confirmed(visit.field("app"), visit.field("app_code"), person, person)
    told = identity.fact(CREDENTIAL_ADDED, person, Held(Way.TOTP, held.id, person))
    identity.book.add([(held, key)], [told], instead_of=Way.TOTP)
    return visit.redirect(ACCOUNT)


def new_codes(visit: Visit) -> Response:
    """``POST /console/account/codes``: ten new recovery codes, shown now and never again."""
    return _page(visit, visit.rooms.codes.new_recovery(visit.person.person_id))


def drop(visit: Visit) -> Response:
    """``POST /console/account/drop``: one way in less."""
    identity, person = visit.rooms.identity, visit.person.person_id
    ways = [one for one in identity.book.credentials(person) if one.way is not Way.RECOVERY]
    gone = next((one for one in ways if one.id == visit.field("credential")), None)
    if gone is None:
        raise NotFoundError
    if len(ways) == 1:
        raise IllegalStepError(remark("account.only-way", "this is your only way to sign in; add another one first"))
    told = identity.fact(CREDENTIAL_REMOVED, person, Held(gone.way, gone.id, person))
    identity.book.drop(gone.id, person, [told])
    return visit.redirect(ACCOUNT)


def on_call(visit: Visit) -> Response:
    """``POST /console/account/oncall``: the person promises to be reachable, from a time on for some hours."""
    identity, person = visit.rooms.identity, visit.person.person_id
    start, end = _span(visit, 168)
    identity.record(identity.fact(PERSON_ON_CALL, person, OnCall(start, end, person)))
    return visit.redirect(ACCOUNT)


def delegate(visit: Visit) -> Response:
    """``POST /console/account/delegate``: somebody else may do for a time what one of one's own roles grants."""
    identity, person = visit.rooms.identity, visit.person.person_id
    role = next(iter(chosen_roles((visit.field("role"),))), None)
    own = identity.people.get(person)
    if role is None or own is None or role not in own.roles:
        raise ParameterError(remark("account.lend", "role: only one of your own can be lent"))
    identity.guess(person)
    to = identity.book.by_email(visit.field("email"))
    if to is None or to == person or not identity.roles(to):
        raise ParameterError(remark("account.nobody", "email: nobody else here has this address"))
    identity.forgive(person)
    start, end = _span(visit, 31 * 24)
    identity.record(identity.fact(DELEGATION_MADE, person, Delegation(to, role, start, end)))
    return visit.redirect(ACCOUNT)


def _span(visit: Visit, longest: int) -> tuple[datetime, datetime]:
    """From when to when, as the form says it: a time at home here (now, if none), and hours."""
    identity = visit.rooms.identity
    zone = ZoneInfo(visit.house.gazetteer.get(identity.settings.home).zone)
    hours, text = visit.field("hours"), visit.field("start")
    if not hours.isdigit() or not 1 <= int(hours) <= longest:
        raise ParameterError(remark("account.hours", "hours: from 1 to {longest}", longest=longest))
    try:
        start = utc(datetime.fromisoformat(text).replace(tzinfo=zone)) if text else identity.now()
    except ValueError:
        raise ParameterError(remark("account.start", "start: a day and a time")) from None
    return start, start + timedelta(hours=int(hours))


def export(visit: Visit) -> Response:
    """``GET /console/account.json``: everything that is kept about oneself, to take away."""
    identity, person = visit.rooms.identity, visit.person.person_id
    own = identity.people.get(person)
    told = {
        "id": person,
        "personal": identity.own(person),
        "roles": sorted(visit.person.roles),
        "since": own.since if own else None,
        "credentials": [
            {"id": one.id, "way": one.way, "made": one.made, "used": one.used}
            for one in identity.book.credentials(person)
        ],
        "sessions": identity.kept.of(person),
        "devices": [{"id": one.id, "label": one.label, "made": one.made} for one in identity.book.devices((person,))],
    }
    headers = {"Content-Disposition": 'attachment; filename="account.json"'}
    return Response(msgspec.json.encode(told), 200, headers, "application/json")


DOORS: tuple[Door, ...] = (
    Door("GET", ACCOUNT, show, Act.LOOK, menu="menu.account"),
    Door("POST", ACCOUNT, describe, Act.LOOK, Fresh.RECENT),
    Door("GET", ACCOUNT + ".json", export, Act.LOOK),
    Door("POST", ACCOUNT + "/confirm", confirm, Act.LOOK, Fresh.BOUND),
    Door("POST", ACCOUNT + "/passkey/options", passkey_options, Act.LOOK, Fresh.RECENT),
    Door("POST", ACCOUNT + "/passkey", add_passkey, Act.LOOK, Fresh.RECENT),
    Door("POST", ACCOUNT + "/app", add_app, Act.LOOK, Fresh.RECENT),
    Door("POST", ACCOUNT + "/codes", new_codes, Act.LOOK, Fresh.RECENT),
    Door("POST", ACCOUNT + "/drop", drop, Act.LOOK, Fresh.RECENT),
    Door("POST", ACCOUNT + "/oncall", on_call, Act.LOOK),
    Door("POST", ACCOUNT + "/delegate", delegate, Act.LOOK, Fresh.BOUND),
)
