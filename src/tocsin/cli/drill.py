"""``tocsin drill``: play a story from history on the real desk, in the exercise realm, and score it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click
import msgspec

if TYPE_CHECKING:
    from tocsin.warn.drill import Score


@click.command("drill")
@click.argument("name", required=False)
@click.option("--list", "listed", is_flag=True, help="The drills that come with Tocsin.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def command(name: str | None, listed: bool, as_json: bool) -> None:
    """Play drill NAME: each mistake of history is tried again, and the drill says which guard stopped it.

    Nothing leaves this process: it is the exercise realm with simulated people. Exit 0 when every mistake was stopped,
    1 when not.

    Example: tocsin drill hawaii2018
    """
    from tocsin.warn import drill

    if listed or name is None:
        stories = [drill.story(one) for one in drill.names()]
        if as_json:
            told = [{"name": one.name, "title": one.title, "story": one.story} for one in stories]
            click.echo(msgspec.json.encode(told))
        else:
            for one in stories:
                click.echo(f"{one.name:16} {one.title}")
        return
    score = drill.run(drill.story(name), time.perf_counter)
    if as_json:
        more = {"points": score.points, "not_stopped": [step.mistake for step in score.not_stopped]}
        click.echo(msgspec.json.encode({**msgspec.to_builtins(score), **more}))
    else:
        tell(score)
    sys.exit(0 if score.stopped == score.tried else 1)


def tell(score: Score) -> None:
    """The drill as lines for a person: what was tried, and what stopped it."""
    click.echo(score.title)
    for step in score.steps:
        mark = {"done": " ", "stopped": "✓", "not-stopped": "✗"}[step.outcome]
        click.echo(f"{step.at:%H:%M:%S} {mark} {step.who + ': ' if step.who else ''}{step.says}")
        if step.mistake:
            click.echo(f"           tried: {step.mistake}")
            click.echo(f"           {'stopped by: ' + step.by if step.by else 'NOT STOPPED'}")
        if step.sentence:
            click.echo(f"           “{step.sentence}”")
    share = f"{score.machine_s:.2f} s of {score.people_s:.0f} s were the machine's"
    click.echo(f"{score.stopped} of {score.tried} mistakes stopped: {score.points} points. {share}.")
