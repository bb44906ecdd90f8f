"""The self-drill: each night every channel carries one exercise to its canary, and what came of it is a fact.

- A canary is an address of the operator's own for a channel (``[canary.mail]`` in ``channels.toml``): nobody else is
  ever sent anything by a drill, and nothing of it stands among the deliveries of an alert.
- It proves the last part of an alert's way: the bulletin, the channel with its connections, and the receipts. What is
  before that, from the journal by the audience and the sealed batches to the channel, it does not pass: a canary is no
  subscriber, and an alert in the journal would be everybody's. Its realm is exercise, in every language, and its words
  say that there is nothing to do (F16).
- A channel that fails, or that people have subscribed by and that has no canary, is named; readiness says so until it
  is proven again (requirement 52). The button on the channels page is the same drill for one channel.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from tocsin.clock import Clock
from tocsin.errors import NotFoundError, TocsinError
from tocsin.journal import EXERCISE, Entry, Journal, fact, follow
from tocsin.reach.bulletin import Bulletin, body
from tocsin.reach.channel import Kit, Outcome, later
from tocsin.reach.channels.way import way
from tocsin.reach.delivery import Address, Delivery, Receipt
from tocsin.reach.dispatch import Dispatch
from tocsin.settings import Settings
from tocsin.warn.phrase import book

log = logging.getLogger("tocsin.selfdrill")

CHANNEL_PROVED = "channel:proved"
SELFDRILL_DONE = "selfdrill:done"
SELFDRILL_FAILED = "selfdrill:failed"
KINDS = (CHANNEL_PROVED, SELFDRILL_DONE, SELFDRILL_FAILED)
PREFIX = "selfdrill-"
LATEST = timedelta(hours=26)
ATTEMPTS = 3
WITHIN_S = 30.0
RECEIPT_S = 20.0

SAYS = {
    "en": "Test of this channel. There is nothing to do.",
    "uk": "Перевірка цього каналу. Нічого робити не потрібно.",
    "de": "Test dieses Kanals. Es ist nichts zu tun.",
    "fr": "Essai de ce canal. Il n’y a rien à faire.",
}


class Canary(Struct, frozen=True, forbid_unknown_fields=True):
    """A channel's canary in ``channels.toml``: an address of our own, and the secrets that the channel needs for it.

    ``shown`` says that a receipt of that level comes back from it, so that accepted alone is not enough.
    """

    address: str
    secrets: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    shown: bool = False


class Proved(Struct, frozen=True):
    """The body of ``channel:proved``, in the realm exercise; the subject is the channel.

    ``outcome`` is the channel's (accepted, refused, gone, later) or ``unproven`` where no receipt came back; ``seconds`` is
    until the last word of it; ``level`` the best receipt.
    """

    channel: str
    outcome: str
    reason: str
    seconds: float
    level: str
    by: str = ""

    @property
    def good(self) -> bool:
        """Whether the way is proven."""
        return self.outcome == "accepted"


class Drilled(Struct, frozen=True):
    """The body of ``selfdrill:done`` and ``selfdrill:failed``; ``without`` are channels in use without a canary."""

    channels: tuple[Proved, ...]
    without: tuple[str, ...] = ()


class SelfDrill:
    """Proves the channels of one installation."""

    def __init__(
        self, journal: Journal, dispatch: Dispatch, settings: Settings, clock: Clock, data: Path | None
    ) -> None:
        self.journal, self.dispatch, self.settings, self.clock, self.data = journal, dispatch, settings, clock, data
        self.last: dict[str, tuple[datetime, Proved]] = {}
        self.drilled: tuple[datetime, Drilled] | None = None
        self.began = clock.now()
        self._receipts: dict[str, asyncio.Future[Receipt]] = {}
        self._busy = asyncio.Lock()
        for entry in follow(journal, 0, KINDS):
            self._apply(entry)

    def canaries(self) -> Mapping[str, Canary]:
        """The canary of each channel that has one, as the file says now."""
        return way(Kit(self.settings, self.clock, data=self.data), "canary", dict[str, Canary]) or {}

    def failed(self) -> list[tuple[str, str]]:
        """The channels whose last proof failed, with why."""
        return [
            (name, found.reason or found.outcome) for name, (_, found) in sorted(self.last.items()) if not found.good
        ]

    def overdue(self, at: datetime) -> bool:
        """Whether a drill should have been made by now and was not."""
        since = self.drilled[0] if self.drilled is not None else self.began
        return bool(self.settings.selfdrill_at) and at - max(since, self.began - LATEST) > LATEST and self._wanted()

    def heard(self, alert: str, level: Receipt) -> bool:
        """Take in a receipt if it is a canary's; false if it is not."""
        if not alert.startswith(PREFIX):
            return False
        waiting = self._receipts.get(alert)
        if waiting is not None and not waiting.done():
            waiting.set_result(level)
        return True

    async def prove(self, channel: str, by: str = "") -> Proved:
        """Send one exercise to a channel's canary and record what came of it; :class:`NotFoundError` without a canary."""
        canary = self.canaries().get(channel)
        if canary is None or channel not in self.dispatch.lanes:
            raise NotFoundError(f"{channel} has no canary: name one in channels.toml, table canary.{channel}")
        async with self._busy:
            found = await self._prove(channel, canary, by)
        (entry,) = await asyncio.to_thread(self.journal.append, [fact(CHANNEL_PROVED, channel, found, EXERCISE)])
        self._apply(entry)
        return found

    async def drill(self) -> Drilled:
        """Prove every channel that has a canary, and record whether all is well."""
        used = {name for name, counts in self.dispatch.standing().items() if any(counts.values())}
        canaries = self.canaries()
        found = [await self.prove(name) for name in sorted(canaries) if name in self.dispatch.lanes]
        done = Drilled(tuple(found), tuple(sorted(used - canaries.keys())))
        kind = SELFDRILL_DONE if all(one.good for one in found) else SELFDRILL_FAILED
        (entry,) = await asyncio.to_thread(self.journal.append, [fact(kind, "channels", done, EXERCISE)])
        self._apply(entry)
        return done

    async def keep(self) -> None:
        """Drill each night at the hour that the settings name, until cancelled."""
        while True:
            await self.clock.sleep(self._until_next())
            if not self.settings.selfdrill_at or not self._wanted():
                continue
            try:
                await self.drill()
            except (TocsinError, OSError):
                log.exception("the self-drill could not be made")

    def _until_next(self) -> float:
        """Seconds until the next drill; an hour where none is made, so that a changed file is noticed."""
        if not self.settings.selfdrill_at:
            return 3600.0
        hour, minute = (int(part) for part in self.settings.selfdrill_at.split(":"))
        now = self.clock.now()
        following = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        if following <= now:
            following += timedelta(days=1)
        return (following - now).total_seconds()

    async def _prove(self, channel: str, canary: Canary, by: str) -> Proved:
        began, loop = self.clock.now(), asyncio.get_running_loop()
        start = loop.time()
        delivery = self._delivery(channel, canary, began)
        waiting = self._receipts[delivery.alert] = loop.create_future()
        level = ""
        try:
            outcome = await self._send(channel, delivery)
            if outcome.kind == "accepted":
                level = Receipt.ACCEPTED.value
                if canary.shown:
                    try:
                        async with asyncio.timeout(RECEIPT_S):
                            level = (await waiting).value
                    except TimeoutError:
                        outcome = later(reason="no receipt came back")
        finally:
            del self._receipts[delivery.alert]
        kind = "unproven" if outcome.kind == "later" and level else outcome.kind
        return Proved(channel, kind, outcome.reason, round(loop.time() - start, 3), level, by)

    async def _send(self, channel: str, delivery: Delivery) -> Outcome:
        sending = self.dispatch.lanes[channel].channel
        outcome = later(reason="timeout")
        for _ in range(ATTEMPTS):
            try:
                async with asyncio.timeout(WITHIN_S):
                    (outcome,) = await sending.send([delivery])
            except TimeoutError:
                outcome = later(reason="timeout")
            except Exception as wrong:
                # A channel that breaks is what a drill is there to find.
                log.exception("channel %s broke in the self-drill", channel)
                outcome = later(reason=f"channel broke: {type(wrong).__name__}")
            if outcome.kind != "later" or (outcome.after_s or 1.0) > 5.0:
                break
            await asyncio.sleep(outcome.after_s or 1.0)
        return outcome

    def _delivery(self, channel: str, canary: Canary, at: datetime) -> Delivery:
        name = f"{PREFIX}{channel}-{secrets.token_hex(8)}"
        ends = at + timedelta(minutes=10)
        phrases = book()
        tags = [tag for tag in self.settings.languages if tag in SAYS] or ["en"]
        told = Bulletin(
            identifier=name,
            event_id=name,
            version=1,
            supersedes="",
            phase="act",
            realm=EXERCISE,
            as_of=at,
            sent=at,
            expires=ends,
            next_update_by=None,
            cancel_reason=None,
            areas=(self.settings.home,),
            source="",
            headline={tag: f"{phrases.exercise(tag)}. {SAYS[tag]}" for tag in tags},
            instruction={tag: SAYS[tag] for tag in tags},
            url=self.settings.public_url,
        )
        to = Address(0, f"canary-{channel}", canary.address, canary.secrets, canary.languages)
        return Delivery(name, name, 1, "act", EXERCISE, ends, body(told), to)

    def _wanted(self) -> bool:
        try:
            return bool(self.canaries())
        except TocsinError:
            return True

    def _apply(self, entry: Entry) -> None:
        if entry.kind == CHANNEL_PROVED:
            self.last[entry.subject] = entry.at, entry.read(Proved)
        elif entry.kind in (SELFDRILL_DONE, SELFDRILL_FAILED):
            self.drilled = entry.at, entry.read(Drilled)
