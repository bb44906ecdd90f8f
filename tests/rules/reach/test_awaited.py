"""Which message is awaited for which delivery: known after a restart, once, and forgotten in time."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tocsin.clock import TurnedClock
from tocsin.reach.channels.awaited import EARLY, LASTS, MOST_EARLY, Awaited, Parts


def test_a_receipt_after_a_restart(tmp_path: Path, clock: TurnedClock) -> None:
    """Of three parts one arrives before a restart and two after it: the last of them proves the delivery, once."""
    path = tmp_path / "sms.awaited"
    before, parts = Awaited(path, clock), Parts("alert", "someone", 3)
    for name in ("a", "b", "c"):
        before.put(name, parts)
    assert before.take("a", True) is None
    before.sync()  # And the process is killed: nothing is closed.
    after = Awaited(path, clock)
    assert len(after) == 2
    assert after.take("b", True) is None
    again = Awaited(path, clock)
    found = again.take("c", True)
    assert found is not None
    assert (found.alert, found.subscription) == ("alert", "someone")
    assert again.take("c", True) is None
    assert len(Awaited(path, clock)) == 0


def test_a_lost_part_and_old_names_are_forgotten(tmp_path: Path, clock: TurnedClock) -> None:
    """A message of which a part was lost is never proven, nothing is awaited for ever, and a cut line costs only itself."""
    path = tmp_path / "sms.awaited"
    one, parts = Awaited(path, clock), Parts("alert", "someone", 2)
    one.put("a", parts)
    one.put("b", parts)
    assert one.take("a", False) is None
    assert one.take("b", True) is None
    one.put("old", Parts("alert", "other", 1))
    one.close()
    with path.open("ab") as file:
        file.write(b'["cut",fal')
    assert len(Awaited(path, clock)) == 1
    clock.turn(LASTS.total_seconds() + 1)
    assert len(Awaited(path, clock)) == 0


def test_without_a_folder_it_is_kept_in_memory(clock: TurnedClock) -> None:
    """Where there is no folder, a receipt is known until the end of the process."""
    awaited = Awaited(None, clock)
    awaited.put("a", Parts("alert", "someone", 1))
    awaited.sync()
    assert awaited.take("a", True) is not None


@pytest.mark.parametrize("order", sorted(set(itertools.permutations(("put a", "put b", "a", "a", "b")))))
def test_receipts_in_any_order_prove_a_delivery_once(order: tuple[str, ...], clock: TurnedClock) -> None:
    """Whether the receipts of two parts come before the answers that name them, after, or twice: proven once, at the end."""
    awaited, parts = Awaited(None, clock), Parts("alert", "someone", 2)
    proven = [
        place
        for place, told in enumerate(order)
        if (awaited.put(told[-1], parts) if told.startswith("put") else awaited.take(told, True)) is not None
    ]
    # It is proven in the moment in which both parts are named and have arrived, and never again.
    named_and_arrived = max(max(order.index(f"put {name}"), order.index(name)) for name in "ab")
    assert proven == [named_and_arrived]


def test_an_early_receipt_is_not_kept_for_whoever_gets_its_name_next(clock: TurnedClock) -> None:
    """A receipt for a message that nobody sent proves nothing about one that gets the same name later."""
    awaited = Awaited(None, clock)
    assert awaited.take("a", True) is None
    clock.turn(EARLY.total_seconds() + 1)
    assert awaited.put("a", Parts("alert", "someone", 1)) is None
    assert awaited.take("a", True) is not None


def test_early_receipts_are_bounded(clock: TurnedClock) -> None:
    """A gateway that sends receipts for messages nobody sent takes no more than a bounded room."""
    awaited = Awaited(None, clock)
    for n in range(MOST_EARLY + 10):
        awaited.take(str(n), True)
    assert awaited.put("5", Parts("alert", "someone", 1)) is None
    assert awaited.put(str(MOST_EARLY), Parts("alert", "someone", 1)) is not None
