"""20 November 2024 at an embassy, whole: 83 staff, 1,240 citizens, 3 wardens, from the first report to the review.

A real program on a real store behind its real server; only its clock is turned. What the review says is counted again from
the raw journal by code that knows nothing of the review's.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP
from msgspec.structs import replace

from tests.nights.loop import AIR, POLICY, until
from tests.nights.recount import Recount
from tocsin.account.answer import How, Means, Says
from tocsin.account.facility import FacilityState, Offer, Reason, Status
from tocsin.account.review import decode, encode, public, review
from tocsin.account.rollcall import RollCall
from tocsin.account.roster import Kind
from tocsin.account.roster_file import read_sheet
from tocsin.app import Program, load_policy
from tocsin.assess.incident import Pointer
from tocsin.assess.proposal import propose
from tocsin.assess.voice import groups
from tocsin.clock import TurnedClock, spell
from tocsin.demo import ITEMS, OUTLETS
from tocsin.journal import fact, follow, verify
from tocsin.reach.channels.webhook import new_secret
from tocsin.reach.subscription import Wish
from tocsin.sense.signal import Signal
from tocsin.sense.source import Source
from tocsin.settings import load
from tocsin.store.key import Keys
from tocsin.store.sqlite import SqliteStore
from tocsin.warn.approval import Vote
from tocsin.warn.backing import CORRECTION_FLAGGED, DRAFT_BACKED, backed
from tocsin.warn.draft import Content, Where
from tocsin.warn.person import PERSON_ENROLLED, Enrolled, Role
from tocsin.warn.publish import Published
from tocsin.web.confirm import ADDRESSES
from tocsin.web.console.desk_room import DeskRoom
from tocsin.web.token import RELAY, issue

STAFF, CITIZENS, WARDENS = 83, 1240, 3
TAPS, PLAIN, TEXTS = 64, 3, 4
EVENING = datetime(2024, 11, 19, 23, 20, tzinfo=UTC)
PEOPLE = {"ann": Role.AUTHOR, "ben": Role.APPROVER, "carl": Role.APPROVER, "dora": Role.DUTY_OFFICER}


def sheet() -> str:
    """The embassy's staff, three of them wardens of a floor each."""
    rows = ["id,name,zone,warden of,language,phone,email,type"]
    for number in range(STAFF):
        floor = f"Floor {number % WARDENS + 1}"
        warden = floor if number < WARDENS else ""
        rows.append(f"s{number},Staff Member {number},{floor},{warden},en,+38044{number:07},,staff")
    return "\n".join(rows)


class Outside:
    """What stands outside on loopback: receivers of webhooks, a mail relay, a gateway of text messages."""

    def __init__(self) -> None:
        self.hooks: list[dict[str, Any]] = []
        self.mails: list[Any] = []
        self.texts: list[dict[str, str]] = []
        self.hook = self.gateway = ""
        self.mail_port = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("s9@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.SMTP))
        return "250 2.0.0 taken"

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Outside]:
        async def took(request: web.Request) -> web.Response:
            self.hooks.append(await request.json())
            return web.Response(status=410 if request.match_info["who"] == "7" else 204)

        async def sent(request: web.Request) -> web.Response:
            self.texts.append(await request.json())
            return web.json_response({"id": f"m{len(self.texts)}"})

        application = web.Application()
        application.router.add_post("/hook/{who}", took)
        application.router.add_post("/sms", sent)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self.hook, self.gateway = f"{base}/hook", f"{base}/sms"
        loop = asyncio.get_running_loop()
        relay = await loop.create_server(lambda: SMTP(self, loop=loop, hostname="relay.test"), "127.0.0.1", 0)
        self.mail_port = relay.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            relay.close()
            await runner.cleanup()


class Embassy:
    """The program of that night and the people who work with it."""

    def __init__(self, data: Path, outside: Outside) -> None:
        data.mkdir(parents=True)
        (data / "channels.toml").write_text(
            f'[mail]\nsender = "warn@embassy.example"\nport = {outside.mail_port}\n'
            f'[sms]\nsender = "Embassy"\n[sms.http.own]\nurl = "{outside.gateway}"\n'
            'fields = { to = "{to}", text = "{text}" }\nid_at = "id"\n'
        )
        settings = load(
            None, {}, sender="kyiv@embassy.example", sender_name="Embassy in Kyiv", bind="127.0.0.1:0", home="UA-30",
            public_url="http://127.0.0.1:1", webhook_loopback=True, all_clear_minutes=30,
        )  # fmt: skip
        keys = Keys(data / "keys", "actual")
        (data / settings.policy).write_bytes(POLICY)
        (data / f"{settings.policy}.sig").write_bytes(base64.b64encode(keys.sign(POLICY)))
        sources = [
            Source(AIR, "Air alerts", "air_alert", ("UA",), 3600.0, True, "actual"),
            *(Source(name, outlet, "news", (), 86_400.0, False, "actual") for name, outlet in OUTLETS.items()),
        ]
        policy_ = load_policy(data, settings, {one.id: one for one in sources}, keys)
        self.clock, self.outside = TurnedClock(EVENING), outside
        self.program = Program(settings, data, self.clock, sources, policy=policy_)
        self.room = DeskRoom.of(self.program.house)
        self.store = self.program.store
        self.store.append([fact(PERSON_ENROLLED, name, Enrolled((role,)), "actual") for name, role in PEOPLE.items()])
        self.address = ""

    async def at(self, minute: str) -> datetime:
        """Let it become that time of the night, HH:MM UTC, and give everything a turn."""
        hour, minutes = map(int, minute.split(":"))
        day = EVENING.replace(hour=0, minute=0) + timedelta(days=0 if hour > 12 else 1)
        moment = day + timedelta(hours=hour, minutes=minutes)
        while self.clock.now() < moment:
            self.clock.set(min(moment, self.clock.now() + timedelta(seconds=60)))
            await asyncio.sleep(0.01)
        self.program.intake.heard(AIR, self.clock.now())
        return moment

    def count(self, kind: str) -> int:
        """How many entries of this kind there are."""
        return sum(1 for _ in follow(self.store, 0, (kind,)))

    # --- the desk ----------------------------------------------------------------------------------------------------

    async def sends(self, name: str, approvers: tuple[str, ...]) -> Published:
        """Ann proposes the draft with every reason that is asked for, others approve, and she publishes it."""
        desk, record = self.program.desk, self.room.record
        draft = desk.draft(name)
        asked = {
            found.code: found.type_this or "It is known and meant so."
            for found in desk.findings(draft, desk.compiled(draft.content))
            if found.reason or found.type_this
        }
        if asked:
            content = replace(draft.content, reasons=asked)
            await record(lambda: desk.change(name, "ann", content, self.clock.now()))
        await record(lambda: desk.propose(name, "ann", self.clock.now()))
        for person in approvers:
            self.clock.turn(30)
            draft = desk.draft(name)
            if draft.state.value == "approved":
                break
            now = self.clock.now()
            vote = Vote(person, True, draft.digest, now, now)
            await record(lambda vote=vote: desk.vote(name, vote))  # type: ignore[misc]
        self.clock.turn(20)
        now = self.clock.now()
        entries = await record(lambda: desk.publish(name, "ann", now, self.room.sign, now))
        return next(one for one in entries if one.kind == "alert:published").read(Published)

    async def delivered(self, done: Published) -> None:
        """Everything that this alert goes out by is settled."""

        def settled() -> bool:
            sealed = [one.subject for one in follow(self.store, 0, ("delivery:sealed",))]
            ended = {one.subject for one in follow(self.store, 0, ("delivery:settled",))}
            mine = [one for one in sealed if one.startswith(f"{done.identifier}@")]
            return bool(mine) and ended >= set(mine)

        def turned() -> bool:
            # What is tried again, and what is written now and then, waits for this clock.
            self.clock.turn(0.2)
            return settled()

        await until(turned, 30)

    def alarm(self, *, ended: bool) -> None:
        """The air alert in Kyiv begins, or ends."""
        now = self.clock.now()
        self.program.intake.heard(AIR, now)
        began = now - timedelta(minutes=20) if ended else now
        self.program.intake.receive([Signal("UA-30", began, now if ended else None).report(AIR, now)])

    # --- the roll call -----------------------------------------------------------------------------------------------

    def seat(self, call: RollCall, key: str) -> str:
        """Where a member of the staff sits in a roll call."""
        rolls = self.program.rolls
        (member,) = rolls.roster.find(key)
        return next(name for name, seat in rolls.seats[call.id].items() if seat.member == member)

    async def tap(self, http: aiohttp.ClientSession, token: str, says: str, at: datetime) -> int:
        """One tap on the answer page, as its script sends it."""
        body = {"token": token, "says": says, "at": spell(at)}
        async with http.post(f"{self.address}/v1/answers", json=body) as answer:
            return answer.status


@contextlib.asynccontextmanager
async def running(embassy: Embassy) -> AsyncIterator[None]:
    """The program while it serves."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(embassy.program.run(started=ready.set_result))
    try:
        waiting: set[asyncio.Future[Any]] = {task, ready}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        embassy.address = await ready
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        embassy.program.close()


@pytest.fixture
def chance() -> random.Random:
    """The same chance every time."""
    return random.Random(20)


async def test_the_night_from_the_first_report_to_the_review(tmp_path: Path, chance: random.Random) -> None:
    """Every figure of the review is what somebody counts who has the journal and nothing else."""
    async with Outside().open() as outside:
        embassy = Embassy(tmp_path / "data", outside)
        program, clock, desk, rolls = embassy.program, embassy.clock, embassy.program.desk, embassy.program.rolls
        found = read_sheet(sheet().encode(), {}, ADDRESSES, "Europe/Kyiv").found
        new, *_ = rolls.roster.plan([(row.member, row.details) for row in found])
        rolls.roster.take_in(new, [], [])
        for number in range(CITIZENS):
            tongue = ("uk", "en", "de")[number % 3]
            program.subscribers.make(
                Wish("webhook", f"{outside.hook}/{number}", (new_secret(),), ("UA-30",), languages=(tongue,))
            )
        for number in range(STAFF):
            program.subscribers.make(
                Wish("mail", f"s{number}@embassy.example", (), ("UA-30",), languages=("en",), audience="staff")
            )
        relay, _ = issue(embassy.store, clock.now(), realm="actual", name="SMS gateway", scopes=[RELAY])

        async with running(embassy), aiohttp.ClientSession() as http:
            # Two outlets report; one fears debris. What it says stands behind the drafts.
            for minute, item in (("23:22", ITEMS[0]), ("23:35", ITEMS[1])):
                await embassy.at(minute)
                program.intake.receive([item.report()])
            await until(lambda: [len(one.tellings) for one in program.newsroom.incidents()] == [2])
            await embassy.at("23:40")
            (story,) = program.newsroom.incidents()
            option = propose(story, groups(story)).of("notes")[0]
            now = clock.now()
            content = Content(
                phase="prepare", hazard="air", where=Where(codes=("UA-30",)), audience="citizens", owner="ann",
                deputy="dora", starts=now, ends=now + timedelta(hours=4), next_update_by=now + timedelta(hours=1),
                source_where=Where(codes=("UA-32",)), incidents=(story.id,),
            )  # fmt: skip
            await embassy.room.record(lambda: desk.begin("d1", "ann", content, clock.now()))
            await embassy.room.record(lambda: desk.begin_twin("d2", "ann", "d1", "staff", clock.now()))
            staff = replace(desk.draft("d2").content, phase="act")
            await embassy.room.record(lambda: desk.change("d2", "ann", staff, clock.now()))
            taken = backed("ann", "notes", story, option.claims)
            embassy.store.append([fact(DRAFT_BACKED, "d1", taken, "actual")])
            citizens = await embassy.sends("d1", ("ben", "carl"))
            locked = await embassy.sends("d2", ("carl", "ben"))
            await embassy.delivered(citizens)
            await embassy.delivered(locked)

            # The embassy closes; the staff are counted, but nobody is asked while they should be in shelter.
            await embassy.at("23:50")
            closed = FacilityState(
                "Embassy", "UA-30", Status.CLOSED, clock.now(), clock.now() + timedelta(minutes=30),
                (Offer.EMERGENCY,), "+380 44 521 50 00", Reason.THREAT, citizens.identifier, "dora",
            )  # fmt: skip
            rolls.set_facility("kyiv", closed)
            call = rolls.start("Closed embassy", "dora", alert=locked.identifier, kinds=(Kind.STAFF,))
            await embassy.at("23:58")
            embassy.alarm(ended=False)
            await until(lambda: embassy.count("alert:published") == 3)
            assert outside.texts == []

            # The outlet takes back what it feared: whoever minds the warning is called.
            await embassy.at("00:10")
            program.intake.receive([ITEMS[2].report()])
            await until(lambda: embassy.count(CORRECTION_FLAGGED) >= 1)
            await embassy.at("00:18")
            embassy.alarm(ended=True)
            await until(lambda: embassy.count("alert:published") == 4)

            # Hold: now they are asked, by text message, all of them.
            await embassy.at("00:20")
            await embassy.room.record(
                lambda: desk.begin_update("d3", "ann", locked.identifier, clock.now(), phase="hold")
            )
            hold = await embassy.sends("d3", ("ben", "carl"))
            await embassy.delivered(hold)
            await embassy.at("00:23")
            await until(lambda: len(outside.texts) >= STAFF, 20)
            assert call.asked_at is not None

            # Answers: by link and by text, late, out of order, again and again; one warden answers for one person.
            asked = clock.now()
            silent = embassy.seat(call, "s3")
            seats = [embassy.seat(call, f"s{number}") for number in range(STAFF) if number != 3]
            chance.shuffle(seats)
            seats.append(silent)
            by_text = {embassy.seat(call, f"s{number}"): f"+38044{number:07}" for number in range(60, 60 + TEXTS)}
            links = [seat for seat in seats if seat not in by_text][:TAPS]
            await embassy.at("00:27")
            taps = [
                (
                    rolls.book.link("answer", call.id, seat),
                    "needs-help" if number == 5 else "out-of-area" if number % 20 == 7 else "safe",
                    asked + timedelta(seconds=chance.randrange(0, 200)),
                )
                for number, seat in enumerate(links)
            ]
            sent = taps * 2
            chance.shuffle(sent)
            done = await asyncio.gather(*(embassy.tap(http, *one) for one in sent))
            assert sorted(set(done)) == [200, 201]
            assert done.count(201) == len(taps)
            for seat in [seat for seat in seats if seat not in by_text][TAPS : TAPS + PLAIN]:
                # A phone without a script sends the form.
                token = rolls.book.link("answer", call.id, seat)
                async with http.post(
                    f"{embassy.address}/a/{token}", data={"says": "safe"}, allow_redirects=False
                ) as page:
                    assert page.status in (200, 303), await page.text()
            for number, phone in enumerate(by_text.values()):
                body = {"from": phone, "text": f"1 {call.started.code}" if number else "3"}
                headers = {"Authorization": f"Bearer {relay}"}
                async with http.post(f"{embassy.address}/v1/answers/sms", json=body, headers=headers) as answer:
                    assert answer.status == 202, await answer.text()
            await embassy.at("00:35")
            await until(lambda: {told.to for _, told in call.escalations} >= {"help", "warden"})
            assert silent in call.unaccounted()
            assert call.zones[silent] == "Floor 1"
            by = embassy.seat(call, "s0")
            await rolls.answer(call, silent, Says.SAFE, means=Means.PROXY, by=by, how=How.RADIO)

            # All-clear for both, the roll call and the doors.
            await embassy.at("00:50")
            await embassy.room.record(
                lambda: desk.begin_update("d4", "ann", citizens.identifier, clock.now(), phase="all-clear")
            )
            over = await embassy.sends("d4", ("ben", "carl"))
            await embassy.room.record(
                lambda: desk.begin_update("d5", "ann", hold.identifier, clock.now(), phase="all-clear")
            )
            free = await embassy.sends("d5", ("ben", "carl"))
            await embassy.delivered(over)
            await embassy.delivered(free)
            await embassy.at("01:00")
            rolls.close(call.id, "dora")
            later = replace(
                closed, status=Status.OPEN, since=clock.now(), review_by=clock.now() + timedelta(hours=24), alert=""
            )
            rolls.set_facility("kyiv", later)
            await embassy.at("01:05")
            async with http.get(f"{embassy.address}/at/UA-30") as page:
                assert page.status == 200

        _checks(tmp_path / "data", citizens, locked, option.claims, outside)


def _checks(data: Path, citizens: Published, locked: Published, claims: tuple[Pointer, ...], outside: Outside) -> None:
    """The review of both events against a recount, from the store as it lies on the disk."""
    with SqliteStore(data, reading=True) as store:
        entries = list(follow(store, 0))
        verify(entries, store.head())
        at = entries[-1].at + timedelta(hours=8)
        made = review(store, citizens.event_id, at)
        raid = review(
            store, next(one for one in entries if one.kind == "alert:published" and b'"sig.' in one.body).subject, at
        )
    again = Recount(entries)
    assert set(made.events) == {citizens.event_id, locked.event_id}
    again.holds(made)
    again.holds(raid)

    # What must be so that night, whoever counts.
    assert [(one.audience, one.phase, one.version) for one in made.issues] == [
        ("citizens", "prepare", 1), ("staff", "act", 1), ("staff", "hold", 2), ("citizens", "all-clear", 2),
        ("staff", "all-clear", 3),
    ]  # fmt: skip
    assert all(len(one.approvers) >= 1 and "ann" not in one.approvers for one in made.issues)
    (roll,) = made.headcounts
    assert (roll.people, roll.answers, roll.means) == (
        STAFF, TAPS + PLAIN + TEXTS + 1, {"api": TAPS, "link": PLAIN, "sms": TEXTS, "proxy": 1},
    )  # fmt: skip
    assert roll.counts["needs-help"] == 1
    assert roll.counts["unaccounted"] == STAFF - TAPS - PLAIN - TEXTS - 1
    assert roll.waited_s is not None
    assert roll.waited_s > 29 * 60
    assert roll.asked_by == {"sms": STAFF}
    assert {one.to for one in roll.escalations} >= {"help", "warden"}
    sent = {(one.identifier, one.channel): one for one in made.delivery}
    assert sent[citizens.identifier, "webhook"].recipients == CITIZENS
    assert sent[citizens.identifier, "webhook"].outcomes == {"accepted": CITIZENS - 1, "gone": 1}
    assert sent[locked.identifier, "mail"].recipients == STAFF
    assert (locked.identifier, "webhook") not in sent
    assert {(one.event_id, one.channel) for one in made.coverage} >= {
        (citizens.event_id, "webhook"), (locked.event_id, "mail"),
    }  # fmt: skip
    assert [(claim.report, claim.start, claim.end) for claim in made.bases[0].claims] == [
        (one.report, one.start, one.end) for one in claims
    ]
    assert "уламки дрона" in made.bases[0].claims[0].words
    assert {one.now for one in made.turns} == {"corrected"}
    assert all(one.word is not None for one in made.turns)
    assert [(one.status, one.overdue_s) for one in made.postures] == [("closed", 40 * 60.0), ("open", 0.0)]
    assert made.issues[0].beyond == ("UA-30",)
    assert made.issues[0].missed == ("UA-32",)
    assert {one.identifier for one in made.openings} == {one.identifier for one in made.issues}
    assert {"closed-unaccounted", "facility-overdue"} <= set(made.gaps)
    assert "not-ended" not in made.gaps
    assert len(outside.hooks) >= CITIZENS * 2
    assert decode(encode(made)) == made

    told = public(made)
    spoken = encode(told)
    for word in (b'"ann"', b'"ben"', b'"dora"', b"Floor", b"staff", b"Closed embassy", b"It is known"):
        assert word not in spoken, word
    recorded = b"".join(one.body for one in entries)
    for word in (b"Staff Member", b"s1@embassy", b"+380440000061"):
        assert word not in recorded, word


def test_the_recount_is_other_code() -> None:
    """The recount takes nothing from the rooms that make the review."""
    source = (Path(__file__).parent / "recount.py").read_text("utf-8")
    assert [line for line in source.splitlines() if "tocsin" in line] == ["from tocsin.journal import Entry"]
