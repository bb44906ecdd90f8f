"""Shelters on disk: whole imports or none, reports without reporters, and nothing lost by a power cut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tocsin.account.shelter import Shelter, Status
from tocsin.account.shelter_import import ShelterFile
from tocsin.account.shelters import SHELTER_REPORTED, SHELTER_VERIFIED, SHELTERS_IMPORTED, Shelters
from tocsin.clock import TurnedClock
from tocsin.errors import NotFoundError
from tocsin.journal import follow, verify
from tocsin.store.shelters import SqlShelters
from tocsin.store.sqlite import SqliteStore

NOON = datetime(2024, 11, 20, 12, tzinfo=UTC)


def file(
    *numbers: int, digest: str = "d", partial: bool = False, dataset: str = "city", name: str = "School"
) -> ShelterFile:
    """A file of these shelters, 111 m apart, open day and night."""
    listed = tuple(
        Shelter(f"{dataset}{n}", dataset, 50_000_000 + n * 1000, 30_000_000, f"K{n}", {"": f"{name} {n}"}, hours="24/7")
        for n in numbers
    )
    return ShelterFile(dataset, listed, partial, digest)


class Rig:
    """A store in a folder, and the shelters in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, TurnedClock(NOON)
        self.open()

    def open(self) -> None:
        """Open the store, as after a restart."""
        self.store = SqliteStore(self.folder, self.clock)
        self.shelters = Shelters(SqlShelters(self.store, self.folder / "keys", "actual"), self.clock, "actual")

    def again(self) -> None:
        """Close and open."""
        self.store.close()
        self.open()

    def kinds(self) -> list[str]:
        """The kinds of everything in the journal."""
        return [entry.kind for entry in follow(self.store, 0)]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A store with nothing in it."""
    made = Rig(tmp_path)
    yield made
    made.store.close()


def test_an_import_is_there_after_a_restart(rig: Rig) -> None:
    """What was taken in is on disk with one fact about it, and the same file again changes and records nothing."""
    change = rig.shelters.take(file(*range(10)), {"rows": 10})
    assert (change.new, change.refused) == (10, "")
    rig.again()
    assert len(rig.shelters) == 10
    again = rig.shelters.take(file(*range(10), digest="other"), {"rows": 10})
    assert (again.new, again.changed, again.same, again.gone) == (0, 0, 10, 0)
    assert rig.kinds() == [SHELTERS_IMPORTED]


def test_half_a_file_closes_no_city(rig: Rig) -> None:
    """A file in which too much is missing changes nothing without force; with force what is missing is gone, not deleted."""
    rig.shelters.take(file(*range(20)), {})
    for small in (file(*range(10)), file()):
        assert rig.shelters.change(small).refused
        assert rig.shelters.take(small, {}).refused
        assert len(rig.shelters) == 20
    assert rig.shelters.take(file(*range(10)), {}, force=True).gone == 10
    assert len(rig.shelters) == 10
    with pytest.raises(NotFoundError):
        rig.shelters.get("city15")
    back = rig.shelters.take(file(*range(20)), {})
    assert (back.new, back.changed) == (0, 10)
    assert rig.shelters.get("city15").names[""] == "School 15"


def test_a_part_and_another_dataset_make_nothing_gone(rig: Rig) -> None:
    """What a part of a list, or the list of somebody else, does not name stays."""
    rig.shelters.take(file(*range(20)), {})
    assert rig.shelters.take(file(1, partial=True), {}).gone == 0
    assert rig.shelters.take(file(500, dataset="osm"), {}).gone == 0
    assert len(rig.shelters) == 21


def test_what_people_said_survives_an_import(rig: Rig) -> None:
    """A shelter that was reported and renamed is the same shelter, with its reports."""
    rig.shelters.take(file(1), {})
    rig.shelters.report("city1", "address:1")
    rig.shelters.take(file(1, name="Lyceum"), {})
    assert len(rig.shelters.standing("city1").reports) == 1
    rig.again()
    assert len(rig.shelters.standing("city1").reports) == 1


def test_two_people_make_it_doubtful_and_one_does_not(rig: Rig) -> None:
    """One person counts once however often they say it; two make it doubtful; who looked settles it."""
    rig.shelters.take(file(1), {})
    for _ in range(5):
        assert rig.shelters.report("city1", "address:10.0.0.1") is Status.OPEN
    rig.again()
    assert rig.shelters.report("city1", "address:10.0.0.1") is Status.OPEN
    assert rig.shelters.report("city1", "address:10.0.0.2") is Status.DOUBTFUL
    rig.again()
    assert [one.id for one in rig.shelters.doubtful(NOON)] == ["city1"]
    assert rig.shelters.turn("city1", "verified", "p1") is Status.OPEN
    assert rig.shelters.doubtful(NOON) == []
    assert rig.shelters.standing("city1").verified == NOON
    assert rig.kinds() == [SHELTERS_IMPORTED, SHELTER_REPORTED, SHELTER_REPORTED, SHELTER_VERIFIED]
    # After somebody looked, the same people can report it anew.
    rig.clock.set(NOON + timedelta(hours=1))
    assert rig.shelters.report("city1", "address:10.0.0.1") is Status.OPEN
    assert len(rig.shelters.standing("city1").reports) == 1


def test_nobody_stands_in_the_file(rig: Rig) -> None:
    """Neither an address nor the same mark at two shelters is anywhere in the database or the journal."""
    rig.shelters.take(file(1, 2), {})
    for one in ("city1", "city2"):
        rig.shelters.report(one, "address:203.0.113.77")
    with rig.store.reader() as connection:
        marks = [row[0] for row in connection.execute("SELECT mark FROM shelter_report")]
    assert len(set(marks)) == 2
    rig.store.close()
    for path in rig.folder.glob("tocsin.db*"):
        assert b"203.0.113.77" not in path.read_bytes()
    rig.open()


def test_an_unfinished_edition_is_nobodys(rig: Rig) -> None:
    """Rows of an import that never ended are not read and are swept away at the next start."""
    rig.shelters.take(file(1), {})
    body = msgspec.json.encode(file(7).shelters[0])
    row = ("actual", "city7", 2, "city", 50_007_000, 30_000_000, 0, body)
    rig.store.write(lambda c: c.execute("INSERT INTO shelter VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row) and None).result()
    rig.again()
    assert len(rig.shelters) == 1
    rig.shelters.take(file(1, 2), {})
    assert sorted(one.id for one in rig.shelters) == ["city1", "city2"]


KILLED = """
import sys
from pathlib import Path
from tests.contracts.store.test_shelters import Rig, file
rig = Rig(Path(sys.argv[1]))
for size in range(1, 1000):
    rig.shelters.take(file(*range(size * 900), digest=str(size)), {"rows": size * 900})
    print(size, flush=True)
"""


def test_killed_in_the_middle_of_an_import(tmp_path: Path) -> None:
    """After kill -9 the shelters are those of the last import that was answered or of the next, never of a half one."""
    root = Path(__file__).parents[3]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    for wanted in (1, 3):
        folder = tmp_path / str(wanted)
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, env=env, cwd=root
        ) as running:
            assert running.stdout is not None
            last = 0
            while last < wanted:
                last = int(running.stdout.readline())
            os.kill(running.pid, signal.SIGKILL)
            rest = running.stdout.read().split()
            last = int(rest[-1]) if rest else last
        rig = Rig(folder)
        try:
            assert len(rig.shelters) in (last * 900, (last + 1) * 900)
            imported = [entry for entry in follow(rig.store, 0) if entry.kind == SHELTERS_IMPORTED]
            assert len(rig.shelters) == len(imported) * 900
            verify(follow(rig.store, 0), rig.store.head())
        finally:
            rig.store.close()
