"""Realm keys: one file each, for their owner only, never mixed up."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tocsin.errors import KeyMissingError
from tocsin.store.key import Keys, signed_by


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """The first start makes a key for its owner only; later starts sign with the same one."""
    first, again = Keys(tmp_path / "keys", "actual"), Keys(tmp_path / "keys", "actual")
    assert first.key_id == again.key_id
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
    assert signed_by(again.public_pem, b"alive", first.sign(b"alive"))
    assert not signed_by(again.public_pem, b"alive!", first.sign(b"alive"))


def test_realms_have_different_keys(tmp_path: Path) -> None:
    """What the exercise realm signs does not verify as the real thing, and a copied key is refused."""
    actual, exercise = Keys(tmp_path, "actual"), Keys(tmp_path, "exercise")
    assert actual.key_id != exercise.key_id
    assert not signed_by(actual.public_pem, b"alive", exercise.sign(b"alive"))
    exercise.path.write_bytes(actual.path.read_bytes())
    for realm in ("actual", "exercise"):
        with pytest.raises(KeyMissingError, match="the same key"):
            Keys(tmp_path, realm)


def test_many_first_starts_make_one_key(tmp_path: Path) -> None:
    """Starts at the same moment agree on one key, and leave nothing else behind."""
    with ThreadPoolExecutor(8) as pool:
        made = {keys.key_id for keys in pool.map(lambda _: Keys(tmp_path, "actual"), range(24))}
    assert len(made) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["actual.ed25519.pem"]


def test_a_key_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    """Open to others, damaged, or not to be made: a coded error, and the file stays as it is."""
    keys = Keys(tmp_path, "actual")
    keys.path.chmod(0o644)
    with pytest.raises(KeyMissingError, match="chmod 600"):
        Keys(tmp_path, "actual")
    keys.path.chmod(0o600)
    keys.path.write_text("not a key")
    with pytest.raises(KeyMissingError, match="is not a key"):
        Keys(tmp_path, "actual")
    assert keys.path.read_text() == "not a key"
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyMissingError, match="cannot be"):
        Keys(tmp_path / "file", "actual")
    with pytest.raises(KeyMissingError, match="no realm"):
        Keys(tmp_path, "../actual")
