"""``tocsin replay``: feed a recorded air-alert history through the whole chain."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click
import msgspec


class Speed(click.ParamType[float | None]):
    """A number, or ``max``."""

    name = "speed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        if value == "max":
            return None
        try:
            speed = float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor max", param, ctx)
        if speed <= 0:
            self.fail("the speed must be above 0", param, ctx)
        return speed


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--speed", default="max", show_default=True, type=Speed(), help="Times as fast as it was, or max.")
@click.option("--data", type=click.Path(path_type=Path), help="Keep the journal in this folder; thrown away otherwise.")
@click.option("--json", "as_json", is_flag=True, help="The outcome as one JSON object.")
def command(file: Path, speed: float | None, data: Path | None, as_json: bool) -> None:
    """Replay FILE, a CSV of regions with started_at and finished_at, in the exercise realm.

    Says at the end which rows were dirty and why, what was published, and how every area stands. A second run with the
    same --data goes on where the first one stopped.

    Example: tocsin replay official_2022-03_2024-04.csv --speed max
    """
    from tocsin import replay
    from tocsin.errors import ImportFileError

    try:
        content = file.read_bytes()
    except OSError as wrong:
        raise ImportFileError(f"{file}: {wrong.strerror}") from None
    folder: AbstractContextManager[str] = tempfile.TemporaryDirectory(prefix="tocsin-replay-")
    kept: AbstractContextManager[str] = nullcontext(str(data))
    with kept if data is not None else folder as name:
        report = click.progressbar(length=1, label="replaying", file=sys.stderr, show_pos=True) if not as_json else None

        def moved(done: int, of: int) -> None:
            if report is not None:
                report.length = of
                report.update(done - report.pos)

        outcome = asyncio.run(replay.run(content, Path(name), speed, moved))
        if report is not None:
            report.render_finish()
    if as_json:
        click.echo(msgspec.json.encode(outcome).decode())
        return
    click.echo(
        f"{outcome.rows} rows, {outcome.signals} signals, {outcome.published} alerts published, {outcome.waiting} waiting."
    )
    for reason, count in sorted(outcome.dirty.items()):
        click.echo(f"dirty: {count} x {reason}")
    click.echo(f"At {outcome.at} the {len(outcome.areas)} areas stand at: {_counts(outcome.areas)}.")
    click.echo(f"Wrongly calm: {len(outcome.wrongly_calm)}. Journal: {outcome.entries} entries, chain intact.")


def _counts(areas: dict[str, str]) -> str:
    return ", ".join(f"{phase} {count}" for phase, count in sorted(Counter(areas.values()).items()))
