"""A PostgreSQL with PostGIS of one's own, in a folder of its own, gone when it is no longer needed.

- It listens on a socket in that folder only, keeps nothing on disk that has to survive, and uses one core a query.
- Started as root it runs as the user ``postgres``, because the server refuses to be root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tocsin.errors import OperatorError

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "shared_buffers": "2GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "1GB",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "autovacuum": "off",
    "jit": "off",
}


def programs() -> Path | None:
    """Where the newest server's programs are, if there is one with PostGIS."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        control = Path("/usr/share/postgresql") / folder.parent.name / "extension" / "postgis.control"
        if (folder / "initdb").exists() and control.exists():
            return folder
    return None


@contextmanager
def postgis() -> Iterator[Any]:
    """A connection to a server that runs only as long as this; raises :class:`OperatorError` if it does not start."""
    import psycopg

    found = programs()
    if found is None:
        raise OperatorError("no PostgreSQL with PostGIS is installed")
    # The socket's path has to be short, so it is not put under a deep working folder.
    folder = Path(tempfile.mkdtemp(prefix="tocsin-pg-", dir="/tmp"))
    user = _user()
    process = None
    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        as_user: dict[str, Any] = (
            {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        )
        data = folder / "data"
        made = subprocess.run(
            [found / "initdb", "-D", data, "-U", "tocsin", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
            capture_output=True, text=True, check=False, cwd="/", **as_user,
        )  # fmt: skip
        if made.returncode:
            raise OperatorError(f"initdb failed: {made.stderr.strip()}")
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [found / "postgres", "-D", data, "-k", folder, *options],
                stdout=log, stderr=log, cwd="/", **as_user,
            )  # fmt: skip
        with _connected(psycopg, folder, process) as connection:
            connection.execute("CREATE EXTENSION postgis")
            yield connection
    finally:
        if process is not None:
            # An immediate stop: nothing in there has to survive.
            process.send_signal(signal.SIGQUIT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        raise OperatorError("there is no user postgres for the server to run as") from None


@contextmanager
def _connected(psycopg: Any, folder: Path, process: subprocess.Popen[bytes]) -> Iterator[Any]:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            connection = psycopg.connect(host=str(folder), user="tocsin", dbname="postgres", autocommit=True)
        except psycopg.OperationalError:
            time.sleep(0.05)
            continue
        with closing(connection):
            yield connection
        return
    raise OperatorError(f"PostgreSQL did not start: {(folder / 'log').read_text()[-500:]}")


def copy_points(connection: Any, name: str, points: Any, radii: Any = None) -> None:
    """A table of points (n, 2; latitude, longitude in micro-degrees) with ids from 0 and a spatial index."""
    radius = ", r integer" if radii is not None else ""
    connection.execute(f"CREATE TABLE {name} (id integer, geom geometry(Point, 4326){radius})")
    # The well-known binary of a point with its SRID, as the binary COPY wants it.
    fields = 3 if radii is not None else 2
    row = [
        ("count", ">i2"), ("id_len", ">i4"), ("id", ">i4"), ("geom_len", ">i4"), ("order", "u1"), ("kind", "<u4"),
        ("srid", "<u4"), ("x", "<f8"), ("y", "<f8"),
    ]  # fmt: skip
    if radii is not None:
        row += [("r_len", ">i4"), ("r", ">i4")]
    rows = np.zeros(len(points), dtype=row)
    rows["count"], rows["id_len"], rows["geom_len"] = fields, 4, 25
    rows["id"] = np.arange(len(points))
    rows["order"], rows["kind"], rows["srid"] = 1, 0x20000001, 4326
    rows["x"], rows["y"] = points[:, 1] / 1e6, points[:, 0] / 1e6
    if radii is not None:
        rows["r_len"], rows["r"] = 4, radii
    head = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
    with connection.cursor().copy(f"COPY {name} FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(head)
        for start in range(0, len(rows), 100_000):
            copy.write(rows[start : start + 100_000].tobytes())
        copy.write(b"\xff\xff")
    connection.execute(f"CREATE INDEX ON {name} USING gist (geom)")
    connection.execute(f"VACUUM ANALYZE {name}")
