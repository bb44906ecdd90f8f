"""The commands ``tocsin read`` and ``tocsin check``, as scripts call them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.rules.cap.making import ALERT, alert
from tocsin.cli.check import command as check
from tocsin.cli.read import command as read

FIELDS = {
    "file",
    "identifier",
    "sender",
    "sent",
    "status",
    "msg_type",
    "scope",
    "references",
    "infos",
    "phase",
    "problems",
}
INFO = {
    "language", "event", "category", "response_type", "urgency", "severity", "certainty", "effective", "onset",
    "expires", "headline", "description", "instruction", "audience", "areas",
}  # fmt: skip


def run(command: Any, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the JSON lines of a command."""
    done = CliRunner().invoke(command, [*arguments, "--json"], catch_exceptions=False)
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.xml"
    path.write_bytes(alert())
    return str(path)


def test_read_has_the_shape_of_the_interface(good: str) -> None:
    """One line an alert with the names that scripts rely on; times in UTC with an offset."""
    code, (line,) = run(read, good)
    assert code == 0
    assert set(line) >= FIELDS
    assert set(line["infos"][0]) == INFO
    assert line["sent"] == "2024-11-20T01:05:00+00:00"
    assert line["infos"][0]["areas"] == [{"area_desc": "Kyiv", "polygons": 1, "circles": 0, "geocodes": {}}]
    assert (line["phase"], line["problems"], line["file"]) == ("act", [], good)


def test_read_goes_on_after_what_cannot_be_read(good: str, tmp_path: Path) -> None:
    """A missing file, an empty one, a picture and a folder are lines and never stop the rest; the exit code is 0."""
    (tmp_path / "empty.xml").touch()
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    code, lines = run(read, str(tmp_path / "none.xml"), str(tmp_path), good)
    assert code == 0
    assert [("error" in line, line.get("identifier")) for line in lines] == [
        (True, None),
        (True, None),
        (False, "kyiv-1"),
        (True, None),
        (False, "kyiv-1"),
    ]


def test_check_has_the_shape_of_the_interface(good: str, tmp_path: Path) -> None:
    """One line a file; 0 when all are fit, 1 when one is not, 2 when one cannot be read."""
    bad = tmp_path / "bad.xml"
    bad.write_bytes(alert(("<event>Air alert</event>", "")))
    assert run(check, good) == (0, [{"file": good, "fit": True, "version": "1.2", "errors": [], "warnings": []}])
    code, lines = run(check, good, str(bad))
    assert (code, lines[1]["fit"]) == (1, False)
    assert set(lines[1]["errors"][0]) == {"code", "path", "line", "message"}
    assert run(check, good, str(bad), str(tmp_path / "none"))[0] == 2


def test_check_with_lint_and_profile(tmp_path: Path) -> None:
    """--lint adds the linter's findings, the blocking ones as errors; an unknown profile is an error with a code."""
    path = tmp_path / "a.xml"
    path.write_bytes(alert(("Go to shelter now.", "Go to shelter now. This is not a drill.")))
    assert run(check, str(path))[0] == 0
    code, (line,) = run(check, str(path), "--lint")
    assert code == 1
    assert [each["code"] for each in line["errors"]] == ["L13"]
    assert "L8" in {each["code"] for each in line["warnings"]}
    code, (line,) = run(check, str(path), "--profile", "no-such")
    assert (code, line["errors"][0]["code"]) == (1, "profile.unknown")


def test_output_for_a_person(good: str, tmp_path: Path) -> None:
    """Without --json a line says what matters first."""
    shown = CliRunner().invoke(read, [good], catch_exceptions=False).stdout
    assert "kyiv-1" in shown
    assert "Air alert in Kyiv" in shown
    bad = tmp_path / "bad.xml"
    bad.write_bytes(alert(("<event>Air alert</event>", "")))
    shown = CliRunner().invoke(check, [good, str(bad)], catch_exceptions=False).stdout
    assert f"{good}: fit" in shown
    assert "NOT FIT" in shown
    assert "element.missing" in shown


def test_all_shared_files(shared: Path) -> None:
    """Every file of the real data gives at least a line, and no command raises."""
    files = sorted(path for path in (shared / "cap").rglob("*") if path.is_file())
    code, lines = run(read, *map(str, files))
    assert code == 0
    assert {line["file"] for line in lines} == {str(path) for path in files}
    assert sum("identifier" in line for line in lines) > 1_500
    code, lines = run(check, *map(str, files))
    assert len(lines) == len(files)
    assert sum(line["fit"] for line in lines) > 25


def test_broken_copies_of_a_message(tmp_path: Path) -> None:
    """Cut, flipped, re-encoded and doubled copies are each read or refused, and none raises."""
    chance = random.Random(7)
    for number in range(300):
        data = bytearray(ALERT.encode(chance.choice(["utf-8", "utf-16", "utf-32", "utf-8-sig"])))
        for _ in range(chance.randint(1, 12)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        cut = bytes(data[chance.choice([0, 0, 5]) : chance.randint(0, len(data))]) * chance.choice([1, 1, 2])
        (tmp_path / f"{number}.xml").write_bytes(cut)
    code, lines = run(read, str(tmp_path))
    assert (code, len(lines) >= 300) == (0, True)
    assert len(run(check, str(tmp_path), "--lint")[1]) == 300
