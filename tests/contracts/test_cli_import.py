"""``tocsin import``: what was understood is said first, and a running Tocsin takes the file in itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from tocsin import imports
from tocsin.account.shelters import SHELTERS_IMPORTED
from tocsin.app import Program
from tocsin.cli import tocsin
from tocsin.clock import SystemClock
from tocsin.errors import ImportFileError, StoreError, TocsinError
from tocsin.imports import Order, Outcome, answer_all, hand_over, sweep
from tocsin.settings import Settings

ROWS = "".join(f"{n};School {n};50,{4000 + n};30,5;{n * 10 + 10};24/7\n" for n in range(10))
LIST = f"id;name;lat;lon;capacity;hours\n{ROWS}x;Nowhere;;;5;whenever\n"


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A list of ten shelters and one without a place."""
    file = tmp_path / "city.csv"
    file.write_text(LIST, "utf-8")
    return file


def run(*arguments: object) -> Result:
    """The command's result."""
    return CliRunner().invoke(tocsin, ["import", *map(str, arguments)])


def test_a_dry_run_says_everything_and_makes_nothing(tmp_path: Path, listed: Path) -> None:
    """It names columns, counts and each fault with its row and code; not even the data folder is made."""
    data = tmp_path / "data"
    result = run("shelters", listed, "--dry-run", "--data", data)
    assert result.exit_code == 0
    for said in (
        "11 rows, 10 shelters understood, 1 left out",
        "lat = 'lat'",
        "row 12: ",
        "[place.missing]",
        "10 new",
    ):
        assert said in result.output
    assert not data.exists()


def test_in_again_and_half(tmp_path: Path, listed: Path) -> None:
    """Taken in, then the same again changes nothing, and half a list is refused with exit 1 until it is forced."""
    data = tmp_path / "data"
    assert "Taken in: 10 new, 0 changed" in run("shelters", listed, "--data", data).output
    assert "Taken in: 0 new, 0 changed, 10 as before" in run("shelters", listed, "--data", data).output
    listed.write_text("\n".join(LIST.split("\n")[:5]), "utf-8")
    half = run("shelters", listed, "--data", data)
    assert (half.exit_code, "--force" in half.output) == (1, True)
    told = json.loads(run("shelters", listed, "--data", data, "--dry-run", "--json").stdout)
    assert (told["done"], told["change"]["gone"], told["counts"]["taken"]) == (False, 6, 4)
    assert run("shelters", listed, "--data", data, "--force").exit_code == 0
    program = Program(Settings(), data, SystemClock())
    try:
        assert len(program.shelters) == 4
        assert len(program.store.read(0, 100, [SHELTERS_IMPORTED])) == 2
    finally:
        program.close()


def test_a_mapping_file(tmp_path: Path) -> None:
    """A mapping in TOML or JSON says which column is what; a wrong one is a plain sentence."""
    file, mapping = tmp_path / "a.csv", tmp_path / "m"
    file.write_text("A,B,C\nCellar,50.1,30.1\n", "utf-8")
    for text in ('[fields]\nname = "A"\nlat = "B"\nlon = "C"\n', '{"fields": {"name": "A", "lat": "B", "lon": "C"}}'):
        mapping.write_text(text, "utf-8")
        assert (
            "1 shelters understood"
            in run("shelters", file, "--mapping", mapping, "--dry-run", "--data", tmp_path / "d").output
        )
    mapping.write_text("[fields\n", "utf-8")
    assert isinstance(
        run("shelters", file, "--mapping", mapping, "--dry-run", "--data", tmp_path / "d").exception, ImportFileError
    )
    assert isinstance(run("shelters", tmp_path / "none.csv", "--data", tmp_path / "d").exception, TocsinError)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """A Tocsin that holds the data folder."""
    made = Program(Settings(), tmp_path / "data", SystemClock())
    yield made
    made.close()


def answering(program: Program) -> threading.Thread:
    """Answer the next order, as the running program does."""

    def answer() -> None:
        while not answer_all(program):
            threading.Event().wait(0.02)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_a_running_tocsin_takes_it_in_itself(program: Program, listed: Path) -> None:
    """While one process holds the data, the command hands the file over, gets the answer, and leaves nothing behind."""
    for arguments, said, count in ((["--dry-run"], "This would be: 10 new", 0), ([], "Taken in: 10 new", 10)):
        thread = answering(program)
        result = run("shelters", listed, "--data", program.data, *arguments)
        thread.join()
        assert said in result.output
        assert len(program.shelters) == count
    assert list((program.data / imports.FOLDER).iterdir()) == []


def test_what_it_refuses_comes_back_as_a_sentence(program: Program, tmp_path: Path) -> None:
    """A file that cannot be read is the same plain error whoever reads it."""
    file = tmp_path / "page.html"
    file.write_text("<!doctype html><html>", "utf-8")
    thread = answering(program)
    result = run("shelters", file, "--data", program.data)
    thread.join()
    assert isinstance(result.exception, ImportFileError)
    assert "web page" in str(result.exception)


def test_nobody_answers(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the one that holds the data takes no orders, the command says so and takes its file back."""
    monkeypatch.setattr(imports, "START_SECONDS", 0.1)
    with pytest.raises(StoreError):
        hand_over(program.data, Order("shelters"), b"x", b"")
    assert list((program.data / imports.FOLDER).iterdir()) == []


def test_a_broken_order_harms_nobody(program: Program) -> None:
    """What lies in the folder and is no order is answered with a fault, and old leftovers are swept away."""
    folder = program.data / imports.FOLDER
    folder.mkdir()
    (folder / "a.order").write_bytes(b"{")
    assert answer_all(program) == 1
    assert msgspec.json.decode((folder / "a.answer").read_bytes(), type=Outcome).code == "tocsin"
    sweep(folder, (folder / "a.answer").stat().st_mtime + imports.DAY_SECONDS + 1)
    assert list(folder.iterdir()) == []
