"""Asking: sends a roll call's question by each person's own ways in turn, and tells wardens and deputies who is missing.

- A person's app is asked beside their first way, where they have let it by an act of their own; what goes out bears no name.
  Whoever has a telephone is rung last, and may answer by a key where the gateway hands it on.
- The question waits while people should be running (:func:`tocsin.account.rollcall.may_ask`), then goes by a person's first
  way; by the next when that fails, or when nothing was heard for some minutes. Who has answered is asked no more.
- An alert goes first: by a channel that has alerts to send, few are asked at once. A channel that was stopped asks nobody,
  one that rests after failures is tried again soon, and each by the channel's own pace and breaker.
- What was sent is kept, with its fact, in one commit after the sending: after kill -9 somebody may be asked twice, and
  nobody is left out.
- What has served its time is erased: who sat where some days after a roll call was closed, visitors some days after their
  end, whoever came back with a restored backup, and whom a command asked to erase.

Why this is not the dispatch's work: what that sends is a published alert, to numbers of subscriptions that are sealed in
batches. A seat is no subscription. To make it one, addresses of the roster would have to be kept a second time, where
erasing a person does not reach; a question would stand among alerts by rank, and be overtaken or ended by the versions of
an event; and it would be sent on after the answer, since an answer settles a roll call and no batch. So the channels, their
lanes' switch, their pace and their breakers are shared, and turns, retries and what comes next are kept here, by seat.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tocsin.account.rollcall import (
    ROLLCALL_ASKED,
    ROLLCALL_ESCALATED,
    ROLLCALL_FORGOTTEN,
    UNACCOUNTED,
    Asked,
    Contact,
    Escalated,
    RollCall,
    may_ask,
)
from tocsin.account.roster import MEMBER_ERASED, Details, Member, Way
from tocsin.errors import StoreError
from tocsin.journal import fact
from tocsin.place.language import best
from tocsin.reach.channel import Outcome, later
from tocsin.reach.channels.way import Unset
from tocsin.reach.delivery import Address
from tocsin.reach.slip import DEVICE, Slip, hand, hears_keys
from tocsin.reach.wording import exercise_mark
from tocsin.warn.person import Role
from tocsin.web.dossier import erase
from tocsin.web.rolls import ANSWER, ERASURE_ASKED, VOICE, WARDEN, Rolls
from tocsin.web.text import Texts, offered, texts

if TYPE_CHECKING:
    from tocsin.web.house import House

log = logging.getLogger("tocsin")

LOOK_SECONDS = 2.0
NEXT_WAY = timedelta(minutes=3)
"""How long an answer is waited for before a person is asked by their next way."""
SOON = timedelta(seconds=15)
"""How soon the next way is tried, or the same again, when nothing has left."""
UNSET, NOT_SET_UP = "not set up", timedelta(minutes=1)
"""How soon a channel is looked at again that nobody has set up, or that was stopped."""
AT_ONCE, BESIDE_ALERTS = 50, 5
"""How many are asked at once by a channel, and while alerts are leaving by it."""
HOLDS = timedelta(hours=6)
"""How long a question is worth bringing to a device that is off."""
GROUP = 500
"""How many are asked before it is kept that they were."""
TIDY = timedelta(hours=1)


class Letter(Struct, frozen=True):
    """One slip to one address. ``number`` is the subscription of an app; 0 where it is somebody's own address."""

    channel: str
    to: Address
    slip: Slip


class Asking:
    """What runs beside the server for one house."""

    def __init__(self, house: House, rolls: Rolls) -> None:
        self.house, self.rolls = house, rolls
        self._tidied: datetime | None = None
        self._erased: int = 0

    async def run(self) -> None:
        """Ask, tell and tidy until cancelled."""
        while True:
            try:
                await self.once()
            except (StoreError, OSError):
                # A disk that is full for a moment must not end all asking; every step here can be done again.
                log.exception("people could not be asked")
            await self.house.clock.sleep(LOOK_SECONDS)

    async def once(self) -> None:
        """Do what is due now."""
        self.rolls.take_in()
        at = self.house.now()
        for call in self.rolls.calls.open():
            if call.forgotten:
                continue
            if may_ask(self.rolls.phase(call, at), call.at, at, call.started.pace.wait):
                await self.ask(call, at)
            for step in call.due(at):
                await self.tell(call, step)
        await self.erase_asked()
        if self._tidied is None or at - self._tidied >= TIDY:
            self._tidied = at
            await asyncio.to_thread(self.tidy, at)

    # --- the question ----------------------------------------------------------------------------------------------

    async def ask(self, call: RollCall, at: datetime) -> int:
        """Ask everybody whose turn it is; how many were asked."""
        seats = self.rolls.seats.get(call.id, {})
        due = [seat for seat in seats.values() if self._is_due(call, seat, at)]
        done = 0
        for start in range(0, len(due), GROUP):
            done += await self._ask_some(call, due[start : start + GROUP], at)
        return done

    def _is_due(self, call: RollCall, seat: Any, at: datetime) -> bool:
        if call.state(seat.id) not in UNACCOUNTED or seat.tries < 0:
            return False
        if seat.tried is None:
            return True
        wait = NOT_SET_UP if seat.reason == UNSET else SOON if seat.reason or seat.contact == Contact.NONE else NEXT_WAY
        return bool(at - seat.tried >= wait)

    async def _ask_some(self, call: RollCall, due: Sequence[Any], at: datetime) -> int:
        ids = [seat.member for seat in due]
        members = {one.id: one for one in await asyncio.to_thread(self.rolls.roster.members, ids)}
        details = await asyncio.to_thread(self.rolls.roster.details, ids)
        apps = await asyncio.to_thread(self._apps, [seat.member for seat in due if not seat.tries and not seat.contact])
        letters: list[Letter] = []
        turns: list[tuple[Any, int, int]] = []
        spent: list[Any] = []
        for seat in due:
            member, told = members.get(seat.member), details.get(seat.member)
            ways = self._ways(told)[seat.tries : seat.tries + 1] if told is not None else ()
            mine = apps.get(seat.member, ()) if told is not None else ()
            if member is None or not (ways or mine):
                # No way is left: nobody looks at this seat again until somebody answers for it.
                seat.tries, seat.reason = -1, seat.reason or "no way"
                spent.append(seat)
                continue
            turns.append((seat, len(ways), len(mine)))
            letters += [self.question(call, seat, member, way.channel, _at(way)) for way in ways]
            letters += [self.question(call, seat, member, DEVICE, one) for one in mine]
        outcomes = iter(zip(letters, await self.send(letters), strict=True))
        channels: Counter[str] = Counter()
        failed = 0
        for seat, number, beside in turns:
            own, app = [next(outcomes) for _ in range(number)], [next(outcomes) for _ in range(beside)]
            taken = [letter.channel for letter, outcome in (*own, *app) if outcome.kind == "accepted"]
            # What counts as this turn is the person's own way; an app alone is one as well.
            outcome = (own or app)[0][1]
            seat.tried, seat.reason = at, "" if outcome.kind == "accepted" else outcome.reason or outcome.kind
            # Where nothing has left, it is the same way again when the channel can.
            seat.tries += not (outcome.kind == "later" and not outcome.tried)
            if taken:
                channels.update(dict.fromkeys(taken, 1))
                seat.contact = max(seat.contact, Contact.DELIVERED)
                call.reach(seat.id, Contact.DELIVERED)
            else:
                failed += 1
        asked = [seat for seat, _, _ in turns]
        if not asked and not spent:
            return 0
        facts = []
        if channels or (failed and call.asked_at is None) or (spent and call.asked_at is None):
            failed += len(spent)
            facts = [fact(ROLLCALL_ASKED, call.id, Asked(dict(channels), failed), self.rolls.realm)]
        for entry in await asyncio.to_thread(self.rolls.book.note, call.id, [*asked, *spent], facts):
            self.rolls.apply(entry)
        return sum(channels.values())

    def _ways(self, told: Details) -> tuple[Way, ...]:
        """A person's ways in order; who has a telephone is rung last, where nothing else says otherwise."""
        known = {way.channel for way in told.ways}
        number = next((way.address for way in told.ways if way.channel == "sms"), "")
        lane = getattr(self.house.dispatch, "lanes", {}).get("voice")
        there = lane is not None and not isinstance(lane.channel, Unset)
        rung = (Way("voice", number),) if number and "voice" not in known and there else ()
        return (*told.ways, *rung)

    def _apps(self, members: Sequence[str]) -> dict[str, list[Address]]:
        """Where the apps are reached by which these people let themselves be asked."""
        subscribers: Any = self.house.subscriptions
        joined = self.rolls.roster.devices(members) if members and subscribers is not None else {}
        numbers = {
            number: member
            for member, names in joined.items()
            for name in names
            if (number := subscribers.roll.number(name)) is not None
        }
        found: dict[str, list[Address]] = {}
        for number, address in (subscribers.book.addresses(list(numbers)) if numbers else {}).items():
            found.setdefault(numbers[number], []).append(address)
        return found

    def question(self, call: RollCall, seat: Any, member: Member, channel: str, to: Address) -> Letter:
        """The question for one person by one way."""
        t = self._speech(member.languages)
        link = f"{self._url}/a/{self.rolls.book.link(ANSWER, call.id, seat.id)}"
        given = {
            "mark": exercise_mark(self.rolls.realm, t.language),
            "name": self.house.settings.sender_name,
            "title": call.started.title,
            "code": call.started.code,
            "link": link,
        }
        keys = channel == "voice" and hears_keys(self._channel(channel))
        slip = Slip(
            f"ask-{seat.id}",
            given["mark"] + t.say("ask.subject"),
            t.say("ask.mail" if channel == "mail" else "ask.sms", **given),
            t.say("ask.app" if channel == DEVICE else "ask.voice", **given),
            t.say("ask.app.tap" if channel == DEVICE else "ask.voice.keys" if keys else "ask.voice.link"),
            link,
            t.language,
            self.rolls.realm,
            self.house.now() + HOLDS,
            f"ask/{self.rolls.book.link(VOICE, call.id, seat.id)}" if keys else "",
        )
        return Letter(channel, to, slip)

    # --- wardens and deputies --------------------------------------------------------------------------------------

    async def tell(self, call: RollCall, step: Escalated) -> None:
        """Tell wardens or deputies what is the matter in their zones."""
        at = self.house.now()
        wardens = [
            (seat, member)
            for seat, member in await asyncio.to_thread(self._seated, call)
            if member.here(at) and set(member.wards) & set(step.zones)
        ]
        details = await asyncio.to_thread(self.rolls.roster.details, [member.id for _, member in wardens])
        letters = []
        if step.to in ("warden", "help"):
            for seat, member in wardens:
                zones = tuple(zone for zone in member.wards if zone in step.zones)
                link = f"{self._url}/w/{self.rolls.book.link(WARDEN, call.id, seat.id)}"
                number = len(call.unaccounted(zones))
                letters += [
                    self._note(call, step.to, way.channel, _at(way), member.languages, zones, number, link)
                    for way in (details[member.id].ways[:2] if member.id in details else ())
                ]
        if step.to in ("deputy", "help"):
            link, kind = f"{self._url}/console/rollcalls/{call.id}", "help" if step.to == "help" else "warden"
            letters += [
                self._note(call, kind, channel, to, tongue, step.zones, step.unaccounted, link)
                for channel, to, tongue in await asyncio.to_thread(self._deputies, at)
            ]
        await self.send(letters)
        done = fact(ROLLCALL_ESCALATED, call.id, step, self.rolls.realm)
        for entry in await asyncio.to_thread(self.house.store.append, [done]):
            self.rolls.apply(entry)

    def _note(
        self,
        call: RollCall,
        kind: str,
        channel: str,
        to: Address,
        languages: tuple[str, ...],
        zones: tuple[str, ...],
        number: int,
        link: str,
    ) -> Letter:
        t = self._speech(languages)
        mark = exercise_mark(self.rolls.realm, t.language)
        name = self.house.settings.sender_name
        shown = ", ".join(zone or "–" for zone in zones)[:80]
        text = t.say(f"ask.{kind}", mark=mark, name=name, n=number, zones=shown, link=link)
        spoken, subject = text.replace(link, "").rstrip(" :"), mark + t.say("ask.subject")
        ends = self.house.now() + HOLDS
        tap = t.say("ask.app.tap" if channel == DEVICE else "ask.voice.link")
        slip = Slip(f"call-{kind}-{call.id}", subject, text, spoken, tap, link, t.language, self.rolls.realm, ends)
        return Letter(channel, to, slip)

    def _seated(self, call: RollCall) -> list[tuple[Any, Member]]:
        seats = {seat.member: seat for seat in self.rolls.seats.get(call.id, {}).values()}
        return [(seats[member.id], member) for member in self.rolls.roster.members(list(seats)) if member.wards]

    def _deputies(self, at: datetime) -> list[tuple[str, Address, tuple[str, ...]]]:
        """The duty officers, those on call if any are, and how to reach them."""
        identity = self.house.identity
        if identity is None:
            return []
        officers = [one for one in identity.people if Role.DUTY_OFFICER in identity.people.roles(one.id, at)]
        called = [one for one in officers if one.reachable(at)] or officers
        found: list[tuple[str, Address, tuple[str, ...]]] = []
        names = [one.id for one in called]
        devices = identity.book.devices(names)
        for name, known in identity.book.personal(names).items():
            tongue: tuple[str, ...] = (known.language,) if known.language else ()
            found += [("sms", _at(Way("sms", known.phone.replace(" ", ""))), tongue)] if known.phone else []
            found += [("mail", _at(Way("mail", known.email)), tongue)] if known.email else []
            found += [
                (DEVICE, Address(0, "", one.endpoint, (one.keys,), tongue), tongue)
                for one in devices
                if one.person == name
            ]
        return found

    # --- sending ---------------------------------------------------------------------------------------------------

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        """Send each, many at once, and say how it went, in the same order."""
        lanes = getattr(self.house.dispatch, "lanes", {})
        rooms = {
            name: asyncio.Semaphore(BESIDE_ALERTS if getattr(lane, "running", 0) else AT_ONCE)
            for name, lane in lanes.items()
        }

        async def one(letter: Letter) -> Outcome:
            channel = self._channel(letter.channel)
            if channel is None:
                # It may be set up in a minute; the wardens' clock does not wait for it.
                return later(reason=UNSET, tried=False)
            async with rooms[letter.channel]:
                try:
                    outcome = await hand(channel, letter.to, letter.slip, self.house.now())
                except Exception:
                    # Whatever a channel raises costs this one letter: everybody else is asked, and this one again.
                    log.exception("channel %s broke", letter.channel)
                    return later(reason="channel broke")
            if outcome.kind == "gone" and letter.to.subscription and self.house.subscriptions is not None:
                await asyncio.to_thread(self.house.subscriptions.end, letter.to.subscription, "gone")
            return outcome

        return list(await asyncio.gather(*(one(letter) for letter in letters)))

    def _channel(self, name: str) -> Any:
        """The channel of this name as it may be used now; None where it is not set up, or was stopped."""
        lane = getattr(self.house.dispatch, "lanes", {}).get(name)
        return None if lane is None or lane.paused or isinstance(lane.channel, Unset) else lane.channel

    # --- erasing ---------------------------------------------------------------------------------------------------

    async def erase_asked(self) -> None:
        """Erase those whom a command asked to erase."""
        head = self.house.store.head().seq
        if head == self._erased:
            return
        entries = await asyncio.to_thread(self.house.store.read, self._erased, 1000, (ERASURE_ASKED, MEMBER_ERASED))
        asked = {one.subject for one in entries if one.kind == ERASURE_ASKED and one.realm == self.rolls.realm}
        there = (
            {one.id for one in await asyncio.to_thread(self.rolls.roster.members, sorted(asked))} if asked else set()
        )
        for member in sorted(there):
            await asyncio.to_thread(erase, self.house, member, "", "asked")
        self._erased = entries[-1].seq if len(entries) == 1000 else head

    def tidy(self, at: datetime) -> None:
        """Erase what has served its time."""
        settings = self.house.settings
        if (back := self.rolls.roster.erase_again()) > 0:
            log.warning("%d persons came back with a backup and were erased again", back)
        if gone := self.rolls.roster.ended(at - timedelta(days=settings.visitor_days)):
            for member in gone:
                erase(self.house, member, "", "ended")
        floor = at - timedelta(days=settings.rollcall_days)
        old = [
            call.id
            for call in self.rolls.calls.by_id.values()
            if not call.forgotten and call.closed is not None and call.closed < floor
        ]
        if old:
            facts = [fact(ROLLCALL_FORGOTTEN, name, {"days": settings.rollcall_days}, self.rolls.realm) for name in old]
            for entry in self.rolls.book.forget(old, facts):
                self.rolls.apply(entry)

    # --- wording ---------------------------------------------------------------------------------------------------

    @property
    def _url(self) -> str:
        return self.house.settings.public_url.rstrip("/")

    def _speech(self, languages: Sequence[str]) -> Texts:
        choices = offered(self.house.settings.languages)
        found = best(languages, choices) if languages else None
        return texts(found if found in choices else choices[0])


def _at(way: Way) -> Address:
    """Somebody's own address, which is no subscription."""
    return Address(0, "", way.address)
