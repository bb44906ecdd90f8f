"""Sessions: a person who is signed in here and now, for how long, and how it ends.

- A browser holds 256 random bits; the store their hash. The secret is a new one at every sign-in, whatever the browser sent
  before, and at every proof of presence: a session can be neither planted nor kept from before.
- It ends when left alone, at the end of a shift, when the person signs out (here or everywhere) or loses their roles; the
  journal has each beginning and each end. Pages that look for news by themselves keep nothing alive.
- The page is told both ends, warns before them and offers to go on (WCAG 2.2.1).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from starlette.requests import Request

from tocsin.errors import NotSignedInError
from tocsin.warn.enrolment import SESSION_BEGUN, SESSION_ENDED, Began, Over, Session, Way
from tocsin.warn.person import Role
from tocsin.web.console.identity import Identity, number, secret

COOKIE = "session"
TOUCH_EVERY = timedelta(seconds=30)
"""So exact is the idle limit: not every request is worth a write."""
GRACE = timedelta(seconds=20)
"""So long does a replaced secret still read: what the page was fetching when it was replaced."""
RECENT = timedelta(minutes=5)
"""So old may a proof of presence be that lets a person change what they sign in with."""


class Signed(Struct, frozen=True):
    """Somebody who is signed in: their id, the session's (never its secret), and when they last proved their presence."""

    person_id: str
    session_id: str
    fresh_at: datetime
    roles: frozenset[Role]
    way: Way
    begun: datetime
    ends: datetime
    idle_ends: datetime
    stale_secret: bool = False

    @property
    def over_at(self) -> datetime:
        """When it ends if nothing more happens."""
        return min(self.ends, self.idle_ends)


def current(request: Request) -> Signed:
    """Who asks; :class:`NotSignedInError` when nobody is signed in. The gate has put it there and checked the act."""
    signed = request.scope.get("state", {}).get("signed")
    if not isinstance(signed, Signed):
        raise NotSignedInError
    return signed


class Sessions:
    """Beginning, finding, renewing and ending sessions of one realm."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        settings = identity.settings
        self.idle = timedelta(minutes=settings.session_idle_minutes)
        self.longest = timedelta(hours=settings.session_hours)

    def begin(self, person: str, way: Way, instead_of: str = "") -> str:
        """Sign a person in and return the new secret; the session with the secret ``instead_of`` ends."""
        identity, at = self.identity, self.identity.now()
        if instead_of and (old := identity.kept.find(instead_of)) is not None:
            self._end([old[0]], "replaced")
        self._sweep(at)
        made, text = Session(number(), person, way, at, at, at, at + self.longest), secret()
        identity.kept.begin(text, made)
        identity.record(identity.fact(SESSION_BEGUN, made.id, Began(person, way)))
        return text

    def find(self, text: str, *, reading: bool) -> Signed | None:
        """Who has this secret; None for nobody. ``reading``: a secret replaced a moment ago is good enough."""
        if not text:
            return None
        identity, at = self.identity, self.identity.now()
        found = identity.kept.find(text)
        if found is None:
            return None
        session, replaced = found
        if replaced is not None and (not reading or at - replaced > GRACE):
            return None
        why = self._over(session, at)
        if why:
            self._end([session], why)
            return None
        return Signed(
            session.person,
            session.id,
            session.proved,
            identity.roles(session.person),
            session.way,
            session.begun,
            session.ends,
            session.seen + self.idle,
            replaced is not None,
        )

    def touch(self, signed: Signed) -> None:
        """The person did something."""
        at = self.identity.now()
        if at - (signed.idle_ends - self.idle) >= TOUCH_EVERY:
            self.identity.kept.touch(signed.session_id, at)

    def renew(self, signed: Signed, before: str) -> str | None:
        """A new secret after a proof of presence; None when another request has renewed it meanwhile."""
        text, at = secret(), self.identity.now()
        return text if self.identity.kept.replace(signed.session_id, before, text, at, at) else None

    def end(self, signed: Signed) -> None:
        """Sign out here."""
        self._end([one for one in self.identity.kept.of(signed.person_id) if one.id == signed.session_id], "signed-out")

    def end_all(self, person: str, why: str = "everywhere") -> int:
        """Sign a person out everywhere; how many sessions that were."""
        found = self.identity.kept.of(person)
        self._end(found, why)
        return len(found)

    def _over(self, session: Session, at: datetime) -> str:
        if at >= session.ends:
            return "absolute"
        if at >= session.seen + self.idle:
            return "idle"
        return "" if self.identity.roles(session.person) else "removed"

    def _sweep(self, at: datetime) -> None:
        for session in self.identity.kept.all():
            if why := self._over(session, at):
                self._end([session], why)

    def _end(self, found: list[Session], why: str) -> None:
        if found:
            identity = self.identity
            identity.kept.end([one.id for one in found])
            identity.record(*(identity.fact(SESSION_ENDED, one.id, Over(one.person, why)) for one in found))
