"""The database file and its folder: taken by one process, recognised, synced, copied.

- A lock file beside the database is held for as long as it is open; the system lets go of it when a process dies.
- What SQLite has to say about a file becomes a sentence for the operator, with what to do.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import apsw

from tocsin.errors import StoreError
from tocsin.journal import GENESIS, Head
from tocsin.store import queries

DATABASE = "tocsin.db"
APPLICATION = 0x544F4353  # "TOCS": tells our file from somebody else's
SCHEMA = 1  # PRAGMA user_version: a file made by a later Tocsin is not touched


def locate(path: Path | str) -> Path:
    """The database that ``path`` means: itself, or the one in that folder (a name without an ending is a folder)."""
    path = Path(path)
    folder = path.is_dir() or not (path.suffix or path.exists())
    return path / DATABASE if folder else path


def hold(database: Path) -> int:
    """Take the lock beside ``database``; give it back by closing the descriptor that this returns."""
    path = database.with_name(database.name + ".lock")
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as wrong:
        raise StoreError(f"{path} cannot be opened: {wrong.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(lock, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise StoreError(f"{path.parent} is in use by another Tocsin (process {holder}); stop it first") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def connect(path: Path, how: int = apsw.SQLITE_OPEN_READONLY) -> apsw.Connection:
    """A connection to the file as it is; it makes none."""
    connection = apsw.Connection(str(path), flags=how)
    connection.set_busy_timeout(5000)
    return connection


def recognise(connection: apsw.Connection, path: Path) -> bool:
    """Whether this is a store of ours; False while nothing at all is in it. Refuses others' and later ones."""
    application, version = connection.pragma("application_id"), connection.pragma("user_version")
    if not application and not version and connection.execute("SELECT count(*) FROM sqlite_schema").get == 0:
        return False
    if application != APPLICATION:
        raise StoreError(f"{path} is a database, but not one of Tocsin")
    if version > SCHEMA:
        raise StoreError(f"{path} was made by a later version of Tocsin ({version}, known here: {SCHEMA})")
    return True


def head_of(connection: apsw.Connection) -> Head:
    """The newest entry that is in the file."""
    row = connection.execute(queries.HEAD).fetchone()
    return Head(*row) if row is not None else Head(0, GENESIS)


def copy(source: Path, path: Path) -> Head:
    """Copy the store ``source`` into the new file ``path``, one moment of it, to the disk; returns the copy's head."""
    if path.exists():
        raise StoreError(f"{path} is there already; nothing is overwritten")
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with plainly(part), contextlib.closing(connect(part, apsw.SQLITE_OPEN_READWRITE)) as into:
            with contextlib.closing(connect(source)) as out, into.backup("main", out, "main") as copying:
                # One step for all pages holds one read transaction: what is written meanwhile waits in the log.
                copying.step(-1)
            into.pragma("journal_mode", "delete")
            head = head_of(into)
        sync(part)
        os.link(part, path)  # fails where a rename would silently overwrite
        sync(path.parent)
    except OSError as wrong:
        raise StoreError(f"{path} cannot be written: {wrong.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return head


def sync(path: Path) -> None:
    """Have the disk keep a file's bytes, or a folder's names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def plainly(path: Path) -> Iterator[None]:
    """SQLite's own errors as a sentence for the operator."""
    try:
        yield
    except (apsw.NotADBError, apsw.CorruptError) as wrong:
        raise StoreError(f"{path} is damaged, or not a store of Tocsin ({wrong}); restore a backup") from wrong
    except (apsw.Error, OSError) as wrong:
        raise StoreError(f"{path}: {wrong}") from wrong
