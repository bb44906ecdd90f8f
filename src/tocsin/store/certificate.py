"""Signing certificates: the keys that sign published alerts, two of them overlapping, each with its dates.

- A key is ECDSA P-256 with a certificate of its own that names the sender it signs for; receivers pin the certificate.
- There are always two whose times overlap: the next is made before the old one ends, so that receivers have pinned it
  when it is needed (F10: stations rejected tests for weeks because a certificate had ended).
- From 60 days before the last one ends readiness says so, and administrators are called at 60, 30, 7 and 1 days before
  any of them ends (:mod:`tocsin.warn.ending`); without one in force nothing can be published, and that is a fault of
  readiness long before it is one of a warning.
- The end of one that has a successor is said where people look, so that receivers pin the next; it stops nothing.
- Each realm has its own folder; a key of one realm never signs for the other (F1).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec import Struct

from tocsin.cap.signature import Pinned, key_id, sign
from tocsin.errors import KeyEndsError, KeyMissingError
from tocsin.remark import Remark, remark
from tocsin.store.file import sync
from tocsin.warn.ending import TOLD_AT, Ending

LIFE = timedelta(days=730)
OVERLAP = timedelta(days=180)


class Certificate(Struct, frozen=True):
    """A key that signs, and the certificate that receivers pin."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def key_id(self) -> str:
        """The id that stands in ``KeyName``."""
        return key_id(self.certificate)

    def holds(self, at: datetime) -> bool:
        """Whether it may sign at ``at``."""
        return self.certificate.not_valid_before_utc <= at <= self.certificate.not_valid_after_utc


class Certificates:
    """The certificates of one realm in ``folder``; the first pair is made when there is none."""

    def __init__(self, folder: Path, realm: str, sender: str, at: datetime) -> None:
        self.folder, self.realm, self.sender = folder / f"{realm}-signing", realm, sender
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._all = sorted(self._read(), key=lambda one: one.certificate.not_valid_before_utc)
        if not self._all:
            self.make(at - timedelta(days=1))
            self.make(at - timedelta(days=1) + LIFE - OVERLAP)

    def __iter__(self) -> Iterator[Certificate]:
        return iter(self._all)

    def current(self, at: datetime) -> Certificate:
        """The one that signs at ``at``: of those in force the oldest, which receivers have known longest."""
        found = next((one for one in self._all if one.holds(at)), None)
        if found is None:
            raise KeyMissingError(
                remark(
                    "certificate.none",
                    "no signing certificate of realm {realm} is in force: nothing can be published",
                    realm=self.realm,
                )
            )
        return found

    def sign(self, message: bytes, at: datetime) -> bytes:
        """``message`` with the signature of the certificate in force; failing to sign means failing to publish."""
        one = self.current(at)
        return sign(message, one.key, one.certificate, at)

    def make(self, start: datetime) -> Certificate:
        """A new key with a certificate from ``start`` on; it is on disk when this returns."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, self.sender[:64]),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, f"Tocsin {self.realm}"),
            ]
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(True, True, False, False, False, False, False, False, False),
                critical=True,
            )
            .sign(key, hashes.SHA256())
        )
        one = Certificate(key, certificate)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ) + certificate.public_bytes(serialization.Encoding.PEM)
        path = self.folder / f"{start:%Y%m%d}-{one.key_id}.pem"
        aside = path.with_suffix(".new")
        with os.fdopen(os.open(aside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
        sync(self.folder)
        self._all = sorted([*getattr(self, "_all", []), one], key=lambda o: o.certificate.not_valid_before_utc)
        return one

    def renew(self, at: datetime) -> Certificate | None:
        """Make the next certificate when the last one ends within the overlap; None when there is no need yet."""
        last = max(one.certificate.not_valid_after_utc for one in self._all)
        if last - at > OVERLAP:
            return None
        return self.make(max(at, last - OVERLAP))

    def until(self, at: datetime) -> datetime:
        """The moment until which there is always one in force from ``at`` on."""
        ends = self.current(at).certificate.not_valid_after_utc
        for one in self._all:
            if one.certificate.not_valid_before_utc <= ends:
                ends = max(ends, one.certificate.not_valid_after_utc)
        return ends

    def require(self, at: datetime) -> None:
        """Raise :class:`KeyMissingError` where nothing can be signed, :class:`KeyEndsError` where that is near."""
        self.current(at)
        if said := self._ending(at):
            raise KeyEndsError(said)

    def endings(self) -> tuple[Ending, ...]:
        """When each ends, and whether another one is in force then."""
        found = []
        for one in self._all:
            ends = one.certificate.not_valid_after_utc
            found.append(
                Ending(one.key_id, ends, not any(other.holds(ends) for other in self._all if other is not one))
            )
        return tuple(found)

    def faults(self, at: datetime) -> list[Remark]:
        """One sentence for each thing the operator must know about the certificates."""
        try:
            current = self.current(at)
        except KeyMissingError as wrong:
            return [wrong.said] if wrong.said else []
        if said := self._ending(at):
            return [said]
        left = (current.certificate.not_valid_after_utc - at).days
        if left > max(TOLD_AT):
            return []
        after = next(one for one in self._all if one.holds(current.certificate.not_valid_after_utc) and one != current)
        return [
            remark(
                "certificate.one-ends",
                "Certificate {key} ends in {days} days. {next} signs from then on: see that receivers have pinned it.",
                key=current.key_id,
                days=left,
                next=after.key_id,
            )
        ]

    def _ending(self, at: datetime) -> Remark | None:
        left = (self.until(at) - at).days
        if left > max(TOLD_AT):
            return None
        return remark(
            "certificate.ends",
            "The last signing certificate ends in {days} days: restart this program, which makes the next one, "
            "and give that to the receivers.",
            days=left,
        )

    def pinned(self) -> tuple[Pinned, ...]:
        """The certificates as receivers should pin them, for this sender alone."""
        return tuple(Pinned(one.certificate, (self.sender,)) for one in self._all)

    def trust_pem(self) -> str:
        """The file that receivers pin: each certificate with the line that names its sender."""
        return "".join(
            f"# sender: {self.sender}\n{one.certificate.public_bytes(serialization.Encoding.PEM).decode()}"
            for one in self._all
        )

    def _read(self) -> Iterator[Certificate]:
        for path in sorted(self.folder.glob("*.pem")):
            if path.stat().st_mode & 0o077:
                raise KeyMissingError(f"{path} can be read by others; make it yours alone: chmod 600")
            content = path.read_bytes()
            try:
                key = serialization.load_pem_private_key(content, None)
                certificate = x509.load_pem_x509_certificate(content[content.index(b"-----BEGIN CERT") :])
            except ValueError as wrong:
                raise KeyMissingError(f"{path} cannot be read: {wrong}") from None
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise KeyMissingError(f"{path} holds no ECDSA key")
            if f"OU=Tocsin {self.realm}" not in certificate.subject.rfc4514_string():
                raise KeyMissingError(f"{path} belongs to another realm")
            yield Certificate(key, certificate)
