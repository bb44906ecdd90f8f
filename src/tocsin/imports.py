"""Imports: who takes in which kind of file, and how a file reaches the Tocsin that runs on the same data.

- One process writes a data folder. Where none runs, the command opens the installation itself; where one does, the file
  is laid into ``imports/`` of the data folder, and the one that runs reads it, answers beside it, and takes it away.
- Only whoever owns the data folder can lay anything there. A file appears whole (written aside, then renamed), is
  answered once, and an answer that nobody fetches is swept away after a day.
- A dry run goes the same way and changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import secrets
import time
from pathlib import Path
from typing import cast

import msgspec
from msgspec import Struct

from tocsin.account.importing import MOST_BYTES, Change, Importer, Installation, mapping_of
from tocsin.errors import ImportFileError, StoreError, TocsinError

IMPORTERS: dict[str, str] = {
    "roster": "tocsin.web.roster:IMPORTER",
    "shelters": "tocsin.account.shelter_import:IMPORTER",
    "subscribers": "tocsin.enlisting:IMPORTER",
}
"""The kinds of files, and where the object is that takes each in."""

FOLDER = "imports"
PAUSE_SECONDS = 0.5
WAIT_SECONDS = 600.0
START_SECONDS = 15.0
DAY_SECONDS = 86_400
FAULTS_TOLD = 1000

log = logging.getLogger("tocsin")


class Order(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be done with a file: take it in as ``kind``, or say what that would do (``dry_run``)."""

    kind: str
    dry_run: bool = False
    force: bool = False


class ToldFault(Struct, frozen=True):
    """A :class:`tocsin.account.importing.Fault` as it crosses to another process: said in English."""

    row: int
    code: str
    message: str
    left_out: bool = False


class ToldChange(Struct, frozen=True):
    """A :class:`tocsin.account.importing.Change` as it crosses to another process: said in English."""

    new: int = 0
    changed: int = 0
    same: int = 0
    gone: int = 0
    lines: tuple[str, ...] = ()
    refused: str = ""


class Outcome(Struct, frozen=True):
    """What was understood of a file and what it changed or would change; ``error`` and ``code`` where it failed.

    ``faults`` are the first thousand; ``faults_by_code`` counts all.
    """

    kind: str
    form: str = ""
    dry_run: bool = False
    done: bool = False
    lines: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    faults: tuple[ToldFault, ...] = ()
    faults_by_code: dict[str, int] = {}
    change: ToldChange = ToldChange()
    error: str = ""
    code: str = ""


def importer(kind: str) -> Importer:
    """Who takes in files of this kind."""
    module, _, name = IMPORTERS[kind].partition(":")
    return cast(Importer, getattr(importlib.import_module(module), name))


def take_in(there: Installation | None, order: Order, content: bytes, mapping: bytes) -> Outcome:
    """Read a file and take it in as ``order`` says. ``there`` is None where there is no installation yet (dry runs only)."""
    who = importer(order.kind)
    if len(content) > MOST_BYTES:
        raise ImportFileError(f"more than {MOST_BYTES:,} bytes")
    understood = who.read(content, mapping_of(mapping) if mapping else {})
    if there is None:
        change = Change(new=understood.counts.get("taken", 0))
    elif order.dry_run:
        change = who.change(there, understood)
    else:
        change = who.apply(there, understood, force=order.force)
    return Outcome(
        order.kind,
        understood.form,
        order.dry_run,
        not order.dry_run and not change.refused,
        tuple(map(str, understood.lines)),
        dict(understood.counts),
        tuple(ToldFault(one.row, one.code, str(one.message), one.left_out) for one in understood.faults[:FAULTS_TOLD]),
        understood.faults_by_code(),
        ToldChange(
            change.new,
            change.changed,
            change.same,
            change.gone,
            tuple(map(str, change.lines)),
            str(change.refused),
        ),
    )


# --- a Tocsin that runs ----------------------------------------------------------------------------------------------


def hand_over(data: Path, order: Order, content: bytes, mapping: bytes, wait: float = WAIT_SECONDS) -> Outcome:
    """Lay a file for the running Tocsin and return its answer; :class:`StoreError` when nobody takes it."""
    folder = data / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    name = secrets.token_hex(8)
    for part, bytes_ in (("content", content), ("mapping", mapping), ("order", msgspec.json.encode(order))):
        _lay(folder / f"{name}.{part}", bytes_)
    answer, ends, started = folder / f"{name}.answer", time.monotonic() + wait, time.monotonic() + START_SECONDS
    try:
        while not answer.exists():
            now = time.monotonic()
            if now > ends or (now > started and (folder / f"{name}.order").exists()):
                raise StoreError(f"the Tocsin that holds {data} did not answer; nothing is known to be taken in")
            time.sleep(0.05)
        outcome = msgspec.json.decode(answer.read_bytes(), type=Outcome)
    finally:
        for file in folder.glob(f"{name}.*"):
            file.unlink(missing_ok=True)
    return outcome


def answer_all(there: Installation) -> int:
    """Answer every order that lies in the folder; returns how many."""
    folder = there.data / FOLDER
    answered = 0
    for file in sorted(folder.glob("*.order")):
        name, working = file.name.removesuffix(".order"), file.with_suffix(".working")
        try:
            file.rename(working)
        except FileNotFoundError:
            continue
        kind = ""
        try:
            order = msgspec.json.decode(working.read_bytes(), type=Order)
            kind = order.kind
            content, mapping = (folder / f"{name}.content").read_bytes(), (folder / f"{name}.mapping").read_bytes()
            outcome = take_in(there, order, content, mapping)
        except TocsinError as wrong:
            outcome = Outcome(kind, error=wrong.detail or wrong.sentence, code=wrong.code)
        except Exception:
            # A fault of ours must not end the thread that takes in the next file; who sent this one is told.
            log.exception("an import broke: %s", file)
            outcome = Outcome(
                kind, error="the import broke inside; the log of the running Tocsin says where", code="tocsin"
            )
        _lay(folder / f"{name}.answer", msgspec.json.encode(outcome))
        working.unlink(missing_ok=True)
        answered += 1
    return answered


def sweep(folder: Path, now: float) -> None:
    """Take away what a command that died has left for more than a day."""
    for file in folder.glob("*.*"):
        with contextlib.suppress(FileNotFoundError):
            if now - file.stat().st_mtime > DAY_SECONDS:
                file.unlink()


async def keep_answering(there: Installation) -> None:
    """Look for orders again and again until cancelled."""
    folder = there.data / FOLDER
    while True:
        if folder.is_dir():
            try:
                if not await asyncio.to_thread(answer_all, there):
                    await asyncio.to_thread(sweep, folder, time.time())
            except OSError:
                log.exception("the orders in %s cannot be answered", folder)
        await asyncio.sleep(PAUSE_SECONDS)


def _lay(file: Path, content: bytes) -> None:
    aside = file.with_name(f".{file.name}.part")
    handle = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    aside.rename(file)
