"""The installation from its data folder: settings, feeds, policy, keys, and what each refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tocsin.cli import tocsin

FEEDS = """[[source]]
id = "city"
name = "City of Example"
kind = "cap_feed"
url = "http://127.0.0.1:9/cap.atom"
covers = ["DE-BE"]
interval_s = 60
official = {official}
"""
POLICY = """realm = "actual"
[[mirror]]
source = "{source}"
areas = ["DE-BE"]
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with one official source and a policy that mirrors it, not yet signed."""
    (tmp_path / "feeds.toml").write_text(FEEDS.format(official="true"))
    (tmp_path / "policy.toml").write_text(POLICY.format(source="city"))
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and all output of ``tocsin`` with these arguments, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tocsin.cli", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_a_policy_is_signed_and_then_holds(data: Path) -> None:
    """Before signing it is refused; signed it says what it mirrors; one changed letter and it is refused again."""
    code, said = run("policy", "show", "--data", str(data))
    assert code == 2
    assert "operator.policy" in said
    code, said = run("policy", "sign", "--data", str(data))
    assert code == 0
    assert "city: mirrored into DE-BE" in said
    assert run("policy", "show", "--data", str(data))[0] == 0
    policy = data / "policy.toml"
    policy.write_text(policy.read_text().replace("DE-BE", "DE"))
    assert run("policy", "show", "--data", str(data))[0] == 2


@pytest.mark.parametrize(
    ("feeds", "policy"),
    [
        (FEEDS.format(official="false"), POLICY.format(source="city")),
        (FEEDS.format(official="true"), POLICY.format(source="town")),
        (FEEDS.format(official="true"), POLICY.format(source="city").replace("actual", "exercise")),
        (FEEDS.format(official="true"), POLICY.format(source="city") + "persons = 0\n"),
    ],
    ids=["not official", "unknown source", "other realm", "unknown key"],
)
def test_a_policy_that_does_not_hold_is_not_signed(data: Path, feeds: str, policy: str) -> None:
    """A source that is not official, or not there, or a policy of the other realm: nothing is left signed."""
    (data / "feeds.toml").write_text(feeds)
    (data / "policy.toml").write_text(policy)
    assert run("policy", "sign", "--data", str(data))[0] == 2
    assert not (data / "policy.toml.sig").exists()


@pytest.fixture
def served(data: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A running ``tocsin serve`` on this folder, and its address."""
    assert run("policy", "sign", "--data", str(data))[0] == 0
    command = [sys.executable, "-m", "tocsin.cli", "serve", "--data", str(data), "--bind", "127.0.0.1:0"]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert running.stdout is not None
    address = ""
    for line in running.stdout:
        if "http://" in line and "serves" in line:
            address = line.split()[-1]
            break
    yield address, running
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=20)


def test_serve_shows_unknown_until_somebody_speaks(served: tuple[str, subprocess.Popen[str]], data: Path) -> None:
    """A fresh installation whose source cannot be reached says that it does not know, and why it cannot warn."""
    address, _ = served
    with urllib.request.urlopen(f"{address}/at/DE-BE.txt", timeout=10) as answer:
        assert "not know" in answer.read().decode().lower()
    code, said = run("doctor", "--url", address)
    assert code == 1
    assert "city" in said.lower() or "source" in said.lower()
    assert run("serve", "--data", str(data), "--bind", "127.0.0.1:0")[0] == 2, "a second one on the same folder"


def test_a_misspelt_setting_stops_the_start(data: Path) -> None:
    """A safety setting that nobody knows must not be silently ignored."""
    (data / "tocsin.toml").write_text("all_claer_minutes = 30\n")
    code, said = run("serve", "--data", str(data))
    assert code == 2
    assert "operator.settings" in said


def test_every_command_has_help_with_an_example() -> None:
    """Whoever asks a command for help is shown how it is called."""
    runner = CliRunner()
    for name in tocsin.list_commands(None):  # type: ignore[arg-type]  # the names do not depend on a context
        said = runner.invoke(tocsin, [name, "--help"])
        assert said.exit_code == 0
        assert f"tocsin {name}" in said.output, name
