"""Loopback: what a channel shows is what was signed, or the alert goes no further."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from tests.rules.warn.test_desk import AT, Office
from tocsin.cap.alert import Area, Info
from tocsin.cap.xml import read, write
from tocsin.warn.draft import Where
from tocsin.warn.loopback import (
    LOOPBACK_MATCHED,
    LOOPBACK_MISMATCHED,
    PATIENCE,
    Outcome,
    Verdict,
    compare,
    decide,
    expected,
    facts,
    seen_in_bulletin,
    seen_in_cap,
    seen_on_page,
)
from tocsin.warn.publish import Published

BOX = "50.0,30.0 50.0,31.0 51.0,31.0 51.0,30.0 50.0,30.0"


@pytest.fixture(scope="module")
def office() -> Office:
    return Office()


@pytest.fixture(scope="module")
def done(office: Office) -> Published:
    """An alert that both names and draws its area."""
    return office.publish_all(phase="act", where=Where(codes=("UA-30",), polygons=(BOX,), name={"en": "Kyiv"}))


def bulletin(done: Published, **changes: object) -> bytes:
    """The JSON of stream and webhook."""
    (alert,) = read(done.cap.encode()).alerts
    told = {
        "identifier": done.identifier,
        "event_id": done.event_id,
        "version": done.version,
        "phase": done.phase,
        "areas": done.areas,
        "headline": {info.language: info.headline for info in alert.infos},
        "instruction": {info.language: info.instruction for info in alert.infos},
        "url": "https://x.example/",
    }
    return msgspec.json.encode({**told, **changes})


def page(done: Published, **changes: object) -> bytes:
    """The JSON of a place's state, with its words cut as the page does."""
    (alert,) = read(done.cap.encode()).alerts
    told = {
        "place": "UA-30",
        "phase": done.phase,
        "headline": alert.infos[0].headline,
        "instruction": alert.infos[0].instruction[:60] + "…",
        "alerts": [{"identifier": done.identifier, "event_id": done.event_id, "version": done.version}],
    }
    return msgspec.json.encode({**told, **changes})


def test_each_channel_that_shows_what_was_signed_matches(office: Office, done: Published) -> None:
    """The feed's XML, the stream's and webhook's JSON, and the page with its words cut."""
    wanted = expected(done)
    outcomes = [
        compare("feed", wanted, seen_in_cap(done.cap.encode())),
        compare("stream", wanted, seen_in_bulletin(bulletin(done))),
        compare("page", wanted, seen_on_page(page(done), "en"), office.desk.kit.gazetteer),
    ]
    assert all(one.matched for one in outcomes), outcomes
    decision = decide(outcomes, ["feed", "stream", "page"], AT, AT)
    assert decision.verdict is Verdict.WIDEN
    assert {item.kind for item in facts(wanted, outcomes)} == {LOOPBACK_MATCHED}


def without_polygon(info: Info) -> Info:
    return replace(info, areas=tuple(Area(one.description, (), (), one.geocodes) for one in info.areas))


def without_code(info: Info) -> Info:
    return replace(info, areas=tuple(replace(one, geocodes=()) for one in info.areas))


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (without_polygon, "geometry"),
        (without_code, "area"),
        (lambda info: replace(info, headline=info.headline.replace("a", "o")), "text"),
        (lambda info: replace(info, instruction="Do nothing."), "text"),
    ],
)
def test_a_feed_that_lost_or_changed_something_is_caught(done: Published, spoil: object, what: str) -> None:
    """A stripped polygon, another area, a changed letter: what is wrong is named, and nothing more is sent (F4, F7)."""
    assert callable(spoil)
    (alert,) = read(done.cap.encode()).alerts
    shown = write(replace(alert, infos=tuple(spoil(info) for info in alert.infos), original=None))
    outcome = compare("feed", expected(done), seen_in_cap(shown))
    assert outcome.wrong == (what,)
    decision = decide([outcome], ["feed", "stream"], AT, AT)
    assert decision.verdict is Verdict.STOP
    assert what in decision.sentence
    assert [item.kind for item in facts(expected(done), [outcome])] == [LOOPBACK_MISMATCHED]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"phase": "all-clear"}, "phase"),
        ({"areas": ("UA",)}, "area"),
        ({"areas": ()}, "area"),
        ({"version": 7}, "version"),
        ({"headline": {"en": "All is well"}}, "text"),
        ({"headline": {}}, "text"),
    ],
)
def test_a_stream_that_says_something_else_is_caught(done: Published, changes: dict[str, object], what: str) -> None:
    """Another phase, the whole country, no area, other words."""
    assert what in compare("stream", expected(done), seen_in_bulletin(bulletin(done, **changes))).wrong


def test_a_page_that_is_still_green_is_caught(office: Office, done: Published) -> None:
    """It names the alert and says calm; or it is the page of a place that the alert is not for."""
    wanted, gazetteer = expected(done), office.desk.kit.gazetteer
    assert compare("page", wanted, seen_on_page(page(done, phase="calm"), "en"), gazetteer).wrong == ("phase",)
    assert "area" in compare("page", wanted, seen_on_page(page(done, place="PL"), "en"), gazetteer).wrong
    cut = page(done, instruction="Go to the cinema…")
    assert compare("page", wanted, seen_on_page(cut, "en"), gazetteer).wrong == ("text",)


@pytest.mark.parametrize("data", [b"", b"{}", b"<alert/>", b"\xff", b'{"identifier": 3}'])
def test_what_cannot_be_read_shows_nothing(done: Published, data: bytes) -> None:
    """Rubbish on a channel is no match and no mismatch: the alert is not seen there."""
    for seen in (seen_in_cap(data), seen_in_bulletin(data), seen_on_page(data, "en")):
        outcome = compare("x", expected(done), seen)
        assert not outcome.shown
        assert not outcome.matched


def test_dark_channels_are_waited_for_and_said() -> None:
    """Within five seconds it waits; then it goes on and says what is dark: silence must not hold back a warning."""
    dark, bright = Outcome("page", False), Outcome("feed", True)
    names = ["page", "feed"]
    assert decide([bright, dark], names, AT, AT).verdict is Verdict.WAIT
    later = decide([bright, dark], names, AT, AT + PATIENCE)
    assert (later.verdict, "page" in later.sentence) == (Verdict.WIDEN, True)
    nothing = decide([dark], names, AT, AT + PATIENCE + timedelta(seconds=1))
    assert (nothing.verdict, "anywhere" in nothing.sentence) == (Verdict.WIDEN, True)
    assert decide([dark], names, AT, AT).verdict is Verdict.WAIT


def test_what_ends_a_warning_is_never_held_longer_than_the_patience() -> None:
    """A mismatch stops a warning at once; an all-clear or retraction waits, and then goes with the mismatch said."""
    wrong = Outcome("page", True, ("text",))
    assert decide([wrong], ["page"], AT, AT).verdict is Verdict.STOP
    assert decide([wrong], ["page"], AT, AT, ends=True).verdict is Verdict.WAIT
    late = decide([wrong], ["page"], AT, AT + PATIENCE, ends=True)
    assert (late.verdict, "page: text" in late.sentence) == (Verdict.WIDEN, True)


def test_where_another_alert_decides_the_page_must_ask_for_no_less(office: Office, done: Published) -> None:
    """Under a graver alert a place says that one's words; saying less than ours is a mismatch all the same."""
    wanted, gazetteer = expected(done), office.desk.kit.gazetteer
    other = {"identifier": "other", "event_id": "e", "version": 1}
    ours = {"identifier": done.identifier, "event_id": done.event_id, "version": done.version}
    both = page(done, alerts=[other, ours], headline="Another", instruction="Other words")
    assert compare("page", wanted, seen_on_page(both, "en"), gazetteer).matched
    less = page(done, alerts=[other, ours], phase="all-clear")
    assert compare("page", wanted, seen_on_page(less, "en"), gazetteer).wrong == ("phase",)
    lost = page(done, phase="unknown")
    assert compare("page", wanted, seen_on_page(lost, "en"), gazetteer).wrong == ("phase",)


def test_the_message_byte_for_byte_is_the_best_proof(done: Published) -> None:
    """The same bytes match whatever they say; one other letter that changes nothing we compare is still found."""
    wanted = expected(done)
    assert compare("feed", wanted, seen_in_cap(done.cap.encode())).matched
    altered = done.cap.replace("<senderName>", "<senderName>X", 1)
    assert compare("feed", wanted, seen_in_cap(altered.encode())).wrong == ("bytes",)
