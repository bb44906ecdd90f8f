"""What every store keeps of the promises of :class:`tocsin.journal.Journal`."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.clock import TurnedClock
from tocsin.errors import StoreError
from tocsin.journal import EXERCISE, GENESIS, Fact, fact, follow, verify


def some(n: int, kind: str = "report:received", start: int = 0) -> list[Fact]:
    return [fact(kind, f"s{i}", {"n": i}) for i in range(start, start + n)]


def test_an_empty_journal_has_no_head(store: Any) -> None:
    """Nothing recorded is number 0 and the genesis hash, and verifies."""
    assert (store.head().seq, store.head().hash) == (0, GENESIS)
    assert store.read(0) == []
    assert verify(follow(store, 0), store.head()) == 0


def test_what_was_appended_is_read_back(store: Any, clock: TurnedClock) -> None:
    """An entry read is the entry that append returned, with its moment, realm and body."""
    given_back = store.append([Fact("a:b", "x", '{"t":"Київ"}'.encode(), EXERCISE), *some(3)])
    assert store.read(0) == given_back
    assert [entry.seq for entry in given_back] == [1, 2, 3, 4]
    assert given_back[0].at == clock.now()
    assert given_back[0].realm == EXERCISE
    assert given_back[0].read(dict) == {"t": "Київ"}
    assert verify(follow(store, 0, batch=3), store.head()) == 4


def test_appending_nothing_records_nothing(store: Any) -> None:
    """An empty list is no entry."""
    assert store.append([]) == []
    assert store.head().seq == 0


def test_numbers_go_on_after_opening_again(open_store: Any) -> None:
    """Closing and opening loses nothing and begins no second chain."""
    first = open_store()
    first.append(some(3))
    first.close()
    again = open_store()
    again.append(some(2, start=3))
    assert [entry.subject for entry in again.read(0)] == ["s0", "s1", "s2", "s3", "s4"]
    assert verify(follow(again, 0), again.head()) == 5


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.sampled_from("abcde"), max_size=60),
    st.lists(st.sampled_from("abcdx"), max_size=5),
    st.integers(0, 50),
    st.integers(1, 20),
)
def test_some_kinds_are_what_is_left_of_all(store: Any, said: str, kinds: str, after: int, limit: int) -> None:
    """Whatever kinds are asked for, in whatever order and however often: the first of these, in the order of all."""
    before = store.head().seq
    store.append([fact(f"kind:{one}", str(number), {}) for number, one in enumerate(said)])
    wanted = [f"kind:{one}" for one in kinds]
    every = [entry for entry in store.read(before + after) if entry.kind in wanted]
    assert store.read(before + after, limit, wanted) == every[:limit]
    assert store.read(before + after, limit, []) == []


def test_reading_is_bounded_and_by_kind(store: Any) -> None:
    """A read gives at most its limit, oldest first, and only the kinds that were asked for."""
    for i in range(10):
        store.append([*some(1, "a:one", i), *some(1, "b:two", i)])
    assert [e.seq for e in store.read(4, 3)] == [5, 6, 7]
    assert [e.seq for e in store.read(4, 3, ["b:two"])] == [6, 8, 10]
    assert [e.seq for e in store.read(0, 100, ("a:one", "b:two"))] == list(range(1, 21))
    assert store.read(0, 100, []) == []


def test_a_step_is_done_once(open_store: Any) -> None:
    """A step whose cursor was moved already records nothing, also after a restart; a later one goes on."""
    store = open_store()
    store.append(some(5))
    assert len(store.step("mirror", 3, some(1, "alert:published"))) == 1
    assert store.step("mirror", 3, some(1, "alert:published")) == []
    assert store.step("mirror", 2, some(1, "alert:published")) == []
    assert store.cursor("mirror") == 3
    assert store.cursor("someone-else") == 0
    store.close()
    again = open_store()
    assert again.step("mirror", 3, some(1, "alert:published")) == []
    assert len(again.step("mirror", 4, some(2, "alert:published", 7))) == 2
    assert again.step("mirror", 5, []) == []
    assert again.cursor("mirror") == 5
    assert again.cursors() == {"mirror": 5}
    assert again.head().seq == 8


def test_a_repeat_is_recorded_once_by_whoever_comes_first(store: Any) -> None:
    """Many threads with the same reports make one entry of each."""
    with ThreadPoolExecutor(8) as pool:
        made = [e for entries in pool.map(lambda _: store.append_new(some(20)), range(16)) for e in entries]
    assert sorted(e.subject for e in made) == sorted(f"s{i}" for i in range(20))
    assert store.append_new([*some(1, start=20), *some(1, start=20), *some(1)])[0].subject == "s20"
    assert store.head().seq == 21
    assert store.seen("report:received", ["s3", "s20", "s99"]) == {"s3", "s20"}
    assert store.seen("alert:published", ["s3"]) == set()


def test_threads_share_one_chain(store: Any) -> None:
    """Entries of many threads at once stand in one unbroken chain, each group in its order."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.append(some(7, f"k:{n}")), range(40)))
    assert verify(follow(store, 0, batch=50), store.head()) == 280
    for n in range(40):
        assert [e.subject for e in store.read(0, 1000, [f"k:{n}"])] == [f"s{i}" for i in range(7)]


def test_listeners_hear_the_newest_number(store: Any) -> None:
    """Whoever listens is told after the commit, and no more once it stopped; one that fails disturbs nobody."""
    heard: list[int] = []
    there: list[int] = []

    def fails(seq: int) -> None:
        raise RuntimeError("a listener that fails")

    store.on_append(fails)
    stop = store.on_append(heard.append)
    store.on_append(lambda seq: there.append(len(store.read(0))))
    store.append(some(3))
    store.append(some(1))
    store.step("f", 4, [])
    stop()
    store.append(some(1))
    store.close()
    assert heard == [3, 4]
    assert there == [3, 4, 5]


def test_the_newest_of_a_kind(store: Any) -> None:
    """The newest entry about each subject, and the last ones about one, are found without reading the whole."""
    store.append([fact("source:heard", s, {"n": n}) for n, s in enumerate("abab")])
    assert [(e.subject, e.read(dict)["n"]) for e in store.newest("source:heard")] == [("a", 2), ("b", 3)]
    assert [e.seq for e in store.about("source:heard", "a")] == [3, 1]
    assert store.about("source:heard", "a", 1)[0].seq == 3


def test_a_fact_that_cannot_be_recorded_hurts_nobody_else(store: Any) -> None:
    """A text that is no Unicode fails alone; what was waiting beside it is recorded, and the chain holds."""
    gate = threading.Event()
    slow = store.write(lambda _: gate.wait(5))
    futures = [store.post(some(1)), store.post([Fact("a:b", "\ud800")]), store.post(some(1, start=1))]
    gate.set()
    slow.result()
    assert [e.seq for e in futures[0].result()] == [1]
    with pytest.raises(UnicodeEncodeError):
        futures[1].result()
    assert [e.seq for e in futures[2].result()] == [2]
    assert verify(follow(store, 0), store.head()) == 2


def test_a_withdrawn_write_is_left_out(store: Any) -> None:
    """A future that was cancelled while it waited is not written, and the writer goes on."""
    gate = threading.Event()
    slow = store.write(lambda _: gate.wait(5))
    withdrawn, kept = store.post(some(1)), store.post(some(1, start=1))
    assert withdrawn.cancel()
    gate.set()
    slow.result()
    assert kept.result()[0].seq == 1
    assert [e.subject for e in store.read(0)] == ["s1"]


async def test_the_event_loop_waits_without_blocking(store: Any) -> None:
    """From the event loop, many appends wait for one commit together."""
    made = await asyncio.gather(*(asyncio.wrap_future(store.post(some(1, start=i))) for i in range(50)))
    assert sorted(entries[0].seq for entries in made) == list(range(1, 51))


def test_after_closing_nothing_is_taken(store: Any) -> None:
    """A closed store says that it is closed, as an error with a code."""
    store.append(some(1))
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.append(some(1))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
            st.binary(max_size=50),
            st.sampled_from(["actual", "exercise"]),
        ),
        max_size=20,
    )
)
def test_any_fact_comes_back_as_it_was(store: Any, said: list[tuple[str, bytes, str]]) -> None:
    """Whatever texts and bytes a fact has, its entry has the same and the chain holds."""
    before = store.head().seq
    made = store.append([Fact("any:thing", subject, body, realm) for subject, body, realm in said])
    assert store.read(before, 1000) == made
    assert [(e.subject, e.body, e.realm) for e in made] == said
    verify(follow(store, 0), store.head())


def test_the_head_is_what_is_on_disk(store: Any) -> None:
    """While entries are being written, nobody sees them: they might still be undone."""
    heads: list[int] = []
    store.step("f", 1, some(3), lambda _: heads.append(store.head().seq))
    assert heads == [0]
    assert store.head().seq == 3
