"""``tocsin verify``: who signed a CAP message, whether that signer is trusted for this sender, and as of when."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from tocsin.cap.signature import Pinned, trust_from_pem, verify
from tocsin.clock import spell


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--trust",
    "trusts",
    multiple=True,
    metavar="[SENDER=]PEM",
    help="Certificates of signers to trust, for SENDER alone when given. A line '# sender: NAME' in the file does the same.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON line a file.")
def command(files: tuple[Path, ...], trusts: tuple[str, ...], as_json: bool) -> None:
    """Say who signed each FILE, and whether that counts. Exit 0 all valid, 1 some not, 2 cannot be read.

    A certificate inside a message proves nothing: without --trust no signature is believed.

    Example: tocsin verify alert.xml --trust office@city.example=office.pem
    """
    pinned: list[Pinned] = []
    for trust in trusts:
        sender, _, path = trust.rpartition("=")
        try:
            pinned += trust_from_pem(Path(path).read_text("ascii"), (sender,) if sender else ())
        except (OSError, UnicodeDecodeError) as wrong:
            raise click.UsageError(f"{path} cannot be read: {wrong}") from None
    worst = 0
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as wrong:
            click.echo(f"{file}: cannot be read: {wrong.strerror}", err=True)
            worst = 2
            continue
        found = verify(content, pinned)
        worst = max(worst, 0 if found.trusted else 2 if found.outcome == "unreadable" else 1)
        if as_json:
            line = {
                "file": str(file),
                "outcome": found.outcome,
                "trusted": found.trusted,
                "sender": found.sender,
                "identifier": found.identifier,
                "signer": found.signer or None,
                "key_id": found.key_id or None,
                "fingerprint": found.fingerprint or None,
                "as_of": spell(found.as_of) if found.as_of else None,
                "message": found.sentence,
                "detail": found.detail,
            }
            click.echo(msgspec.json.encode(line).decode())
        else:
            who = f" Signer: {found.signer}, key {found.key_id}." if found.signer else ""
            when = f" As of {spell(found.as_of)}." if found.as_of else ""
            click.echo(
                f"{file}: {found.outcome}: {found.sentence}{who}{when}{f' ({found.detail})' if found.detail else ''}"
            )
    sys.exit(worst)
