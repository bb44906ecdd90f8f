"""``tocsin person``: who works here, without a browser: inviting, listing, giving roles, removing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tocsin.web.console.identity import Identity

DATA = click.option(
    "--data", default="data", show_default=True, type=click.Path(path_type=Path, exists=True), help="The data folder."
)
ROLES = click.option(
    "--role", "roles", multiple=True, required=True, help="author, approver, duty-officer, administrator or auditor."
)


@click.group()
def command() -> None:
    """The people of the console. While Tocsin runs, an administrator does this in the console itself.

    Example: tocsin person invite --role author --role approver --data /var/lib/tocsin
    """


@command.command("invite")
@DATA
@ROLES
@click.option("--note", default="", help="For whom it is; kept encrypted, seen by administrators only.")
@click.option("--hours", type=click.FloatRange(0.1, 24), default=24, show_default=True, help="How long it can be used.")
def invite(data: Path, roles: tuple[str, ...], note: str, hours: float) -> None:
    """Make a link that enrols one person, once, and show it, this once.

    Example: tocsin person invite --role administrator --data /var/lib/tocsin
    """
    from tocsin.web.console import enrol
    from tocsin.web.console.invite import chosen_roles

    with _opened(data) as identity:
        link = enrol.invite(identity, chosen_roles(roles), enrol.OPERATOR, note, hours=hours)
        click.echo(link.address)
        click.echo(
            f"It works once, until {link.invitation.ends:%Y-%m-%d %H:%M} UTC, and is shown now and never again.",
            err=True,
        )


@command.command("list")
@DATA
@click.option("--json", "as_json", is_flag=True, help="One JSON line a person.")
def listed(data: Path, as_json: bool) -> None:
    """Everybody who works here, by name. The journal has it that somebody looked.

    Example: tocsin person list --data /var/lib/tocsin
    """
    import msgspec

    from tocsin.web.console.enrol import OPERATOR
    from tocsin.web.console.invite import listed as everybody

    with _opened(data) as identity:
        for one in everybody(identity, OPERATOR):
            if as_json:
                click.echo(msgspec.json.encode(one).decode())
            else:
                ways = ", ".join(one.ways) or "no way to sign in"
                click.echo(f"{one.id}  {one.known.name} <{one.known.email}>  {', '.join(one.roles)}  ({ways})")


@command.command("roles")
@DATA
@ROLES
@click.argument("person")
def change(data: Path, roles: tuple[str, ...], person: str) -> None:
    """Give PERSON (an id from `list`) exactly these roles.

    Example: tocsin person roles 1f2e3d4c5b6a7988 --role approver --data /var/lib/tocsin
    """
    from tocsin.web.console.enrol import OPERATOR
    from tocsin.web.console.invite import chosen_roles, set_roles

    with _opened(data) as identity:
        set_roles(identity, person, chosen_roles(roles), OPERATOR)
    click.echo(f"{person} is {', '.join(sorted(roles))} from now on.", err=True)


@command.command("link")
@DATA
@click.argument("person")
def link(data: Path, person: str) -> None:
    """A link with which PERSON, who has lost every way in, makes a new one.

    Example: tocsin person link 1f2e3d4c5b6a7988 --data /var/lib/tocsin
    """
    from tocsin.errors import NotFoundError
    from tocsin.web.console import enrol

    with _opened(data) as identity:
        if not identity.roles(person):
            raise NotFoundError(f"nobody here is {person}")
        click.echo(enrol.invite(identity, (), enrol.OPERATOR, person=person).address)


@command.command("remove")
@DATA
@click.argument("person")
def remove(data: Path, person: str) -> None:
    """Remove PERSON: signed out everywhere, and everything about them erased.

    Example: tocsin person remove 1f2e3d4c5b6a7988 --data /var/lib/tocsin
    """
    from tocsin.web.console.enrol import OPERATOR
    from tocsin.web.console.invite import remove as take_out
    from tocsin.web.console.session import Sessions

    with _opened(data) as identity:
        take_out(identity, Sessions(identity), person, OPERATOR)
    click.echo(f"{person} is out, and nothing about them is kept but this id in the journal.", err=True)


@contextmanager
def _opened(data: Path) -> Iterator[Identity]:
    from tocsin.settings import load
    from tocsin.store.people import SqlPeople
    from tocsin.store.session import SqlSessions
    from tocsin.store.sqlite import SqliteStore
    from tocsin.web.console.identity import Identity

    settings = load(data)
    with SqliteStore(data) as store:
        people = SqlPeople(store, data / "keys", settings.realm)
        yield Identity(settings, store.clock, store, people, SqlSessions(store, settings.realm), data=data)
