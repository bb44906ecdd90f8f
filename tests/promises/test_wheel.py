"""What is installed from the wheel is all there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_carries_its_data(tmp_path: Path) -> None:
    """Every file of the package that is no bytecode is in the wheel: schemas, borders, texts, pages, phrases, the night."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        inside = set(opened.namelist())
    source = ROOT / "src"
    files = {str(path.relative_to(source)) for path in (source / "tocsin").rglob("*") if path.is_file()}
    wanted = {name for name in files if "__pycache__" not in name and not name.endswith(".pyc")}
    assert {"tocsin/py.typed", "tocsin/cap/data/CAP-v1.2.xsd", "tocsin/place/data/world.bin"} <= wanted
    assert sorted(wanted - inside) == []
    assert any(name.endswith("entry_points.txt") for name in inside)
