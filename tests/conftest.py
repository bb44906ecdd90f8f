"""What every test can use: where the real data lie, and a clock to turn."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest

from tocsin.clock import TurnedClock

# How long an example takes says more about the machine than about the rule; benches measure time.
hypothesis.settings.register_profile("tocsin", deadline=None)
hypothesis.settings.load_profile("tocsin")

SHARED = (Path(__file__).parents[1] / ".." / "shared" / "data").resolve()


@pytest.fixture
def shared() -> Path:
    """The folder of real messages; a test that needs it skips, and says so, where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the real messages are not at {SHARED}")
    return SHARED


@pytest.fixture
def clock() -> TurnedClock:
    """A clock at 20 November 2024, 01:00 UTC."""
    return TurnedClock(datetime(2024, 11, 20, 1, tzinfo=UTC))
