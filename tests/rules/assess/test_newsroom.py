"""The newsroom's memory of itself: what was known at a moment is what a newsroom would say that had read up to then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.assess.change import changes
from tocsin.assess.incident import pointer
from tocsin.assess.newsroom import Newsroom
from tocsin.assess.ruling import INCIDENT_CORRECTED, INCIDENT_MERGED, INCIDENT_SPLIT, Corrected, Merged, Split
from tocsin.assess.story import Official, Story, told
from tocsin.journal import GENESIS, Entry, fact, link
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.news import News, news_report
from tocsin.sense.report import REPORT_RECEIVED, Report

START = datetime(2024, 11, 20, 6, tzinfo=UTC)
TEXTS = (
    "The city emergency service said that drone debris may have caused the fire in a block of flats in Kyiv.",
    "The city emergency service said that a household appliance, not drone debris, had caused the fire in a block of"
    " flats in Kyiv.",
    "The mayor of Kyiv said that 5 people were injured in the fire in a block of flats in Kyiv on Tuesday.",
    "The US embassy in Kyiv said that it was closed on 20 November because of a possible air attack.",
    "The governor of Lviv said that the bridge in Lviv was closed because of a flood.",
    "The mayor of Kyiv said that 7 people were injured in the fire in a block of flats in Kyiv on Tuesday.",
)


class Told:
    """A journal in the making, and a newsroom that reads it as it grows."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.reports: dict[str, Report] = {}
        self.room = Newsroom(Gazetteer.world())

    def add(self, kind: str, subject: str, body: object) -> Entry:
        """Record one thing, a minute after the one before."""
        seq = len(self.entries) + 1
        entry = link(fact(kind, subject, body), seq, START + timedelta(minutes=seq), GENESIS)
        self.entries.append(entry)
        self.room.apply(entry)
        return entry

    def say(self, text: str, url: str, outlet: str) -> Report:
        """An outlet says something at an address."""
        at = START + timedelta(minutes=len(self.entries) + 1)
        report = news_report(outlet, News("", text, at, "", outlet, url), at)
        self.reports[report.id] = report
        self.add(REPORT_RECEIVED, report.id, report)
        return report

    def stories(self) -> tuple[Story, ...]:
        """The incidents now."""
        self.room.refresh()
        return self.room.incidents()

    def fresh(self, upto: int) -> Newsroom:
        """A newsroom that has read the journal up to an entry and nothing after it."""
        room = Newsroom(Gazetteer.world())
        for entry in self.entries[:upto]:
            room.apply(entry)
        room.refresh()
        return room


def same(one: Story | None, other: Story | None) -> bool:
    """Whether two stories say the same: reports, claims with their standing, corrections, conflicts, rulings."""
    if one is None or other is None:
        return one is other
    first, second = told(one), told(other)
    for body in (first, second):
        del body["changed"]
    return (
        first == second
        and one.places == other.places
        and [r.seq for r in one.rulings] == [r.seq for r in other.rulings]
    )


steps = st.lists(
    st.tuples(st.sampled_from(["say", "say", "say", "revise", "merge", "split", "correct"]), st.integers(0, 50)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(steps=steps)
def test_what_was_known_is_what_a_newsroom_would_say_that_had_read_up_to_then(steps: list[tuple[str, int]]) -> None:
    """At every entry, by number and by time, for every incident: the same as replaying the journal up to there."""
    made = Told()
    for what, number in steps:
        stories = made.stories()
        if what == "say" or not stories:
            made.say(TEXTS[number % len(TEXTS)], f"https://o/{len(made.entries)}", f"o{number % 4}")
            continue
        story = stories[number % len(stories)]
        telling = story.tellings[number % len(story.tellings)]
        if what == "revise":
            made.say(
                f"{TEXTS[(number + 1) % len(TEXTS)]} This is version {len(made.entries)}.", telling.url, telling.source
            )
        elif what == "merge":
            made.add(INCIDENT_MERGED, story.id, Merged(story.id, stories[-1].id, "p", "one"))
        elif what == "split":
            made.add(INCIDENT_SPLIT, telling.report, Split(telling.report, "p", "two"))
        elif story.incident.claims:
            claim = story.incident.claims[number % len(story.incident.claims)]
            made.add(INCIDENT_CORRECTED, story.id, Corrected(pointer(claim), "p", "wrong", "Somebody", ("UA-46",)))
    made.stories()
    names = {one.id for one in made.stories()}
    for entry in made.entries:
        then = made.fresh(entry.seq)
        for name in names | {one.id for one in then.incidents()}:
            expected = then.incident(name)
            assert same(made.room.as_of(name, entry.seq, made.reports.get), expected), (entry.seq, name)
            assert same(made.room.as_of(name, entry.at, made.reports.get), expected), (entry.at, name)


def test_an_official_alert_is_known_from_when_it_was_recorded() -> None:
    """An alert that speaks of an earlier moment was not known before its entry."""
    made = Told()
    made.say(TEXTS[0], "https://o/1", "o1")
    entry = made.add("alert:published", "a1", {})
    made.room.hear(Official("a1", "e1", START, "embassy", "prepare", ("UA-30",), {"en": "Be ready"}), entry)
    (story,) = made.stories()
    now = made.room.as_of(story.id, entry.at, made.reports.get)
    before = made.room.as_of(story.id, entry.at - timedelta(seconds=1), made.reports.get)
    assert now is not None
    assert before is not None
    assert [one.identifier for one in now.officials] == ["a1"]
    assert before.officials == ()


def test_a_merge_is_undone_by_the_split_of_what_was_joined() -> None:
    """After both, each report is where it was, under the name that it had, and neither comes back by itself."""
    made = Told()
    for number, text in enumerate(TEXTS):
        made.say(text, f"https://o/{number}", f"o{number}")
    before = {one.id: {t.report for t in one.tellings} for one in made.stories()}
    assert len(before) >= 2
    one, other = list(before)[:2]
    made.add(INCIDENT_MERGED, one, Merged(one, other, "p", "one"))
    joined = made.room.incident(one) if made.stories() else None
    assert joined is not None
    assert {t.report for t in joined.tellings} == before[one] | before[other]
    (ruling,) = joined.rulings
    out = ruling.reports
    made.add(INCIDENT_SPLIT, out[0], Split(out[0], "p", "two", out[1:]))
    assert {s.id: {t.report for t in s.tellings} for s in made.stories()} == before
    made.say(TEXTS[2], "https://o/late", "late")
    apart = {s.id: {t.report for t in s.tellings} for s in made.stories()}
    assert not any(before[one] & found and before[other] & found for found in apart.values())


def test_a_correction_follows_the_words_into_a_new_version() -> None:
    """Who is meant stays corrected when the outlet revises the rest of its article, and is let go with the words."""
    made = Told()
    made.say(f"{TEXTS[2]} It rained.", "https://o/1", "o1")
    (story,) = made.stories()
    claim = next(one for one in story.incident.claims if "injured" in one.topics)
    made.add(INCIDENT_CORRECTED, story.id, Corrected(pointer(claim), "p", "it was the deputy", "Deputy mayor"))
    made.say(f"It snowed in Kyiv, people said. {TEXTS[2]}", "https://o/1", "o1")
    (story,) = made.stories()
    assert [c.speaker.name for c in story.incident.claims if c.text == claim.text] == ["Deputy mayor"]
    made.say(TEXTS[0], "https://o/1", "o1")
    (story,) = made.stories()
    assert all(one.made_by == "rule" for one in story.incident.claims)


def test_changes_name_what_came_what_turned_and_what_went() -> None:
    """A new report, a revised one, what it says no more, a new conflict; nothing where nothing changed."""
    made = Told()
    made.say(TEXTS[2], "https://o/1", "o1")
    made.say(TEXTS[0], "https://o/2", "o2")
    (before,) = made.stories()
    assert not changes(before, before)
    made.say(TEXTS[5], "https://o/3", "o3")
    made.say(TEXTS[1], "https://o/2", "o2")
    (after,) = made.stories()
    new = changes(before, after)
    assert [one.outlet for one in new.reports] == ["o3"]
    assert [one.outlet for one in new.revised] == ["o2"]
    assert any("may have caused" in one.text for one in new.dropped)
    assert len(new.conflicts) == 1
    assert {one.claim.standing for one in new.turned} == {"disputed"}
    assert len(changes(None, after)) >= len(new)


def test_a_story_can_be_written_down() -> None:
    """Everything that is told of a story is JSON."""
    made = Told()
    made.say(TEXTS[2], "https://o/1", "o1")
    (story,) = made.stories()
    assert msgspec.json.encode(told(story))
