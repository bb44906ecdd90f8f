"""Words cut to what a channel carries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.channels.told import PUBLISHED, delivery
from tocsin.cap.length import cb_pages, sms_parts
from tocsin.reach.wording import Wording, Wordings, cut, fit, tell
from tocsin.warn.phrase import LANGUAGES, book

PHASES = ("prepare", "act", "hold", "all-clear", "retracted")


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("realm", ["actual", "exercise"])
def test_every_tier_is_of_the_alerts_own_words(phase: str, language: str, realm: str) -> None:
    """At one, three and five parts the text fits, has the mark of its realm first, and no sentence of its own."""
    one = Wordings(PUBLISHED.get).of(delivery("x", phase, realm=realm)).wording((language,))
    known = (one.headline, one.description, *one.instruction, one.short)
    assert one.short
    for parts in (1, 2, 3, 5):
        text = fit(one, lambda text, parts=parts: sms_parts(text) <= parts)
        assert sms_parts(text) <= parts
        assert text.startswith(book().exercise(language)) == (realm == "exercise")
        assert text.count(book().exercise(language)) == (realm == "exercise")
        left = text.removesuffix("...")
        for piece in sorted(known, key=len, reverse=True):
            left = left.replace(piece, "")
        assert text.endswith("...") or left.strip() == ""
    assert cb_pages(fit(one, lambda text: cb_pages(text) <= 15)) <= 15


def test_short_text_of_the_book() -> None:
    """Where there is room for one part only, the phrase book's short text is taken, with its local time."""
    one = Wordings(PUBLISHED.get).of(delivery("x")).wording(("en",))
    assert "AIR ALERT since 02:30 Kyiv time" in one.short
    assert sms_parts(one.short) == 1


def test_words_without_the_message() -> None:
    """Without its CAP message a bulletin still has its headline and actions, and nothing is made up."""
    whole, bare = (Wordings(cap).of(delivery("x")).wording(("uk",)) for cap in (PUBLISHED.get, lambda name: None))
    assert (bare.headline, bare.instruction) == (whole.headline, whole.instruction)
    assert (bare.description, bare.short, bare.sender) == ("", "", "")


def test_message_that_comes_later() -> None:
    """When the message was not at hand at first, it is asked for again, and its words are taken once it is."""
    here: dict[str, bytes] = {}
    words, one = Wordings(here.get), delivery("x")
    assert words.of(one).alert is None
    here[one.alert] = PUBLISHED[one.alert]
    assert words.of(one).wording(("en",)).short
    assert words.of(one) is words.of(one)


def test_whose_words_are_not_the_books_have_no_short_text() -> None:
    """Another publisher's alert is never put into the book's words."""
    from msgspec.structs import replace

    told = Wordings(PUBLISHED.get).of(delivery("x"))
    assert told.alert is not None
    infos = tuple(replace(info, headline="Gas leak in Podil") for info in told.alert.infos)
    strange = tell(told.bulletin, replace(told.alert, infos=infos))
    assert {one.short for one in strange.wordings} == {""}


def test_language_that_nobody_wrote() -> None:
    """Who reads none of the languages gets the alert's first one; who wants several gets these, in that order."""
    told = Wordings(PUBLISHED.get).of(delivery("x"))
    assert told.wording(("ja",)).language == "en"
    assert told.wording(("de-AT",)).language == "de"
    assert [one.language for one in told.all_for(("fr", "ja", "uk"))] == ["fr", "uk"]
    assert [one.language for one in told.all_for(())] == ["en", "uk", "de", "fr"]


@given(st.text(min_size=1, max_size=200), st.integers(4, 100))
def test_cut_fits(text: str, room: int) -> None:
    """What is cut fits, and begins as the text does."""
    found = cut(text, lambda text: len(text) <= room)
    assert len(found) <= room
    assert found == text or text.startswith(found[:-3].rstrip())


def test_actions_before_description() -> None:
    """With little room the actions stay and the description goes."""
    one = Wording("en", "", "Air alert.", "Blast and falling debris can kill people outside.", ("Go in.", "Stay."))
    assert fit(one, lambda text: len(text) <= 30) == "Air alert. Go in. Stay."
    assert fit(one, lambda text: len(text) <= 20) == "Air alert. Go in."
    assert fit(one, lambda text: len(text) <= 500, "https://x.example") == one.whole("https://x.example")
