"""The mirror: what it repeats carries the fields of our own messages, in every language and for every time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tocsin.cap.alert import CANCEL_REASON, PHASE, Alert, Area, Info, Named
from tocsin.cap.check import check
from tocsin.cap.limits import TRUSTED
from tocsin.cap.xml import read, write
from tocsin.errors import IllegalStepError
from tocsin.journal import ACTUAL, EXERCISE, GENESIS, Fact, fact, link
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.report import CAP_XML, REPORT_RECEIVED, Report, report_id
from tocsin.sense.signal import Signal
from tocsin.sense.source import Source
from tocsin.warn.compile import HAZARD, SHORT, Issuer, Kit
from tocsin.warn.mirror import Mirror
from tocsin.warn.phrase import book
from tocsin.warn.policy import Line, Policy
from tocsin.warn.publish import Published, freeze

LANGUAGES = ("en", "uk", "de", "fr")
AT = datetime(2024, 11, 20, 1, 4, 33, tzinfo=UTC)
SIREN = Source("siren", "Regional siren network", "test", ("UA",), official=True)


@cache
def kit(realm: str) -> Kit:
    """In whose name the mirror speaks."""
    return Kit(Gazetteer.world(), book(), Issuer("warn@example.org", "Warning Office", realm, LANGUAGES))


def mirror(realm: str = ACTUAL) -> Mirror:
    """A mirror that may repeat the siren network everywhere in its country."""
    policy = Policy(realm, mirror=(Line("siren", ("UA",)),))
    return Mirror(kit(realm), policy, {"siren": SIREN}, lambda message, at: message)


def heard(box: Mirror, report: Report, at: datetime) -> list[Published]:
    """What the mirror publishes of ``report``."""
    prev = GENESIS
    entry = link(Fact(REPORT_RECEIVED, report.id, fact(REPORT_RECEIVED, report.id, report).body, ACTUAL), 1, at, prev)
    made = box.facts([entry], at)
    return [link(one, 1, at, prev).read(Published) for one in made if one.kind == "alert:published"]


def message(text: str) -> Alert:
    """The one alert in ``text``."""
    return read(text.encode(), limits=TRUSTED).alerts[0]


@pytest.mark.parametrize("realm", [ACTUAL, EXERCISE])
def test_a_signal_has_the_short_text_in_every_language(realm: str) -> None:
    """Start, end and retraction say in each language what fits a phone's first line, marked in the exercise realm."""
    box = mirror(realm)
    start = Signal("UA-30", AT)
    (act,) = heard(box, start.report("siren", AT), AT)
    (end,) = heard(box, replace(start, ended=AT + timedelta(hours=2)).report("siren", AT), AT + timedelta(hours=2))
    for text, moment in ((act.cap, AT), (end.cap, AT + timedelta(hours=2)), (act.retraction, AT)):
        alert = message(text)
        assert tuple(info.language for info in alert.infos) == LANGUAGES
        for info in alert.infos:
            short = info.parameter(SHORT)
            assert short
            assert len([field for field in info.parameters if field.name == SHORT]) == 1
            clock = f"{moment.astimezone(ZoneInfo('Europe/Kyiv')):%H:%M}"
            assert clock in short or not any(letter.isdigit() for letter in short)
            assert short.startswith(kit(realm).phrases.exercise(info.language)) == (realm == EXERCISE)
        assert alert.parameter(HAZARD) == "air"
    assert message(act.cap).parameter(CANCEL_REASON) is None
    assert message(act.retraction).parameter(CANCEL_REASON) == "error"
    assert message(end.cap).parameter(CANCEL_REASON) == "ended"


@given(
    minutes=st.integers(0, 3 * 365 * 24 * 60),
    area=st.sampled_from(["UA-30", "UA-63", "DE-BE", "US-HI", "GB-SCT", "IS-1"]),
)
def test_a_cast_says_the_time_of_its_own_signal(minutes: int, area: str) -> None:
    """Whatever was cast before, every time in a message is of this signal, and none of the mould's is left."""
    box = Mirror(
        kit(ACTUAL), Policy(ACTUAL, mirror=(Line("siren", (area[:2],)),)), {"siren": SIREN}, lambda message, at: message
    )
    for moment, hazard in ((AT, "air"), (AT + timedelta(minutes=minutes), "storm")):
        (done,) = heard(box, Signal(area, moment, hazard=hazard).report("siren", moment), moment)
        (again,) = heard(
            mirror_of(area),
            Signal(area, moment, hazard=hazard).report("siren", moment),
            moment,
        )
        assert done == again
        assert "1999-02" not in done.cap + done.retraction
        zone = kit(ACTUAL).gazetteer.get(area).zone
        clock = f"{moment.astimezone(ZoneInfo(zone)):%H:%M}"
        for info in message(done.cap).infos:
            assert (
                kit(ACTUAL).phrases.time(moment, zone, info.language)
                in info.description + info.headline + info.instruction
            )
            assert clock in (info.parameter(SHORT) or "")


def mirror_of(area: str) -> Mirror:
    """A fresh mirror for one country."""
    return Mirror(
        kit(ACTUAL), Policy(ACTUAL, mirror=(Line("siren", (area[:2],)),)), {"siren": SIREN}, lambda message, at: message
    )


def foreign(**changes: object) -> Report:
    """A CAP message of the siren network's office."""
    info = Info(
        language="uk",
        categories=("Safety",),
        event="Повітряна тривога",
        response_types=("Shelter",),
        urgency="Immediate",
        severity="Extreme",
        certainty="Observed",
        headline="Повітряна тривога в Києві",
        description="Ракетна небезпека.",
        instruction="Пройдіть в укриття.",
        areas=(Area("Київ", (), (), (Named("ISO3166-2", "UA-30"),)),),
    )
    english = replace(info, language="en", event="Air alert", headline="", parameters=(Named(SHORT, "Own words"),))
    alert = Alert(
        identifier="f.1",
        sender="office@siren.example",
        sent=AT,
        status="Actual",
        msg_type="Alert",
        scope="Public",
        infos=(info, english),
    )
    content = write(replace(alert, **changes))
    return Report(report_id("siren", content), "siren", CAP_XML, content, AT, AT)


def test_a_message_of_others_gets_what_our_channels_need() -> None:
    """Its infos keep their words; where they have no short text they get their headline; the retraction is in ours."""
    (done,) = heard(mirror(), foreign(), AT)
    assert check(done.cap.encode()).fit
    uk, en = message(done.cap).infos
    assert uk.parameter(SHORT) == "Повітряна тривога в Києві"
    assert en.parameter(SHORT) == "Own words"
    assert (uk.description, uk.instruction) == ("Ракетна небезпека.", "Пройдіть в укриття.")
    taken_back = message(done.retraction)
    assert taken_back.parameter(CANCEL_REASON) == "error"
    assert {info.language for info in taken_back.infos} == set(LANGUAGES)
    assert all(info.parameter(SHORT) for info in taken_back.infos)


def test_the_end_of_others_says_that_it_ended() -> None:
    """A foreign all-clear says in a field that the danger ended and was no error, once."""
    box = mirror()
    heard(box, foreign(), AT)
    first = message(foreign().content.decode())
    ended = {"event": "Відбій повітряної тривоги", "headline": "Відбій", "instruction": ""}
    over = tuple(
        replace(
            info,
            response_types=("AllClear",),
            urgency="Past",
            **ended,
        )
        for info in first.infos
    )
    report = foreign(identifier="f.2", msg_type="Update", infos=over, references=(_to(first),))
    (done,) = heard(box, report, AT + timedelta(hours=1))
    assert done.phase == "all-clear"
    for info in message(done.cap).infos:
        assert [field.value for field in info.parameters if field.name == CANCEL_REASON] == ["ended"]
        assert info.parameter(PHASE) == "all-clear"


def _to(alert: Alert) -> object:
    from tocsin.cap.alert import Reference
    from tocsin.clock import spell

    assert alert.sent is not None
    return Reference(alert.sender, alert.identifier, spell(alert.sent))


def test_nothing_is_frozen_without_its_retraction() -> None:
    """Neither way of publishing lets a warning out that cannot be taken back; an ending needs none."""
    (done,) = heard(mirror(), Signal("UA-30", AT).report("siren", AT), AT)
    with pytest.raises(IllegalStepError, match="retraction"):
        freeze(replace(done, retraction=""), lambda text, at: text)
    ended = freeze(replace(done, phase="all-clear", retraction=""), lambda text, at: text + b"<!-- signed -->")
    assert ended.cap.endswith("<!-- signed -->")
