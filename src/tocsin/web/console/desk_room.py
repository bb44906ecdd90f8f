"""The desk's room: the console's one way to the desk, the journal and whoever sits in front of it.

- Pages ask the room and the room asks the desk; what the desk returns is recorded in one commit, one step at a time, and
  told back to the desk before the next step looks at it. Nothing is kept here that the journal does not say.
- Who comes in here has passed the gate: signed in, allowed, with the form's own token and, where it counts, a proof of
  presence for exactly what is sent.
- The realm stands on every page, and a browser that holds the other realm's console is asked to close that first (F1).
- How long the machine itself took from the first key to the signature is measured and recorded (``stopwatch:stopped``).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from starlette.responses import Response

from tocsin.cap.phase import Phase
from tocsin.cap.vocabulary import vocabulary
from tocsin.errors import NotReadyError, UnknownPlaceError
from tocsin.journal import ACTUAL, EXERCISE, Entry, Fact, fact, follow
from tocsin.place.map import country_map
from tocsin.reach.delivery import MACHINES
from tocsin.reach.subscription import SUBSCRIPTION_CHANGED, SUBSCRIPTION_ENDED, SUBSCRIPTION_MADE
from tocsin.recent import Recent
from tocsin.remark import remark
from tocsin.sense.report import REPORT_RECEIVED, Report
from tocsin.warn.board import REVIEW_DUE
from tocsin.warn.desk import Desk
from tocsin.warn.draft import Draft, Where
from tocsin.warn.ending import Ending, ending_pages
from tocsin.warn.fatigue import Tally
from tocsin.warn.owner import Watch
from tocsin.warn.person import Act
from tocsin.warn.preview import Counts
from tocsin.warn.promise import Promises
from tocsin.warn.publish import ALERT_PUBLISHED, WARNS, Published
from tocsin.warn.situation import Live, Situation
from tocsin.warn.widening import Widening
from tocsin.web.console.bell import Line, alarms
from tocsin.web.console.form import Form
from tocsin.web.console.noted import REMEMBERED, Note, Noted
from tocsin.web.console.outline import shape_of as drawn_shape
from tocsin.web.console.sending import Sendings
from tocsin.web.console.session import COOKIE
from tocsin.web.console.text import words
from tocsin.web.console.visit import Visit, environment
from tocsin.web.text import Texts, texts

if TYPE_CHECKING:
    from tocsin.web.console.preview import Shown
    from tocsin.web.house import House

STOPWATCH_STOPPED = "stopwatch:stopped"
FOLLOWED = ("draft:", "alert:", "person:", "delegation:", "policy:", "review:")
# A million of these must not keep the server from answering when it starts.
PASSED_OVER = frozenset({SUBSCRIPTION_MADE, SUBSCRIPTION_CHANGED, SUBSCRIPTION_ENDED})
WATCH_SECONDS = 5.0


@cache
def speech(language: str) -> Texts:
    """The words of the console over those of the public page, so that a phase is called the same on both."""
    return Texts(language, {**texts(language).table, **words(language).table})


class Stopped(Struct, frozen=True):
    """The body of ``stopwatch:stopped``; the subject is the draft. Times of the journal, and the machine's own share.

    ``machine_ms`` is what our own work took between the first key and the signature, over all requests for this draft.
    """

    first_key: datetime
    proposed: datetime | None
    signed: datetime
    total_s: float
    machine_ms: float
    template: bool


class Call:
    """One request at the desk: the visit that the gate let in, the room, the form that was sent, and the moment."""

    def __init__(self, room: DeskRoom, visit: Visit) -> None:
        self.room, self.visit, self.request, self.t = room, visit, visit.request, speech(visit.language)
        self.person, self.at = visit.person.person_id, room.house.now()
        self.form = Form(visit.fields or list(visit.request.query_params.multi_items()))

    @property
    def quiet(self) -> bool:
        """Whether a script asks, and not a person who waits for a page."""
        return self.request.headers.get("x-requested-with") == "fetch"

    def may(self, act: Act) -> bool:
        """Whether the visitor may do ``act`` now."""
        return self.room.desk.people.can(self.person, act, self.at)

    @property
    def may_write(self) -> bool:
        """Whether the visitor may write warnings."""
        return self.may(Act.COMPOSE)

    @property
    def bell(self) -> list[Line]:
        """What must not be overlooked, as it is when the page is made."""
        return alarms(self.room, self)

    def page(self, template: str, nav: str, status: int = 200, **values: Any) -> Response:
        """A whole page."""
        return self.visit.page(template, status, **(self._values(nav) | values))

    def part(self, template: str, status: int = 200, **values: Any) -> Response:
        """A piece of a page, for the script that asked for it."""
        html = (
            environment()
            .get_template(f"console/{template}")
            .render(**({"csrf": self.visit.csrf, **self._values("")} | values))
        )
        return Response(html, status, media_type="text/html; charset=utf-8")

    def _values(self, nav: str) -> dict[str, Any]:
        return {
            "call": self,
            "t": self.t,
            "at": self.at,
            "nav": nav,
            "zone": self.room.zone,
            "name": self.room.name,
            "bell": self.bell if nav else [],
        }

    def back(self, path: str) -> Response:
        """Go on at ``path`` (303, so that loading again sends nothing again)."""
        return self.visit.redirect(path)


Page = Callable[[Call], Awaitable[Response]]


class DeskRoom:
    """The console of one house. ``desk`` is told of entries by this room alone (:meth:`take_in`)."""

    def __init__(self, house: House, desk: Desk, sign: Callable[[bytes, datetime], bytes]) -> None:
        self.house, self.desk, self.sign = house, desk, sign
        settings = house.settings
        self.zone = house.gazetteer.get(settings.home).zone
        self.situation = Situation(
            house.gazetteer,
            settings.realm,
            house.sources,
            timedelta(minutes=settings.all_clear_minutes),
            settings.stale_after_intervals,
            scopes=("Public", "Restricted", "Private"),
        )
        house.intake.on_heard(self.situation.heard)
        self.watch = Watch(desk.drafts, house.sources, settings.realm)
        self.promises = Promises()
        self.widening = Widening(settings.realm)
        self.tally = desk.tally or Tally(house.gazetteer, settings.realm)
        self.seq = 0
        self.lock = asyncio.Lock()
        self.noted = Noted()
        self.waiting, self.notes, self.versions = self.noted.waiting, self.noted.notes, self.noted.versions
        self.loops, self.receipts = self.noted.loops, self.noted.receipts
        self.sending = Sendings(self)
        self.shown: Recent[str, tuple[Draft, Draft | None, datetime, Shown]] = Recent(64)
        self._names: dict[str, str] = {}
        self._spent: Recent[str, float] = Recent(REMEMBERED)
        self.steady = time.monotonic

    @staticmethod
    def of(house: Any) -> DeskRoom:
        """The one room of ``house``, opened when it is first entered; the house brings ``desk`` and ``certificates``."""
        room: DeskRoom | None = getattr(house, "desk_room", None)
        if room is None:
            desk, certificates = (getattr(house, name, None) for name in ("desk", "certificates"))
            if desk is None or certificates is None:
                raise NotReadyError(remark("desk.none", "there is no desk in this house"))
            room = house.desk_room = DeskRoom(house, desk, certificates.sign)
        return room

    async def keep_watch(self) -> None:
        """Record what has become due: calls before an end, promises that were missed, ends that nobody attended to."""
        while True:
            await self.look_around()
            self.sending.resume()
            await self.house.clock.sleep(WATCH_SECONDS)

    async def look_around(self) -> None:
        """Record what has become due by now."""
        await self.record(lambda: self._due(self.house.now()))

    def _due(self, at: datetime) -> list[Fact]:
        realm = self.house.settings.realm
        endings: tuple[Ending, ...] = getattr(getattr(self.house, "certificates", None), "endings", tuple)()
        keys = ending_pages(endings, self.desk.people, at)
        return [*self.watch.due(self.desk.people, at, keys), *self.promises.due(at, realm)]

    def warm(self) -> None:
        """Read what a first draft would wait for: the index of names, the map, the words of the linter."""
        gazetteer, home = self.house.gazetteer, self.house.settings.home
        with suppress(UnknownPlaceError):
            gazetteer.suggest(gazetteer.name(home, "en"))
            country_map(home)
        for language in self.house.settings.languages:
            vocabulary(language)

    def name(self, person: str) -> str:
        """What a person is called at the desk."""
        if person not in self._names:
            known = self.house.identity.own(person)
            self._names[person] = known.name or person
        return self._names[person]

    # --- the journal -----------------------------------------------------------------------------------------------

    def take_in(self) -> None:
        """Tell the desk what was recorded since the last time, each entry once; who subscribes is not its matter."""
        head = self.house.store.head().seq
        if head <= self.seq:
            return
        # Whatever kind an entry up to the head has, it is among these now.
        kinds = [kind for kind in self.house.store.kinds() if kind not in PASSED_OVER]
        for entry in follow(self.house.store, self.seq, kinds):
            if entry.seq > head:
                break
            self.seq = entry.seq
            if entry.kind.startswith(FOLLOWED):
                self.desk.apply(entry)
            self.situation.apply(entry)
            self.watch.apply(entry)
            self.promises.apply(entry)
            self.widening.apply(entry)
            self.sending.apply(entry)
            self.tally.apply(entry)
            self.noted.apply(entry)
        self.seq = head

    async def record(self, step: Callable[[], Sequence[Fact]]) -> list[Entry]:
        """Take one step: the facts that ``step`` returns in one commit, and nothing in between."""
        async with self.lock:
            self.take_in()
            facts = list(step())
            entries = await asyncio.to_thread(self.house.store.append, facts) if facts else []
            self.take_in()
            return entries

    def fact(self, kind: str, subject: str, body: Any) -> Fact:
        """A fact of this realm."""
        return fact(kind, subject, body, self.house.settings.realm)

    def notes_about(self, prefix: str, subject: str = "", since: datetime | None = None) -> list[Note]:
        """What was noted of this kind (about ``subject``, not before ``since``), newest first."""
        return self.noted.about(prefix, subject, since)

    def new_name(self) -> str:
        """A name for a new draft: its day, and something nobody can guess."""
        return f"{self.house.now():%Y%m%d}.{secrets.token_hex(4)}"

    def published(self, identifier: str) -> Published | None:
        """The alert as published, from memory or from the journal."""
        known = self.situation.alert(identifier)
        if known is not None:
            return known
        found = self.house.store.about(ALERT_PUBLISHED, identifier, 1)
        return found[0].read(Published) if found else None

    def counter(self, where: Where, audience: str, phase: str) -> Counts | None:
        """How many subscribers an alert of ``phase`` for an area and an audience reaches; None where nobody can tell."""
        reach = getattr(self.house.dispatch, "audience", None)
        if reach is None:
            return None
        scope = "Public" if audience in ("everyone", "citizens") else "Restricted"
        # An ending goes to whoever was warned, whatever phases they asked for.
        found = reach.preview(
            where.codes, phase if phase in WARNS else "act", scope, drawn_shape(where), at=self.house.now()
        )
        machines = tuple(sorted(MACHINES & found.channels.keys()))
        return Counts(
            found.total, found.channels, found.languages, found.audiences, found.people, found.systems, machines
        )

    # --- the stopwatch ---------------------------------------------------------------------------------------------

    def spend(self, draft: str, seconds: float) -> None:
        """Count ``seconds`` of the machine's own work for ``draft``."""
        self._spent[draft] = self._spent.get(draft, 0.0) + seconds

    def stopped(self, name: str, since: float, signed: datetime) -> Fact:
        """The stopwatch of ``name``, stopped; ``since`` is when (steady clock) the work of this request began."""
        draft = self.desk.draft(name)
        spent = self._spent.pop(name, 0.0) + self.steady() - since
        total = (signed - draft.begun).total_seconds()
        body = Stopped(draft.begun, draft.proposed, signed, total, round(spent * 1000, 1), draft.content.template)
        return self.fact(STOPWATCH_STOPPED, name, body)

    def stopped_at_once(self, name: str, since: float, signed: datetime) -> Fact:
        """The stopwatch of a retraction that one person gives in one step: it began when they asked for it."""
        spent = self._spent.pop(name, 0.0) + self.steady() - since
        return self.fact(STOPWATCH_STOPPED, name, Stopped(signed, signed, signed, spent, round(spent * 1000, 1), True))

    # --- what stands ---------------------------------------------------------------------------------------------------

    def own(self, at: datetime) -> list[Live]:
        """Our own warnings that stand: what a person here has published and has to end."""
        return [one for one in self.situation.live(at) if self.is_own(one.published) and self.warning(one)]

    def is_own(self, published: Published) -> bool:
        """Whether a person here published it; what is mirrored ends by its source's word."""
        return bool(published.draft)

    def warning(self, live: Live) -> bool:
        """Whether it still warns; one that ran out without a word does, until somebody says something."""
        return Phase(live.published.phase) in WARNS

    def ends(self, live: Live) -> datetime | None:
        """When the alert runs out."""
        return max((info.expires for info in live.alert.infos if info.expires), default=None)

    def promised(self, live: Live) -> datetime | None:
        """By when the next word about it was promised."""
        from tocsin.cap.alert import NEXT_UPDATE_BY
        from tocsin.clock import parse

        text = live.alert.infos[0].parameter(NEXT_UPDATE_BY) if live.alert.infos else None
        return parse(text) if text else None

    def title(self, live: Live, language: str) -> str:
        """Its headline in ``language``, or in the first it has."""
        infos = live.alert.infos
        info = next((one for one in infos if one.language[:2] == language), infos[0] if infos else None)
        return (info.headline or info.event) if info else live.published.identifier

    def reviews(self) -> list[Note]:
        """What somebody did alone, and others have to look at."""
        due = self.desk.reviews()
        return [note for note in self.notes_about(REVIEW_DUE) if note.subject in due]

    def report(self, name: str) -> Report | None:
        """A report by its id, or None."""
        found = self.house.store.about(REPORT_RECEIVED, name, 1)
        return found[0].read(Report) if found else None


def at_desk(page: Page) -> Callable[[Visit], Awaitable[Response]]:
    """``page`` at the desk of the house that is visited, with what was recorded until now taken in."""

    async def does(visit: Visit) -> Response:
        room = DeskRoom.of(visit.house)
        began = room.steady()
        room.take_in()
        call = Call(room, visit)
        if visit.path != "/console/realm" and other_realm(visit):
            return call.page("realm.html", "", 409, other=other_realm(visit))
        response = await page(call)
        # What a page asks for by itself while it waits for the clock keeps nobody waiting.
        if (draft := visit.request.path_params.get("draft")) and not (call.quiet and visit.request.method == "GET"):
            room.spend(draft, room.steady() - began)
        return response

    does.__dict__["at_desk"] = True
    return does


def ring(visit: Visit) -> list[Line]:
    """The banner for a page that has no desk of its own, such as one's account; empty in a house without a desk."""
    if getattr(visit.house, "desk", None) is None:
        return []
    room = DeskRoom.of(visit.house)
    room.take_in()
    return alarms(room, Call(room, visit))


def other_realm(visit: Visit) -> str:
    """The cookie by which this browser holds the other realm's console, or nothing (F1)."""
    other = ACTUAL if visit.house.settings.realm == EXERCISE else EXERCISE
    name = f"tocsin-{other}-{COOKIE}"
    return next((one for one in (name, f"__Host-{name}") if visit.request.cookies.get(one)), "")


async def leave_other(call: Call) -> Response:
    """Have this browser forget the other realm's session, and go on in this one."""
    response = call.back("/console/")
    if name := other_realm(call.visit):
        response.set_cookie(name, "", 0, path="/", secure=name.startswith("__"), httponly=True, samesite="strict")
    return response
