"""``tocsin read``: what is in these files, as leniently as it can be read.

- One line an alert; a file that cannot be read is one line with ``error`` and never stops the rest.
- Always ends with exit code 0: reading judges nothing (``tocsin check`` does).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import orjson

from tocsin.cap import xml
from tocsin.cap.problem import clip
from tocsin.cap.telling import told, told_problem


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="One JSON line an alert.")
def command(files: tuple[str, ...], as_json: bool) -> None:
    """Read CAP 1.0 to 1.2, feeds and envelopes of CAP, and JSON like CAP; a folder stands for its files.

    Example: tocsin read warning.xml feed.atom --json
    """
    for name in named(files):
        for line in lines(name):
            click.echo(orjson.dumps(line).decode() if as_json else shown(line))


def named(files: tuple[str, ...]) -> Iterator[str]:
    """The files that are meant: those in a folder, in order, for the folder."""
    for name in files:
        path = Path(name)
        try:
            inside = sorted(str(each) for each in path.rglob("*") if each.is_file()) if path.is_dir() else [name]
        except OSError:
            inside = [name]
        yield from inside


def content(name: str) -> tuple[bytes, str]:
    """The bytes of a file, or why it cannot be opened. Nothing larger than is ever read is taken into memory."""
    try:
        with Path(name).open("rb") as opened:
            return opened.read(xml.TRUSTED.size + 1), ""
    except OSError as wrong:
        return b"", wrong.strerror or "cannot be opened"
    except ValueError as wrong:
        return b"", str(wrong)


def lines(name: str) -> Iterator[dict[str, Any]]:
    """One object for each alert in a file, or one with ``error``."""
    shown_name = name.encode("utf-8", "replace").decode()
    data, wrong = content(name)
    if wrong:
        yield {"file": shown_name, "error": wrong, "code": "file"}
        return
    reading = xml.read(data, limits=xml.TRUSTED)
    if reading.refused is not None:
        refused: dict[str, Any] = {
            "file": shown_name,
            "error": reading.refused.message,
            "code": reading.refused.code,
            "problems": msgspec.to_builtins([told_problem(each) for each in reading.problems]),
        }
        if reading.links:
            refused["links"] = [link.href for link in reading.links]
        yield refused
        return
    for alert, problems in zip(reading.alerts, reading.found, strict=True):
        yield msgspec.to_builtins(told(alert, problems, shown_name))


def shown(line: dict[str, Any]) -> str:
    """A line for a person."""
    if "error" in line:
        return f"{line['file']}: {line['error']} [{line['code']}]"
    first = line["infos"][0] if line["infos"] else {}
    text = clip(str(first.get("headline") or first.get("event") or "no text"), 70)
    parts = (line["sent"] or "no time", line["status"], line["msg_type"], line["phase"] or "-", text)
    known = f"{line['file']}: {clip(line['identifier'] or 'no identifier', 60)}  {'  '.join(parts)}"
    codes = dict.fromkeys(each["code"] for each in line["problems"])
    return f"{known}  ({', '.join(codes)})" if codes else known
