"""Benches: every performance goal as a measured case beside its peer in the same run.

- A module here is one bench and holds ``cases(quick: bool) -> Iterator[Case]``; ``tocsin bench`` calls it by its name.
- Figures are medians of runs that alternate between us and the peer; the machine's noise hits both alike.
- A bench never decides a test: ratios are read by people, and shortfalls are said in the docs.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

from msgspec import Struct


class Peer(Struct, frozen=True):
    """Whom we are measured against; ``rate`` is per second."""

    name: str
    median_s: float
    rate: float


class Limit(Struct, frozen=True):
    """What the machine could do at best; ``rate`` is per second."""

    name: str
    rate: float


class Case(Struct, frozen=True):
    """One line of a bench. ``n`` things took ``median_s`` seconds; ``ratio`` is our rate over the peer's."""

    bench: str
    case: str
    n: int
    median_s: float
    rate: float
    peer: Peer | None = None
    ratio: float | None = None
    limit: Limit | None = None
    share_of_limit: float | None = None
    runs: int = 0
    note: str = ""


def alternate(runs: int, *works: Callable[[], object], timer: Callable[[], float] = time.process_time) -> list[float]:
    """The median seconds of each of ``works``, run ``runs`` times in turn after one warm-up each."""
    times: list[list[float]] = [[] for _ in works]
    for work in works:
        work()
    gc.collect()
    for _ in range(runs):
        for kept, work in zip(times, works, strict=True):
            start = timer()
            work()
            kept.append(timer() - start)
    return [statistics.median(kept) for kept in times]


def case(
    bench: str,
    name: str,
    n: int,
    median_s: float,
    *,
    peer: tuple[str, float] | None = None,
    limit: tuple[str, float] | None = None,
    runs: int = 0,
    note: str = "",
) -> Case:
    """A case from its medians; ``peer`` is (name, its median seconds for the same n), ``limit`` (name, rate)."""
    rate = n / median_s if median_s else 0.0
    beside = Peer(peer[0], peer[1], n / peer[1]) if peer else None
    best = Limit(*limit) if limit else None
    return Case(
        bench,
        name,
        n,
        median_s,
        rate,
        beside,
        rate / beside.rate if beside else None,
        best,
        rate / best.rate if best else None,
        runs,
        note,
    )
