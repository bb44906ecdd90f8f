"""``tocsin token`` and ``tocsin doctor`` on a folder and beside a running Tocsin."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result

from tests.contracts.web.conftest import Building, Server
from tocsin.cap.xml import write
from tocsin.cli import tocsin
from tocsin.web.tray import FOLDER, take


def run(*words: str) -> Result:
    """Run a command of ``tocsin``."""
    result = CliRunner().invoke(tocsin, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Server]:
    """A house that follows its own journal, served."""
    building = Building(tmp_path)
    building.keys.path.parent.mkdir(exist_ok=True)
    server = Server(building)
    loop = asyncio.new_event_loop()
    following = loop.create_task(building.house.follow())

    def turn() -> None:
        try:
            loop.run_until_complete(following)
        except asyncio.CancelledError:
            loop.run_until_complete(loop.shutdown_default_executor())

    thread = threading.Thread(target=turn)
    thread.start()
    yield server
    loop.call_soon_threadsafe(following.cancel)
    thread.join(10)
    loop.close()
    server.stop()
    building.store.close()


def submit(server: Server, token: str) -> int:
    """The status of submitting a new message with a token."""
    content = write(server.building.message())
    return server.ask("POST", "/v1/alerts", content, Authorization=f"Bearer {token}", Content_Type="text/xml").status


def test_a_token_is_issued_listed_and_revoked_on_a_folder(tmp_path: Path) -> None:
    """The text is printed once and never listed; a revoked token is listed as such."""
    Building(tmp_path).store.close()
    issued = run("token", "issue", "--sender", "a@example.org", "--name", "Partner", "--data", str(tmp_path))
    text = issued.stdout.strip()
    assert text.startswith("tocsin_")
    listed = run("token", "list", "--data", str(tmp_path), "--json").stdout
    assert text not in listed
    told = json.loads(listed)
    assert (told["name"], told["state"], told["senders"]) == ("Partner", "open", ["a@example.org"])
    run("token", "revoke", told["id"], "--data", str(tmp_path))
    assert json.loads(run("token", "list", "--data", str(tmp_path), "--json").stdout)["state"] == "revoked"


def test_tokens_are_issued_and_revoked_while_warnings_go_out(live: Server) -> None:
    """Beside a running Tocsin a token opens at once, and opens nothing as soon as it is revoked."""
    data = str(live.building.store.path.parent)
    text = run("token", "issue", "--sender", "warnings@example.org", "--data", data).stdout.strip()
    _until(lambda: text.split("_")[1] in live.house.tokens.known)
    assert submit(live, text) == 201
    run("token", "revoke", text.split("_")[1], "--data", data)
    _until(lambda: text.split("_")[1] in live.house.tokens.ended)
    assert submit(live, text) == 401
    assert list((Path(data) / FOLDER).iterdir()) == []


def test_the_tray_takes_tokens_only(building: Building) -> None:
    """A fact of another kind or realm, and junk, are put aside and not recorded."""
    folder = building.store.path.parent
    tray = folder / FOLDER
    tray.mkdir()
    (tray / "a.json").write_text('{"kind":"alert:published","subject":"x","body":{},"realm":"actual"}')
    (tray / "b.json").write_text('{"kind":"token:issued","subject":"x","body":{},"realm":"exercise"}')
    (tray / "c.json").write_text("{")
    before = building.store.head().seq
    assert take(folder, building.store, "actual") == 0
    assert building.store.head().seq == before
    assert sorted(path.suffix for path in tray.iterdir()) == [".refused"] * 3


def test_doctor_asks_the_running_one(server: Server) -> None:
    """Exit 0 and one line when it is ready, 1 and a sentence for each fault when it is not."""
    faulty = run("doctor", "--url", server.base)
    assert faulty.exit_code == 1
    assert "Civil Protection has not been heard yet" in faulty.stdout
    assert "[source.never-heard]" in faulty.stdout


def test_doctor_is_content_when_all_is_well(server: Server) -> None:
    """A ready installation is one sentence and exit 0."""
    server.building.hear()
    result = run("doctor", "--url", server.base)
    assert (result.exit_code, result.stdout.count("\n")) == (0, 1)
    assert json.loads(run("doctor", "--url", server.base, "--json").stdout)["ready"] is True


def test_doctor_says_that_nothing_runs_and_what_else_is_wrong(tmp_path: Path) -> None:
    """On a folder without a process that is the first fault; a flipped byte in the journal is named by its entry."""
    building = Building(tmp_path)
    building.token()
    building.store.close()
    result = run("doctor", "--data", str(tmp_path))
    assert result.exit_code == 1
    assert "[doctor.not-running]" in result.stdout
    assert "[operator.journal-broken]" not in result.stdout
    connection = apsw.Connection(str(tmp_path / "tocsin.db"))
    changed = "CAST(replace(CAST(body AS TEXT), 'Partner', 'Burglar') AS BLOB)"
    connection.execute(f"UPDATE journal SET body = {changed} WHERE seq = 1")
    connection.close()
    broken = run("doctor", "--data", str(tmp_path))
    assert "[operator.journal-broken]" in broken.stdout
    assert "entry 1" in broken.stdout


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ftp://x", "nonsense://"])
def test_doctor_says_plainly_that_nobody_answers(url: str) -> None:
    """An address where nothing answers is one sentence and exit 1."""
    result = run("doctor", "--url", url)
    assert result.exit_code == 1
    assert result.stdout.count("\n") == 1


def _until(holds: object) -> None:
    for _ in range(1000):
        if holds():  # type: ignore[operator]
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never held")
