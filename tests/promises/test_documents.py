"""What the documents say is what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import tocsin

ROOT = Path(__file__).parents[2]


def test_every_setting_error_command_and_path_is_documented() -> None:
    """The reference pages are those that ``make docs`` would write now (in a process of its own, as it does)."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.docs", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr} run: make docs"


def test_the_version_is_one() -> None:
    """The package, its metadata and the changelog speak of the same version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == tocsin.__version__


def test_every_dependency_has_its_line() -> None:
    """Each package we depend on is argued for in the decisions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    argued = (ROOT / "docs" / "decisions" / "0008-dependencies.md").read_text("utf-8")
    names = [re.split(r"[<>=\[]", line)[0] for line in project["dependencies"]]
    assert [name for name in names if name not in argued] == []


def test_locks_have_hashes_and_name_no_host() -> None:
    """What is installed is pinned by hash and comes from wherever the operator's pip is set to."""
    locks = [*ROOT.glob("requirements/*.lock"), *ROOT.glob("src/tocsin/bench/*.lock")]
    assert locks
    for lock in locks:
        text = lock.read_text("utf-8")
        assert text.count("==") <= text.count("--hash=sha256:")
        assert "://" not in text


def test_decisions_fit_on_a_page() -> None:
    """A decision is at most a page: who needs more has not decided."""
    for decision in (ROOT / "docs" / "decisions").glob("*.md"):
        assert len(decision.read_text("utf-8").splitlines()) <= 70, decision.name


def test_every_link_in_the_documents_leads_somewhere() -> None:
    """No relative link in README or docs is dead."""
    dead = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if not (page.parent / target).exists():
                dead.append(f"{page.relative_to(ROOT)}: {target}")
    assert dead == []
