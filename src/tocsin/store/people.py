"""Persons on SQLite: names, ways to reach them, credentials and open invitations, sealed field by field.

- Nothing personal is in clear and nothing of it in the journal; the key is a file outside the database (F27, req. 93).
- An e-mail address, a passkey, a recovery code and a link are found by keyed hashes only.
- What changes who can come in is one commit with its facts; a link or a recovery code that was used once is gone in the
  same commit, so two who use it at once cannot both succeed.
- A counter (a passkey's sign count, an app's time step) only grows: comparing and setting is one step in the writer.
- Who is removed is erased here; the journal keeps an id that means nobody any more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import apsw
import msgspec

from tocsin.clock import parse, spell
from tocsin.errors import InvitationSpentError, ParameterError
from tocsin.journal import Entry, Fact
from tocsin.remark import remark
from tocsin.store.seal import Seal
from tocsin.store.sqlite import SqliteStore
from tocsin.warn.enrolment import Credential, Device, Invitation, Personal, Way
from tocsin.warn.person import Role

SCHEMA = """
CREATE TABLE IF NOT EXISTS person (
  realm TEXT NOT NULL, id TEXT NOT NULL, email_mark BLOB, name BLOB NOT NULL, email BLOB NOT NULL, phone BLOB NOT NULL,
  language BLOB NOT NULL, PRIMARY KEY (realm, id)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS person_by_email ON person (realm, email_mark) WHERE email_mark IS NOT NULL;
CREATE TABLE IF NOT EXISTS credential (
  mark BLOB PRIMARY KEY, realm TEXT NOT NULL, id TEXT NOT NULL UNIQUE, person TEXT NOT NULL, way TEXT NOT NULL,
  made TEXT NOT NULL, used TEXT, data BLOB NOT NULL, counter INTEGER NOT NULL, failures INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS credential_by_person ON credential (realm, person);
CREATE TABLE IF NOT EXISTS call_device (
  realm TEXT NOT NULL, id TEXT NOT NULL, person TEXT NOT NULL, mark BLOB NOT NULL, made TEXT NOT NULL,
  label BLOB NOT NULL, endpoint BLOB NOT NULL, keys BLOB NOT NULL, PRIMARY KEY (realm, id)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS call_device_by_mark ON call_device (realm, person, mark);
CREATE TABLE IF NOT EXISTS invitation (
  mark BLOB PRIMARY KEY, realm TEXT NOT NULL, id TEXT NOT NULL UNIQUE, roles TEXT NOT NULL, by TEXT NOT NULL,
  made TEXT NOT NULL, ends TEXT NOT NULL, note BLOB NOT NULL, person TEXT NOT NULL
) STRICT;
"""
MOST_DEVICES = 10
CREDENTIAL = "SELECT id, person, way, made, used, data, counter, failures FROM credential WHERE realm = ? AND "
INVITATION = "SELECT id, roles, by, made, ends, note, person FROM invitation WHERE realm = ? AND "


class SqlPeople:
    """The persons of one ``realm`` in ``store``; the key is in ``folder``."""

    def __init__(self, store: SqliteStore, folder: Path, realm: str) -> None:
        self.store, self.realm = store, realm
        if not store.reading:
            store.ensure("people", SCHEMA)
        with store.reader() as connection:
            kept = connection.execute(
                "SELECT EXISTS (SELECT 1 FROM person WHERE realm = ?) OR EXISTS (SELECT 1 FROM credential WHERE realm = ?)",
                (realm, realm),
            ).get
        self._seal = Seal(folder, "people", realm, wanted=bool(kept))

    def secret(self, label: str) -> bytes:
        """32 bytes made from the key, for the console's own tokens."""
        return self._seal.secret(label)

    # --- invitations -----------------------------------------------------------------------------------------------

    def invite(self, secret: str, made: Invitation, facts: Sequence[Fact]) -> list[Entry]:
        """Keep an invitation by the hash of its secret."""
        row = (
            self._seal.mark("invitation", secret.encode()),
            self.realm,
            made.id,
            " ".join(made.roles),
            made.by,
            spell(made.made),
            spell(made.ends),
            self._seal.close("invitation.note", made.id, made.note.encode()),
            made.person,
        )

        def change(connection: apsw.Connection) -> None:
            connection.execute("INSERT INTO invitation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

        return self._change(facts, change)

    def invitation(self, secret: str) -> Invitation | None:
        """The invitation with this secret, whether it has ended or not."""
        mark = self._seal.mark("invitation", secret.encode())
        with self.store.reader() as connection:
            row = connection.execute(INVITATION + "mark = ?", (self.realm, mark)).fetchone()
        return self._invitation(row) if row else None

    def invitations(self) -> list[Invitation]:
        """Every invitation that was not used, oldest first."""
        with self.store.reader() as connection:
            rows = list(connection.execute(INVITATION + "TRUE ORDER BY made, id", (self.realm,)))
        return [self._invitation(row) for row in rows]

    def withdraw(self, numbers: Sequence[str], facts: Sequence[Fact]) -> list[Entry]:
        """Forget these invitations."""

        def change(connection: apsw.Connection) -> None:
            connection.executemany(
                "DELETE FROM invitation WHERE realm = ? AND id = ?", [(self.realm, number) for number in numbers]
            )

        return self._change(facts, change)

    # --- persons ---------------------------------------------------------------------------------------------------

    def enrol(
        self, secret: str, person: str, known: Personal | None, held: Credential, key: bytes, facts: Sequence[Fact]
    ) -> list[Entry]:
        """Use up the invitation with ``secret`` and keep the person and their first credential, in one commit.

        ``known`` is None for a person who is here already. Raises :class:`InvitationSpentError` when somebody was
        quicker, :class:`ParameterError` when the e-mail address belongs to another person.
        """
        mark = self._seal.mark("invitation", secret.encode())

        def change(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM invitation WHERE realm = ? AND mark = ?", (self.realm, mark))
            if not connection.changes():
                raise InvitationSpentError
            if known is not None:
                self._write_person(connection, person, known)
            self._write_credential(connection, held, key)

        return self._change(facts, change)

    def personal(self, persons: Sequence[str]) -> dict[str, Personal]:
        """What is known about ``persons``. Whoever shows it records that it was viewed."""
        with self.store.reader() as connection:
            rows = list(
                connection.execute(
                    "SELECT id, name, email, phone, language FROM person WHERE realm = ? "
                    "AND id IN (SELECT value FROM json_each(?))",
                    (self.realm, msgspec.json.encode(persons).decode()),
                )
            )
        fields = ("name", "email", "phone", "language")
        return {
            row[0]: Personal(
                *(
                    self._seal.open(f"person.{field}", row[0], box).decode()
                    for field, box in zip(fields, row[1:], strict=True)
                )
            )
            for row in rows
        }

    def everybody(self) -> list[str]:
        """The ids of all persons that something is known about."""
        with self.store.reader() as connection:
            return [
                row[0] for row in connection.execute("SELECT id FROM person WHERE realm = ? ORDER BY id", (self.realm,))
            ]

    def by_email(self, email: str) -> str | None:
        """The person with this e-mail address, however its letters are cased."""
        with self.store.reader() as connection:
            row = connection.execute(
                "SELECT id FROM person WHERE realm = ? AND email_mark = ?", (self.realm, self._email_mark(email))
            ).fetchone()
        return row[0] if row else None

    def describe(self, person: str, known: Personal, facts: Sequence[Fact]) -> list[Entry]:
        """Keep other personal data for a person."""
        return self._change(facts, lambda connection: self._write_person(connection, person, known))

    def erase(self, person: str, facts: Sequence[Fact]) -> list[Entry]:
        """Erase everything about a person: name, ways to reach them, credentials, and links made for them."""

        def change(connection: apsw.Connection) -> None:
            for table, column in (
                ("person", "id"),
                ("credential", "person"),
                ("invitation", "person"),
                ("call_device", "person"),
            ):
                connection.execute(f"DELETE FROM {table} WHERE realm = ? AND {column} = ?", (self.realm, person))  # noqa: S608 - names from the line above

        return self._change(facts, change)

    # --- devices ---------------------------------------------------------------------------------------------------

    def devices(self, persons: Sequence[str]) -> list[Device]:
        """By which devices ``persons`` let themselves be called, the oldest first."""
        with self.store.reader() as connection:
            rows = list(
                connection.execute(
                    "SELECT id, person, label, endpoint, keys, made FROM call_device WHERE realm = ? "
                    "AND person IN (SELECT value FROM json_each(?)) ORDER BY made, id",
                    (self.realm, msgspec.json.encode(persons).decode()),
                )
            )
        found = []
        for number, person, *boxes, made in rows:
            label, endpoint, keys = (
                self._seal.open(f"call_device.{field}", number, box).decode()
                for field, box in zip(("label", "endpoint", "keys"), boxes, strict=True)
            )
            found.append(Device(number, person, label, endpoint, keys, parse(made)))
        return found

    def add_device(self, made: Device, facts: Sequence[Fact]) -> list[Entry]:
        """Call a person by this device as well; the same one again takes the place of the first."""
        boxes = [
            self._seal.close(f"call_device.{field}", made.id, getattr(made, field).encode())
            for field in ("label", "endpoint", "keys")
        ]
        mark = self._seal.mark("call_device.endpoint", made.endpoint.encode())

        def change(connection: apsw.Connection) -> None:
            here = (self.realm, made.person)
            connection.execute("DELETE FROM call_device WHERE realm = ? AND person = ? AND mark = ?", (*here, mark))
            if (
                connection.execute("SELECT count(*) FROM call_device WHERE realm = ? AND person = ?", here).get
                >= MOST_DEVICES
            ):
                raise ParameterError(remark("people.devices", "there are many devices already; remove one first"))
            connection.execute(
                "INSERT INTO call_device VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (self.realm, made.id, made.person, mark, spell(made.made), *boxes),
            )

        return self._change(facts, change)

    def drop_device(self, number: str, person: str, facts: Sequence[Fact]) -> list[Entry]:
        """Call ``person`` by this device no more."""

        def change(connection: apsw.Connection) -> None:
            connection.execute(
                "DELETE FROM call_device WHERE realm = ? AND id = ? AND person = ?", (self.realm, number, person)
            )

        return self._change(facts, change)

    # --- credentials -----------------------------------------------------------------------------------------------

    def add(
        self, held: Sequence[tuple[Credential, bytes]], facts: Sequence[Fact], instead_of: Way | None = None
    ) -> list[Entry]:
        """Keep credentials, each with the key it is found by; ``instead_of`` drops the person's old ones of that way."""

        def change(connection: apsw.Connection) -> None:
            if instead_of is not None:
                connection.execute(
                    "DELETE FROM credential WHERE realm = ? AND person = ? AND way = ?",
                    (self.realm, held[0][0].person, instead_of.value),
                )
            for one, key in held:
                self._write_credential(connection, one, key)

        return self._change(facts, change)

    def credential(self, way: Way, key: bytes) -> Credential | None:
        """The credential found by ``key``: a passkey's id, an issuer and subject, a recovery code."""
        with self.store.reader() as connection:
            row = connection.execute(CREDENTIAL + "mark = ?", (self.realm, self._mark(way, key))).fetchone()
        return self._credential(row) if row else None

    def credentials(self, person: str, way: Way | None = None) -> list[Credential]:
        """What a person signs in with, oldest first."""
        with self.store.reader() as connection:
            rows = list(connection.execute(CREDENTIAL + "person = ? ORDER BY made, id", (self.realm, person)))
        return [one for one in map(self._credential, rows) if way is None or one.way is way]

    def decoy(self, at: datetime) -> Credential:
        """An app that nobody has: what is done with it for an unknown person is what would be done for a known one."""
        number = f"decoy-{self.realm}"
        key = number.encode()
        found = self.credential(Way.TOTP, key)
        if found is None:
            made = Credential(number, "", Way.TOTP, at, os.urandom(32))
            self.store.write(lambda connection: self._write_credential(connection, made, key)).result()
            found = made
        return found

    def use(self, held: Credential, counter: int, at: datetime, grows: bool = True) -> bool:
        """Put the counter forward; False when another use was quicker or it would not grow (``grows``: it must)."""

        def change(connection: apsw.Connection) -> bool:
            connection.execute(
                "UPDATE credential SET counter = ?, used = ?, failures = 0 WHERE id = ? AND realm = ? AND counter + ? <= ?",
                (counter, spell(at), held.id, self.realm, int(grows), counter),
            )
            return bool(connection.changes())

        return self.store.write(change).result()

    def spend(self, held: Credential) -> bool:
        """Use up a credential that works once; False when it was used before."""

        def change(connection: apsw.Connection) -> bool:
            connection.execute("DELETE FROM credential WHERE id = ? AND realm = ?", (held.id, self.realm))
            return bool(connection.changes())

        return self.store.write(change).result()

    def fail(self, held: Credential) -> None:
        """Count one wrong try in a row."""

        def change(connection: apsw.Connection) -> None:
            connection.execute(
                "UPDATE credential SET failures = failures + 1 WHERE id = ? AND realm = ?", (held.id, self.realm)
            )

        self.store.write(change).result()

    def drop(self, number: str, person: str, facts: Sequence[Fact]) -> list[Entry]:
        """Forget one credential of a person."""

        def change(connection: apsw.Connection) -> None:
            connection.execute(
                "DELETE FROM credential WHERE id = ? AND person = ? AND realm = ?", (number, person, self.realm)
            )

        return self._change(facts, change)

    # --- rows ------------------------------------------------------------------------------------------------------

    def _change(self, facts: Sequence[Fact], change: Callable[[apsw.Connection], None]) -> list[Entry]:
        """Record ``facts`` and make ``change`` in one commit; what raises undoes both."""
        return self.store.commit(facts, change)

    def _write_person(self, connection: apsw.Connection, person: str, known: Personal) -> None:
        boxes = [
            self._seal.close(f"person.{field}", person, getattr(known, field).encode())
            for field in ("name", "email", "phone", "language")
        ]
        mark = self._email_mark(known.email) if known.email else None
        try:
            connection.execute(
                "INSERT INTO person VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (realm, id) DO UPDATE SET "
                "email_mark = excluded.email_mark, name = excluded.name, email = excluded.email, "
                "phone = excluded.phone, language = excluded.language",
                (self.realm, person, mark, *boxes),
            )
        except apsw.ConstraintError:
            raise ParameterError(remark("people.email", "email: another person here has this address")) from None

    def _write_credential(self, connection: apsw.Connection, held: Credential, key: bytes) -> None:
        box = self._seal.close("credential.data", held.id, held.data)
        try:
            connection.execute(
                "INSERT INTO credential VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?, 0)",
                (
                    self._mark(held.way, key),
                    self.realm,
                    held.id,
                    held.person,
                    held.way.value,
                    spell(held.made),
                    box,
                    held.counter,
                ),
            )
        except apsw.ConstraintError:
            raise ParameterError(remark("people.credential", "this credential is in use here already")) from None

    def _mark(self, way: Way, key: bytes) -> bytes:
        return self._seal.mark(f"credential.{way.value}", key)

    def _email_mark(self, email: str) -> bytes:
        return self._seal.mark("person.email", email.strip().casefold().encode())

    def _credential(self, row: tuple[str, str, str, str, str | None, bytes, int, int]) -> Credential:
        number, person, way, made, used, box, counter, failures = row
        data = self._seal.open("credential.data", number, box)
        when = parse(used) if used else None
        return Credential(number, person, Way(way), parse(made), data, counter, failures, when)

    def _invitation(self, row: tuple[str, str, str, str, str, bytes, str]) -> Invitation:
        number, roles, by, made, ends, note, person = row
        text = self._seal.open("invitation.note", number, note).decode()
        return Invitation(number, tuple(map(Role, roles.split())), by, parse(made), parse(ends), text, person)
