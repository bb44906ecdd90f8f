"""``tocsin brief`` on files of every kind: encodings guessed, pages cut down to their article, hostile ones bounded."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tocsin.cli import tocsin
from tocsin.errors import InputError
from tocsin.sense.page import decode

RUSSIAN = "Посольство США в Киеве закрылось.\nСотрудникам велено оставаться в укрытии."


def briefing(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(tocsin, ["brief", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output)
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1251", "koi8-u"])
def test_encoding_is_guessed(tmp_path: Path, encoding: str) -> None:
    """A report in any usual table of letters is read as its words, and its spans count its characters."""
    file = tmp_path / "report.txt"
    file.write_bytes(RUSSIAN.encode(encoding))
    found = briefing(str(file))
    assert found["reports"][0]["language"] == "ru"
    assert {line["action"] for line in found["incidents"][0]["protective_actions"]} == {"closed", "shelter"}
    text = decode(file.read_bytes())
    for claim in found["incidents"][0]["claims"]:
        assert text[claim["span"]["start"] : claim["span"]["end"]] == claim["text"]


def test_manifest_dates_and_names(tmp_path: Path) -> None:
    """The manifest gives a file its day and source, by its path or its name."""
    (tmp_path / "a.txt").write_text("On Tuesday the bridge in Lyon was closed, the police said.", encoding="utf-8")
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"a.txt": {"published": "2025-01-22", "source": "Example"}}), encoding="utf-8")
    found = briefing(str(tmp_path / "a.txt"), "--manifest", str(manifest))
    assert found["reports"][0]["published"] == "2025-01-22"
    assert found["incidents"][0]["claims"][0]["when"] == "2025-01-21"
    assert found["incidents"][0]["claims"][0]["report"] == str(tmp_path / "a.txt")


def test_page_is_cut_down_to_its_article(tmp_path: Path) -> None:
    """Of an HTML page only the article is read; scripts and menus are not claims."""
    body = "".join(f"<p>The US embassy in Kyiv is closed, the embassy said on day {n}.</p>" for n in range(6))
    (tmp_path / "page.html").write_text(
        f"<html><head><title>Embassy closed</title><script>publish('all clear')</script></head><body><nav>Home</nav>"
        f"<article><h1>Embassy closed</h1>{body}</article></body></html>",
        encoding="utf-8",
    )
    found = briefing(str(tmp_path / "page.html"), "--published", "2024-11-20")
    texts = [claim["text"] for claim in found["incidents"][0]["claims"]]
    assert any("closed" in text for text in texts)
    assert not any("publish" in text for text in texts)


@pytest.mark.parametrize(
    "content",
    [
        "<html><body>" + "<div>" * 60_000 + "The embassy is closed." + "</div>" * 60_000,
        "<html><body><p " + " ".join(f'a{n}="x"' for n in range(60_000)) + ">The embassy is closed.</p></body></html>",
        "<html><body>" + "<p>The embassy is closed.</p>" * 200_000 + "</body></html>",
    ],
    ids=["deep", "attributes", "long"],
)
def test_hostile_page_is_bounded(tmp_path: Path, content: str) -> None:
    """Floods of elements, attributes and text end in seconds of computing, not in a hang."""
    (tmp_path / "bomb.html").write_text(content, encoding="utf-8")
    start = time.process_time()
    briefing(str(tmp_path / "bomb.html"))
    assert time.process_time() - start < 20


def test_one_word_repeated_is_bounded(tmp_path: Path) -> None:
    """A text that is one endless sentence costs no more than its length."""
    (tmp_path / "said.txt").write_text("said " * 60_000, encoding="utf-8")
    start = time.process_time()
    found = briefing(str(tmp_path / "said.txt"), "--lang", "en")
    assert time.process_time() - start < 20
    assert "cut" in found["reports"][0]["noise"]


def test_page_output_escapes_what_reports_say(tmp_path: Path) -> None:
    """Markup in a report is shown as text on the HTML page."""
    (tmp_path / "a.txt").write_text(
        "Alarm\n<script>alert(1)</script> was said by the police. The port is closed.", "utf-8"
    )
    result = CliRunner().invoke(
        tocsin, ["brief", str(tmp_path / "a.txt"), "--lang", "en", "--html"], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert "<script>" not in result.output
    assert "Closed: road" in result.output


def test_consent_page_is_recognised(tmp_path: Path) -> None:
    """A consent wall is flagged as such."""
    (tmp_path / "a.txt").write_text(
        "Before you continue\nWe use cookies to deliver services. Accept all.", encoding="utf-8"
    )
    assert "consent" in briefing(str(tmp_path / "a.txt"))["reports"][0]["noise"]


def test_missing_file_is_a_plain_sentence(tmp_path: Path) -> None:
    """A file that is not there is said in one sentence."""
    result = CliRunner().invoke(tocsin, ["brief", str(tmp_path / "none.txt")])
    assert isinstance(result.exception, InputError)
