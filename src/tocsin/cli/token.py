"""``tocsin token``: who may submit alerts, and in whose name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tocsin.journal import Fact
    from tocsin.settings import Settings
    from tocsin.store.sqlite import SqliteStore

DATA = click.option(
    "--data", default="data", show_default=True, type=click.Path(path_type=Path, exists=True), help="The data folder."
)


@click.group()
def command() -> None:
    """Tokens for partners that submit alerts over HTTP. The store keeps their hashes only.

    Example: tocsin token issue --scope alerts:submit --sender warnings@example.org --data /var/lib/tocsin
    """


@command.command("issue")
@DATA
@click.option("--scope", "scopes", multiple=True, default=["alerts:submit"], show_default=True, help="What it opens.")
@click.option("--sender", "senders", multiple=True, help="A value of alert.sender it may speak for; repeatable.")
@click.option("--source", default="", help="The id of the source its reports count as; the first sender if not given.")
@click.option("--name", default="", help="Who has it, as the record will call them; the first sender if not given.")
@click.option("--days", type=click.IntRange(1, 3660), help="How long it opens anything; without it, until revoked.")
def issue(
    data: Path, scopes: tuple[str, ...], senders: tuple[str, ...], source: str, name: str, days: int | None
) -> None:
    """Issue a token and show it, this once.

    Example: tocsin token issue --scope alerts:submit --sender warnings@example.org --days 365
    """
    from tocsin.clock import SystemClock
    from tocsin.settings import load
    from tocsin.web.token import prepare

    settings, at = load(data), SystemClock().now()
    text, made, issued = prepare(
        at,
        realm=settings.realm,
        name=name or (senders[0] if senders else "token"),
        scopes=scopes,
        senders=senders,
        source=source,
        ends=at + timedelta(days=days) if days else None,
    )
    _record(data, issued)
    click.echo(text)
    click.echo(f"Token {made.id} of the {settings.realm} realm. It is shown now and never again.", err=True)


@command.command("list")
@DATA
@click.option("--json", "as_json", is_flag=True, help="One JSON line a token.")
def listed(data: Path, as_json: bool) -> None:
    """Every token that was issued, without what opens anything.

    Example: tocsin token list --data /var/lib/tocsin
    """
    import msgspec

    from tocsin.clock import spell
    from tocsin.web.token import Tokens

    settings, store = _reading(data)
    with store:
        tokens = Tokens(settings.realm)
        tokens.catch_up(store)
        at = store.clock.now()
    for token, revoked in tokens.standing():
        over = token.ends is not None and at >= token.ends
        state = "revoked" if revoked else "ended" if over else "open"
        if as_json:
            told = {
                "id": token.id,
                "name": token.name,
                "state": state,
                "scopes": token.scopes,
                "senders": token.senders,
                "source": token.source,
                "issued": spell(token.issued),
                "ends": spell(token.ends) if token.ends else None,
            }
            click.echo(msgspec.json.encode(told).decode())
        else:
            ends = f", until {spell(token.ends)}" if token.ends else ""
            click.echo(
                f"{token.id}  {state:8} {token.name}  {' '.join(token.scopes)}  for {', '.join(token.senders) or '-'}"
                f"  since {spell(token.issued)}{ends}"
            )


@command.command("revoke")
@DATA
@click.argument("number")
@click.option("--reason", default="", help="Why, for the record.")
def revoke(data: Path, number: str, reason: str) -> None:
    """From now on this token opens nothing.

    Example: tocsin token revoke 1f2e3d4c5b6a --reason "left the office"
    """
    from tocsin.web.token import ending

    settings, store = _reading(data)
    with store:
        ended = ending(store, store.clock.now(), number, realm=settings.realm, reason=reason)
    if ended is not None:
        _record(data, ended)
    click.echo(f"Token {number} opens nothing any more.", err=True)


def _record(data: Path, item: Fact) -> None:
    """Record a fact: by ourselves where no Tocsin runs on this data, else by the one that does."""
    from tocsin.errors import StoreError
    from tocsin.store.sqlite import SqliteStore
    from tocsin.web.tray import lay

    try:
        with SqliteStore(data) as store:
            store.append([item])
        return
    except StoreError as held:
        if "in use" not in held.detail:
            raise
    with SqliteStore(data, reading=True) as store:
        lay(data, item, store)


def _reading(data: Path) -> tuple[Settings, SqliteStore]:
    from tocsin.settings import load
    from tocsin.store.sqlite import SqliteStore

    return load(data), SqliteStore(data, reading=True)
