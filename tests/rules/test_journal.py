"""The journal's chain, and the commands that look at it: one flipped byte is found and its entry named."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from tocsin.cli.backup import command as backup
from tocsin.cli.journal import command as journal
from tocsin.cli.restore import command as restore
from tocsin.clock import TurnedClock
from tocsin.errors import JournalBrokenError, StoreError, TocsinError
from tocsin.journal import GENESIS, Entry, Fact, Head, chain, fact, follow, link, verify
from tocsin.store.sqlite import SqliteStore

AT = datetime(2024, 11, 20, 1, 5, tzinfo=UTC)

facts = st.builds(
    Fact,
    st.sampled_from(["report:received", "alert:published", "a:b"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.binary(max_size=30),
    st.sampled_from(["actual", "exercise"]),
)


def chained(items: list[Fact]) -> list[Entry]:
    entries, prev = [], GENESIS
    for seq, item in enumerate(items, 1):
        entries.append(link(item, seq, AT + timedelta(seconds=seq), prev))
        prev = entries[-1].hash
    return entries


@given(st.lists(facts, min_size=1, max_size=8), st.data())
def test_any_change_of_any_entry_is_found_at_that_entry(items: list[Fact], data: st.DataObject) -> None:
    """Whatever field of whatever entry is changed, verification names that entry."""
    entries = chained(items)
    assert verify(entries, Head(len(entries), entries[-1].hash)) == len(entries)
    n = data.draw(st.integers(0, len(entries) - 1))
    entry = entries[n]
    change = data.draw(
        st.sampled_from(
            [
                {"body": entry.body + b"x"},
                {"subject": entry.subject + "x"},
                {"kind": entry.kind + "x"},
                {"realm": "exercise" if entry.realm == "actual" else "actual"},
                {"at": entry.at + timedelta(microseconds=1)},
                {"prev": bytes(31) + b"\1"},
                {"hash": bytes(31) + b"\1"},
            ]
        )
    )
    entries[n] = msgspec.structs.replace(entry, **change)  # type: ignore[arg-type]
    with pytest.raises(JournalBrokenError) as told:
        verify(entries)
    assert told.value.facts["seq"] == n + 1


@given(st.lists(facts, min_size=2, max_size=8), st.data())
def test_a_missing_or_moved_entry_is_found(items: list[Fact], data: st.DataObject) -> None:
    """An entry that was taken out, or an end that was cut off, is found; texts cannot slide into one another."""
    entries = chained(items)
    n = data.draw(st.integers(0, len(entries) - 1))
    with pytest.raises(JournalBrokenError) as told:
        verify(entries[:n] + entries[n + 1 :], Head(len(entries), entries[-1].hash))
    assert told.value.facts["seq"] == n + 1
    one, other = Fact("a:b", "c", b"d"), Fact("a:", "bc", b"d")
    assert chain(GENESIS, 1, AT, one) != chain(GENESIS, 1, AT, other)


# --- the commands ----------------------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path, clock: TurnedClock) -> Path:
    """A data folder with 400 entries, closed."""
    folder = tmp_path / "data"
    folder.mkdir()
    with SqliteStore(folder, clock) as store:
        for first in range(1, 401, 20):
            clock.turn(1)
            store.append(
                [
                    fact("report:received" if n % 2 else "source:heard", f"s{n}", {"text": f"the word of {n}!"})
                    for n in range(first, first + 20)
                ]
            )
    return folder


def run(command: object, *words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])  # type: ignore[arg-type]


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x01
    path.write_bytes(bytes(content))


def test_an_intact_journal(data: Path) -> None:
    """The command says how many entries hold and what the head is; the head, given back, is held against it."""
    result = run(journal, "verify", "--data", data)
    assert result.exit_code == 0
    assert "400 entries" in result.output
    head = result.output.split("head ")[1].strip()
    assert run(journal, "verify", "--data", data, "--head", head).exit_code == 0
    assert "not the one" in run(journal, "verify", "--data", data, "--head", "400:" + "00" * 32).output
    cut = run(journal, "verify", "--data", data, "--head", "401:" + "00" * 32, "--json")
    assert (cut.exit_code, json.loads(cut.output)["entry"]) == (1, 401)


@pytest.mark.parametrize("entry", [1, 137, 400])
def test_one_flipped_byte_is_found_and_its_entry_named(data: Path, entry: int) -> None:
    """A single bit changed in the database file, in the text of one entry: that entry is named, exit code 1."""
    path = data / "tocsin.db"
    at = path.read_bytes().index(f"the word of {entry}!".encode()) + 5
    flip(path, at)
    result = run(journal, "verify", "--data", data)
    assert result.exit_code == 1
    assert f"entry {entry} was changed" in result.output
    told = json.loads(run(journal, "verify", "--data", data, "--json").output)
    assert (told["intact"], told["entry"], told["entries"]) == (False, entry, entry - 1)


@pytest.mark.parametrize("column", ["at", "realm", "kind", "subject", "prev", "hash"])
def test_a_flipped_bit_in_any_column(data: Path, column: str) -> None:
    """Time, realm, kind, subject and the hashes are under the chain too."""
    with closing(sqlite3.connect(data / "tocsin.db")) as connection, connection:
        old = connection.execute(f"SELECT {column} FROM journal WHERE seq = 200").fetchone()[0]
        new = old + 1 if isinstance(old, int) else old[:-1] + ("?" if isinstance(old, str) else b"?")
        connection.execute(f"UPDATE journal SET {column} = ? WHERE seq = 200", (new,))
    result = run(journal, "verify", "--data", data)
    assert result.exit_code == 1
    assert "entry 200" in result.output


def test_no_flipped_byte_anywhere_passes_for_another_record(data: Path) -> None:
    """Any single bit of the whole file, flipped: either the command finds it, or every entry still reads as it was."""
    path = data / "tocsin.db"
    whole = path.read_bytes()
    with SqliteStore(path, reading=True) as store:
        before = list(follow(store, 0))
    chance = random.Random(20241120)
    found = 0
    for at in chance.sample(range(len(whole)), 120):
        flip(path, at)
        result = run(journal, "verify", "--data", data)
        if result.exit_code == 0:
            with SqliteStore(path, reading=True) as store:
                assert list(follow(store, 0)) == before, f"byte {at}"
        else:
            found += 1
            assert result.exit_code == 1 or isinstance(result.exception, TocsinError), f"byte {at}"
        path.write_bytes(whole)
    assert found > 60


def test_a_cut_off_end_is_found(data: Path) -> None:
    """Entries deleted from the end are found by the head that somebody else remembers, or by a follower's cursor."""
    with SqliteStore(data) as store:
        head = store.head()
    with closing(sqlite3.connect(data / "tocsin.db")) as connection, connection:
        connection.execute("DELETE FROM journal WHERE seq > 390")
    assert run(journal, "verify", "--data", data).exit_code == 0
    result = run(journal, "verify", "--data", data, "--head", f"{head.seq}:{head.hash.hex()}")
    assert result.exit_code == 1
    assert "ends at entry 390" in result.output
    with SqliteStore(data) as store:
        store.step("mirror", 390, [])
    with closing(sqlite3.connect(data / "tocsin.db")) as connection, connection:
        connection.execute("DELETE FROM journal WHERE seq > 380")
    result = run(journal, "verify", "--data", data)
    assert result.exit_code == 1
    assert "mirror was at entry 390" in result.output


def test_show_and_tail(data: Path) -> None:
    """Entries are shown whole, in ranges, the newest ones, by kind and time, and as JSON."""
    assert "the word of 7!" in run(journal, "show", 7, "--data", data).output
    lines = run(journal, "show", 7, 9, "--data", data, "--json").output.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [7, 8, 9]
    assert json.loads(lines[0])["body"] == {"text": "the word of 7!"}
    tail = run(journal, "tail", "-n", 3, "--kind", "source:heard", "--data", data, "--json").output.splitlines()
    assert [json.loads(line)["seq"] for line in tail] == [396, 398, 400]
    assert len(run(journal, "tail", "--data", data).output.splitlines()) == 20
    since = run(journal, "tail", "--since", "2024-11-20T01:00:20Z", "-n", 99, "--data", data).output.splitlines()
    assert len(since) == 20
    assert run(journal, "tail", "-n", 0, "--data", data).output == ""


def test_plain_errors(data: Path, tmp_path: Path) -> None:
    """No store, no such entry, a head that is none: each is an error with a code."""
    for words in (("verify", "--data", tmp_path / "no"), ("show", 999, "--data", data),
                  ("verify", "--data", data, "--head", "x")):  # fmt: skip
        assert isinstance(run(journal, *words).exception, StoreError)


def test_backup_and_restore(data: Path, tmp_path: Path) -> None:
    """A backup is taken beside a running Tocsin and becomes the store of a new folder; neither overwrites anything."""
    copy, fresh = tmp_path / "copy.db", tmp_path / "fresh"
    with SqliteStore(data) as running:
        assert run(backup, copy, "--data", data).exit_code == 0
        running.append([fact("a:b", "later", {})])
    assert isinstance(run(backup, copy, "--data", data).exception, StoreError)
    assert "400 entries" in run(restore, copy, "--data", fresh).output
    with SqliteStore(fresh) as store:
        assert verify(follow(store, 0), store.head()) == 400
        store.append([fact("a:b", "goes on", {})])
    again = run(restore, copy, "--data", fresh)
    assert "nothing is overwritten" in str(again.exception)


def test_a_damaged_backup_is_not_restored(data: Path, tmp_path: Path) -> None:
    """A backup whose chain is broken is refused with the entry's number, and the folder stays empty."""
    copy, fresh = tmp_path / "copy.db", tmp_path / "fresh"
    run(backup, copy, "--data", data)
    flip(copy, copy.read_bytes().index(b"the word of 42!"))
    result = run(restore, copy, "--data", fresh)
    assert isinstance(result.exception, JournalBrokenError)
    assert result.exception.facts["seq"] == 42
    assert not fresh.exists()
