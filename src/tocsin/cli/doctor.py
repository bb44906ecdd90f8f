"""``tocsin doctor``: can I warn right now? One sentence for each thing that stands in the way."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
import msgspec

if TYPE_CHECKING:
    from tocsin.web.health import Ailment, Readiness

SECONDS = 15


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="The data folder.")
@click.option("--url", help="The address of a running Tocsin, such as http://127.0.0.1:8080.")
@click.option("--json", "as_json", is_flag=True, help="What /readyz says, as JSON.")
def command(data: Path | None, url: str | None, as_json: bool) -> None:
    """Look at everything a warning needs; exit 0 when it can go out now, 1 when it cannot.

    With --data the Tocsin that runs on this folder is asked; where none runs, that is the first fault, and what can be
    looked at without it is looked at.

    Example: tocsin doctor --data /var/lib/tocsin
    """
    if url is None and data is None:
        data = Path("data")
    found = ask(url) if url is not None else look(data or Path("data"))
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    elif found.ready:
        click.echo(f"Ready to warn ({found.realm}): {', '.join(found.checked)} are in order.")
    for one in () if as_json else found.faults:
        click.echo(f"{one.sentence} [{one.code}]")
    for line in _models(data) if data is not None else ():
        click.echo(line, err=as_json)
    sys.exit(0 if found.ready else 1)


def _models(data: Path) -> Sequence[str]:
    """What there is to know of optional models, and whether reports leave this machine; none is a fault."""
    from tocsin.advising import said
    from tocsin.errors import TocsinError
    from tocsin.settings import load

    try:
        return said(load(data), data)
    except TocsinError as wrong:
        return [f"{wrong} [{wrong.code}]"]


def ask(url: str) -> Readiness:
    """What a running Tocsin says of itself; that it does not answer is a fault as well."""
    from tocsin.clock import SystemClock, spell
    from tocsin.web.health import Ailment, Readiness

    at = spell(SystemClock().now().replace(microsecond=0))

    def no(code: str, sentence: str) -> Readiness:
        return Readiness(False, at, "", (Ailment(code, sentence),), ("answer",))

    parts = urlsplit(url if "//" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return no("doctor.address", f"{url} is no address: give one such as http://127.0.0.1:8080.")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    wire = kind(parts.hostname, parts.port, timeout=SECONDS)
    try:
        wire.request("GET", f"{parts.path.rstrip('/')}/readyz", headers={"Accept": "application/json"})
        answer = wire.getresponse()
        content = answer.read(1_000_000)
    except (OSError, http.client.HTTPException) as wrong:
        return no("doctor.no-answer", f"Nothing answers at {url}: start it, or look at the way there ({wrong}).")
    finally:
        wire.close()
    try:
        return msgspec.json.decode(content, type=Readiness)
    except msgspec.MsgspecError:
        return no("doctor.no-tocsin", f"What answers at {url} is no Tocsin (status {answer.status}).")


def look(data: Path) -> Readiness:
    """What can be said of an installation from its folder."""
    from tocsin.clock import SystemClock, spell
    from tocsin.errors import TocsinError
    from tocsin.settings import load
    from tocsin.store import file
    from tocsin.web.health import Ailment, Readiness

    settings = load(data)
    path = file.locate(data)
    running = path.is_file() and _held(path)
    if running:
        found = ask(f"http://{settings.bind}")
        if found.realm:
            return found
        faults: list[Ailment] = [
            Ailment("doctor.elsewhere", f"A process holds {path} but does not answer at {settings.bind}: give --url."),
            *found.faults,
        ]
    else:
        faults = [Ailment("doctor.not-running", f"No Tocsin runs on {data}: start it with tocsin serve --data {data}.")]
    checked = ["process", "journal", "key", "policy", "disk", "clock"]
    try:
        faults.extend(_inspect(data, path))
    except TocsinError as wrong:
        faults.append(Ailment(wrong.code, str(wrong)))
    return Readiness(
        False, spell(SystemClock().now().replace(microsecond=0)), settings.realm, tuple(faults), tuple(checked)
    )


def _inspect(data: Path, path: Path) -> list[Ailment]:
    """The checks that need no running process."""
    from tocsin.app import load_policy
    from tocsin.clock import SystemClock
    from tocsin.errors import TocsinError
    from tocsin.journal import follow, verify
    from tocsin.sense.feeds import load as load_feeds
    from tocsin.settings import load
    from tocsin.store.key import Keys
    from tocsin.store.sqlite import SqliteStore
    from tocsin.web.health import Ailment, ClockWatch, disk_free, key_usable

    settings, clock = load(data), SystemClock()
    at, faults = clock.now(), list(disk_free(data))
    newest = None
    if not path.is_file():
        faults.append(Ailment("journal.none", f"There is no journal in {data} yet: it is made at the first start."))
    else:
        with SqliteStore(data, clock, reading=True) as store:
            head = store.head()
            try:
                verify(follow(store, 0), head)
            except TocsinError as wrong:
                faults.append(Ailment(wrong.code, f"{wrong}; restore a backup."))
            newest = store.read(head.seq - 1, 1)[0].at if head.seq else None
    faults.extend(ClockWatch(clock).look(newest))
    keys = data / "keys"
    if not any(keys.glob("*.pem")):
        faults.append(Ailment("key.none", f"There is no key in {keys} yet: it is made at the first start."))
        return faults
    realm = Keys(keys, settings.realm)
    faults.extend(key_usable(realm.sign, getattr(realm, "ends", None), at))
    feeds = data / settings.feeds
    sources = {wire.id: wire.source() for wire in (load_feeds(feeds) if feeds.is_file() else ())}
    if not sources:
        faults.append(Ailment("sources.none", f"No source is configured, so nothing can be heard: write {feeds}."))
    try:
        load_policy(data, settings, sources, realm)
    except TocsinError as wrong:
        faults.append(Ailment(wrong.code, str(wrong)))
    return faults


def _held(path: Path) -> bool:
    """Whether a process has this store open for writing."""
    import os

    from tocsin.errors import StoreError
    from tocsin.store import file

    try:
        os.close(file.hold(path))
    except StoreError:
        return True
    return False
