"""Signatures on CAP messages: make one, and say who signed, whether we pinned that signer for this sender, and as of when.

- Enveloped XML-DSig with exclusive canonicalisation, ECDSA P-256 or RSA with SHA-256 and more; the key's id stands in
  ``KeyName``. ``xmlsec1`` verifies what we sign.
- A certificate inside a message proves nothing: anybody can put their own there (a known validator accepts such
  forgeries). Only a signer pinned beforehand for that sender counts, and its dates count as of ``sent``.
- The bytes are verified as they came, and only what the signature covers is believed: one signature, a child of the
  alert, over the whole alert.
- An outcome is a value with a stable code; forged, altered, expired, wrong-sender and unsigned are told apart.

Standard: CAP 1.2 section 3.3.4.1; W3C XML Signature, enveloped.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from lxml import etree
from msgspec import Struct

from tocsin.clock import parse, utc
from tocsin.errors import ImportFileError, KeyMissingError, NaiveTimeError, UnreadableError

if TYPE_CHECKING:
    from signxml.verifier import SignatureConfiguration

DSIG = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Outcome(StrEnum):
    """What verification found; everything but ``valid`` means: do not act on it."""

    VALID = "valid"
    UNSIGNED = "unsigned"
    ALTERED = "altered"
    FORGED = "forged"
    EXPIRED = "expired"
    REVOKED = "revoked"
    WRONG_SENDER = "wrong-sender"
    UNREADABLE = "unreadable"


MEANING = {
    Outcome.VALID: "Signed by a signer we pinned for this sender.",
    Outcome.UNSIGNED: "There is no signature. Anybody could have written this.",
    Outcome.ALTERED: "It was changed after it was signed.",
    Outcome.FORGED: "It is signed by somebody we have not pinned; a certificate inside a message proves nothing.",
    Outcome.EXPIRED: "The signer's certificate was not in force when this says it was sent.",
    Outcome.REVOKED: "The signer's key was revoked before this says it was sent.",
    Outcome.WRONG_SENDER: "The signer is known, but not for this sender.",
    Outcome.UNREADABLE: "This is not a CAP message whose signature could be checked.",
}


class Pinned(Struct, frozen=True):
    """A signer we trust. ``senders`` are the alert.sender values it may sign for; empty means any (a person said so)."""

    certificate: x509.Certificate
    senders: tuple[str, ...] = ()
    revoked: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hexadecimal."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def key_id(self) -> str:
        """SHA-256 of the public key, the first 16 hexadecimal digits."""
        return key_id(self.certificate)

    @property
    def name(self) -> str:
        """The certificate's subject, as people read it."""
        return self.certificate.subject.rfc4514_string()


class Verification(Struct, frozen=True):
    """The answer of ``verify``: who, whether trusted for the sender, and as of when."""

    outcome: Outcome
    sender: str = ""
    identifier: str = ""
    signer: str = ""
    key_id: str = ""
    fingerprint: str = ""
    as_of: datetime | None = None
    detail: str = ""

    @property
    def trusted(self) -> bool:
        """Whether the message may be believed to be its sender's."""
        return self.outcome is Outcome.VALID

    @property
    def sentence(self) -> str:
        """What was found, for a person."""
        return MEANING[self.outcome]


def key_id(certificate: x509.Certificate) -> str:
    """The id of a certificate's key: SHA-256 over its public key, the first 16 hexadecimal digits."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(
        certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return digest.finalize().hex()[:16]


def sign(message: bytes, key: PrivateKey, certificate: x509.Certificate, at: datetime) -> bytes:
    """``message`` (a CAP alert as XML) with an enveloped signature by ``key``.

    Raises :class:`KeyMissingError` when the certificate is not in force at ``at``: failing to sign means failing to
    publish.
    """
    if not certificate.not_valid_before_utc <= utc(at) <= certificate.not_valid_after_utc:
        raise KeyMissingError(f"the certificate of key {key_id(certificate)} is not in force at {utc(at).isoformat()}")
    root = _parse(message)
    if root.find(f"{{{DSIG}}}Signature") is not None:
        raise UnreadableError("it is signed already; a signature is made once, over the final bytes")
    digest = hashlib.sha256(_canonical(root)).digest()
    method = ECDSA_SHA256 if isinstance(key, ec.EllipticCurvePrivateKey) else RSA_SHA256
    signature = etree.fromstring(_blank(certificate, method))
    root.append(signature)
    info, value = signature[0], signature[1]
    info[-1][-1].text = b64encode(digest).decode()
    # What is signed is what stands in the message, under the very prefixes that it has there.
    value.text = b64encode(_signed(key, _canonical(info))).decode()
    result: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return result


def _canonical(element: Any) -> bytes:
    """``element`` in exclusive canonical form, without its comments."""
    form: bytes = etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
    return form


def _signed(key: PrivateKey, content: bytes) -> bytes:
    """The signature over ``content`` as XML-DSig has it: of an elliptic key its two numbers, each of the key's length."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    length = (key.curve.key_size + 7) // 8
    numbers = utils.decode_dss_signature(key.sign(content, ec.ECDSA(hashes.SHA256())))
    return b"".join(number.to_bytes(length, "big") for number in numbers)


@functools.lru_cache(maxsize=8)
def _blank(certificate: x509.Certificate, method: str) -> str:
    """A signature that lacks only its digest and its value; a certificate never changes, so neither does this."""
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    text = pem.removeprefix("-----BEGIN CERTIFICATE-----\n").rstrip("\n").removesuffix("-----END CERTIFICATE-----")
    return (
        f'<ds:Signature xmlns:ds="{DSIG}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
        f'<ds:SignatureMethod Algorithm="{method}"/><ds:Reference URI=""><ds:Transforms>'
        f'<ds:Transform Algorithm="{DSIG}enveloped-signature"/><ds:Transform Algorithm="{EXCLUSIVE}"/></ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{SHA256}"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/>'
        f"<ds:KeyInfo><ds:KeyName>{key_id(certificate)}</ds:KeyName><ds:X509Data>"
        f"<ds:X509Certificate>{text}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"
    )


def verify(message: bytes, trust: Sequence[Pinned]) -> Verification:
    """Who signed ``message``, and whether that counts. Never raises for what a message may be."""
    try:
        root = _parse(message)
    except UnreadableError as wrong:
        return Verification(Outcome.UNREADABLE, detail=wrong.detail)
    if etree.QName(root).localname != "alert":
        return Verification(Outcome.UNREADABLE, detail=f"the root element is {etree.QName(root).localname}")
    sender, identifier, sent = (_text(root, name) for name in ("sender", "identifier", "sent"))
    about: dict[str, Any] = {"sender": sender, "identifier": identifier}
    signatures = root.findall(f"{{{DSIG}}}Signature")
    if not signatures:
        inner = root.find(f".//{{{DSIG}}}Signature") is not None
        return Verification(
            Outcome.UNSIGNED, detail="a signature deeper inside covers nothing" if inner else "", **about
        )
    if len(signatures) > 1 or len(root.findall(f".//{{{DSIG}}}Signature")) > 1:
        return Verification(Outcome.ALTERED, detail="there is more than one signature", **about)
    embedded = _embedded(signatures[0])
    named = _text(signatures[0], "KeyInfo/KeyName", DSIG)
    found = _pinned(root, embedded, named, trust)
    if found is None:
        # Whether the rest is untouched only matters for saying which of the two it is.
        if embedded is not None and _holds(root, embedded) and not any(p.certificate == embedded for p in trust):
            about |= {"signer": embedded.subject.rfc4514_string(), "key_id": key_id(embedded)}
            return Verification(Outcome.FORGED, **about)
        return Verification(Outcome.ALTERED, **about)
    about |= {"signer": found.name, "key_id": found.key_id, "fingerprint": found.fingerprint}
    try:
        as_of = parse(sent)
    except NaiveTimeError as wrong:
        return Verification(Outcome.UNREADABLE, detail=f"sent: {wrong.detail}", **about)
    certificate = found.certificate
    if found.senders and sender not in found.senders:
        return Verification(Outcome.WRONG_SENDER, as_of=as_of, detail=f"pinned for {', '.join(found.senders)}", **about)
    if not certificate.not_valid_before_utc <= as_of <= certificate.not_valid_after_utc:
        window = f"in force from {certificate.not_valid_before_utc.isoformat()} to {certificate.not_valid_after_utc.isoformat()}"
        return Verification(Outcome.EXPIRED, as_of=as_of, detail=window, **about)
    if found.revoked is not None and as_of >= found.revoked:
        return Verification(Outcome.REVOKED, as_of=as_of, detail=f"revoked at {found.revoked.isoformat()}", **about)
    return Verification(Outcome.VALID, as_of=as_of, **about)


_PEM = re.compile(
    r"(?:^#\s*sender:\s*(?P<sender>[^\n]+)\n)?(?P<pem>-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----)",
    re.MULTILINE | re.DOTALL,
)


def trust_from_pem(text: str, senders: Sequence[str] = ()) -> tuple[Pinned, ...]:
    """The signers in a PEM bundle. A line ``# sender: NAME`` before a certificate pins it for that sender.

    A certificate without such a line is pinned for ``senders``, or for any sender where none are given: whoever hands
    the file over vouches for it.
    """
    found = []
    for match in _PEM.finditer(text):
        try:
            certificate = x509.load_pem_x509_certificate(match["pem"].encode())
        except ValueError as wrong:
            raise ImportFileError(f"a certificate cannot be read: {wrong}") from None
        named = tuple(name.strip() for name in match["sender"].split(",")) if match["sender"] else tuple(senders)
        found.append(Pinned(certificate, named))
    if not found:
        raise ImportFileError("there is no certificate in it (PEM, -----BEGIN CERTIFICATE-----)")
    return tuple(found)


def _parse(message: bytes) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(message, parser)
    except (etree.XMLSyntaxError, ValueError) as wrong:
        raise UnreadableError(str(wrong)) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnreadableError("it has a document type definition")
    return root


def _text(element: Any, path: str, namespace: str | None = None) -> str:
    """The text at ``path`` below ``element``, in the element's own namespace unless another is given."""
    space = namespace or etree.QName(element).namespace
    found = element.find("/".join(f"{{{space}}}{step}" if space else step for step in path.split("/")))
    return (found.text or "").strip() if found is not None else ""


def _embedded(signature: Any) -> x509.Certificate | None:
    """The certificate inside the signature: a hint which pinned one to try, never a proof."""
    text = _text(signature, "KeyInfo/X509Data/X509Certificate", DSIG)
    if not text:
        return None
    try:
        return x509.load_pem_x509_certificate(
            f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----".encode()
        )
    except ValueError:
        return None


def _pinned(root: Any, embedded: x509.Certificate | None, named: str, trust: Sequence[Pinned]) -> Pinned | None:
    """The pinned signer whose key made the signature; hinted ones are tried first."""
    for candidate in sorted(trust, key=lambda p: (p.certificate != embedded, p.key_id != named)):
        if _holds(root, candidate.certificate):
            return candidate
    return None


@functools.cache
def _expect() -> SignatureConfiguration:
    """What a signature must be like to be looked at at all."""
    from signxml.algorithms import DigestAlgorithm, SignatureMethod
    from signxml.verifier import SignatureConfiguration

    # No HMAC: with a public certificate as its "secret" anyone could make one. No SHA-1.
    methods = {
        SignatureMethod.ECDSA_SHA256,
        SignatureMethod.ECDSA_SHA384,
        SignatureMethod.ECDSA_SHA512,
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.SHA256_RSA_MGF1,
    }
    return SignatureConfiguration(
        require_x509=True,
        location="./",
        expect_references=1,
        signature_methods=frozenset(methods),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512}),
        ignore_ambiguous_key_info=True,
    )


def _holds(root: Any, certificate: x509.Certificate) -> bool:
    """Whether ``certificate``'s key made the one signature over this whole alert."""
    # A house that publishes signs and seldom verifies: what only verifying needs is loaded when it is needed.
    from signxml.exceptions import InvalidInput, InvalidSignature
    from signxml.verifier import XMLVerifier

    try:
        # The dates are judged by us, as of ``sent``; the library would judge them as of today.
        expect = dataclasses.replace(_expect(), verification_time=certificate.not_valid_before_utc)
        result = XMLVerifier().verify(root, x509_cert=certificate, expect_config=expect)
    except (InvalidSignature, InvalidInput, UnsupportedAlgorithm, ValueError, TypeError, etree.LxmlError):
        return False
    reference = root.find(f"{{{DSIG}}}Signature/{{{DSIG}}}SignedInfo/{{{DSIG}}}Reference")
    covered = not isinstance(result, list) and result.signed_xml is not None and result.signed_xml.tag == root.tag
    return covered and reference is not None and reference.get("URI", None) == ""
