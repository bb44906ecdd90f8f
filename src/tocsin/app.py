"""The whole program, put together from its settings: what follows the journal, what listens, what answers.

- One process, one data folder, one realm. The journal is the only thing the parts have in common.
- Three followers: the mirror (reports to published alerts), the situation (what holds where), the dispatch (deliveries).
  Each goes on from its own durable cursor, or, where it lives in memory alone, from the first entry.
- Nothing here decides anything: it wires, starts and stops.
"""

from __future__ import annotations

import structlog

from tocsin.sense.source import SOURCE_HEARD, SOURCE_LOST
from tocsin.warn.publish import ALERT_PUBLISHED

log = structlog.get_logger()

MIRROR = "mirror"
SHOWN = (ALERT_PUBLISHED, SOURCE_HEARD, SOURCE_LOST)
BATCH = 500
