"""``tocsin backup``: a consistent copy of everything, while it runs."""

from __future__ import annotations

from pathlib import Path

import click

from tocsin.cli.journal import data_option
from tocsin.journal import follow, verify
from tocsin.store.sqlite import SqliteStore


@click.command()
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@data_option
def command(target: Path, data: Path) -> None:
    """Copy the store into the new FILE: one moment of it, complete, its chain verified. A running Tocsin goes on.

    Keys and settings are files of their own in the data folder and are not in the copy.

    Example: tocsin backup /backup/tocsin-$(date +%F).db --data /var/lib/tocsin
    """
    with SqliteStore(data, reading=True) as store:
        head = store.backup(target)
    with SqliteStore(target, reading=True) as copy:
        count = verify(follow(copy, 0, batch=5000), head)
    click.echo(f"{target}: {count:,} entries, head {head.seq}:{head.hash.hex()}")
