"""Who signed, whether we pinned that signer for this sender, and as of when."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from tocsin.cap.signature import DSIG, Outcome, Pinned, PrivateKey, key_id, sign, trust_from_pem, verify
from tocsin.errors import ImportFileError, KeyMissingError, UnreadableError

AT = datetime(2024, 11, 20, 1, 5, tzinfo=UTC)
MESSAGE = b"""<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>a.1</identifier><sender>office@city.example</sender><sent>2024-11-20T03:05:00+02:00</sent>
  <status>Exercise</status><msgType>Alert</msgType><scope>Public</scope>
</alert>"""


def signer(
    name: str,
    start: datetime = datetime(2024, 1, 1, tzinfo=UTC),
    days: int = 366,
    kind: str = "ec",
    curve: ec.EllipticCurve | None = None,
) -> tuple[PrivateKey, x509.Certificate]:
    curve = curve or ec.SECP256R1()
    key: PrivateKey = ec.generate_private_key(curve) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_pinned_signer_is_believed_for_its_sender(kind: str) -> None:
    """A message signed by a signer pinned for its sender is valid, as of when it was sent."""
    key, certificate = signer("office", kind=kind)
    found = verify(sign(MESSAGE, key, certificate, AT), [Pinned(certificate, ("office@city.example",))])
    assert (found.outcome, found.as_of, found.identifier) == (Outcome.VALID, AT, "a.1")
    assert found.signer == "CN=office"


def test_unsigned_is_told_apart() -> None:
    """A message without a signature is unsigned, and not merely invalid."""
    assert verify(MESSAGE, [Pinned(signer("office")[1])]).outcome is Outcome.UNSIGNED


@pytest.mark.parametrize(
    ("old", "new"), [(b"a.1", b"a.2"), (b"Exercise", b"Actual"), (b"03:05", b"03:06"), (b"  <status", b" <status")]
)
def test_one_changed_byte_is_altered(old: bytes, new: bytes) -> None:
    """Whatever is changed after signing, down to a blank, shows as altered."""
    key, certificate = signer("office")
    signed = sign(MESSAGE, key, certificate, AT)
    assert verify(signed.replace(old, new, 1), [Pinned(certificate)]).outcome is Outcome.ALTERED


def test_a_certificate_inside_the_message_proves_nothing() -> None:
    """An attacker's own certificate inside a well-signed message is a forgery, with or without somebody pinned."""
    key, certificate = signer("office")
    _, genuine = signer("office")
    signed = sign(MESSAGE, key, certificate, AT)
    assert verify(signed, [Pinned(genuine, ("office@city.example",))]).outcome is Outcome.FORGED
    assert verify(signed, []).outcome is Outcome.FORGED


def test_a_genuine_certificate_beside_a_foreign_signature_is_not_believed() -> None:
    """Putting the genuine certificate into a message signed with another key does not help the forger."""
    key, own = signer("attacker")
    _, genuine = signer("office")
    pem = lambda c: c.public_bytes(serialization.Encoding.PEM).decode().split("-----")[2].strip()  # noqa: E731 (one use)
    signed = sign(MESSAGE, key, own, AT).decode().replace(pem(own), pem(genuine)).encode()
    assert verify(signed, [Pinned(genuine)]).outcome is Outcome.ALTERED


def test_a_signer_of_another_sender_is_a_wrong_sender() -> None:
    """A trusted neighbour cannot speak in our name."""
    key, certificate = signer("neighbour")
    found = verify(sign(MESSAGE, key, certificate, AT), [Pinned(certificate, ("neighbour@city.example",))])
    assert found.outcome is Outcome.WRONG_SENDER


def test_dates_count_as_of_sending() -> None:
    """A certificate that ended before the message was sent is expired; one that ended since then is not."""
    key, certificate = signer("office", days=400)
    ended_since = verify(sign(MESSAGE, key, certificate, AT), [Pinned(certificate)])
    assert ended_since.outcome is Outcome.VALID
    key, certificate = signer("office", days=100)
    signed = sign(MESSAGE, key, certificate, datetime(2024, 2, 1, tzinfo=UTC))
    assert verify(signed, [Pinned(certificate)]).outcome is Outcome.EXPIRED


def test_a_revoked_key_counts_until_it_was_revoked() -> None:
    """What was sent before the revocation stays valid, what was sent after it does not."""
    key, certificate = signer("office")
    signed = sign(MESSAGE, key, certificate, AT)
    assert verify(signed, [Pinned(certificate, (), AT + timedelta(hours=1))]).outcome is Outcome.VALID
    assert verify(signed, [Pinned(certificate, (), AT)]).outcome is Outcome.REVOKED


def test_a_signature_that_covers_only_a_part_is_not_believed() -> None:
    """A genuine signed alert wrapped in a false one does not lend it its signature."""
    key, certificate = signer("office")
    signed = sign(MESSAGE, key, certificate, AT).decode()
    inner = signed.split("?>", 1)[1].strip()
    wrapped = MESSAGE.decode().replace("</alert>", f"<info><parameter>{inner}</parameter></info></alert>").encode()
    assert verify(wrapped, [Pinned(certificate)]).outcome is Outcome.UNSIGNED
    moved = MESSAGE.decode().replace("a.1", "a.9").replace("</alert>", inner[inner.index("<ds:Signature") :])
    assert verify(moved.encode(), [Pinned(certificate)]).outcome is Outcome.ALTERED
    second = signed.replace("</alert>", inner[inner.index("<ds:Signature") : inner.index("</alert>")] + "</alert>")
    assert verify(second.encode(), [Pinned(certificate)]).outcome is Outcome.ALTERED


@pytest.mark.parametrize(
    "junk", [b"", b"<", b"not xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><alert>&b;</alert>", b"<html/>", bytes(range(256))]
)
def test_junk_is_unreadable_and_raises_nothing(junk: bytes) -> None:
    """What is no CAP message is an outcome, not an exception."""
    assert verify(junk, []).outcome is Outcome.UNREADABLE


def test_a_key_whose_time_is_over_does_not_sign() -> None:
    """Failing to sign means failing to publish; a message is signed once."""
    key, certificate = signer("office", days=100)
    with pytest.raises(KeyMissingError):
        sign(MESSAGE, key, certificate, AT)
    key, certificate = signer("office")
    with pytest.raises(UnreadableError):
        sign(sign(MESSAGE, key, certificate, AT), key, certificate, AT)


def test_a_trust_file_pins_by_sender() -> None:
    """A comment line before a certificate pins it for that sender; without one the caller's senders hold."""
    first, second = signer("a")[1], signer("b")[1]
    pem = [c.public_bytes(serialization.Encoding.PEM).decode() for c in (first, second)]
    found = trust_from_pem(f"# sender: a@x.example, c@x.example\n{pem[0]}{pem[1]}", ("b@x.example",))
    assert [p.senders for p in found] == [("a@x.example", "c@x.example"), ("b@x.example",)]
    with pytest.raises(ImportFileError):
        trust_from_pem("nothing here")


def test_xmlsec1_verifies_what_we_sign(tmp_path: Path) -> None:
    """Debian's xmlsec1 accepts our signature and refuses the altered message."""
    key, certificate = signer("office", start=datetime.now(UTC) - timedelta(days=1))
    (tmp_path / "office.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    signed = sign(MESSAGE, key, certificate, datetime.now(UTC))
    for content, code in ((signed, 0), (signed.replace(b"a.1", b"a.2"), 1)):
        (tmp_path / "alert.xml").write_bytes(content)
        done = subprocess.run(
            ["xmlsec1", "--verify", "--pubkey-cert-pem", str(tmp_path / "office.pem"), str(tmp_path / "alert.xml")],
            capture_output=True,
            check=False,
        )
        assert (done.returncode != 0) == bool(code), done.stderr


@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        MESSAGE.replace(b"a.1", "Прямуйте в укриття &amp; залишайтеся &#13; там".encode()),
        MESSAGE.replace(b"  <status>", b"<!-- said --><?keep it?><note><![CDATA[1 < 2]]></note><status>"),
        MESSAGE.replace(b"<alert xmlns=", b"<?first?><c:alert xmlns:c=").replace(b"</alert>", b"</c:alert>"),
        MESSAGE.replace(b"<alert ", b'<alert xmlns:a="urn:a" xmlns:ds="urn:not-a-signature" '),
    ],
    ids=["plain", "letters", "comments", "prefixed", "other-names"],
)
def test_we_write_the_very_bytes_that_signxml_writes(message: bytes) -> None:
    key, certificate = signer("Office", kind="rsa")
    method, digest = SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA256
    exclusive = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
    theirs = XMLSigner(signature_algorithm=method, digest_algorithm=digest, c14n_algorithm=exclusive).sign(
        etree.fromstring(message), key=key, cert=[certificate], key_name=key_id(certificate)
    )
    assert sign(message, key, certificate, AT) == etree.tostring(theirs, xml_declaration=True, encoding="UTF-8")


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
@pytest.mark.parametrize("prefix", ["ds", "x"])
def test_any_curve_and_any_prefix_holds(curve: ec.EllipticCurve, prefix: str) -> None:
    key, certificate = signer("Office", curve=curve)
    message = MESSAGE.replace(b"<alert ", f'<alert xmlns:{prefix}="{DSIG}" '.encode())
    signed = sign(message, key, certificate, AT)
    assert verify(signed, [Pinned(certificate)]).outcome is Outcome.VALID
    assert verify(signed.replace(b"a.1", b"a.2"), [Pinned(certificate)]).outcome is Outcome.ALTERED
