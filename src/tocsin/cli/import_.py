"""``tocsin import``: shelters, subscribers or a roster from a file, after saying what was understood of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.imports import IMPORTERS

if TYPE_CHECKING:
    from tocsin.app import Program
    from tocsin.imports import Order, Outcome

SHOWN = 5


@click.command()
@click.argument("kind", type=click.Choice(sorted(IMPORTERS)))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--mapping", type=click.Path(path_type=Path), help="TOML or JSON: which column or property is what.")
@click.option("--dry-run", is_flag=True, help="Say what would be changed and change nothing.")
@click.option("--force", is_flag=True, help="Also when many of those that are there are not in the file.")
@click.option("--all", "every", is_flag=True, help="Name every row with a fault, not only the first of each kind.")
@click.option("--json", "as_json", is_flag=True, help="The outcome as one JSON object.")
@click.option("--data", default="data", show_default=True, type=click.Path(path_type=Path), help="The data folder.")
def command(
    kind: str,
    file: Path,
    mapping: Path | None,
    dry_run: bool,
    force: bool,
    every: bool,
    as_json: bool,
    data: Path,
) -> None:
    """Take in FILE, and say what was understood of it, what not and why.

    Shelters come as GeoJSON, CSV, KML, KMZ, OSM (XML, Overpass JSON) or ArcGIS JSON. Importing again updates what is
    there and keeps its identity; what is not in the file any more is marked as gone. While a Tocsin runs on the same
    data, it is the one that takes the file in. Exit 0: done, or nothing in the way; 1: refused without --force.

    Example: tocsin import shelters city.geojson --dry-run --data /var/lib/tocsin
    """
    import msgspec

    from tocsin.imports import Order

    content, mapped = _bytes(file), _bytes(mapping) if mapping is not None else b""
    outcome = _outcome(data, Order(kind, dry_run, force), content, mapped)
    if as_json:
        click.echo(msgspec.json.encode(outcome).decode())
    else:
        _tell(outcome, every)
    if outcome.change.refused:
        sys.exit(1)


def _bytes(file: Path) -> bytes:
    from tocsin.account.importing import MOST_BYTES
    from tocsin.errors import ImportFileError

    try:
        if file.stat().st_size > MOST_BYTES:
            raise ImportFileError(f"{file}: more than {MOST_BYTES:,} bytes")
        return file.read_bytes()
    except OSError as wrong:
        raise ImportFileError(f"{file}: {wrong.strerror}") from None


def _outcome(data: Path, order: Order, content: bytes, mapping: bytes) -> Outcome:
    from tocsin.errors import ImportFileError, StoreError
    from tocsin.imports import hand_over, take_in
    from tocsin.store.file import locate

    if order.dry_run and not locate(data).exists():
        return take_in(None, order, content, mapping)
    try:
        program = _opened(data)
    except StoreError as held:
        if "in use" not in held.detail:
            raise
        outcome = hand_over(data, order, content, mapping)
        if outcome.error:
            raise (ImportFileError if outcome.code.startswith("input") else StoreError)(outcome.error) from None
        return outcome
    try:
        program.subscribers.load()
        return take_in(program, order, content, mapping)
    finally:
        program.close()


def _opened(data: Path) -> Program:
    """The installation in ``data``, opened and not running."""
    from tocsin.app import Program
    from tocsin.clock import SystemClock
    from tocsin.place.pack import load as load_pack
    from tocsin.sense.feeds import load as load_feeds
    from tocsin.settings import load

    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = load(data)
    file = data / settings.feeds
    wires = load_feeds(file) if settings.feeds and file.is_file() else ()
    packs = [load_pack((data / name).read_bytes(), Path(name).stem) for name in settings.area_packs]
    return Program(settings, data, SystemClock(), [wire.source() for wire in wires], packs=packs)


def _tell(outcome: Outcome, every: bool) -> None:
    for line in outcome.lines:
        click.echo(line)
    shown: dict[str, int] = {}
    for fault in outcome.faults:
        shown[fault.code] = count = shown.get(fault.code, 0) + 1
        if every or count <= SHOWN:
            where = f"row {fault.row}: " if fault.row else ""
            click.echo(f"{where}{fault.message}{' Not taken.' if fault.left_out else ''} [{fault.code}]")
    for code, count in outcome.faults_by_code.items():
        told = shown.get(code, 0) if every else min(shown.get(code, 0), SHOWN)
        if count > told:
            click.echo(f"and {count - told:,} more rows [{code}]")
    change = outcome.change
    said = f"{change.new:,} new, {change.changed:,} changed, {change.same:,} as before, {change.gone:,} gone"
    click.echo(f"{'Taken in' if outcome.done else 'This would be'}: {said}.")
    for line in change.lines:
        click.echo(line)
    if change.refused:
        click.echo(f"Nothing was changed: {change.refused}.", err=True)
    elif outcome.dry_run:
        click.echo("Nothing was changed (--dry-run).", err=True)
