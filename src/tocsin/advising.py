"""Advising: asks the optional models about each report of news as it comes, beside everything else, and records the answer.

- It follows the journal with its own cursor; what a model proposed and the step are one commit, so no report is sent
  twice after a crash, and the journal says of every report which model it was given to.
- Old reports, those of an outlet that lets no more than quotations be kept, and those beyond the hour's budget are not
  sent; a restart or a flood of reports costs no fortune.
- A model that is missing, changed, slow or wrong costs its own help: the rules go on, and the log and doctor say so.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tocsin.assess.model import CLAIMS_PROPOSED, Model, checked, recorded
from tocsin.assess.newsroom import Newsroom
from tocsin.assess.reading import Reading
from tocsin.assess.story import taken_in
from tocsin.clock import Clock
from tocsin.errors import ModelEndpointError, StoreError, TocsinError
from tocsin.journal import Entry, Fact, Journal, fact
from tocsin.sense.report import NEWS_JSON, REPORT_RECEIVED, Report
from tocsin.settings import Settings

log = logging.getLogger("tocsin")

FOLLOWER = "models"
BATCH = 8
LOOK_SECONDS = 2.0
OLD = timedelta(hours=6)
"""A report that came so long ago is asked about no more."""
HOUR = timedelta(hours=1)
REST = timedelta(minutes=1)
"""So long an endpoint is left alone that gave no usable answer."""


class Budget:
    """At most ``most`` in any hour."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken: deque[datetime] = deque()

    def take(self, at: datetime) -> bool:
        """Take one, if one is left."""
        while self._taken and (self._taken[0] <= at - HOUR or self._taken[0] > at):
            self._taken.popleft()
        if len(self._taken) >= self.most:
            return False
        self._taken.append(at)
        return True


class Advising:
    """The optional models of one installation: a local one, an endpoint, both or none."""

    def __init__(self, store: Journal, newsroom: Newsroom, settings: Settings, data: Path, clock: Clock) -> None:
        self.store, self.newsroom, self.settings, self.data, self.clock = store, newsroom, settings, data, clock
        self.local: Model | None = None
        self.endpoint: Model | None = None
        self.budget = Budget(settings.model_endpoint_per_hour)
        self.left_out: Counter[str] = Counter()
        self._rests: datetime | None = None

    @property
    def wanted(self) -> bool:
        """Whether the settings name any model."""
        return bool(self.settings.models or self.settings.model_endpoint)

    async def run(self) -> None:
        """Load what the settings name, then follow the journal until cancelled."""
        await asyncio.to_thread(self.load)
        while True:
            try:
                while await asyncio.to_thread(self.once):
                    pass
            except (StoreError, OSError):
                # A disk that is full for a moment must not end it; the same reports are asked about again.
                log.exception("what models proposed could not be recorded")
            await self.clock.sleep(LOOK_SECONDS)

    def load(self) -> None:
        """Take the models that the settings name; one that cannot be used is left out, and the log says why."""
        from tocsin.models import endpoint, onnx

        try:
            if self.settings.models:
                self.local = onnx.load(self.data / self.settings.models)
                self.newsroom.advised_by(self.local)
                log.info("the model %s proposes statements; nothing leaves this machine for it", self.local.name)
        except TocsinError as wrong:
            log.warning("%s [%s]", wrong, wrong.code)
        try:
            self.endpoint = endpoint.of(self.settings, self.data)
            if self.endpoint is not None:
                log.warning("the text of news reports leaves this machine: it is sent to %s", self.endpoint.name)
        except TocsinError as wrong:
            log.warning("%s [%s]", wrong, wrong.code)

    def once(self) -> bool:
        """Ask about the next reports; False when there is none."""
        entries = self.store.read(self.store.cursor(FOLLOWER), BATCH, (REPORT_RECEIVED,))
        for entry in entries:
            # One report a commit: after a crash none is sent twice but the one that was on its way.
            self.store.step(FOLLOWER, entry.seq, self.facts(entry))
        return len(entries) == BATCH

    def facts(self, entry: Entry) -> list[Fact]:
        """What the models propose for one report, to be recorded."""
        report = entry.read(Report)
        if report.media_type != NEWS_JSON or entry.realm != self.settings.realm:
            return []
        if report.received < self.clock.now() - OLD:
            self.left_out["old"] += 1
            return []
        taken = taken_in(report, entry.seq)
        if taken is None:
            return []
        reading, telling = taken
        found = [] if self.local is None else self._ask(self.local, reading)
        if self.endpoint is not None and self._may_send(telling.licence):
            found += self._ask(self.endpoint, reading)
        return found

    def _may_send(self, licence: str) -> bool:
        at = self.clock.now()
        if licence:
            self.left_out["licence"] += 1
            return False
        if self._rests is not None and at < self._rests:
            self.left_out["resting"] += 1
            return False
        if not self.budget.take(at):
            self.left_out["budget"] += 1
            return False
        return True

    def _ask(self, model: Model, reading: Reading) -> list[Fact]:
        try:
            found = checked(reading, model.guesses(reading.text, reading.language), model.name)
        except Exception as wrong:
            # Whatever a network or an endpoint does costs its own help, and nothing else.
            log.warning("%s gives no help with a report: %s", model.name, wrong)
            if isinstance(wrong, ModelEndpointError):
                self._rests = self.clock.now() + REST
            self.left_out["failed"] += 1
            found = checked(reading, (), model.name)
        body = recorded(found, model.name)
        return [fact(CLAIMS_PROPOSED, reading.source.report, body, self.settings.realm)]


def said(settings: Settings, data: Path) -> Sequence[str]:
    """What an operator must know of the models: what is used, and above all whether reports leave this machine."""
    lines: list[str] = []
    if settings.models:
        from tocsin.models.folder import verify

        try:
            lines.append(f"The local model {verify(data / settings.models).name} proposes statements.")
        except TocsinError as wrong:
            lines.append(f"{wrong} [{wrong.code}]")
    if settings.model_endpoint:
        from tocsin.models.endpoint import of, read_key

        lines.append(
            f"The text of news reports LEAVES THIS MACHINE: model_endpoint sends it to {settings.model_endpoint}, "
            f"{settings.model_endpoint_per_hour} reports an hour at most."
        )
        try:
            named = of(settings, data)
            if named is not None and named.key_file is not None:
                read_key(named.key_file)
        except TocsinError as wrong:
            lines.append(f"{wrong} [{wrong.code}]")
    elif settings.models:
        lines.append("No report leaves this machine for a model.")
    return lines
