"""The palette: one file of colours for the public pages and the console."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tocsin.web.public import STATIC, style

SHEETS = sorted(STATIC.rglob("*.css"))
NIGHT = re.compile(r"body\[data-low\]\{[^}]*\}")
"""The app's page that saves the battery: one colour on black, on no other page."""
PLAIN = re.compile(r"#(?:fff|000)[0-9a-f]?|#(?:f{6}|0{6})(?:[0-9a-f]{2})?")
"""White, black and their shadows have no other name."""


def colours(text: str) -> set[str]:
    """Every colour that is written out, but white, black and shadows."""
    found = re.findall(r"(?<![\w-])#[0-9a-fA-F]{3,8}\b(?=[;,} )!])|\b(?:rgb|hsl|oklch)a?\([^)]*\)", text)
    return {one for one in found if not PLAIN.fullmatch(one)}


@pytest.mark.parametrize("sheet", [one for one in SHEETS if one.name != "palette.css"], ids=lambda one: one.name)
def test_no_style_has_a_colour_of_its_own(sheet: Path) -> None:
    """Each colour stands in the palette, by what it is for."""
    assert colours(NIGHT.sub("", sheet.read_text("utf-8"))) == set()


def test_the_palette_is_found_to_have_colours() -> None:
    """What looks for colours finds them where they are."""
    assert len(colours((STATIC / "palette.css").read_text("utf-8"))) > 60


@pytest.mark.parametrize("names", [(), ("app",), ("card",), ("incident",), ("roll",), ("shelters",)])
def test_a_page_is_sent_every_colour_that_it_calls_and_no_other(names: tuple[str, ...]) -> None:
    """What a page does not call is not sent with it; what it calls has a value, there or in the element's own style."""
    sent = style(*names)
    called = set(re.findall(r"var\((--[\w-]+)\)", sent))
    given = set(re.findall(r"(--[\w-]+):", sent))
    assert called <= given
    assert len(sent) < sum(len((STATIC / f"{name}.css").read_text("utf-8")) for name in ("palette", "page", *names))


def test_the_console_calls_no_colour_that_there_is_not() -> None:
    """Every custom property without a second choice is in the palette or set by the console's own styles."""
    sheets = [STATIC / "palette.css", *(STATIC / "console").glob("*.css")]
    text = "".join(sheet.read_text("utf-8") for sheet in sheets)
    assert set(re.findall(r"var\((--[\w-]+)\)", text)) <= set(re.findall(r"(--[\w-]+):", text))
