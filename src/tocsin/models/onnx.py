"""A local model: ONNX networks from a verified folder, which order candidates and mark statements without any network.

- The networks are made from the very bytes that were verified; a network that wants further files is refused.
- One thread, and texts one after the other: a model beside an alarm takes what is left and no more.
- Statements are cut at sentences and windows of the network's own length; a report is read up to a bound.

Needs the optional packages of ``tocsin[models]``; without them the error says so.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tocsin.assess.model import Guess
from tocsin.errors import ModelError
from tocsin.models.folder import EmbedderFile, Folder, TaggerFile, verify
from tocsin.models.wordpiece import Piece, Pieces

READ = 20_000
"""Characters of a report that are read for statements."""
REACH = 200
"""So many characters may lie between a statement and the name of its speaker."""
WIDEST = 8_192
_ENDED = re.compile(r"[.!?。]")

Numbers = NDArray[np.float32]


class OnnxModel:
    """A model out of ``folder``; offers what the folder has: vectors, guesses or both."""

    def __init__(self, folder: Folder) -> None:
        self.name = folder.name
        about = folder.about
        self._embedder = Embedder(folder, about.embedder) if about.embedder is not None else None
        self._tagger = Tagger(folder, about.tagger) if about.tagger is not None else None

    def vectors(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [self._embedder.vector(text) for text in texts] if self._embedder is not None else []

    def guesses(self, text: str, language: str) -> Sequence[Guess]:
        return self._tagger.guesses(text) if self._tagger is not None else []


def load(path: Path) -> OnnxModel:
    """The model in a folder; :class:`ModelError`, or its kind that says that a file was changed."""
    return OnnxModel(verify(path))


class Network:
    """One ONNX network with the pieces it was taught with."""

    def __init__(self, folder: Folder, file: str, vocabulary: str, lower: bool, most_tokens: int) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ModelError("it needs the package onnxruntime: pip install 'tocsin[models]'") from None
        self.pieces = Pieces(folder.vocabulary(vocabulary), lower)
        self.room = most_tokens - 2
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                folder.files[file], options, providers=["CPUExecutionProvider"]
            )
        except Exception as wrong:
            # The runtime has no common class for what can be wrong with a network.
            raise ModelError(f"{folder.path / file}: {str(wrong)[:300]}") from None
        self._takes = {one.name for one in self._session.get_inputs()}
        if unknown := self._takes - {"input_ids", "attention_mask", "token_type_ids"}:
            raise ModelError(f"{folder.path / file} asks for {sorted(unknown)[0]!r}, which is not known here")
        self._turn = threading.Lock()

    def run(self, pieces: Sequence[Piece]) -> Numbers:
        """What the network makes of some pieces: a row for each, with those for the beginning and the end; or one row."""
        ids = np.array([[self.pieces.first, *(one.number for one in pieces), self.pieces.last]], dtype=np.int64)
        given = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        with self._turn:
            made: Any = self._session.run(None, {name: one for name, one in given.items() if name in self._takes})
        found = np.asarray(made[0], dtype=np.float32)
        if found.ndim not in (2, 3) or found.shape[0] != 1 or not 0 < found.shape[-1] <= WIDEST:
            raise ModelError(f"the network answers in the shape {found.shape}")
        if found.ndim == 3 and found.shape[1] != ids.shape[1]:
            raise ModelError(f"the network answers {found.shape[1]} rows for {ids.shape[1]} pieces")
        if not np.isfinite(found).all():
            raise ModelError("the network answers with what is no number")
        row: Numbers = found[0]
        return row


class Embedder:
    """Makes a vector of a text."""

    def __init__(self, folder: Folder, about: EmbedderFile) -> None:
        self.about = about
        self._network = Network(folder, about.file, about.vocabulary, about.lower, about.most_tokens)

    def vector(self, text: str) -> tuple[float, ...]:
        made = self._network.run(self._network.pieces.cut(text, self._network.room))
        if made.ndim == 2:
            made = made[0] if self.about.pooling == "first" else made.mean(axis=0)
        return tuple(float(one) for one in made)


class Tagger:
    """Marks statements and who makes them."""

    def __init__(self, folder: Folder, about: TaggerFile) -> None:
        self.about = about
        self._network = Network(folder, about.file, about.vocabulary, about.lower, about.most_tokens)

    def guesses(self, text: str) -> list[Guess]:
        text = text[:READ]
        claims: list[tuple[int, int]] = []
        speakers: list[tuple[int, int]] = []
        for pieces in _windows(self._network.pieces.cut(text, READ), text, self._network.room):
            for kind, start, end in self._marked(pieces):
                (claims if kind == "CLAIM" else speakers).append((start, end))
        return [_guess(text, start, end, speakers) for start, end in claims]

    def _marked(self, pieces: Sequence[Piece]) -> Iterator[tuple[str, int, int]]:
        """The spans that are marked in a window, each with its kind."""
        made = self._network.run(pieces)
        labels = self.about.labels
        if made.ndim != 2 or made.shape[1] != len(labels):
            raise ModelError(f"the tagger answers in the shape {made.shape} for {len(labels)} labels")
        rows = np.exp(made[1:-1] - made[1:-1].max(axis=1, keepdims=True))
        rows /= rows.sum(axis=1, keepdims=True)
        kind, start, end = "", 0, 0
        for piece, row in zip(pieces, rows, strict=True):
            best = int(row.argmax())
            mark, _, of = labels[best].partition("-") if row[best] >= self.about.least else ("O", "", "")
            of = of if of in ("CLAIM", "SPEAKER") and mark in ("B", "I") else ""
            # What goes on within a word goes on with its beginning, whatever the network says of it.
            goes_on = bool(kind) and (not piece.begins or (of == kind and mark == "I"))
            if goes_on:
                end = piece.end
                continue
            if kind:
                yield kind, start, end
            kind, start, end = of, piece.start, piece.end
        if kind:
            yield kind, start, end


def _guess(text: str, start: int, end: int, speakers: Sequence[tuple[int, int]]) -> Guess:
    """A statement with its nearest speaker, if one is named near it."""

    def apart(one: tuple[int, int]) -> int:
        return max(one[0] - end, start - one[1], 0)

    who = min(speakers, key=apart, default=None)
    if who is None or apart(who) > REACH:
        return Guess(start, end, text[start:end])
    return Guess(start, end, text[start:end], text[who[0] : who[1]], *who)


def _windows(pieces: Sequence[Piece], text: str, room: int) -> Iterator[Sequence[Piece]]:
    """The pieces in windows of at most ``room``, which end with a sentence where one ends in their second half."""
    at = 0
    while at < len(pieces):
        to = min(at + room, len(pieces))
        if to < len(pieces):
            later = range(to, at + room // 2, -1)
            to = next((n for n in later if _ENDED.fullmatch(text, pieces[n - 1].start, pieces[n - 1].end)), to)
        yield pieces[at:to]
        at = to
