"""The pager: calls people who have to see to something, by every way they can be reached, until somebody answers.

- It follows ``page:due`` with a cursor of its own: a call that was due before a power cut is made after it.
- Mail, SMS and the devices they have named in their account at once; the telephone rings from the second call on, and at
  once where an alert was stopped. Each bears a sealed link to one button, "I answer", for exactly this call; no session is
  needed to press it, and it ends in an hour.
- What was handed over, what was not and why are facts without an address; addresses stay in their sealed table (F27).
- Words are in the language of who is called. In the exercise realm each begins with the word for exercise.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from msgspec import Struct

from tocsin.clock import Clock
from tocsin.errors import ParameterError
from tocsin.journal import Entry, fact
from tocsin.reach.channel import Channel, Outcome, refused
from tocsin.reach.channels.sms import address
from tocsin.reach.channels.way import Unset
from tocsin.reach.delivery import Address
from tocsin.reach.slip import DEVICE, Slip, hand
from tocsin.reach.wording import exercise_mark
from tocsin.store.sqlite import SqliteStore
from tocsin.warn.enrolment import DEVICE_REMOVED, Called, Device, Personal
from tocsin.warn.owner import PAGE_DUE, PAGE_FAILED, PAGE_SENT, Page, Tried
from tocsin.web.console.calls import link, sentence
from tocsin.web.console.desk_room import DeskRoom, speech
from tocsin.web.health import Ailment

log = logging.getLogger("tocsin")

FOLLOWER = "pager"
LASTS = timedelta(minutes=15)
AGAIN = (5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds between tries of one way; the last goes on until somebody answers or the call is over."""
RINGS = frozenset({"stopped"})


class Tells(Protocol):
    """A channel that sends plain words to an address."""

    async def tell(self, address: str, subject: str, text: str) -> Outcome: ...


class Way(Struct, frozen=True):
    """One way to reach one person: the channel's name and the address; a device's with what is sealed to it, and its id."""

    channel: str
    address: str
    secrets: tuple[str, ...] = ()
    device: str = ""


def ways(known: Personal, rings: bool, devices: Iterable[Device] = ()) -> list[Way]:
    """How a person can be reached; ``rings`` by telephone as well. A number that is none is left out."""
    found = [Way(DEVICE, one.endpoint, (one.keys,), one.id) for one in devices]
    found += [Way("mail", known.email)] if known.email else []
    with contextlib.suppress(ParameterError):
        number = address(known.phone) if known.phone else ""
        if number:
            found += [Way("sms", number)] + ([Way("voice", number)] if rings else [])
    return found


class Pager:
    """Everything that is being called in one house."""

    def __init__(
        self,
        store: SqliteStore,
        clock: Clock,
        room: Callable[[], DeskRoom],
        channels: Mapping[str, Channel],
        realm: str,
    ) -> None:
        self.store, self.clock, self.room, self.channels, self.realm = store, clock, room, channels, realm
        self._under_way: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Make the calls that become due until cancelled."""
        loop, fresh = asyncio.get_running_loop(), asyncio.Event()

        def woken(_: int) -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(fresh.set)

        stop = self.store.on_append(woken)
        upto = self.store.cursor(FOLLOWER)
        try:
            while True:
                fresh.clear()
                while entries := await asyncio.to_thread(self.store.read, upto, 100, (PAGE_DUE,)):
                    upto = entries[-1].seq
                    for entry in entries:
                        if entry.realm == self.realm and self.clock.now() - entry.at < LASTS:
                            self._under_way[entry.seq] = asyncio.create_task(self._call(entry))
                await fresh.wait()
        finally:
            stop()
            tasks = list(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _call(self, entry: Entry) -> None:
        """Make one call by every way, and move the cursor behind what nobody is called about any more."""
        try:
            page = entry.read(Page)
            known = (await asyncio.to_thread(self._book().personal, (page.person,))).get(page.person, Personal(""))
            devices = await asyncio.to_thread(self._book().devices, (page.person,))
            found = ways(known, page.step > 1 or page.kind in RINGS, devices)
            if not found:
                await self._note(page, "", "no way to reach this person")
            await asyncio.gather(*(self._by(page, way, known.language, entry.at + LASTS) for way in found))
        except Exception:
            # One call that cannot be made must not end the pager, which has others to make.
            log.exception("the call %s could not be made", entry.subject)
        finally:
            self._under_way.pop(entry.seq, None)
        upto = min(self._under_way, default=entry.seq + 1) - 1
        if upto > self.store.cursor(FOLLOWER):
            await asyncio.to_thread(self.store.step, FOLLOWER, upto, ())

    async def _by(self, page: Page, way: Way, language: str, ends: datetime) -> None:
        """Try one way until it is taken, somebody answers, or the call is over."""
        said = ""
        for turn in range(1000):
            outcome = await self._send(page, way, language, ends)
            if outcome.kind == "accepted":
                await self._note(page, way.channel, "")
                return
            if outcome.reason != said or not said:
                said = outcome.reason or outcome.kind
                await self._note(page, way.channel, said)
            if outcome.kind != "later":
                return
            await self.clock.sleep(AGAIN[min(turn, len(AGAIN) - 1)])
            room = self.room()
            room.take_in()
            if room.watch.is_answered(page.id) or self.clock.now() >= ends:
                return

    async def _send(self, page: Page, way: Way, language: str, ends: datetime) -> Outcome:
        channel = self.channels.get(way.channel)
        if channel is None or isinstance(channel, Unset):
            return refused("not set up", tried=False)
        room = self.room()
        known = language if language in room.house.languages else room.house.languages[0]
        words, url = speech(known), link(room, page)
        mark = exercise_mark(self.realm, known)
        first = mark + sentence(room, page, known)
        text = f"{first} {words.say('call.answer', url=url)}"
        # A device's push service sees the name, so it says nothing of whom or what the call is about.
        name = f"call-{hashlib.sha256(page.id.encode()).hexdigest()[:16]}"
        more = words.say("call.tap" if way.channel == DEVICE else "call.voice")
        slip = Slip(name, first, text, first, more, url, known, self.realm, ends)
        to = Address(0, name, way.address, way.secrets, (known,))
        outcome = await hand(channel, to, slip, self.clock.now())
        if outcome.kind == "gone" and way.device:
            removed = fact(DEVICE_REMOVED, page.person, Called(way.device), self.realm)
            await asyncio.to_thread(self._book().drop_device, way.device, page.person, [removed])
        return outcome

    async def _note(self, page: Page, way: str, wrong: str) -> None:
        """Record how a way went; ``wrong`` is empty where it was taken."""
        kind = PAGE_FAILED if wrong else PAGE_SENT
        one = fact(kind, page.id, Tried(page.person, way, wrong), self.realm)
        await asyncio.to_thread(self.store.append, [one])

    def _book(self) -> Any:
        return self.room().house.identity.book

    def unreachable(self, at: datetime) -> Iterable[Ailment]:
        """For readiness: who minds an alert that stands and cannot be called, and a desk where nobody can."""
        room = self.room()
        room.take_in()
        minders = {name for one in room.watch.owned() for name in (one.owner, one.deputy) if name}
        if not minders:
            return
        known = self._book().personal(tuple(sorted(minders)))
        devices = self._book().devices(tuple(sorted(minders)))
        for name in sorted(minders):
            found = ways(known.get(name, Personal("")), True, (one for one in devices if one.person == name))
            if not any(not isinstance(self.channels.get(way.channel), Unset | None) for way in found):
                yield Ailment(
                    "owner.unreachable",
                    f"{name} minds an alert and cannot be called: enter a mail address, number or device in their "
                    "account, and set up mail, SMS or voice.",
                )
