"""The times of a published message, found by name in its text, are those that its elements hold."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as some

from tocsin.warn.line import _texts

_PLAIN = re.compile(r"<(?:[\w.-]+:)?(effective|expires)>\s*([^<\s]+)\s*(?=<)")
_PIECES = (
    *("<effective>", "</effective>", "<expires>", "</expires>", "<cap:effective>", "</cap:effective>", "<x:expires>"),
    *("<", ">", "/", ":", "effective>", "expires>", "2024-11-20T03:00:00+00:00", " ", "\n", "дата", "<a:b:expires>"),
)


@given(some.lists(some.sampled_from(_PIECES), max_size=30).map("".join))
@settings(max_examples=500, deadline=None)
def test_the_same_texts_as_by_looking_at_every_element(cap: str) -> None:
    """Whatever stands around them, well-formed or not, the same texts are found under each name, in their order."""
    everything = _PLAIN.findall(cap)
    for name in ("effective", "expires"):
        assert list(_texts(name, cap)) == [text for kind, text in everything if kind == name]
