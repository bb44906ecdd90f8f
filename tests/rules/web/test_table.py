"""The table of operations is the router and the description."""

from __future__ import annotations

import re

import pytest

from tocsin.web.manual import html
from tocsin.web.openapi import document
from tocsin.web.problem import SENTENCES, STATUS
from tocsin.web.table import TABLE

DESCRIBED = document(TABLE, "1.0")


def test_each_operation_stands_there_once() -> None:
    """No method of a path is there twice, and every operation has a name of its own."""
    keys = [(one.method, one.path) for one in TABLE]
    assert len(keys) == len(set(keys))
    names = [one["operationId"] for methods in DESCRIBED["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("one", TABLE, ids=lambda one: f"{one.method} {one.path}")
def test_each_operation_is_described(one: object) -> None:
    """Path parameters, answers and faults are all there; a fault's code has a status."""
    described = DESCRIBED["paths"][one.path][one.method.lower()]  # type: ignore[attr-defined]
    in_path = {given["name"] for given in described["parameters"] if given["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", one.path))  # type: ignore[attr-defined]
    assert described["summary"].endswith(".")
    assert "429" in described["responses"]
    for code in one.faults:  # type: ignore[attr-defined]
        assert f"`{code}`" in described["responses"][str(STATUS[code])]["description"]
    if one.method != "GET":  # type: ignore[attr-defined]
        # A yes or a stop that bears its own key in its path does the same however often it comes.
        keyed = one.path.startswith(("/v1/confirm/", "/v1/unsubscribe/", "/a/", "/w/"))  # type: ignore[attr-defined]
        assert one.idempotent or one.method in ("DELETE", "PUT") or keyed  # type: ignore[attr-defined]


def test_every_reference_leads_somewhere() -> None:
    """No $ref of the description hangs in the air."""
    names = set(DESCRIBED["components"]["schemas"])
    found = set(re.findall(r"#/components/schemas/([\w.]+)", str(DESCRIBED)))
    assert found <= names
    # Two structs of one name would get the names of their modules, which nobody outside needs to know.
    assert not [name for name in names if "." in name]


def test_the_page_of_it_is_plain() -> None:
    """The page has every path and code, no script, no style, no picture, and nothing from elsewhere."""
    text = html(DESCRIBED, "Office")
    shown = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    for one in TABLE:
        assert f"{one.method} {one.path}" in shown
    for code in SENTENCES:
        assert f'id="{code}"' in text
    for banned in ("<script", "<link", "<img", "style=", "onclick", "http://", "https://"):
        assert banned not in text
