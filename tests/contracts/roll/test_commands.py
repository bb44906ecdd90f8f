"""``tocsin dossier``: one person's data given out and erased, with the house standing still and with it running."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.contracts.roll.conftest import SHEET
from tocsin.account.roster import MEMBER_ERASED
from tocsin.account.roster_file import read_sheet
from tocsin.cli.dossier import command
from tocsin.errors import NotFoundError
from tocsin.store.rollcall import ERASE
from tocsin.store.roster import SqlRoster
from tocsin.store.sqlite import SqliteStore
from tocsin.warn.enrolment import VIEW_PERSONAL
from tocsin.web.confirm import ADDRESSES
from tocsin.web.rolls import ERASURE_ASKED
from tocsin.web.tray import take


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with the embassy's roster."""
    with SqliteStore(tmp_path) as store:
        roster = SqlRoster(store, tmp_path / "keys", "actual", ERASE)
        found = read_sheet(SHEET.encode(), {}, ADDRESSES).found
        new, *_ = roster.plan([(row.member, row.details) for row in found])
        roster.take_in(new, (), ())
    return tmp_path


def test_a_person_is_shown_and_erased(data: Path) -> None:
    """What is known is given as JSON, which is recorded; erased by their telephone, nobody is found any more."""
    shown = CliRunner().invoke(command, ["show", "olena@example.org", "--data", str(data)])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["details"]["name"] == "Olena Kovalenko"
    asked = CliRunner().invoke(command, ["erase", "+380441110001", "--data", str(data)], input="n\n")
    assert asked.exit_code == 1
    erased = CliRunner().invoke(command, ["erase", "+380441110001", "--yes", "--data", str(data)])
    assert erased.exit_code == 0, erased.output
    again = CliRunner().invoke(command, ["show", "1", "--data", str(data)])
    assert isinstance(again.exception, NotFoundError)
    with SqliteStore(data, reading=True) as store:
        assert len(store.read(0, 100, [VIEW_PERSONAL])) == 1
        assert len(store.read(0, 100, [MEMBER_ERASED])) == 1


def test_a_running_house_is_asked(data: Path) -> None:
    """While another process holds the store, the asking is laid before it and stands in its journal."""
    with SqliteStore(data) as store:
        over = threading.Event()

        def keep_taking() -> None:
            while not over.wait(0.05):
                take(data, store, "actual")

        taking = threading.Thread(target=keep_taking)
        taking.start()
        try:
            done = CliRunner().invoke(command, ["erase", "4", "--yes", "--data", str(data)])
        finally:
            over.set()
            taking.join()
        assert done.exit_code == 0, done.output
        (entry,) = store.read(0, 100, [ERASURE_ASKED])
        roster = SqlRoster(store, data / "keys", "actual", ERASE)
        assert roster.find("4") == [entry.subject]
