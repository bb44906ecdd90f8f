"""Languages: tags of real feeds, fall-back, direction, and what a reader asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.place.language import best, chain, direction, language, native, negotiate, tag


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zh-mo", "zh-MO"), ("zh-tw", "zh-TW"), ("sp-US", "es-US"), ("romanian", "ro"), ("de-LS", "de-simple"),
        ("sr-Latn", "sr-Latn"), ("sr-latn-rs", "sr-Latn-RS"), ("DE", "de"), ("en_GB", "en-GB"), ("uk-UA", "uk-UA"),
        ("ukr", "uk"), ("iw", "he"), ("no", "nb"), ("Українська", "uk"), ("en-US.UTF-8", "en-US"), ("", "und"),
        ("x-klingon", "und"), ("12", "und"), ("a", "und"), ("es-419", "es-419"), ("de-CH-1996", "de-CH-1996"),
        (" fr ", "fr"), ("mis", "mis"), ("und", "und"),
    ],
)  # fmt: skip
def test_tags_of_real_feeds(text: str, expected: str) -> None:
    """Each odd tag of real feeds becomes the BCP 47 tag it means, and what means nothing is und (quirk 64)."""
    assert tag(text) == expected


@given(st.text(max_size=30))
def test_tags_are_stable(text: str) -> None:
    """No text makes it fail, and a normal tag stays as it is."""
    assert tag(tag(text)) == tag(text)
    assert direction(text) in ("ltr", "rtl")
    assert chain(text)[-1] == "en" or "en" in chain(text)


def test_chain() -> None:
    """The fall-back goes from the tag to its language and then only to what the caller names."""
    assert chain("sr-Latn-RS") == ("sr-Latn-RS", "sr-Latn", "sr", "en")
    assert chain("en-GB") == ("en-GB", "en")
    assert chain("nonsense!", "uk") == ("uk",)
    assert language("pt-BR") == "pt"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ar", "rtl"), ("he-IL", "rtl"), ("fa", "rtl"), ("ur-PK", "rtl"), ("uk", "ltr"), ("ku-Arab", "rtl"), ("ku", "ltr"),
     ("az-Arab", "rtl"), ("ar-Latn", "ltr"), ("iw", "rtl"), ("", "ltr")],
)  # fmt: skip
def test_direction(text: str, expected: str) -> None:
    """Arabic and Hebrew letters run from right to left, whatever the language."""
    assert direction(text) == expected


OFFERED = ("en", "uk", "de", "fr")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5", "fr"), ("uk-UA,uk;q=0.9,en-US;q=0.8", "uk"), ("", "en"), ("*", "en"),
        ("pl, de;q=0.3", "de"), ("de;q=0, fr;q=0.1", "fr"), ("en;q=0.1, uk;q=0.9", "uk"), ("pl", "en"),
        ("de;q=nan", "en"), ("de;q=x, uk;q=0.2", "uk"), (";;;,,,", "en"), ("DE_at", "de"), ("ua", "uk"),
    ],
)  # fmt: skip
def test_negotiate(header: str, expected: str) -> None:
    """The reader's most wanted language that is offered; the first offered when none is."""
    assert negotiate(header, OFFERED) == expected


@given(st.text(max_size=200))
def test_negotiate_any_header(header: str) -> None:
    """No header makes it fail or invent a language."""
    assert negotiate(header, OFFERED) in OFFERED


def test_best_by_script() -> None:
    """A reader in Hong Kong gets traditional characters; one of Latin Serbian the Serbian there is."""
    assert best(["zh-HK"], ("zh-Hans", "zh-Hant")) == "zh-Hant"
    assert best(["zh-CN"], ("zh-TW", "zh-Hans")) == "zh-Hans"
    assert best(["sr-Latn"], ("sr-Cyrl", "en")) == "sr-Cyrl"
    assert best(["xx"], ("en",)) is None
    assert best(["und"], ("und", "en")) == "und"


def test_native_names() -> None:
    """A language is listed under the name its readers know."""
    assert [native(one) for one in ("en", "uk", "de-AT", "ar")] == ["English", "Українська", "Deutsch", "العربية"]
    assert native("ro") == "Română"
    assert native("qqq") == "qqq"
