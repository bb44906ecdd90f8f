"""``tocsin policy``: sign the mirror policy, so that what it allows goes out without a person."""

from __future__ import annotations

import base64
from pathlib import Path

import click

from tocsin.warn.policy import Policy


@click.group()
def command() -> None:
    """The mirror policy: which official sources are repeated without a person.

    Example: tocsin policy sign --data /var/lib/tocsin
    """


_DATA = click.option(
    "--data", default="data", show_default=True, type=click.Path(path_type=Path, exists=True), help="The data folder."
)


@command.command("sign")
@_DATA
def sign(data: Path) -> None:
    """Sign DATA/policy.toml with this installation's key, after checking it.

    Example: tocsin policy sign --data /var/lib/tocsin
    """
    from tocsin.errors import PolicyError
    from tocsin.settings import load
    from tocsin.store.key import Keys

    settings = load(data)
    file = data / settings.policy
    if not file.is_file():
        raise PolicyError(f"there is no {file}")
    keys = Keys(data / "keys", settings.realm)
    signature = file.with_suffix(file.suffix + ".sig")
    before = signature.read_bytes() if signature.exists() else None
    signature.write_bytes(base64.b64encode(keys.sign(file.read_bytes())))
    try:
        policy = signed(data)
    except PolicyError:
        # A policy that does not hold must not stand there signed.
        signature.unlink() if before is None else signature.write_bytes(before)
        raise
    tell(policy)
    click.echo(f"Signed with key {keys.key_id}.")


@command.command("show")
@_DATA
def show(data: Path) -> None:
    """Say what the signed policy mirrors.

    Example: tocsin policy show --data /var/lib/tocsin
    """
    tell(signed(data))


def signed(data: Path) -> Policy:
    """The policy of the installation in ``data``, if it is signed and holds for its sources."""
    from tocsin.app import load_policy
    from tocsin.sense.feeds import load as load_feeds
    from tocsin.settings import load
    from tocsin.store.key import Keys

    settings = load(data)
    feeds = data / settings.feeds
    sources = {wire.id: wire.source() for wire in (load_feeds(feeds) if feeds.is_file() else ())}
    return load_policy(data, settings, sources, Keys(data / "keys", settings.realm))


def tell(policy: Policy) -> None:
    """A line for each source that is mirrored, and one for the self-drill."""
    for line in policy.mirror:
        hazards = f" for {', '.join(line.hazards)}" if line.hazards else ""
        click.echo(f"{line.source}: mirrored into {', '.join(line.areas)}{hazards}")
    if not policy.mirror:
        click.echo("Nothing is mirrored; every alert waits for a person.")
    if policy.selfdrill:
        click.echo(f"The self-drill tells the canaries of: {', '.join(policy.selfdrill)}")
