"""The house keeps its own rules: the import path, the words, the docstrings."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tocsin

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "tocsin").rglob("*.py"))

# The glossary's "not" column and the names that hide a missing noun (architecture.md, docs/glossary.md).
BANNED_MODULES = {
    "utils",
    "common",
    "helpers",
    "models",
    "manager",
    "service",
    "core",
    "base",
    "misc",
    "util",
    "helper",
}
BANNED_WORDS = re.compile(r"(Notification|Provider|Article|Manager|Helper|Service|Utils?)$")


def test_the_import_rule_holds() -> None:
    """A step imports only what stands before it, and rules touch no wire and no disk."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_has_a_name_that_hides_its_noun() -> None:
    """There is no utils, common, helpers, models, manager, service, core or base."""
    assert [path for path in SOURCES if path.stem in BANNED_MODULES] == []


def test_classes_bear_the_glossary_words() -> None:
    """No class is called by a word that the glossary gives up in favour of another."""
    found = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and BANNED_WORDS.search(node.name)
    ]
    assert found == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_every_module_says_what_it_holds(path: Path) -> None:
    """Someone who reads only the module docstrings in path order understands the product."""
    text = path.read_text("utf-8")
    if path.name == "__init__.py" and not text.strip():
        pytest.fail("an empty package says nothing about itself")
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring is not None
    assert len(docstring.splitlines()[0]) > 20


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_every_public_class_and_function_has_a_docstring(path: Path) -> None:
    """Public names are described in the field's words."""
    tree = ast.parse(path.read_text("utf-8"))
    mute = [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]
    assert mute == []


def test_every_module_can_be_imported_alone() -> None:
    """No module depends on another having been imported before it."""
    for found in pkgutil.walk_packages(tocsin.__path__, "tocsin."):
        importlib.import_module(found.name)
