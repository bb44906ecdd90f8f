"""A model's folder: ``SHA256SUMS`` names every file with its sum, ``model.toml`` says what the files are.

- A folder is used only when each named file has exactly its sum, and no file lies there that is not named.
- What is checked is what is used: the bytes are read once, and nothing is read from the folder again.
- The sums are in the form of ``sha256sum``, so that anybody can make and check them without this program.
- Names are plain names in this folder: no path leads out of it, and a link is not followed.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tocsin.errors import ModelChangedError, ModelError

SUMS, ABOUT = "SHA256SUMS", "model.toml"
MOST_BYTES = 2_000_000_000
MOST_FILES = 32
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([A-Za-z0-9][A-Za-z0-9._-]{0,99})")

Tokens = Annotated[int, Meta(ge=8, le=512)]


class EmbedderFile(Struct, frozen=True, forbid_unknown_fields=True):
    """An ONNX network that makes a vector of a text. ``pooling`` is ``mean`` over its words, or the ``first`` one."""

    file: str
    vocabulary: str
    lower: bool = False
    most_tokens: Tokens = 128
    pooling: Annotated[str, Meta(pattern="^(mean|first)$")] = "mean"


class TaggerFile(Struct, frozen=True, forbid_unknown_fields=True):
    """An ONNX network that gives each word a label: ``B-CLAIM``, ``I-CLAIM``, ``B-SPEAKER``, ``I-SPEAKER`` or others.

    ``least`` is the probability below which a label is not believed.
    """

    file: str
    vocabulary: str
    labels: Annotated[tuple[str, ...], Meta(min_length=2, max_length=200)]
    lower: bool = False
    most_tokens: Tokens = 256
    least: Annotated[float, Meta(ge=0, le=1)] = 0.5


class About(Struct, frozen=True, forbid_unknown_fields=True):
    """``model.toml``: what the model is called, under which licence it is used, and which of its files are what."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,59}$")]
    licence: str = ""
    embedder: EmbedderFile | None = None
    tagger: TaggerFile | None = None


class Folder(Struct, frozen=True):
    """A folder that holds what its sums say. ``sums`` is the sum of the list itself: one model, one version."""

    path: Path
    about: About
    files: dict[str, bytes]
    sums: str

    @property
    def name(self) -> str:
        """The model's name, with the beginning of the sum that tells its version."""
        return f"{self.about.name} ({self.sums[:12]})"

    def vocabulary(self, name: str) -> tuple[str, ...]:
        """The words of a vocabulary, one a line."""
        try:
            return tuple(self.files[name].decode("utf-8").splitlines())
        except UnicodeDecodeError:
            raise ModelError(f"{self.path / name} is not UTF-8") from None


def verify(path: Path) -> Folder:
    """Read a model's folder; :class:`ModelChangedError` where a file is not what its sum says, is missing or is extra."""
    if not path.is_dir():
        raise ModelError(f"{path} is no folder")
    listed = _read(path / SUMS, 1_000_000)
    named = dict(_named(listed, path))
    here = {one.name for one in path.iterdir()} - {SUMS}
    if extra := sorted(here - named.keys()):
        raise ModelChangedError(f"{path} holds {extra[0]!r}, which {SUMS} does not name")
    if missing := sorted(named.keys() - here):
        raise ModelChangedError(f"{path / missing[0]} is missing")
    files, room = {}, MOST_BYTES
    for name, said in named.items():
        content = files[name] = _read(path / name, room)
        room -= len(content)
        if hashlib.sha256(content).hexdigest() != said:
            raise ModelChangedError(f"{path / name}")
    return Folder(path, _about(path, files), files, hashlib.sha256(listed).hexdigest())


def _named(listed: bytes, path: Path) -> Iterator[tuple[str, str]]:
    lines = listed.decode("utf-8", "replace").splitlines()
    if not 1 < len(lines) <= MOST_FILES:
        raise ModelError(f"{path / SUMS} names {len(lines)} files")
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise ModelError(f"{path / SUMS}, line {number}: not the sum and the plain name of a file")
        yield found[2], found[1]


def _about(path: Path, files: dict[str, bytes]) -> About:
    if ABOUT not in files:
        raise ModelError(f"{path / SUMS} does not name {ABOUT}")
    try:
        about = msgspec.convert(tomllib.loads(files[ABOUT].decode("utf-8")), About)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise ModelError(f"{path / ABOUT}: {wrong}") from None
    if about.embedder is None and about.tagger is None:
        raise ModelError(f"{path / ABOUT} names neither an embedder nor a tagger")
    for part in (about.embedder, about.tagger):
        for name in (part.file, part.vocabulary) if part is not None else ():
            if name not in files:
                raise ModelError(f"{path / ABOUT} names {name!r}, which {SUMS} does not")
    return about


def _read(path: Path, most: int) -> bytes:
    """A plain file's bytes; a link, a pipe or a device is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode):
                raise ModelError(f"{path} is not a plain file")
            if about.st_size > most:
                raise ModelError(f"{path} has {about.st_size:,} bytes, which is too large")
            return file.read()
    except OSError as wrong:
        raise ModelError(f"{path} cannot be read: {wrong.strerror}") from None
