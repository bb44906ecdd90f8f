"""``tocsin serve``: the real thing, on the embedded store."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click


@click.command()
@click.option("--data", default="data", show_default=True, type=click.Path(path_type=Path), help="The data folder.")
@click.option("--bind", help="Address and port, such as 127.0.0.1:8080; loopback unless you say otherwise.")
@click.option("--realm", type=click.Choice(["actual", "exercise"]), help="Which realm this installation serves.")
def command(data: Path, bind: str | None, realm: str | None) -> None:
    """Listen to the sources, mirror what the signed policy allows, and serve pages, feeds and the stream.

    The sources stand in DATA/feeds.toml, the settings in DATA/tocsin.toml, the mirror policy in DATA/policy.toml.

    Example: tocsin serve --data /var/lib/tocsin --bind 127.0.0.1:8080
    """
    import uvloop

    from tocsin.app import Program
    from tocsin.clock import SystemClock
    from tocsin.errors import SettingsError
    from tocsin.place.pack import load as load_pack
    from tocsin.sense.feeds import load as load_feeds
    from tocsin.sense.feeds import open_feeds
    from tocsin.settings import load
    from tocsin.web.console.enrol import may_listen

    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = load(data, bind=bind, realm=realm)
    clock = SystemClock()
    file = data / settings.feeds
    wires = load_feeds(file) if settings.feeds and file.is_file() else ()
    packs = [load_pack((data / name).read_bytes(), Path(name).stem) for name in settings.area_packs]
    program = Program(settings, data, clock, [wire.source() for wire in wires], packs=packs)
    if not may_listen(program.identity, settings.bind):
        program.close()
        raise SettingsError(
            f"{settings.bind} can be reached from outside; enrol the first administrator on loopback first"
        )
    feeds = open_feeds(wires, clock, gazetteer=program.gazetteer)
    for line in opening(program, bool(wires)):
        click.echo(line, err=True)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(
                program.run(feeds, started=lambda address: click.echo(f"Tocsin serves {settings.realm} at {address}"))
            )
    finally:
        program.close()


def opening(program: object, listens: bool) -> list[str]:
    """What the operator should know at the start: what is not there yet, and how to get it."""
    from tocsin.app import Program
    from tocsin.web.console.enrol import first_link

    assert isinstance(program, Program)
    lines = []
    if link := first_link(program.identity):
        lines.append(f"There is no administrator yet. Enrol the first one within 24 hours, once, at {link}")
    if not listens:
        lines.append(
            f"No source is configured, so every place is unknown: write {program.data / program.settings.feeds}."
        )
    if not program.policy.mirror:
        lines.append("No mirror policy is signed, so every alert waits for a person: see tocsin policy --help.")
    return lines
