"""``audience``: a million subscribers of a country, and an alert for one oblast: who is told, sealed and handed over.

- Each subscriber wants their cell of some kilometres, as the public door keeps it, or their oblast; half of them live in
  or around the capital. The store is a real one, with sealed addresses, and is opened by a process that did nothing else.
- ``start`` reads sealed blocks, ``start anew`` the journal and the boxes; its note says what a subscriber takes of memory.
  ``concerned`` is the question whom an act for Kyiv oblast concerns, ``sealed`` the batches on disk, ``handed over``
  everything from the journal to the last mark, by a channel that takes all at once.
- The peer of ``concerned`` asks each subscription one by one, as a loop over objects would (a sample, scaled).
"""

from __future__ import annotations

import gc
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tocsin.bench import Case, case
from tocsin.bench._alert import alert
from tocsin.bench.dispatch import REALM, SLICE, Sink, Station
from tocsin.clock import SystemClock
from tocsin.journal import fact
from tocsin.place.gazetteer import Gazetteer
from tocsin.reach.audience import Audience
from tocsin.reach.coarse import coarse
from tocsin.reach.delivery import DELIVERY_SEALED, Plan, Sealed
from tocsin.reach.subscriber import Subscribers
from tocsin.reach.subscription import Subscription, Wish
from tocsin.store.batches import SqlBatches
from tocsin.store.sqlite import SqliteStore
from tocsin.store.subscriptions import SqlBook
from tocsin.warn.publish import Published

AREA = "UA-32"
OBLASTS = ("UA-05", "UA-12", "UA-30", "UA-32", "UA-46", "UA-51", "UA-59", "UA-63", "UA-71")
LANGUAGES = (("uk",), ("uk", "en"), ("en",), ("ru", "uk"))


class Country(Station):
    """A station with the map of the world."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.store = SqliteStore(folder, self.clock)
        self.batches, self.book = SqlBatches(self.store, REALM), SqlBook(self.store, folder, REALM)
        self.audience = Audience(Gazetteer.world())
        self.subscribers = Subscribers(self.store, self.book, self.audience, self.clock, REALM)
        self.sink, self.versions = Sink(), 0

    def settle(self, n: int) -> None:
        """Subscribe ``n``, half of them around the capital, without telling the audience."""
        rng = np.random.default_rng(n)
        city = rng.random(n) < 0.5
        latitudes = np.where(city, rng.normal(50.35, 0.35, n), rng.uniform(46.2, 51.8, n))
        longitudes = np.where(city, rng.normal(30.6, 0.5, n), rng.uniform(23.0, 39.0, n))
        self.subscribers.roll = Nobody(self.audience.places)
        for start in range(0, n, SLICE):
            wishes = []
            for place in range(start, min(start + SLICE, n)):
                watch = coarse(round(latitudes[place] * 1e6), round(longitudes[place] * 1e6), 1000)
                by_code = place % 3 == 0
                wishes.append(
                    Wish(
                        "sink",
                        f"https://push.example/send/{place:032x}",
                        ("whsec_c2VjcmV0",),
                        (OBLASTS[place // 3 % len(OBLASTS)],) if by_code else (),
                        languages=LANGUAGES[place % len(LANGUAGES)],
                        watches=() if by_code else (watch,),
                    )
                )
            self.subscribers.make_all(wishes)
        self.subscribers.roll = self.audience

    def publish(self) -> None:
        """Publish the next version of the alert, for the oblast."""
        self.versions += 1
        made = alert(self.versions, self.clock.now())
        told = msgspec.structs.replace(msgspec.json.decode(made.body, type=Published), areas=(AREA,))
        self.store.append([msgspec.structs.replace(made, body=msgspec.json.encode(told))])


class Nobody(Audience):
    """Takes no notice of who comes."""

    def add(self, number: int, one: Subscription) -> None:
        """Nothing."""


def cases(quick: bool) -> Iterator[Case]:
    """A country of a million, or of fifty thousand."""
    n = 50_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        country = Country(Path(name))
        start = time.perf_counter()
        country.settle(n)
        made = time.perf_counter() - start
        country.close()
        told = json.loads(
            subprocess.run([sys.executable, "-m", __name__, name], check=True, capture_output=True).stdout
        )
        again = [sys.executable, "-m", __name__, name, "again"]
        told |= json.loads(subprocess.run(again, check=True, capture_output=True).stdout)
        size = sum(file.stat().st_size for file in Path(name).iterdir())
    held, peak = told["held"] / 1e6, told["peak"] / 1e6
    per = f"{told['held'] / n:.0f} B of memory a subscriber ({held:.0f} MB in all), {peak:.0f} MB at most"
    yield case("audience", "subscribe", n, made, runs=1, note=f"durable, sealed; {size / n:.0f} B a subscriber on disk")
    yield case("audience", "start", n, told["blocks_s"], runs=1, note="from sealed blocks, as each start but the first")
    yield case("audience", "start anew", n, told["load_s"], runs=1, note=f"from the journal and the boxes; {per}")
    note = f"{told['found']:,} concerned by {AREA}; the peer's found as many" if told["agree"] else "THE PEER DISAGREES"
    peer = ("a loop over subscriptions (a sample, scaled)", told["loop_s"])
    yield case("audience", "concerned", n, told["match_s"], peer=peer, runs=7, note=note)
    yield case("audience", "sealed", told["found"], told["seal_s"], runs=1, note="batches of 1,000 on disk, one commit")
    handed = f"journal to the last mark, addresses opened; {told['peak_after'] / 1e6:.0f} MB at most"
    yield case("audience", "handed over", told["found"], told["hand_s"], runs=1, note=handed)


def measure(folder: Path) -> dict[str, Any]:
    """What one process finds that opens this store."""
    country = Country(folder)
    gc.collect()
    before = resident()
    start = time.perf_counter()
    n = country.subscribers.load()
    load_s = time.perf_counter() - start
    gc.collect()
    held, peak = resident() - before, most()
    country.subscribers.keep()
    times = []
    for _ in range(8):
        start = time.perf_counter()
        found = country.audience.match((AREA,), "act")
        times.append(time.perf_counter() - start)
    numbers = found["sink"]
    # One by one: a few hundred say how long all would take, and that the answers agree.
    rng = np.random.default_rng(1)
    asked = rng.integers(1, n + 1, 400)
    start = time.perf_counter()
    own = [bool(country.audience.why(int(number), (AREA,))) for number in asked]
    loop_s = (time.perf_counter() - start) / len(asked) * n
    agree = own == np.isin(asked, numbers).tolist()
    at = country.clock.now()
    plan = Plan("trial", "trial", 1, "act", REALM, 0, 0, at, {"sink": numbers})
    start = time.perf_counter()
    sealed = fact(DELIVERY_SEALED, "trial@sink", Sealed("trial", "trial", 1, "act", "sink", len(numbers)), REALM)
    batches = country.batches.seal("bench", 1, [sealed], [plan], {"trial": 1})
    seal_s = time.perf_counter() - start
    country.batches.save([(batch.id, batch.marks.tobytes(), True) for batch in batches]).result()
    start = time.perf_counter()
    country.run()
    hand_s = time.perf_counter() - start
    country.close()
    return {
        "load_s": load_s, "held": held, "peak": peak, "match_s": statistics.median(times[1:]), "found": len(numbers),
        "loop_s": loop_s, "agree": agree, "seal_s": seal_s, "hand_s": hand_s, "peak_after": most(),
    }  # fmt: skip


def start_again(folder: Path) -> dict[str, Any]:
    """How long the next start takes."""
    country = Country(folder)
    start = time.perf_counter()
    country.subscribers.load()
    found = {"blocks_s": time.perf_counter() - start}
    country.close()
    return found


def resident() -> int:
    """Bytes of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


def most() -> int:
    """Bytes of this process in memory at the most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    print(json.dumps((start_again if sys.argv[2:] else measure)(Path(sys.argv[1]))))
