"""``tocsin review``: what happened in one event, from the journal alone, as a signed page or as signed JSON."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import click

from tocsin.cli.journal import data_option
from tocsin.errors import InputError
from tocsin.settings import load


@click.command("review")
@click.argument("event")
@data_option
@click.option("--json", "as_json_", is_flag=True, help="Signed JSON instead of a page.")
@click.option("--public", "redacted", is_flag=True, help="The edition for everybody: no persons, nothing restricted.")
@click.option("--lang", default="en", show_default=True, help="Language of the page: en, uk, de or fr.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file; else to standard output."
)
@click.option("--check", is_flag=True, help="EVENT is a file: is the review in it signed by this installation?")
def command(event: str, data: Path, as_json_: bool, redacted: bool, lang: str, out: Path | None, check: bool) -> None:
    """Make the after-action report of EVENT: an event's id, an alert's identifier, or a draft.

    With --check say whether the review in the file EVENT was made here and not changed: exit 0 if so, 1 if not.

    Example: tocsin review evt.20241120.1a2b --data /var/lib/tocsin --out review.html
    """
    from tocsin.account.review import public, review
    from tocsin.clock import SystemClock
    from tocsin.place.gazetteer import Gazetteer
    from tocsin.place.pack import load as load_pack
    from tocsin.store.key import Keys, signed_by
    from tocsin.store.sqlite import SqliteStore
    from tocsin.web.console.desk_room import speech
    from tocsin.web.console.text import LANGUAGES
    from tocsin.web.review import as_json, page, read, signed

    settings = load(data)
    keys = Keys(data / "keys", settings.realm)
    if check:
        content, one = read(Path(event).read_bytes())
        held = one.key_id == keys.key_id and signed_by(keys.public_pem, content, base64.b64decode(one.value))
        click.echo(
            f"signed here ({one.key_id}), unchanged" if held else f"not signed by this installation ({keys.key_id})"
        )
        sys.exit(0 if held else 1)
    if lang not in LANGUAGES:
        raise InputError(f"a review is written in {', '.join(LANGUAGES)}, not in {lang}")
    places = Gazetteer.world()
    for name in settings.area_packs:
        places = places.with_pack(load_pack((data / name).read_bytes(), Path(name).stem))
    with SqliteStore(data, reading=True) as store:
        made = review(store, event, SystemClock().now(), places)
    sealed = signed(public(made) if redacted else made, keys)
    zone = places.get(settings.home).zone
    content = as_json(sealed) if as_json_ else page(sealed, speech(lang), zone, places.name).encode()
    if out is None:
        click.echo(content)
    else:
        out.write_bytes(content)
        click.echo(f"{out}: {len(made.issues)} versions, {len(made.steps)} steps, journal up to {made.journal.seq}")
