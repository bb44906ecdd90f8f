"""What every test can use: where the real data lie, and a clock to turn."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest

from tocsin.clock import TurnedClock

# How long an example takes says more about the machine than about the rule; benches measure time.
hypothesis.settings.register_profile("tocsin", deadline=None)
hypothesis.settings.load_profile("tocsin")

SHARED = (Path(__file__).parents[1] / ".." / "shared" / "data").resolve()


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """No test waits for ever: what hangs for four minutes fails, and says where."""

    def late(*_: object) -> None:
        raise TimeoutError("this test took more than four minutes")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(240)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


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
