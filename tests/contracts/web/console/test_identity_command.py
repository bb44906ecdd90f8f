"""The command for people: the same rules as the console, without a browser."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from tocsin.cli.person import command
from tocsin.errors import IllegalStepError, KeyMissingError, NotFoundError, StoreError
from tocsin.settings import Settings
from tocsin.store.people import SqlPeople
from tocsin.store.session import SqlSessions
from tocsin.store.sqlite import SqliteStore
from tocsin.warn.enrolment import Credential, Personal, Way
from tocsin.warn.person import Role
from tocsin.web.console import enrol
from tocsin.web.console.identity import Identity, number


def run(data: Path, *words: str) -> Result:
    """The command with these words."""
    return CliRunner().invoke(command, [*words, "--data", str(data)])


def joined(data: Path, address: str, name: str) -> str:
    """Somebody follows the link, with a credential that nobody has."""
    with SqliteStore(data) as store:
        identity = Identity(
            Settings(), store.clock, store, SqlPeople(store, data / "keys", "actual"), SqlSessions(store, "actual")
        )
        person = number()
        held = Credential(number(), person, Way.PASSKEY, identity.now(), b"\x94\xc4\x01x\xc4\x01y\xa0\xc2")
        return enrol.enrol(
            identity, address.rpartition("/")[2], person, Personal(name, f"{name}@example.org"), held, name.encode()
        )


def test_from_nobody_to_nobody(tmp_path: Path) -> None:
    """Invite, list, give roles, make a new way in, remove; the last administrator stays."""
    link = run(tmp_path, "invite", "--role", "administrator", "--note", "Olena")
    assert link.exit_code == 0, link.output
    address = link.stdout.strip()
    assert address.startswith("http://localhost:8080/console/enrol/")
    boss = joined(tmp_path, address, "olena")
    other = joined(tmp_path, run(tmp_path, "invite", "--role", "author").stdout.strip(), "mykola")
    told = [json.loads(line) for line in run(tmp_path, "list", "--json").stdout.splitlines()]
    assert [(one["known"]["name"], one["roles"], one["ways"]) for one in told] == [
        ("mykola", ["author"], ["passkey"]),
        ("olena", ["administrator"], ["passkey"]),
    ]
    assert f"{boss}  olena <olena@example.org>  administrator  (passkey)" in run(tmp_path, "list").stdout
    assert run(tmp_path, "roles", "--role", "approver", "--role", "auditor", other).exit_code == 0
    assert "approver, auditor" in run(tmp_path, "list").stdout
    assert "/console/enrol/" in run(tmp_path, "link", other).stdout
    assert isinstance(run(tmp_path, "remove", boss).exception, IllegalStepError)
    assert isinstance(run(tmp_path, "roles", "--role", "author", boss).exception, IllegalStepError)
    assert run(tmp_path, "remove", other).exit_code == 0
    assert "mykola" not in run(tmp_path, "list").stdout
    assert isinstance(run(tmp_path, "link", other).exception, NotFoundError)
    assert isinstance(run(tmp_path, "roles", "--role", "author", other).exception, NotFoundError)
    with SqliteStore(tmp_path, reading=True) as store:
        kinds = [entry.kind for entry in store.read(0)]
        assert all(b"olena" not in entry.body and b"mykola" not in entry.body for entry in store.read(0))
    assert kinds.count("view:personal") == 4
    assert {"invitation:made", "person:enrolled", "person:changed", "person:removed"} <= set(kinds)


def test_beside_a_running_tocsin(tmp_path: Path) -> None:
    """Two cannot write to one store: the command says who holds it."""
    with SqliteStore(tmp_path):
        assert isinstance(run(tmp_path, "invite", "--role", "author").exception, StoreError)


def test_a_lost_key_is_said(tmp_path: Path) -> None:
    """Without the key file, or with one that others can read, nothing is opened and no new key is made."""
    joined(tmp_path, run(tmp_path, "invite", "--role", "administrator").stdout.strip(), "olena")
    key = tmp_path / "keys" / "actual.people.key"
    assert key.stat().st_mode & 0o777 == 0o600
    kept = key.read_bytes()
    key.chmod(0o644)
    assert isinstance(run(tmp_path, "list").exception, KeyMissingError)
    key.unlink()
    assert isinstance(run(tmp_path, "list").exception, KeyMissingError)
    assert not key.exists()
    key.write_bytes(bytes(32))
    key.chmod(0o600)
    assert isinstance(run(tmp_path, "list").exception, KeyMissingError)
    key.write_bytes(kept)
    assert run(tmp_path, "list").exit_code == 0


def test_unknown_roles(tmp_path: Path) -> None:
    """A role that there is not is named."""
    assert "emperor" in str(run(tmp_path, "invite", "--role", "emperor").exception)
    assert Role("author") in Role
