"""Importing: what a file of somebody else's was understood to say, what taking it in would change, and who takes it in.

- First everything is read, then it is said what was understood, what not and why, row by row with codes; only then is
  anything changed, and a dry run ends before that.
- Reading is pure: bytes and a mapping in, :class:`Understood` out. What is there already is asked by :meth:`Importer.change`.
- Importing again updates and keeps identity. What is not in the file any more is named as gone, never silently deleted;
  when more than a part would go, nothing is changed without force: half a file must not close half a city's shelters.
- A file is data and never an instruction: nothing in it is evaluated, and a cell that begins a formula is text.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from tocsin.clock import Clock
from tocsin.errors import ImportFileError
from tocsin.place.gazetteer import Gazetteer
from tocsin.remark import Remark, remark
from tocsin.settings import Settings

MOST_BYTES = 100_000_000
"""The largest file that is taken, packed or not."""
GONE_PART = 0.2
"""The part of what is there that may be missing from a file before force is needed."""

Mapped = Mapping[str, Any]
"""A mapping file as read: its tables and values. What stands in it is each importer's own affair."""


class Fault(Struct, frozen=True):
    """What was not understood of one row, counted from 1 (0 is the file as a whole): a stable code and a plain sentence.

    ``left_out``: the row is not taken; otherwise only this part of it is not.
    """

    row: int
    code: str
    message: Remark | str
    left_out: bool = False


class Understood(Struct, frozen=True):
    """What a file says. ``form`` is how it is written; ``lines`` say in plain words what was understood and how.

    ``counts`` are by word (``rows``, ``taken``, ``left_out``, ...); ``found`` is what the importer itself takes in.
    """

    form: str
    lines: tuple[Remark | str, ...]
    counts: Mapping[str, int]
    faults: tuple[Fault, ...]
    found: Any = None

    def faults_by_code(self) -> dict[str, int]:
        """How many rows have each fault, the most frequent first."""
        return dict(Counter(fault.code for fault in self.faults).most_common())


class Change(Struct, frozen=True):
    """What taking a file in changes, or would change: counts, and plain lines about it.

    ``gone``: what is there and not in the file. ``refused``: why it is not done without force; empty where it is done.
    """

    new: int = 0
    changed: int = 0
    same: int = 0
    gone: int = 0
    lines: tuple[Remark | str, ...] = ()
    refused: Remark | str = ""


class Installation(Protocol):
    """What an importer may use of an installation that is open: :class:`tocsin.app.Program` is one."""

    settings: Settings
    data: Path
    clock: Clock
    gazetteer: Gazetteer
    store: Any
    house: Any


class Importer(Protocol):
    """Takes in files of one kind. It is registered by its name in :data:`tocsin.imports.IMPORTERS`."""

    name: str
    """The word after ``tocsin import``."""

    def read(self, content: bytes, mapping: Mapped) -> Understood:
        """What ``content`` says; :class:`ImportFileError` where nothing of it can be understood. Changes nothing."""
        ...

    def change(self, there: Installation, understood: Understood) -> Change:
        """What :meth:`apply` would change. Changes nothing."""
        ...

    def apply(self, there: Installation, understood: Understood, *, force: bool = False) -> Change:
        """Take it in, durably when this returns: journal facts with digest and counts, and rows, in one commit.

        Where :attr:`Change.refused` is said and not forced, nothing is changed. Called twice with the same it changes
        nothing the second time.
        """
        ...


def mapping_of(content: bytes) -> Mapped:
    """A mapping file, TOML or JSON; :class:`ImportFileError` with the place of the fault."""
    text = content.decode("utf-8-sig", "replace")
    try:
        found = msgspec.json.decode(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (msgspec.DecodeError, tomllib.TOMLDecodeError) as wrong:
        raise ImportFileError(
            remark("import.file.mapping-text", "the mapping file is neither TOML nor JSON: {wrong}", wrong=str(wrong))
        ) from None
    if not isinstance(found, dict):
        raise ImportFileError(remark("import.file.mapping-table", "the mapping file must be a table of names"))
    return found


def too_many_gone(gone: int, there: int, *, what: Remark) -> Remark | str:
    """Why an import in which ``gone`` of ``there`` are missing is not taken without force; empty where it is."""
    # One of three is a third, and yet nobody means "half a file" by it.
    if gone <= 3 or gone <= there * GONE_PART:
        return ""
    return remark(
        "import.many-gone",
        "{gone} of {there} {what} are not in this file; if that is meant, import it with --force",
        gone=gone,
        there=there,
        what=what,
    )
