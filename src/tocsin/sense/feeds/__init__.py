"""Feeds: the wires on which sources are heard, one file in this package for each kind.

- A kind is the name of a file here that holds ``open_feed``; adding one is adding its file, and nothing else is edited.
- A third party registers ``open_feed`` of its own under the entry point group ``tocsin.feeds``.
- ``feeds.toml`` names the sources. A key nobody knows is refused: a misspelt ``oficial`` must not silently mean no.
- A feed runs until it is cancelled and survives whatever its source does; it never touches another feed.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import random
import re
import tomllib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tocsin.clock import Clock
from tocsin.errors import SettingsError, SourceError
from tocsin.sense.intake import Intake
from tocsin.sense.source import Source

GROUP = "tocsin.feeds"
BACKOFF_MAX_S = 300.0  # a source that is down is asked at least every five minutes: it comes back in the event itself

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Wire(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[[source]]`` of ``feeds.toml``: who speaks, and how to hear them.

    ``heard`` is the freshness rule: ``payload`` (default) counts the times that the source's own content bears, and
    ``answer`` counts every whole, well-formed answer as well, for services that say nothing while nothing happens.
    ``mirror`` proposes this source to the mirror policy; ``options`` are for the kind itself.
    """

    id: str
    name: str
    kind: str
    url: str
    covers: tuple[str, ...] = ()
    interval_s: float = 30.0
    official: bool = False
    realm: str = "actual"
    mirror: bool = False
    heard: str = "payload"
    names: dict[str, str] = {}
    headers: dict[str, str] = {}
    options: dict[str, Any] = {}

    def source(self) -> Source:
        """Who speaks here."""
        return Source(
            self.id, self.name, self.kind, self.covers, self.interval_s, self.official, self.realm, dict(self.names)
        )


class Feed(Protocol):
    """A wire on which one source is heard."""

    wire: Wire
    state: State

    @property
    def source(self) -> Source: ...

    async def run(self, intake: Intake) -> None:
        """Hear the source and hand its reports to ``intake``, until cancelled."""
        ...


class State(Struct):
    """How a feed is doing, for the operator: an error is there from ``since`` until an answer, a 304 too, clears it."""

    polls: int = 0
    last_answer: datetime | None = None
    error: str = ""
    since: datetime | None = None
    failures: int = 0


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    source: tuple[Wire, ...] = ()


Opener = Callable[..., Feed]


def opener(kind: str) -> Opener:
    """What opens feeds of this ``kind``; raises :class:`SettingsError` if nothing does."""
    if re.fullmatch("[a-z][a-z0-9_]*", kind) and importlib.util.find_spec(f"{__name__}.{kind}") is not None:
        found = getattr(importlib.import_module(f"{__name__}.{kind}"), "open_feed", None)
        if found is not None:
            return found  # type: ignore[no-any-return]
    for entry in entry_points(group=GROUP, name=kind):
        return entry.load()  # type: ignore[no-any-return]
    raise SettingsError(f"there is no kind of feed called {kind!r}")


def open_feeds(wires: Iterable[Wire], clock: Clock, **given: Any) -> list[Feed]:
    """A feed for each of ``wires``; ``given`` (such as ``gazetteer``) goes to every kind's ``open_feed``."""
    return [opener(wire.kind)(wire, clock, **given) for wire in wires]


def load(path: Path) -> tuple[Wire, ...]:
    """The sources that the file ``path`` names; raises :class:`SettingsError` with the place of the fault."""
    try:
        wires = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File, strict=True).source
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as wrong:
        raise SettingsError(f"{path}: {wrong}") from None
    seen = set[str]()
    for wire in wires:
        at = f"{path}: source {wire.id!r}"
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", wire.id):
            raise SettingsError(f"{at}: an id is made of a-z, 0-9, dot, dash and underscore")
        if wire.id in seen:
            raise SettingsError(f"{at} is there twice")
        if urlsplit(wire.url).scheme not in ("http", "https") or not urlsplit(wire.url).hostname:
            raise SettingsError(f"{at}: {wire.url!r} is no http or https address")
        if wire.interval_s < 1:
            raise SettingsError(f"{at}: an interval is at least one second")
        if wire.heard not in ("payload", "answer"):
            raise SettingsError(f"{at}: heard is payload or answer, not {wire.heard!r}")
        if wire.realm not in ("actual", "exercise"):
            raise SettingsError(f"{at}: realm is actual or exercise, not {wire.realm!r}")
        opener(wire.kind)
        seen.add(wire.id)
    return wires


def options(wire: Wire, shape: type[T]) -> T:
    """What a source's ``options`` say, in the shape that its kind knows; a key nobody knows is refused."""
    try:
        return msgspec.convert(wire.options, shape)
    except msgspec.ValidationError as wrong:
        raise SettingsError(f"source {wire.id!r}, options: {wrong}") from None


async def run(feeds: Sequence[Feed], intake: Intake) -> None:
    """Run every feed, each in a task of its own, until cancelled; one that dies is started again."""
    async with asyncio.TaskGroup() as group:
        for feed in feeds:
            group.create_task(_keep(feed, intake), name=f"feed-{feed.wire.id}")


async def _keep(feed: Feed, intake: Intake) -> None:
    while True:
        try:
            await feed.run(intake)
            return
        except Exception:
            _log.exception("feed %s failed and is started again", feed.wire.id)
            await asyncio.sleep(1)


async def poll(
    wire: Wire, clock: Clock, state: State, once: Callable[[], Awaitable[None]], intake: Intake | None = None
) -> None:
    """Call ``once`` every ``interval_s`` until cancelled; after a failure later, with jitter, or when we are told to.

    Whatever ``once`` raises is kept in ``state`` and ends nothing. An interval counts from start to start.
    """
    chance = random.Random(wire.id)  # noqa: S311  only keeps polls apart
    while True:
        began, after = clock.now(), None
        state.polls += 1
        try:
            await once()
        except Exception as wrong:
            state.failures += 1
            state.since = state.since or began
            state.error = str(wrong) or type(wrong).__name__
            if isinstance(wrong, SourceError):
                after = wrong.facts.get("after")
                _log.warning("source %s: %s", wire.id, state.error)
            else:
                _log.exception("source %s", wire.id)
            if intake is not None:
                intake.trouble(wire.id, state.error)
        else:
            state.failures, state.error, state.since, state.last_answer = 0, "", None, clock.now()
        wait = wire.interval_s
        if state.failures:
            wait = min(wire.interval_s * 2 ** min(state.failures - 1, 10), max(BACKOFF_MAX_S, wire.interval_s))
        wait *= chance.uniform(0.9, 1.0)
        if isinstance(after, (int, float)):
            wait = max(wait, float(after))
        await clock.sleep(max(0.1, wait - (clock.now() - began).total_seconds()))
