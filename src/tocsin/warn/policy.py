"""The mirror policy: which official sources are repeated into published alerts without a person, and for where.

- A person decides: without a line here, what a source says waits for one. The file must be signed by this installation's
  key, so a line cannot be slipped in (practice.md section 6: "policy pre-signed").
- News can never be mirrored: only an official source may stand in a line.
- ``selfdrill`` names the channels for whose canaries the self-drill may publish each night, when nobody is awake.
- The realm stands in the file; a policy of the other realm is refused (F1).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from tocsin.errors import PolicyError
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.source import Source


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One source that is mirrored. ``areas`` bounds where it may warn; ``hazards`` which signals (empty: all)."""

    source: str
    areas: tuple[str, ...]
    hazards: tuple[str, ...] = ()


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. ``signed_by`` is the key's id, or empty for a policy with no line."""

    realm: str
    version: int = 1
    mirror: tuple[Line, ...] = ()
    selfdrill: tuple[str, ...] = ()
    signed_by: str = ""

    def line_for(self, source: str) -> Line | None:
        """The line of this source, or None: then a person decides."""
        return next((line for line in self.mirror if line.source == source), None)

    def allows(self, source: str, areas: tuple[str, ...], hazard: str, gazetteer: Gazetteer) -> bool:
        """Whether what ``source`` says about all of ``areas`` may be repeated without a person."""
        line = self.line_for(source)
        if line is None or not areas or (line.hazards and hazard not in line.hazards):
            return False
        return all(
            any(gazetteer.relation(allowed, area) in ("same", "contains") for allowed in line.areas) for area in areas
        )


def load(
    content: bytes,
    signature: bytes | None,
    verify: Callable[[bytes, bytes], bool],
    *,
    realm: str,
    sources: Mapping[str, Source],
    key_id: str,
) -> Policy:
    """The policy in ``content``, if this installation's key signed exactly these bytes.

    Raises :class:`PolicyError` for an unsigned or altered file, another realm, an unknown source or one that is not
    official.
    """
    if signature is None or not verify(content, signature):
        raise PolicyError("its signature is missing or does not fit; sign it with: tocsin policy sign")
    try:
        read = msgspec.convert(tomllib.loads(content.decode("utf-8")), Policy)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as wrong:
        raise PolicyError(str(wrong)) from None
    if read.realm != realm:
        raise PolicyError(f"it is for the realm {read.realm!r}, this installation serves {realm!r}")
    for line in read.mirror:
        source = sources.get(line.source)
        if source is None:
            raise PolicyError(f"it names the source {line.source!r}, which is not configured")
        if not source.official:
            raise PolicyError(f"it mirrors {line.source!r}, which is not an official source")
    return msgspec.structs.replace(read, signed_by=key_id)
