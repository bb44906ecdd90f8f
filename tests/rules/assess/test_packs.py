"""Language packs as words: no language lacks an ability, and dates, stances and actions hold item by item."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from tocsin.assess.date import find_dates
from tocsin.assess.extract import Source, extract, nights
from tocsin.assess.pack import LANGUAGES, guess, pack

GOLD = Path(__file__).parent / "gold"


def _items(name: str) -> list[tuple[str, ...]]:
    data = json.loads((GOLD / name).read_text(encoding="utf-8"))
    return [(language, *item) for language, items in data.items() for item in items]


@pytest.mark.parametrize("language", LANGUAGES)
def test_pack_is_complete(language: str) -> None:
    """Every pack has every kind of cue that English has, so no language lacks a whole ability."""
    english, found = pack("en"), pack(language)
    assert english is not None
    assert found is not None
    assert {
        "abbreviations",
        "articles",
        "prepositions",
        "links",
        "hosts",
        "that",
        "finite",
        "stop",
    } <= found.words.keys()
    import importlib.resources
    import tomllib

    folder = importlib.resources.files("tocsin.assess") / "packs"
    cues = {
        code: set(tomllib.loads((folder / f"{code}.toml").read_text(encoding="utf-8"))["cues"])
        for code in ("en", language)
    }
    assert cues["en"] <= cues[language]


def test_language_without_pack_is_linking_only() -> None:
    """A report in a language without a pack is linked by names and numbers, and no claim is made from it."""
    reading = extract("Az Egyesült Államok kijevi nagykövetsége bezárt. 2024", Source("x", language="hu"))
    assert reading.linking_only
    assert reading.claims == ()
    assert pack("hu") is None


@pytest.mark.parametrize(("language", "text", "reference", "wanted"), _items("dates.json"))
def test_date(language: str, text: str, reference: str, wanted: str) -> None:
    """A news expression of time means the day, night or span that a reader takes it for."""
    read_with = pack(language)
    assert read_with is not None
    taken = read_with.read(text)
    found = find_dates(taken, read_with, read_with.cues.find(taken), date.fromisoformat(reference))
    assert nights(wanted) in [nights(when.value) for when in found]


@pytest.mark.parametrize(("language", "text", "wanted"), _items("stances.json"))
def test_stance(language: str, text: str, wanted: str) -> None:
    """Refusals to comment, denials and corrections are told apart from plain statements."""
    reading = extract(text, Source("x", date(2024, 11, 20), language=language))
    found = {claim.stance for claim in reading.claims if claim.stance in ("declines", "denies", "corrects")} or {"none"}
    assert found == {wanted}


@pytest.mark.parametrize(("language", "text", "wanted"), _items("sentences.json"))
def test_protective_action(language: str, text: str, wanted: list[str]) -> None:
    """Exactly the protective actions and closures that a sentence tells are found in it."""
    reading = extract(text, Source("x", date(2024, 11, 20), language=language))
    assert sorted({one.action for claim in reading.claims for one in claim.protective}) == sorted(wanted)


@pytest.mark.parametrize("language", LANGUAGES)
def test_language_is_recognised(language: str) -> None:
    """The language of a few sentences is recognised without being told."""
    data = json.loads((GOLD / "sentences.json").read_text(encoding="utf-8"))
    text = " ".join(item[0] for item in data[language])
    assert guess(text)[0] == language
