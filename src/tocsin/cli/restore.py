"""``tocsin restore``: a backup becomes the store of a new or emptied data folder."""

from __future__ import annotations

from pathlib import Path

import click

from tocsin.cli.journal import data_option
from tocsin.errors import StoreError
from tocsin.journal import follow, verify
from tocsin.store import file
from tocsin.store.prekeys import forget_restored
from tocsin.store.sqlite import SqliteStore


@click.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@data_option
def command(source: Path, data: Path) -> None:
    """Make FILE, a backup, the store of the data folder. Its chain is verified first, and nothing is overwritten.

    Example: tocsin restore /backup/tocsin-2024-11-20.db --data /var/lib/tocsin
    """
    with SqliteStore(source, reading=True) as backup:
        head = backup.head()
        count = verify(follow(backup, 0, batch=5000), head)
        if faults := backup.faults():
            raise StoreError(f"{source} is damaged: {faults[0]}")
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = file.locate(data)
        if target.exists():
            raise StoreError(f"there is a store in {data} already; move it away first, nothing is overwritten")
        backup.backup(target)
    with SqliteStore(data) as restored:
        forget_restored(restored)
    click.echo(f"{target}: {count:,} entries, head {head.seq}:{head.hash.hex()}")
