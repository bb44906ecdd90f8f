"""What an event's sealed batches say of whom has seen what: beside a plain reading, batch by batch."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.clock import TurnedClock
from tocsin.reach.delivery import PROVEN, REACHED, WARNINGS, Mark, Plan
from tocsin.store.batches import SqlBatches
from tocsin.store.sqlite import SqliteStore

NOON = datetime(2024, 11, 20, 12, tzinfo=UTC)
PHASES = ("prepare", "act", "hold", "all-clear")
VERSION = st.tuples(
    st.sampled_from(PHASES),
    st.dictionaries(st.integers(1, 12), st.sampled_from(list(Mark)), min_size=1),
    st.dictionaries(st.integers(1, 12), st.sampled_from(list(Mark))),
)
"""A phase, and the marks of its recipients by two channels."""


@settings(max_examples=60)
@given(versions=st.lists(VERSION, max_size=5))
def test_who_was_warned_and_who_knows(versions: list[tuple[str, dict[int, Mark], dict[int, Mark]]]) -> None:
    """The last that each may have seen decides whether they were warned, the last that they surely have what they know."""
    with tempfile.TemporaryDirectory() as folder, SqliteStore(Path(folder), TurnedClock(NOON)) as store:
        batches = SqlBatches(store, "actual")
        warned: set[int] = set()
        knowing = {phase: set[int]() for phase in PHASES}
        for version, (phase, one, other) in enumerate(versions, 1):
            ways = {name: marks for name, marks in (("mail", one), ("sms", other)) if marks}
            numbers = {name: np.array(sorted(marks), dtype=np.int64) for name, marks in ways.items()}
            until = NOON + timedelta(hours=1)
            plan = Plan(f"a.{version}", "a", version, phase, "actual", 1, version, until, numbers)
            for batch in batches.seal("dispatch", version, (), [plan], {"a": version}):
                marks = ways[batch.channel]
                kept = bytes(int(marks[number]) for number in batch.recipients.tolist())
                batches.save([(batch.id, kept, True)]).result()
                seen = {number for number in marks if marks[number] in REACHED}
                warned = warned | seen if phase in WARNINGS else warned - seen
                has = {number for number in marks if marks[number] in PROVEN}
                for asked, known in knowing.items():
                    known -= {number for number in marks if number not in has and marks[number] is not Mark.SPARED}
                    known -= has if asked != phase else set()
                    known |= has if asked == phase else set()
        assert batches.warned("a").tolist() == sorted(warned)
        assert {phase: batches.knowing("a", phase).tolist() for phase in PHASES} == {
            phase: sorted(known) for phase, known in knowing.items()
        }
        batches.close()
