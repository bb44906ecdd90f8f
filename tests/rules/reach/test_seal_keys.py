"""Prepared keys: used once, the same for a resend, gone when they are old, never a nonce for two texts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.contracts.channels.pushservice import Device
from tests.rules.reach.stage import NIGHT
from tocsin.clock import TurnedClock
from tocsin.reach.prekey import Claim, Refill
from tocsin.reach.seal import PREPARED, Prepared, pad, seal
from tocsin.reach.subscription import Wish
from tocsin.store.prekeys import AFTER, SqlPreKeys
from tocsin.store.sqlite import SqliteStore
from tocsin.store.subscriptions import SqlBook

UNTIL = NIGHT + timedelta(hours=1)


def random_key() -> bytes:
    """A prepared key without the arithmetic: what matters here is only that each is another."""
    return os.urandom(16) + b"\0\0\x10\0\x41\x04" + os.urandom(PREPARED - 22)


class Stock:
    """A store with a few subscribers and prepared keys, that can be closed, opened and put back."""

    def __init__(self, folder: Path, clock: TurnedClock) -> None:
        self.folder, self.clock = folder, clock
        self.open()

    def open(self) -> None:
        self.store = SqliteStore(self.folder, self.clock)
        self.book = SqlBook(self.store, self.folder, "actual")
        self.keys = SqlPreKeys(self.store, self.folder, "actual", layers=2, age=timedelta(days=7))

    def close(self) -> None:
        self.keys.close()
        self.store.close()

    def enter(self, n: int) -> list[int]:
        device = Device()
        tag = os.urandom(4).hex()
        wishes = [(f"{tag}{k}", Wish("webpush", f"https://p.example/{tag}{k}", (device.secret,))) for k in range(n)]
        return self.book.enter(wishes)

    def fill(self) -> int:
        made = 0
        for block in self.keys.blocks():
            for lack in self.keys.lacking(block, self.clock.now()):
                made += self.keys.put(lack, [random_key() for _ in lack.numbers], self.clock.now())
        return made

    def take(self, name: bytes, numbers: list[int]) -> list[Prepared | None]:
        claim = Claim(name, numbers, self.clock.now() + timedelta(hours=1))
        return self.keys.claim([claim], self.clock.now())[0]


@pytest.fixture
def stock(tmp_path: Path, clock: TurnedClock) -> Iterator[Stock]:
    one = Stock(tmp_path, clock)
    yield one
    one.close()


def test_resend_is_the_same_and_another_text_is_not(stock: Stock) -> None:
    """The same text takes the same key, also after a restart; another text takes another, then there is none left."""
    numbers = stock.enter(5)
    assert stock.fill() == 10
    first = stock.take(b"a" * 16, numbers)
    assert None not in first
    stock.close()
    stock.open()
    assert stock.take(b"a" * 16, numbers) == first
    second = stock.take(b"b" * 16, numbers)
    assert not {*first} & {*second}
    assert stock.take(b"c" * 16, numbers) == [None] * 5
    padded = pad(b"x", 100)
    assert [seal(key, padded) for key in first if key] == [seal(key, padded) for key in first if key]


def test_only_what_was_used_is_replaced(stock: Stock, clock: TurnedClock) -> None:
    """A claimed key stays as long as its alert may be sent again; then a new one takes its place."""
    numbers = stock.enter(4)
    stock.fill()
    used = stock.take(b"a" * 16, numbers[:2])
    assert stock.fill() == 0
    assert stock.take(b"a" * 16, numbers[:2]) == used
    clock.turn(3600 + AFTER.total_seconds() + 180)
    assert stock.fill() == 2
    again = stock.take(b"a" * 16, numbers[:2])
    assert not {*again} & {*used}
    assert None not in again


def test_claim_while_a_refill_works(stock: Stock, clock: TurnedClock) -> None:
    """A key that is claimed while a new one is being made for its place stays, and the new one is dropped."""
    numbers = stock.enter(3)
    stock.fill()
    clock.turn(5 * 86_400)
    lacks = stock.keys.lacking(numbers[0] // 1000, clock.now())
    used = stock.take(b"a" * 16, numbers)
    taken = [stock.keys.put(lack, [random_key() for _ in lack.numbers], clock.now()) for lack in lacks]
    assert taken == [0, 3]
    assert stock.take(b"a" * 16, numbers) == used
    assert not {*stock.take(b"b" * 16, numbers)} & {*used}


def test_old_keys_are_not_used(stock: Stock, clock: TurnedClock) -> None:
    """A key beyond its age is not used; at half of it a new one takes its place."""
    numbers = stock.enter(3)
    stock.fill()
    clock.turn(8 * 86_400)
    assert stock.take(b"a" * 16, numbers) == [None] * 3
    assert stock.keys.ready(clock.now()) == 0
    assert stock.fill() == 6
    clock.turn(4 * 86_400)
    assert stock.fill() == 6
    assert stock.keys.ready(clock.now()) == 6


def test_who_leaves_is_erased(stock: Stock) -> None:
    """Keys prepared for somebody who has left are erased, and others' stay."""
    numbers = stock.enter(3)
    stock.fill()
    stock.book.erase(numbers[:1])
    assert stock.fill() == 0
    assert stock.keys.ready(NIGHT) == 4
    assert stock.take(b"a" * 16, numbers)[0] is None


def test_database_alone_shows_no_key(stock: Stock, tmp_path: Path) -> None:
    """No prepared key stands in the database in clear, and with another key file none of them is used."""
    numbers = stock.enter(2)
    stock.fill()
    kept = [key for key in stock.take(b"a" * 16, numbers) if key]
    assert len(kept) == 2
    with stock.store.reader() as connection:
        boxes = [row[0] for row in connection.execute("SELECT box FROM prekey_boxes")]
    assert boxes
    assert not any(key[1] in box for key in kept for box in boxes)
    stock.close()
    (tmp_path / "actual.prekeys.key").unlink()
    stock.open()
    assert stock.take(b"b" * 16, numbers) == [None, None]
    stock.fill()
    assert (tmp_path / "actual.prekeys.key").stat().st_mode & 0o077 == 0


def test_restored_backup_has_its_keys_thrown_away(stock: Stock, tmp_path: Path, clock: TurnedClock) -> None:
    """A store from before the last claim would use keys again, so all that it holds are thrown away."""
    numbers = stock.enter(2)
    stock.fill()
    stock.take(b"0" * 16, numbers)
    stock.store.backup(tmp_path / "copy")
    used = stock.take(b"a" * 16, numbers)
    path = stock.store.path
    stock.close()
    for leftover in path.parent.glob(path.name + "-*"):
        leftover.unlink()
    (tmp_path / "copy").replace(path)
    stock.open()
    assert stock.take(b"b" * 16, numbers) == [None, None]
    stock.fill()
    assert not {*used} & {*stock.take(b"b" * 16, numbers)}


def test_refill_in_processes(stock: Stock, clock: TurnedClock) -> None:
    """Processes make keys that open what is sealed with them, and nothing is made while it is no time for it."""
    device = Device()
    wishes = [(f"s{n}", Wish("webpush", f"https://p.example/{n}", ("x", device.secret))) for n in range(3)]
    wishes.append(("bad", Wish("webpush", "https://p.example/bad", ("push:AA.BB",))))
    numbers = stock.book.enter(wishes)
    busy = Refill(stock.keys, stock.book, clock, idle=lambda: False)
    assert busy.sweep() == 0
    assert Refill(stock.keys, stock.book, clock).sweep() == 6
    keys = stock.take(b"a" * 16, numbers)
    assert keys[3] is None
    for key in keys[:3]:
        assert key is not None
        assert device.opened(seal(key, pad(b'{"a":1}', 200))) == {"a": 1}


class NonceMachine(RuleBasedStateMachine):
    """Anything that may happen to a store of prepared keys, in any order."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = TurnedClock(NIGHT)
        self.stock = Stock(Path(self.folder.name), self.clock)
        self.numbers = self.stock.enter(2)
        self.used: dict[bytes, bytes] = {}
        self.copies = 0
        self.stock.fill()

    @rule(text=st.integers(0, 2), who=st.sets(st.integers(0, 1), min_size=1))
    def send(self, text: int, who: set[int]) -> None:
        numbers = [self.numbers[one] for one in sorted(who)]
        name = bytes([text]) * 16
        for key in self.stock.take(name, numbers):
            if key is not None:
                assert self.used.setdefault(key[1] + key[2], name) == name, "one nonce for two texts"

    @rule(part=st.floats(0, 1))
    def refill(self, part: float) -> None:
        for block in self.stock.keys.blocks():
            for lack in self.stock.keys.lacking(block, self.clock.now()):
                some = int(part * len(lack.numbers))
                given = [random_key() if n <= some else None for n in range(len(lack.numbers))]
                self.stock.keys.put(lack, given, self.clock.now())

    @rule(text=st.integers(0, 2))
    def refill_while_sending(self, text: int) -> None:
        for block in self.stock.keys.blocks():
            for lack in self.stock.keys.lacking(block, self.clock.now()):
                self.send(text, {0, 1})
                self.stock.keys.put(lack, [random_key() for _ in lack.numbers], self.clock.now())

    @rule(hours=st.sampled_from([-30, -1, 1, 3, 90, 200]))
    def turn(self, hours: float) -> None:
        self.clock.turn(hours * 3600)

    @rule()
    def restart(self) -> None:
        self.stock.close()
        self.stock.open()

    @rule(send_between=st.booleans(), text=st.integers(0, 2))
    def restore(self, send_between: bool, text: int) -> None:
        self.copies += 1
        copy = Path(self.folder.name) / f"copy{self.copies}"
        self.stock.store.backup(copy)
        if send_between:
            self.send(text, {0, 1})
        path = self.stock.store.path
        self.stock.close()
        for leftover in path.parent.glob(path.name + "-*"):
            leftover.unlink()
        copy.replace(path)
        self.stock.open()

    @invariant()
    def keys_are_whole(self) -> None:
        assert all(len(key) == 28 for key in getattr(self, "used", {}))

    def teardown(self) -> None:
        self.stock.close()
        self.folder.cleanup()


TestNonces = NonceMachine.TestCase
TestNonces.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)


def test_claims_of_a_crowd(stock: Stock) -> None:
    """Claims that span blocks give each number its own key."""
    numbers = stock.enter(2300)
    assert stock.fill() == 4600
    asked = numbers[500:2200]
    keys = stock.take(b"a" * 16, asked)
    assert None not in keys
    assert len({key for key in keys if key}) == len(asked)
    assert stock.take(b"a" * 16, asked[::-1]) == keys[::-1]
    assert np.array_equal(np.unique(np.array(numbers) // 1000), [0, 1, 2])
