"""What the page says follows from the facts alone: words, plurals, times, the last day, whose words are shown."""

from __future__ import annotations

import gzip
import itertools
from datetime import UTC, datetime, timedelta
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from tests.pages.samples import LANGUAGES, REGIONS, SOURCES, at, facts, notice, signal
from tocsin.cap.alert import Alert, Info, ResponseType
from tocsin.cap.phase import Phase
from tocsin.sense.source import Source
from tocsin.web.day import DAY, WEEK, Turn, Week, alerts_of, dark, turns, week
from tocsin.web.feed import in_language
from tocsin.web.instruction import instructions, shorten
from tocsin.web.public import page
from tocsin.web.text import Spoken, Texts, offered, spoken, texts
from tocsin.web.view import view

OPTIONAL = {"headline.calm.place", "headline.unknown.place"}
HALF = timedelta(minutes=30)


def places(value: Any) -> set[str]:
    """The names of the places to fill in a text or in each text of a list or of plural forms."""
    if isinstance(value, str):
        return {name for _, name, _, _ in Formatter().parse(value) if name}
    return set().union(*map(places, value.values() if isinstance(value, dict) else value))


@pytest.mark.parametrize("language", spoken())
def test_every_language_says_everything(language: str) -> None:
    """Each language has every sentence, with the same places to fill and as many steps as English."""
    english, other = texts("en").table, texts(language).table
    assert set(english) | OPTIONAL == set(other) | OPTIONAL
    for key in set(english) - {"in", "zone", "headline.calm", "headline.unknown"}:
        assert places(english[key]) == places(other[key]), key
        if isinstance(english[key], list):
            assert len(english[key]) == len(other[key]), key


@pytest.mark.parametrize("language", spoken())
def test_plurals_follow_the_language(language: str) -> None:
    """There is a form for every number, chosen by the language's own rules."""
    words = texts(language)
    needed = {words.locale.plural_form(n) for n in range(200)}
    for key in ("day.alerts", "map.count", "regions.count"):
        assert needed <= set(words.table[key])
    assert texts("uk").count("day.alerts", 21) == "21 тривога"
    assert texts("uk").count("day.alerts", 3) == "3 тривоги"
    assert texts("uk").count("day.alerts", 12) == "12 тривог"


@pytest.mark.parametrize("language", spoken())
def test_a_time_says_its_zone(language: str) -> None:
    """A time is in the place's own zone, summer and winter, and says so; another day is named."""
    words = texts(language)
    winter, summer = datetime(2024, 11, 20, 0, 15, tzinfo=UTC), datetime(2024, 7, 1, 0, 15, tzinfo=UTC)
    assert words.time(winter, "Europe/Kyiv").startswith("02:15")
    assert words.time(summer, "Europe/Kyiv").startswith("03:15")
    assert len(words.time(winter, "America/Toronto")) > len("19:15")
    yesterday = words.time(winter - timedelta(hours=3), "Europe/Kyiv", winter)
    assert "19" in yesterday
    assert "23:15" in yesterday


def test_a_place_nobody_declined_is_named_plainly() -> None:
    """Where a language has no phrase for "in X", the sentence is built around the bare name."""
    assert texts("uk").about("headline.calm", "PL-14", "Мазовецьке воєводство").startswith("Мазовецьке воєводство:")
    assert texts("uk").about("headline.calm", "UA-30", "м. Київ") == "У Києві немає попереджень."
    assert texts("de").about("headline.act", "PL-14", "Masowien") == texts("de").say("headline.act")
    for language in LANGUAGES:
        for code in REGIONS:
            assert texts(language).about("headline.unknown", code, "X")


def test_only_spoken_languages_are_offered() -> None:
    """A language without texts is not offered, and there is always one."""
    assert offered(("uk", "tlh", "en")) == ("uk", "en")
    assert offered(("tlh",)) == ("en",)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_screen_says_what_it_must(phase: Phase, language: str) -> None:
    """Each phase in each language has a word, a headline, an as-of time with its zone, a source, at most five steps."""
    shown = view(facts(phase), texts(language))
    assert shown.word
    assert shown.headline.text
    assert texts(language).zone("Europe/Kyiv") in shown.as_of.text
    assert shown.source
    assert len(shown.steps) <= 5
    assert shown.number == "112"
    assert sum(len(group.places) for group in shown.groups) == 27 == len(shown.regions)
    if phase in {Phase.ACT, Phase.HOLD}:
        assert shown.steps
        assert shown.rule
        assert shown.cannot_reach
    if phase is not Phase.CALM:
        assert texts(language).about("headline.calm", "UA-30", shown.place) != shown.headline.text


def test_the_embassy_stays_visible_under_an_air_alert() -> None:
    """A "be ready" that stands under an act is shown beside it, with its own words and its planned end."""
    shown = view(facts("act"), texts("uk"))
    assert [other.phase for other in shown.others] == [Phase.PREPARE]
    assert shown.others[0].headline == Spoken("Сьогодні можлива масована повітряна атака по всій Україні", "uk")
    assert "21 лист., 00:00" in shown.others[0].when
    assert shown.phase == Phase.ACT


def test_whose_words_are_shown() -> None:
    """A mirrored signal speaks in the page's reviewed wording; anybody else's alert in its own, marked when foreign."""
    assert view(facts("act"), texts("de")).headline == Spoken("Gehen Sie jetzt in einen Schutzraum.", "de")
    shown = view(facts("prepare"), texts("de"))
    assert shown.headline == Spoken("Possible large air attack today, anywhere in Ukraine", "en")
    assert shown.steps[0].text == "Choose your shelter now."
    assert shown.scope == "Diese Warnung gilt für das ganze Gebiet: Ukraine."


def own(info: Info, phase: Phase = Phase.ACT) -> Any:
    """The view of an alert that is not a mirrored signal."""
    made = facts(phase)
    live = replace(notice(), read=lambda _: Alert(infos=(info,)), phase=phase)
    return view(replace(made, standing=replace(made.standing, alerts=(live,), source="embassy")), texts("en"))


def test_an_evacuation_is_not_called_a_shelter_alert() -> None:
    """Where the alert says evacuate, nothing on the page tells people to go to or to stay in a shelter."""
    info = Info(
        "en", response_types=(ResponseType.EVACUATE,), headline="Leave the valley now.", instruction="Go uphill."
    )
    shown = own(info)
    said = " ".join([shown.headline.text, *(step.text for step in shown.steps), shown.rule])
    assert "helter" not in said
    assert not shown.cannot_reach
    assert shown.steps == (Spoken("Go uphill.", "en"),)


def test_a_retraction_first_says_you_are_safe_whatever_its_author_wrote() -> None:
    """The author's words come after the safety statement (Ridgecrest 2020)."""
    shown = own(Info("en", headline="Cancelled", description="The siren was set off by mistake."), Phase.RETRACTED)
    assert shown.headline.text.startswith("You are safe")
    assert shown.lead[0].text == "The siren was set off by mistake."


def test_an_alert_without_instruction_is_not_given_one() -> None:
    """Nothing is invented: the reader is sent to what the source says."""
    assert (
        own(Info("en", headline="Chemical fire in Brovary")).steps[0].text
        == "Read what US Embassy in Kyiv says and do it."
    )


def test_an_instruction_becomes_lines() -> None:
    """Lines stay lines, numbers and bullets go, one paragraph becomes sentences; a date is not torn apart."""
    assert [s.text for s in instructions(Info("en", instruction="1. Go in.\n- Close windows.\n"))] == [
        "Go in.",
        "Close windows.",
    ]
    prose = "Stay inside until 20 Nov. 14:00 Kyiv time. Close the windows! Wait."
    assert [s.text for s in instructions(Info("en", instruction=prose))] == [
        "Stay inside until 20 Nov. 14:00 Kyiv time.",
        "Close the windows!",
        "Wait.",
    ]
    assert instructions(Info("en")) == ()


def test_languages_of_an_alert() -> None:
    """The reader's language wins by its main part, then English, then the first; none named means en-US."""
    alert = Alert(infos=(Info("pl"), Info("uk-UA"), Info("")))
    assert [in_language(alert.infos, language) for language in ("uk", "pl", "fr")] == [
        alert.infos[1],
        alert.infos[0],
        alert.infos[2],
    ]
    assert in_language((), "en") is None


def test_a_promise_that_was_missed_is_shown() -> None:
    """When the next word is late the page says so instead of repeating an old promise (F30)."""
    made = facts("act")
    late = replace(made, standing=replace(made.standing, next_update_by=made.at - timedelta(minutes=3)))
    shown = view(late, texts("en"))
    assert shown.next_by is None
    assert "13:58" in shown.overdue


def test_unknown_keeps_what_was_known() -> None:
    """Unknown names the last phase and the moment, and never looks like calm."""
    shown = view(facts("unknown"), texts("en"))
    assert "“Act now”" in shown.lead[0].text
    assert "06:11" in shown.lead[0].text
    never = facts("unknown")
    never = replace(never, standing=replace(never.standing, last_phase=Phase.UNKNOWN, last_heard=None, since=None))
    assert "No source has been heard" in view(never, texts("en")).lead[0].text


def test_part_of_the_place() -> None:
    """An alert for a part says for which (F21)."""
    made = facts("act")
    made = replace(made, code="UA", standing=replace(made.standing, place="UA", relation="part"))
    assert view(made, texts("en")).scope == "This warning is for part of Ukraine: Kyiv City."


def test_the_clock_is_told_when_to_ask_again() -> None:
    """A planned end and the end of an all-clear are in the page; an act has none, for it never ends by the clock."""
    assert view(facts("prepare"), texts("en")).next_change == at(22).isoformat()
    assert view(facts("all-clear"), texts("en")).next_change == at(12, 51, 35).isoformat()
    acting = facts("act")
    acting = replace(acting, standing=replace(acting.standing, ends=at(13)))
    assert view(acting, texts("en")).next_change == ""


class Said(Struct, frozen=True):
    """A line of a place's history."""

    at: datetime
    phase: Phase
    event_id: str = ""
    source: str = "air"
    relation: str = "same"


def test_the_week_says_how_many_alerts_were_for_the_place_itself() -> None:
    """Two alerts, one of them for the whole country: half concerned the place; their lengths add up."""
    told = [
        Said(at(1), Phase.ACT, "a"),
        Said(at(2), Phase.ALL_CLEAR, "a"),
        Said(at(5), Phase.ACT, "b", relation="contains"),
        Said(at(5, 30), Phase.ALL_CLEAR, "b", relation="contains"),
        Said(at(7, 30), Phase.PREPARE, "n", "embassy"),
    ]
    assert week(told, at(13) - WEEK, at(13), HALF) == Week(2, timedelta(minutes=90), 1)
    line = view(replace(facts("calm"), week=Week(2, timedelta(minutes=90), 1)), texts("en")).day.week
    assert line.startswith("In the last 7 days 2 alerts")
    assert "50 %" in line
    assert view(replace(facts("calm"), week=Week(0, timedelta(), 0)), texts("en")).day.week == ""


def test_the_day_of_20_november() -> None:
    """Kyiv went to act and all-clear, calm half an hour later; the notice of the morning stands between the alerts."""
    told = [
        Said(at(21, 29, day=19), Phase.ACT, "a"),
        Said(at(22, 28, day=19), Phase.ALL_CLEAR, "a"),
        Said(at(7, 30), Phase.PREPARE, "n", "embassy"),
        Said(at(11, 49), Phase.ACT, "b"),
        Said(at(12, 21), Phase.ALL_CLEAR, "b"),
    ]
    made = turns(told, at(13, day=19), at(13), HALF)
    assert [(turn.at, turn.phase) for turn in made] == [
        (at(21, 29, day=19), Phase.ACT),
        (at(22, 28, day=19), Phase.ALL_CLEAR),
        (at(22, 58, day=19), Phase.CALM),
        (at(7, 30), Phase.PREPARE),
        (at(11, 49), Phase.ACT),
        (at(12, 21), Phase.ALL_CLEAR),
        (at(12, 51), Phase.PREPARE),
    ]
    assert [span.length for span in alerts_of(made, at(13))] == [timedelta(minutes=59), timedelta(minutes=32)]
    assert turns(told, at(22), at(23), HALF)[0] == Turn(at(22), Phase.PREPARE)


def test_silence_does_not_end_an_alert() -> None:
    """Contact lost during an alert makes one alert with a gap, not two, and the gap is told."""
    told = [
        Said(at(1), Phase.ACT, "a"),
        Said(at(2), Phase.UNKNOWN),
        Said(at(3), Phase.CALM),
        Said(at(4), Phase.ALL_CLEAR, "a"),
    ]
    made = turns(told, at(0), at(6), HALF)
    assert [turn.phase for turn in made] == [Phase.ACT, Phase.UNKNOWN, Phase.ACT, Phase.ALL_CLEAR, Phase.CALM]
    assert [span.length for span in alerts_of(made, at(6))] == [timedelta(hours=3)]
    assert dark(made, at(6)) == timedelta(hours=1)


def test_a_day_without_knowledge_is_not_a_day_without_alerts() -> None:
    """Where nothing was known all day, the page does not say "no alerts"."""
    made = facts("unknown")
    blind = replace(made, turns=(Turn(made.at - DAY, Phase.UNKNOWN),))
    day = view(blind, texts("en")).day
    assert day.title == "Not known"
    assert "24\N{NO-BREAK SPACE}h" in day.text


STEPS = st.lists(
    st.tuples(st.integers(0, 60 * 47), st.sampled_from(list(Phase)), st.sampled_from(["", "a", "b"])), max_size=20
)


@given(STEPS)
def test_any_history_gives_ordered_turns(steps: list[tuple[int, Phase, str]]) -> None:
    """Whatever was told, the turns go forward in time, never repeat a phase, and the alerts fit into them."""
    now = at(12)
    told = [Said(now - 2 * DAY + timedelta(minutes=m), phase, event) for m, phase, event in sorted(steps)]
    made = turns(told, now - DAY, now, HALF)
    assert all(a.at < b.at or (a.at == b.at and a.phase != b.phase) for a, b in itertools.pairwise(made))
    assert all(now - DAY <= turn.at <= now for turn in made)
    assert sum((span.length for span in alerts_of(made, now)), timedelta()) <= DAY
    assert timedelta() <= dark(made, now) <= DAY


def test_a_source_is_named_in_the_readers_language() -> None:
    """A source has a name in each language where it gave one, else its own; an unconfigured one is named by its id."""
    assert view(facts("act"), texts("uk")).source == "Система повітряних тривог"
    made = facts("act", sources={**SOURCES, "air": Source("air", "Air", "air_alert")})
    assert view(made, texts("uk")).source == "Air"
    assert view(facts("act", sources={}), texts("uk")).source == "air"


def test_signals_need_no_alert_text() -> None:
    """A signal with nothing but a phase still makes a whole page."""
    made = facts("act")
    bare = replace(signal(Phase.ACT, at(11)), read=lambda _: Alert())
    shown = view(replace(made, standing=replace(made.standing, alerts=(bare,))), Texts("en", texts("en").table))
    assert shown.headline.text == "Go to a shelter now."
    assert shown.event is None


def test_an_alert_of_any_length_fits() -> None:
    """Texts of many kilobytes, in many alerts at once, neither break the page nor push it over its first 14 KB."""
    rare = " ".join(f"Слово{n * 7919 % 9973}" for n in range(2000))
    info = Info("uk", event=rare, headline=rare, description=rare, instruction="\n".join([rare] * 40))
    made = facts("prepare")
    body = notice()
    many = tuple(
        replace(
            body,
            read=lambda _: Alert(infos=(info,)),
            published=replace(body.published, identifier=f"urn:{n}", event_id=f"e{n}"),
        )
        for n in range(30)
    )
    made = replace(made, standing=replace(made.standing, alerts=many[:1]), live=many)
    shown = view(made, texts("uk"))
    assert len(shown.others) == 4
    assert all(len(step.text) <= 240 for step in shown.steps)
    assert shown.headline.text.endswith("…")
    assert len(gzip.compress(page(shown).encode(), 9)) <= 14_336


@given(st.text(max_size=400), st.integers(2, 200))
def test_shortening(text: str, length: int) -> None:
    """A shortened text is never longer than asked and is a beginning of the whole."""
    short = shorten(text, length)
    assert len(short) <= max(length, 1)
    assert text.startswith(short.removesuffix("…")) or short == text
