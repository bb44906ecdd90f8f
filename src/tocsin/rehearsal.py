"""A rehearsal: what a house does itself in the demo's night, beside what it hears: it warns its own, counts them, closes.

- Everybody and everything in it is invented: four at the desk, twenty-four colleagues on three floors, thirty systems and
  eighteen people who subscribed, six shelters that are called samples. What is sent goes to a receiver on this machine and no
  further.
- It goes the way of the real thing: two persons agree, the roll call asks by text message, people answer late and one for
  another, a claim that a warning rested on is corrected, and the review at the end tells all of it from the journal.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

from aiohttp import web
from msgspec.structs import replace

from tocsin.account.answer import How, Means, Says
from tocsin.account.facility import FacilityState, Offer, Reason, Status
from tocsin.account.review import review
from tocsin.account.roster import Kind
from tocsin.account.roster_file import read_sheet
from tocsin.account.shelter_import import IMPORTER
from tocsin.app import Program
from tocsin.assess.proposal import propose
from tocsin.assess.voice import groups
from tocsin.journal import fact
from tocsin.reach.channels.webhook import new_secret
from tocsin.reach.subscription import Subscription, Wish
from tocsin.reach.wanted import Watch
from tocsin.warn.approval import Vote
from tocsin.warn.backing import DRAFT_BACKED, backed
from tocsin.warn.draft import Content, Where
from tocsin.warn.person import PERSON_ENROLLED, Enrolled, Role
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.web.confirm import ADDRESSES
from tocsin.web.console.desk_room import DeskRoom, speech
from tocsin.web.review import page, signed

COLLEAGUES, SUBSCRIBERS, NEIGHBOURS, FLOORS = 24, 30, 18, 3
DESK = {"ann": Role.AUTHOR, "ben": Role.APPROVER, "carl": Role.APPROVER, "dora": Role.DUTY_OFFICER}
TONGUES = ("uk", "uk", "en", "de", "fr")
REALM = "exercise"
REVIEW = "review.html"
HOMES = ("UA-30", "UA-30", "UA-30", "UA-32", "UA-74", "UA-59")


def _at(day: int, hour: int, minute: int) -> datetime:
    return datetime(2024, 11, day, hour, minute, tzinfo=UTC)


class Receiver:
    """Takes what the demo sends: webhooks and text messages, on a port of this machine alone."""

    def __init__(self) -> None:
        self.base = ""
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Listen on 127.0.0.1."""

        async def took(_: web.Request) -> web.Response:
            return web.json_response({"id": "1"})

        application = web.Application()
        application.router.add_post("/{what:.*}", took)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()


def gateway(data: Path, receiver: Receiver) -> None:
    """Have text messages go to ``receiver``; to be called before the program is opened."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "channels.toml").write_text(
        f'[sms]\nsender = "Demo"\n[sms.http.own]\nurl = "{receiver.base}/sms"\n'
        'fields = { to = "{to}", text = "{text}" }\nid_at = "id"\n'
    )


def neighbour(number: int, at: datetime) -> Wish:
    """One of the people who subscribed by text message; the first watches a point, and is here for a few days only.

    The numbers are invented: what is sent to them ends in the receiver on this machine.
    """
    first = number == 0
    tongue = TONGUES[number % len(TONGUES)]
    return Wish(
        "sms", f"+3804400010{number:02}", areas=(HOMES[number % len(HOMES)],), languages=(tongue, "en")[: 1 + first],
        watches=(Watch(50_450_100, 30_523_400, 3_000),) if first else (),
        phases=("act", "all-clear") if number % 4 == 1 else (),
        audience="citizen" if number % 5 == 3 else "public",
        start=at if first else None, until=at + timedelta(days=5) if first else None,
    )  # fmt: skip


class Rehearsal:
    """The house's own part of the night."""

    def __init__(self, program: Program, receiver: Receiver) -> None:
        self.program, self.receiver, self.chance = program, receiver, random.Random(20)  # noqa: S311 - nothing is guarded by it
        self.staff: Published | None = None
        self.neighbours: list[Subscription] = []
        self.call = ""

    def furnish(self) -> None:
        """Put people, shelters and subscribers into the empty house."""
        program = self.program
        program.store.append([fact(PERSON_ENROLLED, name, Enrolled((role,)), REALM) for name, role in DESK.items()])
        sample = (resources.files("tocsin") / "data" / "sample_shelters.csv").read_bytes()
        IMPORTER.apply(program, IMPORTER.read(sample, {"dataset": "sample", "country": "UA"}))
        rows = ["id,name,zone,warden of,language,phone,type"]
        for number in range(COLLEAGUES):
            floor = f"Floor {number % FLOORS + 1}"
            warden = floor if number < FLOORS else ""
            rows.append(f"c{number},Colleague {number + 1},{floor},{warden},uk,+38044000{number:04},staff")
        roster = program.rolls.roster
        new, *_ = roster.plan(
            [(one.member, one.details) for one in read_sheet("\n".join(rows).encode(), {}, ADDRESSES).found]
        )
        roster.take_in(new, [], [])
        for number in range(SUBSCRIBERS):
            inside = number % 3 == 0
            program.subscribers.make(
                Wish(
                    "webhook", f"{self.receiver.base}/hook/{number}", (new_secret(),), ("UA-30",),
                    languages=(TONGUES[number % len(TONGUES)],), audience="staff" if inside else "public",
                )
            )  # fmt: skip

        self.neighbours = program.subscribers.make_all([neighbour(n, program.clock.now()) for n in range(NEIGHBOURS)])

    async def try_ways(self) -> None:
        """A test to some of those who subscribed, as each of them gets one at the start."""
        for one in self.neighbours[:6]:
            await self.program.letters.prove(one)

    async def play(self) -> None:
        """Do each thing at its moment."""
        story: tuple[tuple[datetime, Callable[[], Awaitable[None]]], ...] = (
            (_at(19, 18, 5), self.try_ways),
            (_at(19, 23, 40), self.warn_staff),
            (_at(19, 23, 46), self.start_roll_call),
            (_at(19, 23, 52), self.answers),
            (_at(20, 0, 2), self.warden_answers),
            (_at(20, 0, 40), self.all_clear),
            (_at(20, 0, 50), self.close_roll_call),
            (_at(20, 7, 5), self.close_doors),
            (_at(20, 16, 0), self.open_doors),
        )
        for moment, act in story:
            if (wait := (moment - self.program.clock.now()).total_seconds()) > 0:
                await self.program.clock.sleep(wait)
            await act()

    # --- the desk ----------------------------------------------------------------------------------------------------

    async def warn_staff(self) -> None:
        """A fire is reported, and feared to be worse: the staff are told to be ready, on the word of that report."""
        desk, room, at = (
            self.program.desk,
            DeskRoom.of(self.program.house),
            self.program.clock.now().replace(microsecond=0),
        )
        stories = [one for one in self.program.newsroom.incidents() if propose(one, groups(one)).of("notes")]
        content = Content(
            phase="prepare", hazard="air", where=Where(codes=("UA-30",)), audience="staff", owner="ann", deputy="dora",
            starts=at, ends=at + timedelta(hours=4), next_update_by=at + timedelta(hours=2),
            source_where=Where(codes=("UA-30",)), incidents=tuple(one.id for one in stories[:1]),
        )  # fmt: skip
        await room.record(lambda: desk.begin("house-1", "ann", content, at))
        if stories:
            story = stories[0]
            option = propose(story, groups(story)).of("notes")[0]
            taken = backed("ann", "notes", story, option.claims)
            await room.record(lambda: [fact(DRAFT_BACKED, "house-1", taken, REALM)])
        self.staff = await self._send("house-1")

    async def all_clear(self) -> None:
        """It was a household appliance, and the air alert is over."""
        if self.staff is None:
            return
        desk, identifier = self.program.desk, self.staff.identifier
        await DeskRoom.of(self.program.house).record(
            lambda: desk.begin_update("house-2", "ann", identifier, self.program.clock.now(), phase="all-clear")
        )
        await self._send("house-2")

    async def _send(self, name: str) -> Published:
        """Ann proposes, Ben and Carl agree as far as the rule asks for them, Ann publishes."""
        desk, room, clock = self.program.desk, DeskRoom.of(self.program.house), self.program.clock
        draft = desk.draft(name)
        asked = {
            found.code: found.type_this or "It is an exercise."
            for found in desk.findings(draft, desk.compiled(draft.content))
            if found.reason or found.type_this
        }
        if asked:
            content = replace(draft.content, reasons=asked)
            await room.record(lambda: desk.change(name, "ann", content, clock.now()))
        await room.record(lambda: desk.propose(name, "ann", clock.now()))
        for person in ("ben", "carl"):
            draft, at = desk.draft(name), clock.now()
            if draft.state.value == "proposed":
                vote = Vote(person, True, draft.digest, at, at)
                await room.record(lambda vote=vote: desk.vote(name, vote))  # type: ignore[misc]
        at = clock.now()
        entries = await room.record(lambda: desk.publish(name, "ann", at, room.sign, at))
        return next(one for one in entries if one.kind == ALERT_PUBLISHED).read(Published)

    # --- the roll call -----------------------------------------------------------------------------------------------

    async def start_roll_call(self) -> None:
        """Who is safe?"""
        alert = self.staff.identifier if self.staff is not None else ""
        begin = self.program.rolls.start
        made = await asyncio.to_thread(lambda: begin("Night of 20 November", "dora", alert=alert, kinds=(Kind.STAFF,)))
        self.call = made.id

    async def answers(self) -> None:
        """Most answer by their link, one needs help, some are elsewhere, three say nothing."""
        call = self.program.rolls.call(self.call)
        while call.asked_at is None and call.open:
            await self.program.clock.sleep(5)
        since = call.asked_at or call.at
        await self.program.clock.sleep(240)
        for number, seat in enumerate(sorted(call.zones)[: COLLEAGUES - FLOORS]):
            says = Says.HELP if number == 4 else Says.AWAY if number % 8 == 7 else Says.SAFE
            means = Means.SMS if number % 5 == 2 else Means.LINK
            room = max(1, int((self.program.clock.now() - since).total_seconds()))
            own = since + timedelta(seconds=self.chance.randrange(room))
            await self.program.rolls.answer(call, seat, says, means=means, at=own)

    async def warden_answers(self) -> None:
        """A warden has seen somebody who did not answer."""
        call = self.program.rolls.call(self.call)
        if left := call.unaccounted():
            await self.program.rolls.answer(call, left[0], Says.SAFE, means=Means.PROXY, by="dora", how=How.SEEN)

    async def close_roll_call(self) -> None:
        """Nobody is asked any more; two have not been heard of, and the review says so."""
        await asyncio.to_thread(self.program.rolls.close, self.call, "dora")

    # --- the doors ---------------------------------------------------------------------------------------------------

    async def close_doors(self) -> None:
        """The embassy closes for the day."""
        await self._set(Status.CLOSED, 8, Reason.THREAT)

    async def open_doors(self) -> None:
        """It opens again for emergencies, an hour after it promised to look again."""
        await self._set(Status.LIMITED, 16, Reason.NONE)

    async def _set(self, status: Status, hours: int, reason: Reason) -> None:
        at = self.program.clock.now()
        alert = self.staff.identifier if self.staff is not None else ""
        state = FacilityState(
            "Sample embassy",
            "UA-30",
            status,
            at,
            at + timedelta(hours=hours),
            (Offer.EMERGENCY,),
            "",
            reason,
            alert,
            "dora",
        )
        await asyncio.to_thread(self.program.rolls.set_facility, "embassy", state)

    # --- the review --------------------------------------------------------------------------------------------------

    def tell(self, language: str = "en") -> str:
        """The review of the house's own event as a page; empty where it did not come to that."""
        if self.staff is None:
            return ""
        program = self.program
        made = review(program.store, self.staff.event_id, program.clock.now(), program.gazetteer)
        zone = program.gazetteer.get(program.settings.home).zone
        return page(signed(made, program.keys), speech(language), zone, program.gazetteer.name)
