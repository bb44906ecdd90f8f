"""A tiny network in ONNX's own bytes, and the folder of a model around it; written by hand, so nothing is downloaded."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from pathlib import Path

LABELS = ("O", "B-CLAIM", "I-CLAIM", "B-SPEAKER", "I-SPEAKER")
FLOAT, INT64 = 1, 7


def varint(number: int) -> bytes:
    made = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        made.append(low | (0x80 if number else 0))
        if not number:
            return bytes(made)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def part(field: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def _port(name: str, kind: int, dims: Sequence[int | str]) -> bytes:
    shape = b"".join(part(1, part(2, one) if isinstance(one, str) else number(1, one)) for one in dims)
    return part(1, name) + part(2, part(1, number(1, kind) + part(2, shape)))


def network(rows: Sequence[Sequence[float]], *, outside: str = "", takes: str = "input_ids") -> bytes:
    """A network with one row of numbers for each word: what it answers for a text are the rows of its words.

    ``outside`` is a file in which the rows are said to lie instead.
    """
    size = len(rows[0])
    table = number(1, len(rows)) + number(1, size) + number(2, FLOAT) + part(8, "table")
    if outside:
        table += part(13, part(1, "location") + part(2, outside)) + number(14, 1)
    else:
        table += part(9, b"".join(struct.pack(f"<{size}f", *row) for row in rows))
    node = part(1, "table") + part(1, takes) + part(2, "rows") + part(4, "Gather")
    graph = part(1, node) + part(2, "tiny") + part(5, table)
    graph += part(11, _port(takes, INT64, ("batch", "words"))) + part(
        12, _port("rows", FLOAT, ("batch", "words", size))
    )
    return number(1, 8) + part(8, number(2, 13)) + part(7, graph)


def tags(words: Sequence[str], marked: dict[str, str]) -> bytes:
    """A tagger that gives each word the label that ``marked`` says, and ``O`` to every other."""
    return network([[8.0 if label == marked.get(word, "O") else 0.0 for label in LABELS] for word in words])


def meanings(words: Sequence[str], about: dict[str, Sequence[float]], size: int) -> bytes:
    """An embedder by which each word means what ``about`` says, and every other next to nothing."""
    return network([about.get(word, [0.001] * size) for word in words])


def folder(path: Path, files: dict[str, bytes | str]) -> Path:
    """The folder of a model with its sums."""
    path.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, content in sorted(files.items()):
        made = content.encode() if isinstance(content, str) else content
        (path / name).write_bytes(made)
        lines.append(f"{hashlib.sha256(made).hexdigest()}  {name}\n")
    (path / "SHA256SUMS").write_text("".join(lines))
    return path


def vocabulary(text: str) -> list[str]:
    """The words of a text after the four that every vocabulary has."""
    signs = "".join(sign if sign.isalnum() else f" {sign} " for sign in text)
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *dict.fromkeys(signs.split())]


def tagger(path: Path, text: str, marked: dict[str, str], *, most_tokens: int = 256) -> Path:
    """The folder of a tagger that knows the words of ``text``."""
    words = vocabulary(text)
    about = 'name = "tiny"\nlicence = "CC0-1.0"\n[tagger]\nfile = "tagger.onnx"\nvocabulary = "vocab.txt"\n'
    about += f"labels = {list(LABELS)}\nmost_tokens = {most_tokens}\n"
    return folder(path, {"model.toml": about, "vocab.txt": "\n".join(words), "tagger.onnx": tags(words, marked)})


def embedder(path: Path, about: dict[str, Sequence[float]]) -> Path:
    """The folder of an embedder by which words mean what ``about`` says."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *about]
    said = 'name = "tiny"\n[embedder]\nfile = "embedder.onnx"\nvocabulary = "vocab.txt"\nlower = true\n'
    content = meanings(words, about, len(next(iter(about.values()))))
    return folder(path, {"model.toml": said, "vocab.txt": "\n".join(words), "embedder.onnx": content})
