"""Attempts: hands part of a sealed batch to its channel, and puts down how that went.

- Nothing that has expired, and nobody whose subscription has ended, is handed over.
- Who is handed over is marked as being sent to before the channel has it: a crash then knows who may have been reached.
- What the other side could not take is tried again later by the dispatch's patience, and never beyond the alert's end;
  what then is left is a dead letter with its mark.
- A receipt may overtake the channel's own answer; what is known to have arrived is not put back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from tocsin.cap.alert import Alert
from tocsin.clock import Clock
from tocsin.journal import Journal
from tocsin.reach.bulletin import Parse, body, bulletin_of
from tocsin.reach.carrier import Carriers
from tocsin.reach.channel import ACCEPTED, Outcome, later
from tocsin.reach.delivery import DUE, Address, AddressBook, Batch, Delivery, Mark
from tocsin.reach.lane import Lane, Work
from tocsin.reach.leaving import LEFT, left
from tocsin.reach.patience import Patience
from tocsin.reach.wanted import LOUD
from tocsin.warn.publish import Published

Quieter = Callable[[Sequence[int]], Mapping[int, str]]
"""Says how loud an alert is for those of some numbers who do not want it aloud."""

_log = logging.getLogger(__name__)


class Attempts:
    """Makes the attempts of one dispatch.

    ``noted`` is told of each batch that changed, ``taken`` of how many more of one were accepted, ``gone`` of whom is not
    there any more; ``quieter`` makes what says who does not want an alert aloud.
    """

    def __init__(
        self,
        journal: Journal,
        book: AddressBook,
        clock: Clock,
        realm: str,
        *,
        parse: Parse,
        public_url: str,
        patience: Patience,
        chance: Callable[[], float],
        before: Callable[[Published], tuple[str, ...]],
        noted: Callable[[Work], object],
        gone: Callable[[int], object],
        taken: Callable[[Work, int], object],
        quieter: Callable[[Published, Alert, Batch], Quieter],
    ) -> None:
        self.journal, self.book, self.clock, self.realm = journal, book, clock, realm
        self.parse, self.public_url, self.patience, self.chance = parse, public_url, patience, chance
        self.before, self.noted, self.gone, self.taken = before, noted, gone, taken
        self.quieter = quieter
        self.carriers = Carriers()
        self._bodies: dict[str, tuple[bytes, Quieter]] = {}

    async def send(self, lane: Lane, work: Work, places: list[int]) -> None:
        """Send to these places of a batch, and put down how it went."""
        batch = work.batch
        try:
            said = self._bodies.get(batch.alert)
            if said is None:
                said = await asyncio.to_thread(self._body, batch)
                if len(self._bodies) >= 100:
                    self._bodies.pop(next(iter(self._bodies)))
                self._bodies[batch.alert] = said
            content, quieter = said
            found, quiet = await asyncio.to_thread(self._look_up, batch.recipients[places].tolist(), quieter)
        except Exception:
            # The store may be busy or its disk full for a moment: nothing has left, and it is tried again. They come back
            # together: one by one each would be prepared for by itself.
            _log.exception("a batch of %s could not be prepared", batch.alert)
            jitter = self.chance()
            self._note(lane, work, places, [later(tried=False, reason="store")] * len(places), lambda: jitter)
            return
        ended = self.clock.now() >= batch.deadline
        deliveries: list[Delivery] = []
        here: list[int] = []
        # Numbers of Python: one of numpy's that is compared with a Mark costs more than all the rest of this.
        for place, number, code in zip(
            places, batch.recipients[places].tolist(), work.marks[places].tolist(), strict=True
        ):
            if work.closed or code not in DUE:
                # A receipt of an earlier attempt came meanwhile, or a newer version: this has ended already.
                continue
            to = found.get(number)
            if to is None or ended:
                tried = Mark.EXPIRED if code == Mark.PENDING else Mark.EXHAUSTED
                mark = Mark.ENDED if to is None else tried
                work.settle(place, mark)
                lane.count(mark)
                continue
            here.append(place)
            deliveries.append(
                Delivery(
                    batch.alert,
                    batch.event_id,
                    batch.version,
                    batch.phase,
                    batch.realm,
                    batch.deadline,
                    content,
                    to,
                    quiet.get(number, LOUD),
                )
            )
        if here:
            before = work.marks[here]
            work.marks[here] = Mark.SENDING
            carriers = self.carriers.given(lane.channel, deliveries, self.clock.now())
            try:
                outcomes = list(await lane.channel.send(deliveries))
                assert len(outcomes) == len(deliveries), "a channel says how each delivery went"
            except Exception:
                # A channel may be somebody else's: whatever it raises counts as no answer, and the lane goes on.
                _log.exception("channel %s broke", lane.name)
                outcomes = [later(reason="channel broke")] * len(deliveries)
            self.carriers.answered(carriers, outcomes, self.clock.now())
            for place, mark, outcome in zip(here, before.tolist(), outcomes, strict=True):
                if not outcome.tried and not work.closed and work.marks[place] == Mark.SENDING:
                    work.marks[place] = mark
            self._note(lane, work, here, outcomes)
        else:
            self._note(lane, work, [], [])

    async def prepare(self, make: Callable[[Delivery], Awaitable[None]], batch: Batch) -> None:
        """Have a channel make in advance what every delivery of a batch will need."""
        content, _ = await asyncio.to_thread(self._body, batch)
        nobody = Address(0, "", "")
        await make(
            Delivery(
                batch.alert, batch.event_id, batch.version, batch.phase, batch.realm, batch.deadline, content, nobody
            )
        )

    def _look_up(self, numbers: list[int], quieter: Quieter) -> tuple[dict[int, Address], Mapping[int, str]]:
        return self.book.addresses(numbers), quieter(numbers)

    def _body(self, batch: Batch) -> tuple[bytes, Quieter]:
        """The bulletin of a batch's alert, from the journal, and what says for whom it is quieter."""
        entry = self.journal.read(batch.seq - 1, 1)[0]
        published = entry.read(Published)
        alert = self.parse(published.cap.encode())
        told = bulletin_of(entry, published, alert, self.realm, self.public_url)
        content = body(left(told, self.before(published)) if batch.alert.endswith(LEFT) else told)
        return content, self.quieter(published, alert, batch)

    def _note(
        self,
        lane: Lane,
        work: Work,
        places: list[int],
        outcomes: Sequence[Outcome],
        chance: Callable[[], float] | None = None,
    ) -> None:
        """Put down how an attempt went; ``chance`` spreads what is tried again."""
        if work.closed:
            return
        now = self.clock.now()
        if places and not (work.marks[places] < Mark.SHOWN).all():
            # A receipt came before the channel's own answer: these have ended already.
            kept = np.flatnonzero(work.marks[places] < Mark.SHOWN).tolist()
            places, outcomes = [places[which] for which in kept], [outcomes[which] for which in kept]
        if places and all(outcome is ACCEPTED for outcome in outcomes):
            work.accept(places)
            lane.count(Mark.ACCEPTED, len(places))
            self.taken(work, len(places))
            places, outcomes = [], []
        for place, outcome in zip(places, outcomes, strict=True):
            if outcome.kind == "accepted":
                work.settle(place, Mark.ACCEPTED)
                lane.count(Mark.ACCEPTED)
                self.taken(work, 1)
            elif outcome.kind == "later":
                self._again(lane, work, place, outcome, now, chance or self.chance)
            else:
                mark = Mark.REFUSED if outcome.kind == "refused" else Mark.GONE
                work.settle(place, mark)
                lane.count(mark)
                if mark is Mark.GONE:
                    self.gone(int(work.batch.recipients[place]))
        self.noted(work)

    def _again(
        self, lane: Lane, work: Work, place: int, outcome: Outcome, now: datetime, chance: Callable[[], float]
    ) -> None:
        if outcome.tried:
            attempt = work.attempts[place] = work.attempts.get(place, 0) + 1
            work.marks[place] = Mark.WAITING
            wait = self.patience.wait(attempt, outcome.after_s, chance())
        else:
            attempt = 0
            wait = (self.patience.busy_s if outcome.after_s is None else outcome.after_s) * (1 + chance())
        due = now + timedelta(seconds=wait)
        if attempt >= self.patience.attempts or due >= work.batch.deadline:
            mark = Mark.EXPIRED if work.marks[place] == Mark.PENDING else Mark.EXHAUSTED
            work.settle(place, mark)
            lane.count(mark)
        else:
            lane.wait_for(due, work, place)
