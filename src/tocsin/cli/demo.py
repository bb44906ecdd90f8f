"""``tocsin demo``: the night of 20 November 2024 in one process, in the exercise realm."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import click


@click.command()
@click.option("--port", default=8080, show_default=True, help="The port to serve on, on 127.0.0.1; 0 for any.")
@click.option(
    "--speed",
    default=60.0,
    show_default=True,
    type=click.FloatRange(1, 1800),
    help="Seconds of the night in one second.",
)
@click.option("--once", is_flag=True, help="End when the night ends, instead of holding its last state.")
@click.option(
    "--review",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the review of the night to this file; else it lies in the demo's folder until the demo ends.",
)
def command(port: int, speed: float, once: bool, review: Path | None) -> None:
    """Replay the night of 19 to 20 November 2024: air alerts, the embassy's notice, the all-clears.

    Beside it an invented house warns its staff, counts who is safe, closes and opens, and ends with a review.

    Nothing is kept; nothing leaves this machine; every page says that it is an exercise.

    Example: tocsin demo --port 8080 --speed 600
    """
    import uvloop

    from tocsin import demo
    from tocsin.settings import load

    with tempfile.TemporaryDirectory(prefix="tocsin-demo-") as folder, contextlib.suppress(KeyboardInterrupt):
        settings = load(
            None,
            realm="exercise",
            bind=f"127.0.0.1:{port}",
            public_url=f"http://127.0.0.1:{port}",
            sender="demo@tocsin.example",
            sender_name="Tocsin",
            home="UA-30",
            webhook_loopback=True,
        )

        def started(address: str) -> None:
            click.echo(
                f"Open {address}/at/UA-30 — an exercise: the night of 20 November 2024, {speed:g} times as fast."
            )

        def reviewed(page: str) -> None:
            file = review or Path(folder) / "review.html"
            file.write_text(page, "utf-8")
            click.echo(f"The night is over. Its review: {file.resolve().as_uri()}")

        def invited(link: str) -> None:
            click.echo(f"Into its console, in every role: {link}")

        program = uvloop.run(demo.run(Path(folder), settings, speed, once, started, reviewed, invited))
        if once:
            click.echo(summary(program))


def summary(program: object) -> str:
    """What the night was, in one line a fact."""
    from tocsin.app import Program
    from tocsin.demo import END

    assert isinstance(program, Program)
    standing = program.situation.at_place("UA-30", END)
    live = len(program.situation.live(END))
    since = f" since {standing.since:%H:%M}" if standing.since else ""
    return (
        f"At {END:%H:%M} UTC Kyiv stands at {standing.phase.value}{since}; {live} alerts in force;"
        f" the journal has {program.store.head().seq} entries."
    )
