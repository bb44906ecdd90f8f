"""What every store offers to the rooms that keep tables of their own in it."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.errors import StoreError
from tocsin.journal import fact

SQL = "CREATE TABLE IF NOT EXISTS shelf (id INTEGER PRIMARY KEY, what TEXT NOT NULL) STRICT;"


def shelf(store: Any) -> list[str]:
    with store.reader() as connection:
        return [row[0] for row in connection.execute("SELECT what FROM shelf ORDER BY id")]


def test_a_room_makes_its_tables_once(open_store: Any) -> None:
    """Ensuring again, also after a restart, keeps what is there; a changed text is run."""
    store = open_store()
    store.ensure("shelf", SQL)
    store.write(lambda c: c.execute("INSERT INTO shelf (what) VALUES ('a')").fetchall()).result()
    store.ensure("shelf", SQL)
    store.close()
    again = open_store()
    again.ensure("shelf", SQL + "CREATE INDEX IF NOT EXISTS by_what ON shelf (what);")
    assert shelf(again) == ["a"]


def test_a_write_gives_its_result_and_is_undone_when_it_fails(store: Any) -> None:
    """What a piece of work wrote before it failed is gone; its neighbours' writes stay."""
    store.ensure("shelf", SQL)

    def put(what: str, then: Exception | None = None) -> Any:
        def work(connection: Any) -> int:
            connection.execute("INSERT INTO shelf (what) VALUES (?)", (what,))
            if then is not None:
                raise then
            return int(connection.last_insert_rowid())

        return store.write(work)

    good, bad, fine = put("a"), put("b", LookupError("no")), put("c")
    assert good.result() == 1
    with pytest.raises(LookupError):
        bad.result()
    fine.result()
    assert shelf(store) == ["a", "c"]


def test_a_step_and_its_table_are_one_commit(store: Any) -> None:
    """If what goes along with a step fails, neither its entries nor its cursor are recorded."""
    store.ensure("shelf", SQL)
    store.append([fact("a:b", "x", {})])

    def along(connection: Any) -> None:
        connection.execute("INSERT INTO shelf (what) VALUES ('along')")

    def fails(connection: Any) -> None:
        along(connection)
        raise LookupError("no")

    with pytest.raises(LookupError):
        store.step("f", 1, [fact("c:d", "y", {})], fails)
    assert (shelf(store), store.cursor("f"), store.head().seq) == ([], 0, 1)
    store.step("f", 1, [fact("c:d", "y", {})], along)
    store.step("f", 1, [fact("c:d", "y", {})], along)
    assert (shelf(store), store.cursor("f"), store.head().seq) == (["along"], 1, 2)


def test_a_reader_cannot_write(store: Any) -> None:
    """A reading connection refuses to change anything, as an error with a code."""
    store.ensure("shelf", SQL)
    with pytest.raises(StoreError), store.reader() as connection:
        connection.execute("INSERT INTO shelf (what) VALUES ('a')")


def test_facts_and_a_room_are_one_commit(store: Any) -> None:
    """Facts and what a room writes with them stand together; what raises undoes both; without facts the rows stand alone."""
    store.ensure("shelf", SQL)

    def put(what: str, wrong: Exception | None = None) -> Any:
        def also(connection: Any) -> None:
            connection.execute("INSERT INTO shelf (what) VALUES (?)", (what,))
            if wrong is not None:
                raise wrong

        return also

    (entry,) = store.commit([fact("a:b", "x", {})], put("a"))
    assert (entry.seq, shelf(store)) == (1, ["a"])
    with pytest.raises(LookupError):
        store.commit([fact("a:b", "y", {})], put("b", LookupError("no")))
    assert store.commit([], put("c")) == []
    assert (store.head().seq, shelf(store), store.cursors()) == (1, ["a", "c"], {})
    assert store.commit([fact("a:b", "z", {})], put("d"))[0].prev == entry.hash
