"""The whole program, put together from its settings: what follows the journal, what listens, what answers.

- One process, one data folder, one realm. The journal is the only thing the parts have in common.
- Three followers: the mirror (reports to published alerts), the situation (what holds where), the dispatch (deliveries).
  Each goes on from its own durable cursor, or, where it lives in memory alone, from the first entry.
- Nothing here decides anything: it wires, starts and stops.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import structlog

from tocsin.clock import Clock
from tocsin.journal import Fact, follow
from tocsin.place.gazetteer import Gazetteer
from tocsin.place.pack import load as load_pack
from tocsin.reach.channels.stream import StreamHub
from tocsin.reach.dispatch import Dispatch
from tocsin.sense.feeds import Feed, read_feeds
from tocsin.sense.intake import Intake
from tocsin.sense.report import REPORT_RECEIVED
from tocsin.sense.source import SOURCE_HEARD, SOURCE_LOST, Source
from tocsin.settings import Settings
from tocsin.store.key import Keys
from tocsin.store.sqlite import SqliteStore
from tocsin.warn.mirror import Issuer, Mirror
from tocsin.warn.phrase import book
from tocsin.warn.policy import Policy, load as load_policy
from tocsin.warn.publish import ALERT_PUBLISHED
from tocsin.warn.situation import Situation
from tocsin.web.house import House

log = structlog.get_logger()

MIRROR = "mirror"
SHOWN = (ALERT_PUBLISHED, SOURCE_HEARD, SOURCE_LOST)
BATCH = 500
