"""A model's folder is used only when it is, byte for byte, what its sums say."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.contracts.models.network import LABELS, embedder, folder, network, tagger, tags
from tocsin.cli.model import command
from tocsin.errors import ModelChangedError, ModelError
from tocsin.models.folder import SUMS, verify
from tocsin.models.onnx import load

TEXT = "The bridge is closed."


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A tagger's folder."""
    return tagger(tmp_path / "model", TEXT, {"bridge": "B-CLAIM"})


def test_a_sound_folder_is_read_and_sha256sum_agrees(place: Path) -> None:
    """The list is that of the common program, so anybody can check it without this one."""
    found = verify(place)
    assert found.about.name == "tiny"
    assert set(found.files) == {"model.toml", "vocab.txt", "tagger.onnx"}
    tool = shutil.which("sha256sum")
    assert tool is not None
    assert subprocess.run([tool, "-c", "--strict", SUMS], cwd=place, capture_output=True).returncode == 0


def test_one_flipped_bit_anywhere_refuses_the_folder(place: Path) -> None:
    """In whichever file: it is not loaded, with a code of its own."""
    for name in ("model.toml", "vocab.txt", "tagger.onnx"):
        content = (place / name).read_bytes()
        (place / name).write_bytes(bytes([content[0] ^ 1]) + content[1:])
        with pytest.raises(ModelChangedError) as told:
            verify(place)
        assert told.value.code == "operator.model-changed"
        assert name in str(told.value)
        (place / name).write_bytes(content)
    verify(place)


def test_a_missing_and_an_extra_file_refuse_the_folder(place: Path) -> None:
    """What nobody named is not there by chance."""
    (place / "weights.bin").write_bytes(b"more")
    with pytest.raises(ModelChangedError, match=r"weights\.bin"):
        verify(place)
    (place / "weights.bin").unlink()
    (place / "vocab.txt").unlink()
    with pytest.raises(ModelChangedError, match=r"vocab\.txt is missing"):
        verify(place)


def test_a_link_out_of_the_folder_is_not_followed(place: Path, tmp_path: Path) -> None:
    """Even where the bytes behind it have the right sum."""
    (place / "vocab.txt").rename(tmp_path / "vocab.txt")
    (place / "vocab.txt").symlink_to(tmp_path / "vocab.txt")
    with pytest.raises(ModelError, match=r"vocab\.txt cannot be read"):
        verify(place)


@pytest.mark.parametrize(
    "line", ["0" * 64 + "  ../vocab.txt", "0" * 64 + "  /etc/passwd", "0" * 63 + "  a", "0" * 64 + "  .hidden", "\x00"]
)
def test_a_list_that_leads_elsewhere_is_refused(place: Path, line: str) -> None:
    """Names in the list are plain names of this folder."""
    with (place / SUMS).open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ModelError, match="line 4"):
        verify(place)


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ('name = "x"', "neither an embedder nor a tagger"),
        ('name = "x"\n[embedder]\nfile = "e.onnx"\nvocabulary = "v.txt"', "which SHA256SUMS does not"),
        ('name = "x"\n[embedder]\nfile = "tagger.onnx"\nvocabulary = "vocab.txt"\nruns = "code.py"', "runs"),
        ('name = "<script>"', "name"),
        ("name = ", "model.toml"),
    ],
)
def test_what_a_folder_says_of_itself_is_checked(tmp_path: Path, about: str, why: str) -> None:
    """A misspelt or unknown word is refused with the word."""
    made = folder(tmp_path, {"model.toml": about, "vocab.txt": "[CLS]", "tagger.onnx": b"x"})
    with pytest.raises(ModelError, match=why):
        verify(made)


@pytest.mark.parametrize("sound", [b"", b"not a network", network([[1.0, 2.0]] * 9, outside="w.bin"),
                                   network([[1.0, 2.0]] * 9, takes="pixels")])  # fmt: skip
def test_what_is_no_network_for_texts_is_refused(tmp_path: Path, sound: bytes) -> None:
    """Also one that wants to read further files, which no sum has checked."""
    (tmp_path / "w.bin").write_bytes(bytes(1000))
    about = 'name = "x"\n[embedder]\nfile = "e.onnx"\nvocabulary = "v.txt"'
    files: dict[str, bytes | str] = {"model.toml": about, "v.txt": "[UNK]\n[CLS]\n[SEP]", "e.onnx": sound}
    with pytest.raises(ModelError) as told:
        load(folder(tmp_path / "m", files))
    assert told.value.code == "operator.model"


def test_the_command_says_what_a_model_does_or_why_it_cannot_be_used(place: Path, tmp_path: Path) -> None:
    """``tocsin model verify``: plain words, and the error that the program prints with its code."""
    told = CliRunner().invoke(command, ["verify", str(place)])
    assert told.exit_code == 0, told.output
    assert "It proposes statements: 5 labels from tagger.onnx." in told.output
    assert "Licence: CC0-1.0." in told.output
    other = CliRunner().invoke(command, ["verify", str(embedder(tmp_path / "e", {"flood": (1.0, 0.0, 0.0)}))])
    assert "vectors of 3 numbers" in other.output
    (place / "tagger.onnx").write_bytes(tags(["a"] * 9, {}))
    changed = CliRunner().invoke(command, ["verify", str(place)])
    assert isinstance(changed.exception, ModelChangedError)


def test_a_tagger_with_other_labels_than_it_says_is_refused(tmp_path: Path) -> None:
    """Found by the command that verifies, before an installation uses it."""
    about = f'name = "x"\n[tagger]\nfile = "t.onnx"\nvocabulary = "v.txt"\nlabels = {list(LABELS)}'
    content = network([[1.0, 2.0]] * 9)
    made = folder(tmp_path, {"model.toml": about, "v.txt": "[UNK]\n[CLS]\n[SEP]", "t.onnx": content})
    told = CliRunner().invoke(command, ["verify", str(made)])
    assert isinstance(told.exception, ModelError)
    assert "5 labels" in str(told.exception)
