"""Each way to open "a Store": what the suite here proves holds for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tocsin.clock import Clock
from tocsin.store.sqlite import SqliteStore

OpenStore = Callable[[], Any]

STORES: dict[str, Callable[[Path, Clock], Any]] = {"sqlite": lambda folder, clock: SqliteStore(folder / "s.db", clock)}


@pytest.fixture(params=sorted(STORES))
def open_store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[OpenStore]:
    """Opens the store of this test, again and again; whoever opens it twice closes the first one before."""
    opened: list[Any] = []

    def open_it() -> Any:
        opened.append(STORES[request.param](tmp_path, clock))
        return opened[-1]

    yield open_it
    for one in opened:
        one.close()


@pytest.fixture
def store(open_store: OpenStore) -> Any:
    """An empty store."""
    return open_store()
