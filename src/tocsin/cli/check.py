"""``tocsin check``: is this CAP message fit to publish, and if not, what is wrong where.

- Exit code 0 when all are fit, 1 when some are not, 2 when one cannot be read at all.
"""

from __future__ import annotations

import sys
from typing import Any

import click
import orjson

from tocsin.cap.check import Fault, Verdict, check
from tocsin.cli.read import content, named


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--profile", metavar="NAME", help="Judge by this profile as well: cap-1.2, ipaws, tocsin.")
@click.option("--lint", "linted", is_flag=True, help="Judge the wording as well, by the rules L1 to L16.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a file.")
def command(files: tuple[str, ...], profile: str | None, linted: bool, as_json: bool) -> None:
    """Say whether CAP messages are fit to publish; every fault with its code, path and line.

    Example: tocsin check warning.xml --profile tocsin --lint
    """
    worst = 0
    for name in named(files):
        data, wrong = content(name)
        if wrong:
            verdict = Verdict(False, "", (Fault("file", "", None, wrong),), (), False)
        else:
            verdict = check(data, profile, linted=linted)
        worst = max(worst, 0 if verdict.fit else 1 if verdict.readable else 2)
        name = name.encode("utf-8", "replace").decode()
        click.echo(orjson.dumps(line(name, verdict)).decode() if as_json else shown(name, verdict))
    sys.exit(worst)


def line(name: str, verdict: Verdict) -> dict[str, Any]:
    """A verdict in the shape of the interface."""
    return {
        "file": name,
        "fit": verdict.fit,
        "version": verdict.version or None,
        "errors": [_fault(each) for each in verdict.errors],
        "warnings": [_fault(each) for each in verdict.warnings],
    }


def _fault(fault: Fault) -> dict[str, Any]:
    return {"code": fault.code, "path": fault.path, "line": fault.line, "message": fault.message}


def shown(name: str, verdict: Verdict) -> str:
    """A verdict for a person: the word first, then each fault on its line."""
    count = f"{len(verdict.errors)} errors, {len(verdict.warnings)} warnings"
    head = f"{name}: {'fit' if verdict.fit else 'NOT FIT' if verdict.readable else 'CANNOT BE READ'} ({count})"
    rows = [
        f"  {kind} {fault.code}{f' line {fault.line}' if fault.line else ''}"
        f"{f' {fault.path}' if fault.path else ''}: {fault.message}"
        for kind, faults in (("error", verdict.errors), ("warning", verdict.warnings))
        for fault in faults
    ]
    return "\n".join((head, *rows))
