"""The tray: a folder in which a command lays facts for the Tocsin that runs on the same data, and which writes alone.

- A token must be issued, and above all revoked, while warnings go out; only one process writes the journal. So the
  command lays the fact into ``tray/`` of the data folder, and waits until it stands in the journal.
- Only whoever owns the data folder can lay anything there, and only facts about tokens and askings to erase are taken: it
  opens nothing that the owner of the database could not do.
- A file appears whole (written aside, then renamed) and is recorded once, whatever is interrupted; what cannot be read
  is put aside and said in the log.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from tocsin.errors import StoreError
from tocsin.journal import Entry, Fact
from tocsin.web.rolls import ERASURE_ASKED
from tocsin.web.token import Tokens

FOLDER = "tray"
PAUSE_SECONDS = 0.5
WAIT_SECONDS = 15.0
KINDS = frozenset((*Tokens.KINDS, ERASURE_ASKED))

log = logging.getLogger("tocsin.web")


class Laid(Struct, frozen=True, forbid_unknown_fields=True):
    """A fact in a file."""

    kind: str
    subject: str
    body: msgspec.Raw
    realm: str


class Recorder(Protocol):
    """A journal that records a fact once."""

    def append_new(self, facts: Sequence[Fact]) -> list[Entry]:
        """Record those of ``facts`` whose kind and subject no entry has yet."""
        ...


class Reader(Protocol):
    """A journal that can be asked about one subject."""

    def about(self, kind: str, subject: str, limit: int = 100) -> list[Entry]:
        """The newest entries of one kind about one subject."""
        ...


def lay(data: Path, item: Fact, journal: Reader, wait: float = WAIT_SECONDS) -> None:
    """Lay ``item`` for the running Tocsin and return when it is recorded; :class:`StoreError` when nobody takes it."""
    folder = data / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{secrets.token_hex(8)}.json"
    aside = file.with_suffix(".part")
    handle = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(msgspec.json.encode(Laid(item.kind, item.subject, msgspec.Raw(item.body), item.realm)))
        out.flush()
        os.fsync(out.fileno())
    aside.rename(file)
    ends = time.monotonic() + wait
    while not journal.about(item.kind, item.subject, 1):
        if time.monotonic() > ends:
            file.unlink(missing_ok=True)
            raise StoreError(f"the Tocsin that holds {data} did not take it within {wait:.0f} s")
        time.sleep(0.05)


def take(data: Path, store: Recorder, realm: str) -> int:
    """Record what lies in the tray; returns how many files were taken."""
    taken = 0
    for file in sorted((data / FOLDER).glob("*.json")):
        try:
            laid = msgspec.json.decode(file.read_bytes(), type=Laid)
        except FileNotFoundError:
            continue
        except (OSError, msgspec.MsgspecError) as wrong:
            log.error("what lies in %s cannot be read: %s", file, wrong)
            file.rename(file.with_suffix(".refused"))
            continue
        if laid.kind not in KINDS or laid.realm != realm:
            log.error("what lies in %s is not taken: %s of realm %s", file, laid.kind, laid.realm)
            file.rename(file.with_suffix(".refused"))
            continue
        store.append_new([Fact(laid.kind, laid.subject, bytes(laid.body), laid.realm)])
        file.unlink(missing_ok=True)
        taken += 1
    return taken


async def keep_taking(data: Path, store: Recorder, realm: str) -> None:
    """Look into the tray again and again until cancelled."""
    while True:
        try:
            await asyncio.to_thread(take, data, store, realm)
        except StoreError:
            # The disk may be full for a while; what lies there stays and is tried again.
            log.exception("the tray could not be emptied")
        await asyncio.sleep(PAUSE_SECONDS)
