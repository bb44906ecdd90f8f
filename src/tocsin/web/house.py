"""The house as the web sees it: every room that a page or an interface asks, in one value.

- The web asks; it decides nothing. What it shows follows from the journal alone: :meth:`House.apply` is told of every
  entry in order, once, and whoever starts the house has it catch up first (:meth:`House.catch_up`).
- The web knows a store only as a journal, a key only as a signer, and kept answers only by what it asks of them.
- One house serves one realm.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tocsin.clock import Clock
from tocsin.errors import JournalBrokenError, UnknownPlaceError
from tocsin.journal import Entry, Fact, Head, Journal
from tocsin.sense.source import SOURCE_HEARD, SOURCE_LOST, Source
from tocsin.settings import Settings
from tocsin.warn.publish import ALERT_PUBLISHED
from tocsin.web.ground import Ground
from tocsin.web.guard import Limits
from tocsin.web.measure import Measures
from tocsin.web.register import Register
from tocsin.web.submit import Submissions
from tocsin.web.token import Tokens
from tocsin.web.tray import keep_taking

if TYPE_CHECKING:
    from tocsin.account.shelters import Shelters
    from tocsin.assess.newsroom import Newsroom
    from tocsin.place.gazetteer import Gazetteer, Place
    from tocsin.sense.intake import Intake
    from tocsin.warn.situation import Situation
    from tocsin.web.health import Ailment

log = logging.getLogger("tocsin.web")

BATCH = 500
TURN = 50
"""After so many entries others have their turn: a thousand warnings at once must not keep the page from answering."""


class Signer(Protocol):
    """The realm's key."""

    @property
    def key_id(self) -> str:
        """The public key's name."""
        ...

    @property
    def public_pem(self) -> str:
        """The public key in PEM."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The Ed25519 signature over ``data``."""
        ...


class Record(Journal, Protocol):
    """A journal that can be asked about one subject, and written to without waiting for the disk."""

    def post(self, facts: Sequence[Fact]) -> Future[list[Entry]]:
        """Record ``facts``; the future is done when they are on disk."""
        ...

    def append_new(self, facts: Sequence[Fact]) -> list[Entry]:
        """Record those of ``facts`` whose kind and subject no entry has yet."""
        ...

    def about(self, kind: str, subject: str, limit: int = 100) -> list[Entry]:
        """The newest entries of one kind about one subject, newest first."""
        ...

    def kinds(self) -> tuple[str, ...]:
        """Every kind of which there is an entry."""
        ...


class Answers(Protocol):
    """Answers that were given to requests with an Idempotency-Key, kept durably for a day."""

    def get(self, name: str, at: datetime) -> tuple[bytes, bytes] | None:
        """The digest of the request and the answer kept under ``name``, or None."""
        ...

    def keep(self, name: str, digest: bytes, answer: bytes, at: datetime) -> tuple[bytes, bytes]:
        """Keep an answer, on disk when this returns; what was kept before under ``name`` stays and is returned."""
        ...

    def touch(self, at: datetime) -> None:
        """Write something and wait until it is on disk: the proof that the store can be written."""
        ...


@dataclass
class House:
    """What pages and interfaces are made from.

    ``sources`` is by id; ``data`` the folder of this installation (None for a throw-away one); ``checks`` are further
    checks of readiness, each from a moment to what ails; ``listeners`` are told of every new entry after the rooms here.
    """

    settings: Settings
    clock: Clock
    gazetteer: Gazetteer
    store: Record
    situation: Situation
    intake: Intake
    keys: Signer
    answers: Answers
    sources: Mapping[str, Source]
    hub: Any = None
    dispatch: Any = None
    subscriptions: Any = None
    letters: Any = None
    identity: Any = None
    desk: Any = None
    certificates: Any = None
    desk_room: Any = None
    incident_room: Any = None
    data: Path | None = None
    newsroom: Newsroom | None = None
    vapid: Any = None
    shelters: Shelters | None = None
    shelter_desk: Any = None
    selfdrill: Any = None
    rolls: Any = None
    checks: list[Callable[[datetime], Iterable[Ailment]]] = field(default_factory=list)
    listeners: list[Callable[[Entry], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        realm = self.settings.realm
        self.register = Register(self.store, realm)
        self.ground = Ground(self)
        self.tokens = Tokens(realm)
        self.submissions = Submissions(realm)
        self.limits = Limits(self.settings.reads_per_second, self.settings.writes_per_second)
        self.submitting = asyncio.Lock()
        self.measures = Measures(self)
        self.upto = 0
        self.broken: int | None = None
        self._hash: bytes | None = None

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages people are offered, first the one used when none fits."""
        return self.settings.languages

    def now(self) -> datetime:
        """The present moment on the house's clock."""
        return self.clock.now()

    def head(self) -> Head:
        """The last entry that what is shown follows from."""
        return Head(self.situation.seq, self.situation.head)

    def place(self, code: str) -> Place:
        """The place with this code, however its letters are cased; :class:`UnknownPlaceError` if there is none."""
        pack, colon, value = code.partition(":")
        for spelt in (code, f"{pack.lower()}:{value}" if colon else code):
            if spelt in self.gazetteer or not colon:
                return self.gazetteer.get(spelt[:80])
        raise UnknownPlaceError(code[:80])

    def source_name(self, source: str, language: str) -> str:
        """What a source is called in ``language``; its id when it is not configured (any more)."""
        known = self.sources.get(source)
        return (known.names.get(language) or known.name) if known else source

    def last_heard(self, source: str) -> datetime | None:
        """When a source last spoke, by its own word; None when it has not since the start."""
        return self.intake.last_heard(source) if source in self.intake.sources else None

    def apply(self, entry: Entry) -> None:
        """Take in one entry. The rooms that only remember go first, so that what a listener asks for is there."""
        if self._hash is not None and entry.seq == self.upto + 1 and entry.prev != self._hash and self.broken is None:
            # It is shown all the same: a damaged record is no reason to withhold a warning. /readyz says so.
            self.broken = entry.seq
            log.critical("%s entry %d", JournalBrokenError.code, entry.seq)
        self.situation.apply(entry)
        self.register.apply(entry)
        self.tokens.apply(entry)
        self.submissions.apply(entry)
        self.upto, self._hash = entry.seq, entry.hash
        for listener in self.listeners:
            listener(entry)

    KINDS = (ALERT_PUBLISHED, SOURCE_HEARD, SOURCE_LOST, *Tokens.KINDS, *Submissions.KINDS)

    def catch_up(self) -> int:
        """Take in what the journal holds of these kinds, telling no listener, and return the newest number."""
        head = self.store.head()
        listeners, self.listeners = self.listeners, []
        try:
            while entries := self.store.read(self.upto, 1000, self.KINDS):
                # Only some kinds are read, so the chain cannot be checked here; the store checks its tail on opening.
                self._hash = None
                for entry in entries:
                    self.apply(entry)
        finally:
            self.listeners = listeners
        if head.seq >= self.upto:
            self.upto, self._hash = head.seq, head.hash
        return self.upto

    async def follow(self) -> None:
        """Apply every new entry as soon as it is recorded, until cancelled."""
        loop, fresh = asyncio.get_running_loop(), asyncio.Event()

        def told(_: int) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
                loop.call_soon_threadsafe(fresh.set)

        stop = self.store.on_append(told)
        tray = loop.create_task(keep_taking(self.data, self.store, self.settings.realm)) if self.data else None
        ready: asyncio.Task[None] | None = None
        try:
            while True:
                fresh.clear()
                while entries := self.store.read(self.upto, BATCH):
                    for count, entry in enumerate(entries, 1):
                        self.apply(entry)
                        if not count % TURN:
                            await asyncio.sleep(0)
                    await asyncio.sleep(0)
                if ready is None or (ready.done() and self.ground.waiting):
                    ready = loop.create_task(self.ground.keep_ready(), name="ground")
                await fresh.wait()
        finally:
            stop()
            for beside in (tray, ready):
                if beside is not None:
                    beside.cancel()

    def behind(self) -> int:
        """How many entries are recorded and not shown yet."""
        return max(0, self.store.head().seq - self.upto)

    def stale_after(self, source: Source) -> timedelta:
        """How long this source may be silent before its areas are unknown."""
        return timedelta(seconds=source.interval_s * self.settings.stale_after_intervals)
