"""The self-drill: each night one alert goes the whole way to every channel's canary and is ended, and that is a fact.

- Its alert (:mod:`tocsin.warn.canary`) goes to the canaries of :mod:`tocsin.reach.canary`: signed and recorded, matched by
  the audience, sealed in batches, dispatched, receipted, and ended by an all-clear that goes the same way. Nobody but the
  canaries is concerned by it, and no alert of anybody else concerns them. It is on no page, so reading back the page is the
  one step that it does not pass.
- No person is awake to approve it: a line of the signed policy is the approval beforehand, as for the mirror.
- It is an exercise and leaves after everything else. Each night it waits until no warning stands; one that stands for
  hours must not leave the channels untested, so then it waits only until nothing is being sent.
- One that was cut off is ended at the next start, and by its own time before.
- A channel that fails, or that people have subscribed by and that has no canary, is named; readiness says so until it
  is proven again (requirement 52). The button on the channels page is the same drill for one channel, at once.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

from tocsin.clock import Clock
from tocsin.errors import NotFoundError, NotReadyError, PolicyError, TocsinError
from tocsin.journal import EXERCISE, Entry, Journal, fact, follow
from tocsin.reach.canary import Canaries, Canary
from tocsin.reach.channel import Kit as ChannelKit
from tocsin.reach.delivery import DUE, FAILED, PROVEN, Mark, Receipt, receipt
from tocsin.reach.dispatch import Dispatch
from tocsin.reach.subscriber import Subscribers
from tocsin.reach.subscription import Subscription
from tocsin.settings import Settings
from tocsin.warn.canary import EVENT, SELFDRILL_PUBLISHED, channels_of, proving
from tocsin.warn.compile import Kit
from tocsin.warn.publish import ALERT_PUBLISHED, WARNS, Published, Sign

log = logging.getLogger("tocsin.selfdrill")

CHANNEL_PROVED = "channel:proved"
SELFDRILL_DONE = "selfdrill:done"
SELFDRILL_FAILED = "selfdrill:failed"
KINDS = (CHANNEL_PROVED, SELFDRILL_DONE, SELFDRILL_FAILED, SELFDRILL_PUBLISHED)
LATEST = timedelta(hours=26)
STANDS = timedelta(hours=6)
"""A warning that has stood for so long does not hold up the self-drill any more."""
GIVES_UP = timedelta(hours=20)
LOOK_AGAIN_S = 60.0
WITHIN_S = 60.0
RECEIPT_S = 20.0
LOOK_S = 0.02


class Publishing(NamedTuple):
    """In whose name and words the alert is made, who signs it, and the channels that the signed policy allows."""

    kit: Kit
    sign: Sign
    allowed: Collection[str]


class Proved(Struct, frozen=True):
    """The body of ``channel:proved``, in the realm exercise; the subject is the channel.

    ``outcome`` is the channel's (accepted, refused, gone, later), ``unproven`` where no receipt came back, or ``uncleared``
    where the alert arrived and its all-clear did not; ``seconds`` is until the alert's last word; ``level`` its best receipt.
    """

    channel: str
    outcome: str
    reason: str
    seconds: float
    level: str
    by: str = ""
    event_id: str = ""

    @property
    def good(self) -> bool:
        """Whether the way is proven."""
        return self.outcome == "accepted"


class Drilled(Struct, frozen=True):
    """The body of ``selfdrill:done`` and ``selfdrill:failed``; ``without`` are channels in use without a canary."""

    channels: tuple[Proved, ...]
    without: tuple[str, ...] = ()


class SelfDrill:
    """Proves the channels of one installation; ``calm`` says whether no warning stands at a moment."""

    def __init__(
        self,
        journal: Journal,
        dispatch: Dispatch,
        subscribers: Subscribers,
        publishing: Publishing,
        settings: Settings,
        clock: Clock,
        data: Path | None,
        *,
        calm: Callable[[datetime], bool] = lambda at: True,
        within_s: float = WITHIN_S,
        receipt_s: float = RECEIPT_S,
    ) -> None:
        self.journal, self.dispatch, self.publishing = journal, dispatch, publishing
        self.settings, self.clock, self.calm = settings, clock, calm
        kit = ChannelKit(settings, clock, data=data)
        self.kept = Canaries(kit, subscribers, dispatch.book, publishing.allowed)
        self.within_s, self.receipt_s = within_s, receipt_s
        self.last: dict[str, tuple[datetime, Proved]] = {}
        self.drilled: tuple[datetime, Drilled] | None = None
        self.began = clock.now()
        self.stands: dict[str, Published] = {}
        self._busy = asyncio.Lock()
        for entry in follow(journal, 0, KINDS):
            self._apply(entry)

    def canaries(self) -> Mapping[str, Canary]:
        """The canary of each channel that has one and that the signed policy allows, as the file says now."""
        return self.kept.wanted()

    def unsigned(self) -> list[str]:
        """The channels with a canary that no signed line of the policy names."""
        return self.kept.unsigned()

    def failed(self) -> list[tuple[str, str]]:
        """The channels whose last proof failed, with why."""
        return [
            (name, found.reason or found.outcome) for name, (_, found) in sorted(self.last.items()) if not found.good
        ]

    def overdue(self, at: datetime) -> bool:
        """Whether a drill should have been made by now and was not."""
        since = self.drilled[0] if self.drilled is not None else self.began
        return bool(self.settings.selfdrill_at) and at - max(since, self.began - LATEST) > LATEST and self.kept.any()

    async def prove(self, channel: str, by: str = "") -> Proved:
        """Have one channel's canary told and told that it is over, and record what came of it.

        Raises :class:`NotFoundError` without a canary, :class:`PolicyError` where no signed line allows it, and
        :class:`NotReadyError` where a warning came in between.
        """
        if channel not in self.kept.named() or channel not in self.dispatch.lanes:
            raise NotFoundError(f"{channel} has no canary: name one in channels.toml, table canary.{channel}")
        if channel not in self.publishing.allowed:
            raise PolicyError(f"its line selfdrill does not name {channel}; add it and sign with: tocsin policy sign")
        async with self._busy:
            (found,) = await self._run([channel], by)
        await self._record([(CHANNEL_PROVED, channel, found)])
        return found

    async def drill(self) -> Drilled:
        """Prove every channel that has a canary with one alert, and record whether all is well."""
        used = {name for name, counts in self.dispatch.standing().items() if any(counts.values())}
        canaries = self.canaries()
        going = [name for name in sorted(canaries) if name in self.dispatch.lanes]
        async with self._busy:
            found = await self._run(going) if going else []
        done = Drilled(tuple(found), tuple(sorted(used - canaries.keys())))
        kind = SELFDRILL_DONE if all(one.good for one in found) else SELFDRILL_FAILED
        await self._record([*((CHANNEL_PROVED, one.channel, one) for one in found), (kind, "channels", done)])
        return done

    async def keep(self) -> None:
        """Drill each night at the hour that the settings name, until cancelled; first end what was cut off."""
        await self._mend()
        while True:
            await self.clock.sleep(self._until_next())
            await self._mend()
            if self.settings.selfdrill_at and self.kept.any():
                await self._nightly()

    async def mend(self) -> None:
        """End what was cut off, and keep the canaries that the file names and no others."""
        async with self._busy:
            await self._end_all()
            await asyncio.to_thread(self.kept.keep)

    # --- when ------------------------------------------------------------------------------------------------------

    async def _mend(self) -> None:
        try:
            await self.mend()
        except (TocsinError, OSError):
            log.exception("the canaries could not be looked after")

    async def _nightly(self) -> None:
        began = self.clock.now()
        while (waited := self.clock.now() - began) < GIVES_UP:
            if not self.dispatch.open_alerts() and (waited >= STANDS or self.calm(self.clock.now())):
                try:
                    await self.drill()
                    return
                except NotReadyError as wrong:
                    log.info("the self-drill waits: %s", wrong)
                except (TocsinError, OSError):
                    log.exception("the self-drill could not be made")
                    return
            await self.clock.sleep(LOOK_AGAIN_S)

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

    # --- one run ---------------------------------------------------------------------------------------------------

    async def _run(self, channels: Sequence[str], by: str = "") -> list[Proved]:
        """What came of one alert and its all-clear, by channel; NotReadyError where something real came in between."""
        await self._end_all()
        held, canaries = await asyncio.to_thread(self.kept.keep), self.canaries()
        going = {name: held[name] for name in channels if name in held and not self.dispatch.lanes[name].paused}
        found = {name: Proved(name, "later", "stopped", 0.0, "", by) for name in channels if name not in going}
        if going:
            kit, sign, _ = self.publishing
            event_id = f"{EVENT}{secrets.token_hex(8)}"
            alert = await asyncio.to_thread(proving, kit, sign, event_id, tuple(going), self._moment())
            seq = await self._publish(alert)
            try:
                marks, took = await self._wait(alert, going, {name for name in going if canaries[name].shown})
            finally:
                ended = await self._end(alert)
            reasons = {name: self._reason(name, canaries[name].address) for name in going}
            told = {name: going[name] for name, mark in marks.items() if mark in PROVEN}
            cleared, _ = await self._wait(ended, told, set())
            for name, mark in marks.items():
                outcome, reason = _outcome(mark, canaries[name].shown, reasons[name])
                if outcome == "accepted" and cleared[name] not in PROVEN:
                    outcome, reason = "uncleared", self._reason(name, canaries[name].address)
                level = receipt(mark) if mark is not None else None
                found[name] = Proved(name, outcome, reason, took[name], level.value if level else "", by, event_id)
            if not all(one.good for one in found.values()) and await asyncio.to_thread(self._overtaken, seq):
                raise NotReadyError("an alert came in between, and goes first: test again when it has left")
        return [found[name] for name in channels]

    async def _wait(
        self, alert: Published, to: Mapping[str, Subscription], shown: Collection[str]
    ) -> tuple[dict[str, Mark | None], dict[str, float]]:
        """The mark of each canary when nothing more is to be expected, None if it was never sealed, and the seconds."""
        loop = asyncio.get_running_loop()
        start, marks = loop.time(), dict[str, Mark | None].fromkeys(to)
        took, accepted = dict[str, float](), dict[str, float]()
        while len(took) < len(to):
            since = loop.time() - start
            for name in to.keys() - took.keys():
                marks[name] = mark = self._mark(alert.identifier, to[name].number)
                if mark in PROVEN:
                    accepted.setdefault(name, since)
                waits = (
                    since < self.within_s if mark is None or mark in DUE else name in shown and mark == Mark.ACCEPTED
                )
                if mark == Mark.ACCEPTED and waits:
                    waits = since - accepted[name] < self.receipt_s
                if not waits:
                    took[name] = round(since, 3)
            if len(took) < len(to):
                await asyncio.sleep(LOOK_S)
        return marks, took

    def _mark(self, alert: str, number: int) -> Mark | None:
        course = self.dispatch.courses.get(alert)
        for work in course.works if course is not None else ():
            if (place := work.place(number)) is not None:
                return Mark(int(work.marks[place]))
        return None

    def _reason(self, channel: str, address: str) -> str:
        """What the carrier of a canary said last where it did not take something."""
        name: Any = getattr(self.dispatch.lanes[channel].channel, "carrier", None)
        carrier = name(address) if name is not None else channel
        return next((one.reason for one in self.dispatch.carriers.of(channel) if one.name == carrier), "")

    def _overtaken(self, seq: int) -> bool:
        """Whether an alert was published since."""
        return any(entry.realm == self.dispatch.realm for entry in self.journal.read(seq, 100, (ALERT_PUBLISHED,)))

    # --- the journal -----------------------------------------------------------------------------------------------

    def _moment(self) -> datetime:
        # CAP's times have whole seconds, and a reference must name the very time that stands in the message.
        return self.clock.now().replace(microsecond=0)

    async def _end_all(self) -> None:
        """End what was published and never ended."""
        for alert in list(self.stands.values()):
            await self._end(alert)

    async def _end(self, alert: Published) -> Published:
        kit, sign, _ = self.publishing
        ended = await asyncio.to_thread(
            proving, kit, sign, alert.event_id, channels_of(alert), self._moment(), before=alert
        )
        await self._publish(ended)
        return ended

    async def _publish(self, alert: Published) -> int:
        (entry,) = await self._record([(SELFDRILL_PUBLISHED, alert.identifier, alert)])
        return entry.seq

    async def _record(self, said: Sequence[tuple[str, str, Struct]]) -> list[Entry]:
        facts = [fact(kind, subject, body, EXERCISE) for kind, subject, body in said]
        entries = await asyncio.to_thread(self.journal.append, facts)
        for entry in entries:
            self._apply(entry)
        return entries

    def _apply(self, entry: Entry) -> None:
        if entry.kind == CHANNEL_PROVED:
            self.last[entry.subject] = entry.at, entry.read(Proved)
        elif entry.kind in (SELFDRILL_DONE, SELFDRILL_FAILED):
            self.drilled = entry.at, entry.read(Drilled)
        elif entry.kind == SELFDRILL_PUBLISHED:
            alert = entry.read(Published)
            if alert.phase in WARNS:
                self.stands[alert.event_id] = alert
            else:
                self.stands.pop(alert.event_id, None)


def _outcome(mark: Mark | None, shown: bool, reason: str) -> tuple[str, str]:
    """What a canary's mark comes to, and why."""
    if mark is None:
        return "later", "it was not sealed: the dispatch does not run, or is far behind"
    if mark in PROVEN:
        if shown and receipt(mark) is Receipt.ACCEPTED:
            return "unproven", "no receipt came back"
        return "accepted", ""
    if mark in (Mark.GONE, Mark.ENDED):
        return "gone", reason
    return ("refused" if mark is Mark.REFUSED else "later"), reason or ("expired" if mark in FAILED else "timeout")
