"""The embedded store's file: taken by one process, refused when it is damaged or foreign, copied while work goes on."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tocsin.clock import TurnedClock
from tocsin.errors import JournalBrokenError, StoreError
from tocsin.journal import fact, follow, verify
from tocsin.store.sqlite import SqliteStore


def filled(path: Path, clock: TurnedClock, n: int = 50) -> None:
    with SqliteStore(path, clock) as store:
        for i in range(n):
            store.append([fact("report:received", f"report-{i}", {"text": f"the word of entry {i}"})])


def change(path: Path, sql: str) -> None:
    """Change the database behind the store's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def test_a_folder_is_held_by_one(tmp_path: Path, clock: TurnedClock) -> None:
    """A second store on the same folder is refused with the holder's process number, and let in after it closed."""
    first = SqliteStore(tmp_path, clock)
    assert first.path == tmp_path / "tocsin.db"
    with pytest.raises(StoreError, match=r"process \d+"):
        SqliteStore(tmp_path, clock)
    first.close()
    SqliteStore(tmp_path, clock).close()


def test_another_process_is_refused(tmp_path: Path, clock: TurnedClock) -> None:
    """The lock holds between processes."""
    with SqliteStore(tmp_path, clock):
        code = f"from tocsin.store.sqlite import SqliteStore; SqliteStore({str(tmp_path)!r})"
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "in use by another Tocsin" in ran.stderr


def test_nobody_else_reads_the_file(tmp_path: Path, clock: TurnedClock) -> None:
    """The database and what stands beside it are for its owner only."""
    with SqliteStore(tmp_path, clock) as store:
        store.append([fact("a:b", "x", {})])
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"this is a letter and not a database\n" * 400),
        lambda path: change(path, "CREATE TABLE notes (x)"),
        lambda path: path.write_bytes(b"\x89PNG"),
    ],
    ids=["text", "foreign", "short"],
)
def test_a_foreign_file_is_not_touched(tmp_path: Path, clock: TurnedClock, spoil: Callable[[Path], object]) -> None:
    """What is no store of ours is refused with a coded error, reading and writing, and stays as it was."""
    path = tmp_path / "s.db"
    spoil(path)
    before = path.read_bytes()
    for reading in (False, True):
        with pytest.raises(StoreError) as told:
            SqliteStore(path, clock, reading=reading)
        assert told.value.code == "operator.store"
    assert path.read_bytes() == before


def test_a_later_version_is_not_touched(tmp_path: Path, clock: TurnedClock) -> None:
    """A store of a later Tocsin is refused rather than written on."""
    path = tmp_path / "s.db"
    filled(path, clock)
    change(path, "PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="later version"):
        SqliteStore(path, clock)


def test_a_start_that_was_cut_off_is_begun_again(tmp_path: Path, clock: TurnedClock) -> None:
    """A file in which nothing was made yet (the power failed at the very first start) is taken as new."""
    path = tmp_path / "s.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
    filled(path, clock, 2)
    with SqliteStore(path, clock, reading=True) as store:
        assert verify(follow(store, 0), store.head()) == 2


def test_a_damaged_file_is_a_coded_error(tmp_path: Path, clock: TurnedClock) -> None:
    """Pages overwritten with noise are a StoreError, at opening or at reading, and never something else."""
    path = tmp_path / "s.db"
    filled(path, clock, 400)
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 12] = b"\xa5" * (4096 * 10)
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError), SqliteStore(path, clock) as store:
        verify(follow(store, 0), store.head())


def test_a_broken_end_is_not_written_on(tmp_path: Path, clock: TurnedClock) -> None:
    """A store whose newest entries do not hold refuses to start, and names the entry."""
    path = tmp_path / "s.db"
    filled(path, clock)
    change(path, "UPDATE journal SET body = CAST(replace(body, 'word', 'sword') AS BLOB) WHERE seq = 48")
    with pytest.raises(JournalBrokenError, match="entry 48"):
        SqliteStore(path, clock)


def test_a_full_disk_fails_what_waits_and_nothing_else(tmp_path: Path, clock: TurnedClock) -> None:
    """An append that does not fit is a StoreError and leaves no trace; when there is room again, the chain goes on."""
    with SqliteStore(tmp_path, clock) as store:
        store.append([fact("a:b", "x", {})])
        pages = store.write(lambda c: c.pragma("max_page_count", c.pragma("page_count") + 2)).result()
        assert pages
        with pytest.raises(StoreError):
            store.append([fact("a:b", "y", "long " * 20_000)])
        assert (store.head().seq, len(store.read(0))) == (1, 1)
        store.write(lambda c: c.pragma("max_page_count", 1_000_000)).result()
        store.append([fact("a:b", "z", {})])
        assert verify(follow(store, 0), store.head()) == 2


def test_a_copy_is_one_moment(tmp_path: Path, clock: TurnedClock) -> None:
    """A backup made while entries pour in is a whole store of its own, with every table and an intact chain."""
    with SqliteStore(tmp_path / "s.db", clock) as store:
        store.ensure("shelf", "CREATE TABLE IF NOT EXISTS shelf (what TEXT) STRICT;")
        stop = threading.Event()

        def pour() -> None:
            while not stop.is_set():
                store.append([fact("a:b", "x", {"text": "y" * 500})])

        thread = threading.Thread(target=pour)
        thread.start()
        try:
            while store.head().seq < 50:
                stop.wait(0.001)
            heads = [store.backup(tmp_path / f"copy-{n}") for n in range(3)]
        finally:
            stop.set()
            thread.join()
        with pytest.raises(StoreError, match="is there already"):
            store.backup(tmp_path / "copy-0")
    for n, head in enumerate(heads):
        assert head.seq >= 50
        with SqliteStore(tmp_path / f"copy-{n}", clock, reading=True) as copy:
            assert verify(follow(copy, 0), head) == head.seq
            with copy.reader() as connection:
                assert connection.execute("SELECT count(*) FROM shelf").get == 0
    assert not list(tmp_path.glob("*.part"))


def test_looking_beside_a_running_one(tmp_path: Path, clock: TurnedClock) -> None:
    """A store opened for reading sees what the running one records, and can change nothing."""
    with SqliteStore(tmp_path, clock) as store:
        store.append([fact("a:b", "x", {})])
        with SqliteStore(tmp_path, clock, reading=True) as looking:
            store.append([fact("a:b", "y", {})])
            assert looking.head() == store.head()
            assert len(looking.read(0)) == 2
            with pytest.raises(StoreError, match="reading only"):
                looking.append([fact("a:b", "z", {})])
    with pytest.raises(StoreError, match="no store"):
        SqliteStore(tmp_path / "nothing.db", reading=True)


def test_full_durability_is_on(tmp_path: Path, clock: TurnedClock) -> None:
    """The writer's connection is in write-ahead mode with FULL synchronisation; its tables are STRICT."""
    with SqliteStore(tmp_path, clock) as store:
        assert store.write(lambda c: (c.pragma("journal_mode"), c.pragma("synchronous"))).result() == ("wal", 2)
        with pytest.raises(apsw.ConstraintError):
            store.write(lambda c: c.execute("INSERT INTO cursor VALUES ('x', 'not a number')").fetchall()).result()
