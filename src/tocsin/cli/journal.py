"""``tocsin journal``: is the record intact, and what does it say?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click
import msgspec

from tocsin.clock import parse, spell
from tocsin.errors import JournalBrokenError, StoreError
from tocsin.journal import Entry, Head, follow, verify
from tocsin.store.sqlite import SqliteStore

data_option = click.option(
    "--data", type=click.Path(path_type=Path), default=Path("data"), show_default=True, help="The data folder."
)


@click.group()
def command() -> None:
    """Verify and read the journal; also beside a running Tocsin.

    Example: tocsin journal verify --data /var/lib/tocsin
    """


@command.command("verify")
@data_option
@click.option("--head", "expected", help="NUMBER:HASH as a page or another node gave it; finds a journal cut short.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def verify_(data: Path, expected: str | None, as_json: bool) -> None:
    """Is every entry as it was recorded?

    Exit 0 if the whole chain holds, 1 if not; then the first entry that does not hold is named.

    Example: tocsin journal verify --data data
    """
    fault, at, count = "", 0, 0
    with SqliteStore(data, reading=True) as store:
        claimed = _head(expected) if expected else None
        head = store.head()
        try:
            count = verify(_counted(follow(store, 0, batch=5000), claimed), head)
            for follower, upto in store.cursors().items():
                # Nobody can be further than the end: then the end was cut off, and nothing else would show it.
                if upto > head.seq:
                    message = f"the journal ends at entry {head.seq}, but {follower} was at entry {upto}"
                    raise JournalBrokenError(message, seq=head.seq + 1)
        except JournalBrokenError as broken:
            fault, at = broken.detail, int(str(broken.facts["seq"]))
        except (StoreError, msgspec.MsgspecError, ValueError, OverflowError) as broken:
            # A flipped byte in what holds the entries together can keep SQLite from reading on.
            at = _last_readable(store) + 1
            fault = f"entry {at} cannot be read ({broken})"
        if not fault and (faults := store.faults()):
            at = next((int(word) for text in faults for word in text.split() if word.isdigit()), 0)
            fault = f"the chain holds, but the file is damaged: {'; '.join(faults[:3])}"
    if as_json:
        body = {
            "intact": not fault,
            "entries": count or max(0, at - 1),
            "hash": head.hash.hex(),
            "fault": fault,
            "entry": at,
        }
        click.echo(msgspec.json.encode(body))
    elif fault:
        click.echo(f"The journal does not hold: {fault} [{JournalBrokenError.code}]", err=True)
    else:
        click.echo(f"The journal holds: {count:,} entries, head {head.seq}:{head.hash.hex()}")
    if fault:
        raise SystemExit(1)


@command.command("show")
@click.argument("first", type=int)
@click.argument("last", type=int, required=False)
@data_option
@click.option("--json", "as_json", is_flag=True, help="One JSON line an entry, with the body.")
def show(first: int, last: int | None, data: Path, as_json: bool) -> None:
    """Show entry FIRST, or all from FIRST to LAST.

    Example: tocsin journal show 41 45
    """
    with SqliteStore(data, reading=True) as store:
        entries = store.read(first - 1, max(0, (last or first) - first + 1))
    if not entries:
        raise StoreError(f"there is no entry {first}")
    for entry in entries:
        click.echo(_json_line(entry) if as_json else _whole(entry))


@command.command("tail")
@data_option
@click.option("-n", "count", default=20, show_default=True, help="How many entries.")
@click.option("--kind", "kinds", multiple=True, help="Only this kind, such as alert:published; may be given again.")
@click.option("--since", help="Only entries from this time on (RFC 3339 with an offset).")
@click.option("--json", "as_json", is_flag=True, help="One JSON line an entry, with the body.")
def tail(data: Path, count: int, kinds: tuple[str, ...], since: str | None, as_json: bool) -> None:
    """Show the newest entries, one line each.

    Example: tocsin journal tail -n 5 --kind source:lost
    """
    with SqliteStore(data, reading=True) as store:
        after = parse(since) if since else None
        entries = [e for e in _newest(store, count, kinds) if after is None or e.at >= after]
    for entry in entries:
        click.echo(_json_line(entry) if as_json else _line(entry))


def _newest(store: SqliteStore, count: int, kinds: tuple[str, ...]) -> list[Entry]:
    """The newest ``count`` entries of these kinds, found from the end."""
    found: list[Entry] = []
    upto, step = store.head().seq, max(count, 1000)
    while upto > 0 and len(found) < count:
        after = max(0, upto - step)
        found = [e for e in store.read(after, step, kinds or None) if e.seq <= upto] + found
        upto, step = after, step * 2
    return found[-count:] if count > 0 else []


def _counted(entries: Iterable[Entry], claimed: Head | None) -> Iterable[Entry]:
    """Pass entries on, and hold the one that ``claimed`` names against it."""
    seq = 0
    for entry in entries:
        seq = entry.seq
        if claimed is not None and seq == claimed.seq and entry.hash != claimed.hash:
            raise JournalBrokenError(f"entry {seq} is not the one with the hash that was given", seq=seq)
        yield entry
    if claimed is not None and claimed.seq > seq:
        raise JournalBrokenError(f"the journal ends at entry {seq}, but {claimed.seq} was recorded", seq=seq + 1)


def _last_readable(store: SqliteStore) -> int:
    seq = 0
    try:
        for entry in follow(store, 0, batch=1):
            seq = entry.seq
    except (StoreError, ValueError, OverflowError):
        pass
    return seq


def _head(text: str) -> Head:
    number, _, digest = text.partition(":")
    try:
        return Head(int(number), bytes.fromhex(digest))
    except ValueError:
        raise StoreError(f"a head is NUMBER:HASH, not {text!r}") from None


def _line(entry: Entry) -> str:
    realm = "" if entry.realm == "actual" else f" [{entry.realm}]"
    return f"{entry.seq:>8}  {spell(entry.at)}  {entry.kind:20} {entry.subject}{realm}  ({len(entry.body):,} bytes)"


def _whole(entry: Entry) -> str:
    body = entry.body.decode("utf-8", "replace")
    return f"{_line(entry)}\n          hash {entry.hash.hex()}\n          {body}"


def _json_line(entry: Entry) -> str:
    try:
        body = msgspec.json.decode(entry.body)
    except msgspec.DecodeError:
        body = entry.body.decode("utf-8", "replace")
    return msgspec.json.encode(
        {
            "seq": entry.seq,
            "at": spell(entry.at),
            "realm": entry.realm,
            "kind": entry.kind,
            "subject": entry.subject,
            "hash": entry.hash.hex(),
            "body": body,
        }
    ).decode()
