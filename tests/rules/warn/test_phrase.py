"""The phrase book: reviewed letter by letter, whole for each hazard, the same in every language, and never harmful."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.cap.check import check
from tocsin.cap.lint import BLOCKING, asks, lint
from tocsin.cap.vocabulary import vocabulary
from tocsin.cap.xml import write
from tocsin.errors import IllegalStepError, SettingsError
from tocsin.journal import ACTUAL, EXERCISE
from tocsin.place.gazetteer import Gazetteer
from tocsin.place.language import direction
from tocsin.warn.compile import UNSENT, Issuer, Kit, compile_content
from tocsin.warn.draft import Content, Where
from tocsin.warn.hazard import hazard, hazards
from tocsin.warn.phrase import DRAFTED, LANGUAGES, PHASES, PhraseBook, Review, book, read_reviews, write_reviews
from tocsin.warn.tier import tiers

AT = datetime(2024, 11, 20, 6, 30, tzinfo=UTC)
KIT = Kit(Gazetteer.world(), book(), Issuer("kyiv@embassy.example", "Embassy in Kyiv", ACTUAL, LANGUAGES))
CASES = [(name, phase) for name in hazards() for phase in book().phases(name) if phase != "retracted"]


def raw(language: str) -> dict[str, Any]:
    """The words of a language as they are written down."""
    folder = resources.files("tocsin.warn") / "data"
    return tomllib.loads((folder / f"phrases.{language}.toml").read_text("utf-8"))


def content(name: str, phase: str, **changes: Any) -> Content:
    """What an author would write for this hazard and phase."""
    return Content(
        phase=phase,
        hazard=name,
        where=Where(codes=("UA-30",)),
        owner="dan",
        starts=AT,
        ends=AT + timedelta(hours=15),
        next_update_by=AT + timedelta(hours=4),
        event_id="e",
        **changes,
    )


def test_every_wording_of_the_shipped_languages_is_reviewed() -> None:
    """A letter that was changed and not read again fails here: run the review and say who read it."""
    unread = [
        (tag, name, phase, book().state(name, phase, tag))
        for tag in LANGUAGES
        for name in hazards()
        for phase in book().phases(name)
        if book().state(name, phase, tag) != "reviewed"
    ]
    assert unread == []


def test_every_language_has_the_same_hazards_phases_and_parts() -> None:
    """What one language can say, each can: phases, the part for staff, and as many lines of advice."""

    def skeleton(language: str) -> dict[str, Any]:
        return {
            f"{name}.{phase}": (
                sorted(text),
                len(text["instruction"]),
                len(text.get("staff", {}).get("instruction", ())),
            )
            for name, entry in raw(language).items()
            if name != "_"
            for phase, text in entry.items()
            if phase != "event"
        }

    first = skeleton("en")
    for tag in LANGUAGES[1:]:
        assert skeleton(tag) == first, tag
    assert set(hazards()) == {name for name in raw("en") if name != "_"}


@pytest.mark.parametrize("name", sorted(hazards()))
def test_whoever_can_warn_can_also_hold_end_and_take_back(name: str) -> None:
    """A hazard with an act has its own hold, all-clear and retraction; none is without an end and a retraction."""
    phases = book().phases(name)
    assert {"all-clear", "retracted"} <= {*phases}
    if "act" in phases:
        assert "hold" in phases
        assert hazard(name).act
    assert list(phases) == [phase for phase in PHASES if phase in phases]


def test_a_retraction_names_what_there_is_not() -> None:
    """Each hazard's retraction is its own: nobody is told that there is no air attack after a flood warning."""
    for tag in LANGUAGES:
        words = raw(tag)
        said = [words[name]["retracted"]["description"] for name in hazards()]
        assert len(set(said)) == len(said), tag


@pytest.mark.parametrize(("name", "phase"), CASES)
@pytest.mark.parametrize("audience", ["everyone", "staff"])
@pytest.mark.parametrize("realm", [ACTUAL, EXERCISE])
def test_no_wording_breaks_a_blocking_rule(name: str, phase: str, audience: str, realm: str) -> None:
    """Every wording, as alert and as retraction, is valid CAP and has none of L7, L11 to L14 and L16."""
    kit = KIT._replace(issuer=Issuer("kyiv@embassy.example", "Embassy in Kyiv", realm, LANGUAGES))
    made = compile_content(content(name, phase, audience=audience, facility="closed"), kit)
    assert made.retraction is not None
    for alert in (made.alert, made.retraction):
        found = [f"{one.code} {one.path} {one.message}" for one in lint(alert) if one.code in BLOCKING | {"L14", "L15"}]
        assert found == []
    from msgspec.structs import replace

    assert check(write(replace(made.alert, sent=UNSENT))).fit


@pytest.mark.parametrize(("name", "phase"), CASES)
def test_no_wording_asks_for_what_harms_in_its_hazard(name: str, phase: str) -> None:
    """What the hazard's own row forbids is asked for in no language."""
    if phase == "all-clear":
        return  # "open the windows" is right when it is over
    for info in compile_content(content(name, phase), KIT).alert.infos:
        words = vocabulary(info.language)
        assert words is not None
        said = f"{info.headline}\n{info.description}\n{info.instruction}"
        asked = {
            action for action in hazard(name).forbidden if action in words.actions and asks(words.actions[action], said)
        }
        assert asked == set(), info.language


@pytest.mark.parametrize(("name", "phase"), [*CASES, *((name, "retracted") for name in hazards())])
def test_texts_keep_to_their_tiers(name: str, phase: str) -> None:
    """90 and 360 letters in Latin, 70 and 280 in Cyrillic, with the source's own long name in them."""
    made = compile_content(
        content(
            name,
            "act"
            if phase == "retracted" and "act" in book().phases(name)
            else "prepare"
            if phase == "retracted"
            else phase,
        ),
        KIT,
    )
    alert = made.retraction if phase == "retracted" else made.alert
    assert alert is not None
    for info in alert.infos:
        for tier in tiers(info):
            assert tier.fits, (info.language, tier.name, tier.letters, tier.text)
        short, middle, full = tiers(info)
        assert short.limit == (70 if info.language == "uk" else 90)
        assert middle.text.startswith(info.headline)
        assert info.instruction.split("\n")[0] in middle.text
        assert full.cb_pages <= 15


def test_a_changed_letter_is_unreviewed_and_leaves_nowhere() -> None:
    """ "yn Vogel" for "ddiogel" (F7): the language with the changed letter is left out, and alone it stops everything."""
    words = {tag: raw(tag) for tag in LANGUAGES}
    words["de"]["air"]["act"]["headline"] = words["de"]["air"]["act"]["headline"].replace("Luft", "Lufd")
    reviews = read_reviews((resources.files("tocsin.warn") / "data" / "reviewed.toml").read_bytes())
    changed = PhraseBook(words, reviews)
    assert changed.state("air", "act", "de") == "changed"
    assert changed.state("air", "act", "en") == "reviewed"
    made = compile_content(content("air", "act"), KIT._replace(phrases=changed))
    assert [info.language for info in made.alert.infos] == ["en", "uk", "fr"]
    alone = KIT._replace(phrases=changed, issuer=Issuer("a@b.example", "X", ACTUAL, ("de",)))
    with pytest.raises(IllegalStepError, match="nobody has reviewed"):
        compile_content(content("air", "act"), alone)


def test_one_letter_anywhere_changes_the_fingerprint() -> None:
    """Headline, description, each line of advice, the short text, the staff part and the event count."""
    base = raw("en")
    first = PhraseBook({"en": base}).fingerprint("air.prepare", "en")
    for key in ("headline", "description", "short"):
        words = raw("en")
        words["air"]["prepare"][key] += "."
        assert PhraseBook({"en": words}).fingerprint("air.prepare", "en") != first
    words = raw("en")
    words["air"]["prepare"]["staff"]["instruction"][0] += "!"
    assert PhraseBook({"en": words}).fingerprint("air.prepare", "en") != first
    words = raw("en")
    words["air"]["event"] = "Air Alert"
    assert PhraseBook({"en": words}).fingerprint("air.prepare", "en") != first


def test_drafted_languages_wait_for_a_reader() -> None:
    """Arabic and Hebrew have words for air and security, run from right to left, and enter no alert."""
    for tag in DRAFTED:
        assert direction(tag) == "rtl"
        for name in ("air", "security"):
            for phase in PHASES:
                assert book().state(name, phase, tag) == "draft"
                assert not book().usable(name, phase, tag)
                assert book().phrase(name, phase, tag, place="x", time="1", until="2", sender="y").headline
    kit = KIT._replace(issuer=Issuer("a@b.example", "X", ACTUAL, ("en", "ar")))
    assert [info.language for info in compile_content(content("air", "act"), kit).alert.infos] == ["en"]


def test_a_review_makes_a_wording_usable_and_can_be_written_down() -> None:
    """Who has read it is recorded with the hash; the file says the same when it is read again."""
    words = {"ar": raw("ar")}
    unread = PhraseBook(words, {})
    assert not unread.usable("air", "act", "ar")
    done = {"ar": unread.reviewing("ar", "a reader", "2026-01-01")}
    again = read_reviews(write_reviews(done).encode())
    assert again == done
    assert PhraseBook(words, again).usable("air", "act", "ar")
    only = {"ar": {**unread.reviewing("ar", "x", "2026-01-01", ("air.act", "_"))}}
    assert not PhraseBook(words, only).usable("air", "act", "ar"), "its retraction is not reviewed"
    with pytest.raises(SettingsError):
        read_reviews(b'[ar]\n"air.act" = 3')
    assert isinstance(again["ar"]["_"], Review)


def test_staff_are_told_the_same_threat_and_something_else_to_do() -> None:
    """The staff part changes the headline and the advice and never the description."""
    for tag in LANGUAGES:
        slots = {"place": "x", "time": "1", "until": "2", "sender": "y"}
        for name, phase in (("air", "prepare"), ("security", "act")):
            public = book().phrase(name, phase, tag, **slots)
            staff = book().phrase(name, phase, tag, "staff", **slots)
            assert staff.description == public.description
            assert staff.instruction != public.instruction


ASKS = {
    "ventilation-off": "Turn off the ventilation.",
    "open-windows": "Open the windows.",
    "basement": "Go to the basement.",
    "go-outside": "Go outside.",
    "shelter-now": "Take shelter now.",
    "evacuate": "Evacuate now.",
    "elevator": "Use the lift.",
    "boil-water": "Boil the water.",
    "windows-near": "Stand near the window.",
    "coast": "Go to the beach.",
    "under-tree": "Stand under a tree.",
}


@given(st.sampled_from(sorted(hazards())), st.sampled_from(sorted(ASKS)))
def test_an_action_that_harms_is_stopped_and_no_other(name: str, asked: str) -> None:
    """Of hazard and action pairs exactly the incompatible ones are blocked, by the hazard that was chosen (F25)."""
    from tocsin.warn.draft import Draft, Extra
    from tocsin.warn.guard import action

    phase = "act" if "act" in book().phases(name) else "prepare"
    written = content(name, phase, extra={"en": Extra(ASKS[asked], "ann")})
    found = action(Draft("d", "ann", AT, written), compile_content(written, KIT))
    assert bool(found) == (asked in hazard(name).forbidden)
    assert all(one.blocking for one in found)
