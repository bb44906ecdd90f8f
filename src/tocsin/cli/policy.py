"""``tocsin policy``: sign the mirror policy, so that what it allows goes out without a person."""

from __future__ import annotations

import base64
from pathlib import Path

import click


@click.group()
def command() -> None:
    """The mirror policy: which official sources are repeated without a person.

    Example: tocsin policy sign --data /var/lib/tocsin
    """


@command.command("sign")
@click.option(
    "--data", default="data", show_default=True, type=click.Path(path_type=Path, exists=True), help="The data folder."
)
def sign(data: Path) -> None:
    """Sign DATA/policy.toml with this installation's key, after checking it.

    Example: tocsin policy sign --data /var/lib/tocsin
    """
    from tocsin.app import load_policy
    from tocsin.errors import PolicyError
    from tocsin.sense.feeds import load as load_feeds
    from tocsin.settings import load
    from tocsin.store.key import Keys

    settings = load(data)
    file = data / settings.policy
    if not file.is_file():
        raise PolicyError(f"there is no {file}")
    keys = Keys(data / "keys", settings.realm)
    feeds = data / settings.feeds
    sources = {wire.id: wire.source() for wire in (load_feeds(feeds) if feeds.is_file() else ())}
    signature = file.with_suffix(file.suffix + ".sig")
    before = signature.read_bytes() if signature.exists() else None
    signature.write_bytes(base64.b64encode(keys.sign(file.read_bytes())))
    try:
        policy = load_policy(data, settings, sources, keys)
    except PolicyError:
        # A policy that does not hold must not stand there signed.
        signature.unlink() if before is None else signature.write_bytes(before)
        raise
    for line in policy.mirror:
        click.echo(
            f"{line.source}: mirrored into {', '.join(line.areas)}{' for ' + ', '.join(line.hazards) if line.hazards else ''}"
        )
    click.echo(f"Signed with key {keys.key_id}.")


@command.command("show")
@click.option(
    "--data", default="data", show_default=True, type=click.Path(path_type=Path, exists=True), help="The data folder."
)
def show(data: Path) -> None:
    """Say what the signed policy mirrors.

    Example: tocsin policy show --data /var/lib/tocsin
    """
    from tocsin.app import load_policy
    from tocsin.sense.feeds import load as load_feeds
    from tocsin.settings import load
    from tocsin.store.key import Keys

    settings = load(data)
    feeds = data / settings.feeds
    sources = {wire.id: wire.source() for wire in (load_feeds(feeds) if feeds.is_file() else ())}
    policy = load_policy(data, settings, sources, Keys(data / "keys", settings.realm))
    if not policy.mirror:
        click.echo("Nothing is mirrored; every alert waits for a person.")
    for line in policy.mirror:
        click.echo(f"{line.source}: {', '.join(line.areas)}")
