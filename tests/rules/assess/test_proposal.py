"""Proposals and indicators: every value stands on claims, blank where nothing supports it, ended by its own date."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tocsin.assess
from tests.rules.assess.test_newsroom import TEXTS, Told
from tocsin.assess.indicator import LASTS, Indicator, indicators
from tocsin.assess.proposal import FIELDS, Option, Proposal, propose
from tocsin.assess.story import Story
from tocsin.assess.voice import groups, voices

WEDNESDAY = datetime(2024, 11, 20, 8, tzinfo=UTC)
EMBASSY = (
    "The US embassy in Kyiv said on Wednesday that it had received information about a possible large air attack on 20"
    " November. The embassy said it was closed and its staff were told to shelter in place.",
    "Die US-Botschaft in Kiew teilte mit, sie bleibe am Mittwoch geschlossen. Die Mitarbeiter sollen Schutz suchen.",
)


def story(*texts: str) -> Story:
    """One incident of these reports, each of another outlet."""
    made = Told()
    for number, text in enumerate(texts):
        made.say(text, f"https://o/{number}", f"o{number}")
    return max(made.stories(), key=lambda one: len(one.tellings))


def proposal(one: Story) -> Proposal:
    """What it supports."""
    return propose(one, groups(one))


def values(found: Proposal, field: str) -> list[str]:
    """The values proposed for a field."""
    return [option.value for option in found.of(field)]


def signs(one: Story, at: datetime = WEDNESDAY) -> dict[tuple[str, str], Indicator]:
    """Its indicators by kind and what they are of."""
    return {(sign.kind, sign.of): sign for sign in indicators(one, groups(one), at, "Europe/Kyiv")}


def test_each_field_has_its_claims_and_one_mouth_counts_once() -> None:
    """The embassy's notice told by two outlets: hazard, day, audience, facility and action, out of one origin."""
    found = proposal(story(*EMBASSY))
    assert values(found, "hazard") == ["air"]
    assert values(found, "times") == ["2024-11-20"]
    assert "staff" in values(found, "audience")
    assert values(found, "facility") == ["closed"]
    assert [option.response for option in found.of("actions")] == ["Shelter"]
    for field in FIELDS:
        for option in found.of(field):
            assert option.claims
            assert option.outlets
            assert option.origins == 1
    assert "US" not in values(found, "where")


def test_what_is_merely_feared_is_marked_as_possible() -> None:
    """A possible attack supports the hazard as possible and not as claimed."""
    found = proposal(story("The US embassy in Kyiv said that a large air attack on 20 November was possible."))
    assert [option.standing for option in found.of("hazard")] == ["possible"]


@pytest.mark.parametrize(
    "text",
    [
        "The city emergency service denied that there was a flood in Lviv.",
        "There was no flood in Lviv, the mayor of Lviv said.",
        "The foreign ministry of Ukraine declined to comment on the air attack.",
        "People in Lviv like music.",
        "",
    ],
)
def test_what_is_denied_or_not_said_supports_nothing(text: str) -> None:
    """A denial, a negation, a refusal to comment and a chat leave every field of the warning blank."""
    made = Told()
    made.say(text, "https://o/1", "o1")
    for one in made.stories():
        found = proposal(one)
        for field in ("hazard", "phase", "where", "times", "audience", "facility", "actions"):
            assert found.of(field) == (), field


def test_what_was_corrected_supports_nothing_any_more() -> None:
    """The feared flood supported a hazard; once its speaker corrects it, nothing does."""
    first = "The mayor of Lviv said that a flood had caused the collapse of the bridge in Lviv."
    second = (
        "It was first feared that a flood had caused the collapse of the bridge in Lviv; in fact an accident was the"
        " cause, the mayor of Lviv said."
    )
    assert values(proposal(story(first)), "hazard") == ["flood"]
    assert values(proposal(story(first, second)), "hazard") == []


def test_a_conflict_stands_beside_what_it_contradicts() -> None:
    """Two counts of injured: the quotation is marked as disputed, with the other side's words beside it."""
    found = proposal(story(TEXTS[2], TEXTS[5]))
    disputed = [option for option in found.of("notes") if option.standing == "disputed"]
    assert len(disputed) == 2
    assert all(option.against for option in disputed)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.sampled_from(TEXTS + EMBASSY) | st.text(max_size=200), min_size=1, max_size=4))
def test_every_value_has_words_that_stand_in_a_report(texts: list[str]) -> None:
    """Whatever is reported, no value is without a claim, and each claim's characters are in its report."""
    made = Told()
    for number, text in enumerate(texts):
        made.say(text, f"https://o/{number}", f"o{number}")
    for one in made.stories():
        claims = {(c.report, c.span.start, c.span.end): c for c in one.incident.claims}
        for options in proposal(one).fields.values():
            assert options
            for option in options:
                assert isinstance(option, Option)
                assert option.claims
                for at in (*option.claims, *option.against):
                    claim = claims[at.report, at.start, at.end]
                    assert one.reading(at.report).text[at.start : at.end] == claim.text


def test_the_key_of_an_option_changes_with_its_claims() -> None:
    """What a person saw is what they take: another claim behind it is another key."""
    one, two = proposal(story(EMBASSY[0])), proposal(story(*EMBASSY))
    first, second = one.of("facility")[0], two.of("facility")[0]
    assert first.key != second.key
    assert two.option(second.key) == second
    assert two.option(first.key) is None


def test_assess_has_no_way_to_publish() -> None:
    """No module of assess imports what warns, sends, stores or signs, not even for its types, nor names such a fact."""
    folder = Path(tocsin.assess.__file__).parent
    for file in folder.glob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        for room in ("warn", "reach", "account", "store", "web", "app", "cap.signature"):
            assert not any(name.startswith(f"tocsin.{room}") for name in names), f"{file.name} imports {room}"
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        assert not any(text in ("alert:published", "draft:begun", "draft:changed") for text in texts), file.name
    fields = set(Proposal.__struct_fields__) | set(Option.__struct_fields__)
    assert not fields & {"cap", "signature", "sign", "identifier", "status", "approved"}


# --- indicators ------------------------------------------------------------------------------------------------------


def test_an_indicator_ends_at_the_end_of_the_day_that_was_named() -> None:
    """The embassy is closed on the 20th: until midnight in Kyiv, and from then on it is shown as ended."""
    one = story(*EMBASSY)
    sign = signs(one)["closed", "embassy"]
    assert sign.expires == datetime(2024, 11, 20, 22, tzinfo=UTC)
    assert (sign.over, sign.why, sign.origins) == (False, "date", 1)
    assert signs(one, sign.expires)["closed", "embassy"].over
    assert not signs(one, sign.expires - timedelta(seconds=1))["closed", "embassy"].over


def test_an_indicator_without_a_day_ends_by_itself() -> None:
    """Advice to shelter without a day lasts as long as its kind does, from when it was published."""
    one = story("The mayor of Lviv told residents to stay indoors because of a gas leak in Lviv.")
    sign = next(sign for (kind, _), sign in signs(one).items() if kind == "shelter")
    assert sign.why == "time"
    assert sign.expires - sign.since == LASTS["shelter"]


def test_an_indicator_whose_words_were_all_corrected_has_ended() -> None:
    """What was taken back is not pointed to any more, whatever day it named."""
    one = story(EMBASSY[0])
    claims = tuple(
        c.__class__(**{n: getattr(c, n) for n in c.__struct_fields__ if n != "standing"}, standing="corrected")
        for c in one.incident.claims
    )
    from msgspec.structs import replace

    taken_back = replace(one, incident=replace(one.incident, claims=claims))
    for sign in signs(taken_back).values():
        assert (sign.over, sign.why) == (True, "corrected")


def test_voices_stand_by_origin_with_their_names_by_language() -> None:
    """Two outlets that quote one embassy are one voice; what the reporters say themselves are others."""
    one = story(*EMBASSY)
    found = voices(one, groups(one))
    named = [voice for voice in found if voice.names]
    assert len(named) == 1
    assert named[0].outlets == ("o0", "o1")
    assert named[0].names["en"] == "US embassy in Kyiv"
    assert "de" in named[0].names
