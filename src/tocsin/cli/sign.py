"""``tocsin sign``: put an enveloped signature on a CAP message."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tocsin.cap.signature import sign
from tocsin.clock import SystemClock


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--key", required=True, type=click.Path(path_type=Path, exists=True), help="The private key (PEM).")
@click.option(
    "--certificate", required=True, type=click.Path(path_type=Path, exists=True), help="Its certificate (PEM)."
)
@click.option("--out", type=click.Path(path_type=Path), help="Where to write; standard output otherwise.")
def command(file: Path, key: Path, certificate: Path, out: Path | None) -> None:
    """Sign FILE, a CAP message, with KEY (ECDSA P-256 or RSA).

    Example: tocsin sign alert.xml --key office.key --certificate office.pem --out signed.xml
    """
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        public = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (ValueError, TypeError) as wrong:
        raise click.UsageError(f"the key or the certificate cannot be read: {wrong}") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise click.UsageError("the key must be ECDSA or RSA")
    if private.public_key() != public.public_key():
        raise click.UsageError("the certificate belongs to another key")
    signed = sign(file.read_bytes(), private, public, SystemClock().now())
    if out is None:
        sys.stdout.buffer.write(signed)
    else:
        out.write_bytes(signed)
