"""``tocsin dossier``: everything that is known about one person of the roster, for them; and erasing them for good."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tocsin.app import Program

DATA = click.option(
    "--data", default="data", show_default=True, type=click.Path(path_type=Path, exists=True), help="The data folder."
)


@click.group()
def command() -> None:
    """One person's data. WHO is their own key, their telephone or address in full, or their id.

    While Tocsin runs on the same data, the console's roster page shows and gives out what is known about somebody.

    Example: tocsin dossier erase +380441234567 --data /var/lib/tocsin
    """


@command.command("show")
@DATA
@click.argument("who")
def show(data: Path, who: str) -> None:
    """Everything that is known about WHO, as JSON. It is recorded that it was seen.

    Example: tocsin dossier show olena@example.org --data /var/lib/tocsin > olena.json
    """
    import msgspec

    from tocsin.web.dossier import dossier

    program = _opened(data)
    try:
        told = [dossier(program.house, member, "command") for member in _found(program, who)]
    finally:
        program.close()
    for one in told:
        click.echo(msgspec.json.format(msgspec.json.encode(one), indent=1).decode())


@command.command("erase")
@DATA
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(data: Path, who: str, yes: bool) -> None:
    """Erase WHO: roster, subscriptions under their addresses, and who they were in every roll call.

    The record keeps that somebody was there, and nobody can say any more who. A backup from before, restored later, is
    erased again when it is opened. While Tocsin runs on the same data, it is the one that erases.

    Example: tocsin dossier erase 4711 --data /var/lib/tocsin
    """
    from tocsin.errors import StoreError

    if not yes:
        click.confirm("Erase this person for good?", abort=True)
    try:
        program = _opened(data)
    except StoreError as held:
        if "in use" not in held.detail:
            raise
        click.echo(f"{_hand_over(data, who)} will be erased by the Tocsin that runs.", err=True)
        return
    try:
        from tocsin.web.dossier import erase as erased

        program.subscribers.load()
        members = _found(program, who)
        for member in members:
            erased(program.house, member, "command", "asked")
    finally:
        program.close()
    click.echo(f"Erased: {', '.join(members)}", err=True)


def _opened(data: Path) -> Program:
    from tocsin.app import Program
    from tocsin.clock import SystemClock
    from tocsin.settings import load

    return Program(load(data), data, SystemClock())


def _found(program: Program, who: str) -> list[str]:
    from tocsin.errors import NotFoundError

    roster = program.rolls.roster
    found = roster.find(who) or [one.id for one in roster.members([who])]
    if not found:
        raise NotFoundError("nobody on the roster is found by exactly this")
    return found


def _hand_over(data: Path, who: str) -> str:
    """Have the running Tocsin erase somebody; who that is."""
    from tocsin.errors import NotFoundError
    from tocsin.journal import fact
    from tocsin.settings import load
    from tocsin.store.roster import SqlRoster
    from tocsin.store.sqlite import SqliteStore
    from tocsin.web.rolls import ERASURE_ASKED
    from tocsin.web.tray import lay

    realm = load(data).realm
    with SqliteStore(data, reading=True) as store:
        roster = SqlRoster(store, data / "keys", realm)
        found = roster.find(who) or [one.id for one in roster.members([who])]
        if not found:
            raise NotFoundError("nobody on the roster is found by exactly this")
        for member in found:
            lay(data, fact(ERASURE_ASKED, member, {"by": "command"}, realm), store)
    return ", ".join(found)
