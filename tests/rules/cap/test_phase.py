"""The table: what one alert says, what may follow what, and what a clock or a lost source make of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.rules.cap.said import act, alert, area, clear, info, ours, t
from tocsin.cap.alert import Alert
from tocsin.cap.phase import LEGAL, RANK, Phase, Saying, follow, sayings, says
from tocsin.cap.standing import Contact, Strand, _judged
from tocsin.cap.thread import Course, Step, Thread, settled

CASES = json.loads((Path(__file__).parent / "phase_cases.json").read_text("utf-8"))


def named(kind: str) -> list[Any]:
    return [pytest.param(case, id=case.get("name") or f"{case['from']}->{case['to']}") for case in CASES[kind]]


@pytest.mark.parametrize("case", named("legal"))
def test_legal(case: dict[str, Any]) -> None:
    """The table of legal transitions is complete and is the one that clients have."""
    assert (Phase(case["to"]) in LEGAL[Phase(case["from"])]) is case["legal"]


def test_legal_is_complete() -> None:
    """Every pair of phases is decided, and every phase has its rank."""
    assert len(CASES["legal"]) == len(Phase) ** 2 == len({(c["from"], c["to"]) for c in CASES["legal"]})
    assert set(LEGAL) == set(RANK) == set(Phase)


def saying(given: dict[str, Any] | None) -> Saying | None:
    if given is None:
        return None
    return Saying(Phase(given["phase"]), given["machine"], given["severity"], frozenset(given["actions"]))


@pytest.mark.parametrize("case", named("follow"))
def test_follow(case: dict[str, Any]) -> None:
    """What a message means depends on what stood before it."""
    before = Phase(case["before"]) if case["before"] else None
    said = saying(case["saying"])
    assert said is not None
    found = follow(before, said, saying(case["last"]))
    assert (found.value if found else None) == case["expect"]


def course(phase: str, last: str, since: int | None = None, ends: int | None = None, name: str = "a") -> Course:
    def moment(ms: int | None) -> datetime | None:
        return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)

    step = Step(name, "s", None, None, "", ())
    return Course(Phase(phase), Phase(last), moment(since), moment(ends), step, Saying(Phase(last)))


@pytest.mark.parametrize("case", named("settle"))
def test_settle(case: dict[str, Any]) -> None:
    """Expiry and lost freshness lead to unknown, never from an act to calm."""
    stood = course(case["phase"], case["phase"], ends=case["ends"])
    found = settled(stood, datetime.fromtimestamp(case["at"] / 1000, UTC), fresh=case["fresh"])
    assert {"phase": found.phase.value, "last": found.last.value} == case["expect"]
    assert found.why or found.phase == stood.phase


@pytest.mark.parametrize("case", named("decide"))
def test_decide(case: dict[str, Any]) -> None:
    """Of many threads the one that asks most decides, and silence decides before "be ready"."""
    strands = [
        Strand(Thread(str(at), ()), course(one["phase"], one["last"], one["since"], name=str(at)), "same")
        for at, one in enumerate(case["standings"])
    ]
    contact = Contact(case["contact"]["covered"], ("source",) if case["contact"]["lost"] else ())
    found = _judged(strands, [], contact)
    assert {"phase": found.phase.value, "last": found.last.value} == case["expect"]


FOREIGN = [
    # responseType, urgency, severity, certainty -> alone as an Alert
    (("Shelter",), "Immediate", "Extreme", "Observed", "act"),
    (("Shelter",), "Immediate", "Severe", "Likely", "act"),
    (("Evacuate",), "Immediate", "Extreme", "Possible", "act"),
    (("Execute",), "Immediate", "Severe", "Observed", "act"),
    (("Avoid",), "Immediate", "Extreme", "Observed", "act"),
    (("Shelter",), "Immediate", "Unknown", "Unknown", "act"),
    (("Shelter",), "Immediate", "Moderate", "Observed", "act"),
    (("Shelter",), "", "", "", "act"),
    (("Shelter",), "Unknown", "Extreme", "Observed", "act"),
    (("Shelter",), "Unknown", "Moderate", "Observed", "prepare"),
    (("Avoid",), "Immediate", "Moderate", "Observed", "prepare"),
    (("Execute",), "Unknown", "Unknown", "Unknown", "prepare"),
    (("Execute",), "Immediate", "Unknown", "Observed", "prepare"),
    (("Avoid",), "", "", "", "prepare"),
    (("Execute", "Shelter"), "Unknown", "Unknown", "Unknown", "act"),
    (("Shelter",), "Immediate", "Minor", "Observed", "prepare"),
    (("Shelter",), "Expected", "Extreme", "Observed", "prepare"),
    (("Shelter",), "Future", "Extreme", "Observed", "prepare"),
    (("Shelter",), "Past", "Extreme", "Observed", "prepare"),
    (("Shelter",), "Immediate", "Extreme", "Unlikely", "prepare"),
    (("Prepare",), "Expected", "Severe", "Likely", "prepare"),
    (("Prepare", "Monitor"), "Future", "Extreme", "Possible", "prepare"),
    (("Prepare",), "Immediate", "Extreme", "Observed", "prepare"),
    (("Prepare", "Shelter"), "Immediate", "Extreme", "Observed", "act"),
    (("Monitor",), "Immediate", "Extreme", "Observed", "prepare"),
    (("Assess",), "Immediate", "Severe", "Observed", "prepare"),
    (("None",), "Immediate", "Extreme", "Observed", "prepare"),
    (("None",), "Past", "Minor", "Unknown", "prepare"),
    ((), "Immediate", "Extreme", "Observed", "act"),
    ((), "Immediate", "Severe", "Likely", "act"),
    ((), "Immediate", "Moderate", "Observed", "prepare"),
    ((), "Expected", "Extreme", "Observed", "prepare"),
    ((), "", "", "", "prepare"),
    ((), "Unknown", "Unknown", "Unknown", "prepare"),
    (("Duck and cover",), "Immediate", "Extreme", "Observed", "act"),
    (("AllClear",), "Past", "Minor", "Observed", "all-clear"),
    (("AllClear",), "Immediate", "Extreme", "Observed", "all-clear"),
    (("AllClear", "Monitor"), "Past", "Minor", "Observed", "all-clear"),
    (("AllClear", "Avoid"), "Past", "Minor", "Observed", "all-clear"),
    (("AllClear", "Shelter"), "Immediate", "Extreme", "Observed", "act"),
    (("AllClear", "Shelter"), "Past", "Minor", "Observed", "prepare"),
    (("AllClear", "Prepare"), "Past", "Minor", "Observed", "prepare"),
]


@pytest.mark.parametrize(("does", "urgency", "severity", "certainty", "expect"), FOREIGN)
def test_foreign(does: tuple[str, ...], urgency: str, severity: str, certainty: str, expect: str) -> None:
    """A foreign alert is read by its codes; what is unclear asks more, and nothing says calm."""
    one = alert("a", 0, info(does, urgency, severity, certainty))
    assert says(one) == expect
    # Cancel and Error say what they say whatever their info repeats of the message they end.
    assert says(replace(one, msg_type="Cancel")) == "all-clear"
    assert says(replace(one, msg_type="Error")) == "retracted"
    for silent in (replace(one, msg_type="Ack"), replace(one, status="Draft"), replace(one, status="System")):
        assert says(silent) is None


def test_update_alone() -> None:
    """An update whose thread was not seen still says stay, be ready or it is over."""
    shelter = info(urgency="Expected", severity="Severe")
    assert says(alert("u", 0, shelter, kind="Update")) == "hold"
    assert says(alert("u", 0, info(), kind="Update")) == "act"
    assert says(alert("u", 0, info(("Monitor",), "Expected"), kind="Update")) == "prepare"
    assert says(alert("u", 0, info(urgency="Future"), kind="Update")) == "prepare"
    assert says(clear()) == "all-clear"


@pytest.mark.parametrize("text", ["error", "Error", " ERROR "])
def test_cancel_by_error(text: str) -> None:
    """A Cancel that says that it was an error is a retraction and not an end."""
    one = alert("c", 0, info(parameters={"cancelReason": text}), kind="Cancel")
    assert says(one) == "retracted"
    assert says(alert("c", 0, info(parameters={"cancelReason": "ended"}), kind="Cancel")) == "all-clear"


def test_cancel_without_info() -> None:
    """A Cancel needs no info, and one without a reason says that none was given."""
    (said,) = sayings(alert("c", 0, kind="Cancel"))
    assert (said.phase, said.reasoned) == (Phase.ALL_CLEAR, False)
    assert says(alert("c", 0, kind="Error")) == "retracted"
    assert says(alert("c", 0, kind="Alert")) == "prepare"


@pytest.mark.parametrize("phase", ["prepare", "act", "hold", "all-clear", "retracted"])
def test_machine_field(phase: str) -> None:
    """Our own field wins over everything that the codes say."""
    for kind in ("Alert", "Update", "Cancel", "Error"):
        for does in (("Shelter",), ("AllClear",), ("Prepare",), ()):
            one = alert("m", 0, info(does, parameters={"tocsin:phase": phase}), kind=kind)
            assert says(one) == phase


@pytest.mark.parametrize("text", ["calm", "unknown", "panic", "", "green", "ALL CLEAR"])
def test_machine_field_nobody_may_say(text: str) -> None:
    """No message says calm or unknown, nor a phase that nobody knows: its codes decide."""
    assert says(alert("m", 0, info(parameters={"tocsin:phase": text}))) == "act"
    assert says(alert("m", 0, info(("Monitor",), parameters={"tocsin:phase": text}))) == "prepare"


def test_infos_differ() -> None:
    """Where the infos of one message differ, the one that asks most counts; an all-clear beside an act is no end."""
    assert says(alert("a", 0, info(("AllClear",)), info())) == "act"
    assert says(alert("a", 0, info(("Prepare",), "Expected"), info())) == "act"
    assert says(alert("a", 0, info(("AllClear",)), info(("Prepare",), "Expected"))) == "prepare"
    both = alert("a", 0, info(parameters={"tocsin:phase": "all-clear"}), info(parameters={"tocsin:phase": "hold"}))
    assert says(both) == "hold"


def test_machine_field_in_one_language() -> None:
    """The machine field of any info counts for all."""
    assert says(alert("a", 0, info(parameters={"tocsin:phase": "prepare"}), info())) == "prepare"


def test_one_info_has_the_areas() -> None:
    """An info without areas speaks for the areas of all infos (quirk 60)."""
    said = sayings(alert("a", 0, info(areas=()), info(("Prepare",), "Expected")))
    assert {one.areas for one in said} == {(area("UA-30"),)}
    assert len(said) == 2


def test_translations_are_one_saying() -> None:
    """Nine languages that say the same are one saying."""
    infos = [replace(info(), language=tongue, headline=tongue) for tongue in ("en", "uk", "de", "fr")]
    assert len(sayings(alert("a", 0, *infos))) == 1


def test_green_entries_say_nothing() -> None:
    """MeteoAlarm's green is no warning (quirk 31), and no end of one."""
    green = alert("g", 0, info(("Monitor",), "Future", "Minor", parameters={"awareness_level": "1; green; Minor"}))
    assert says(green) is None
    yellow = info(("Monitor",), "Future", "Moderate", parameters={"awareness_level": "2; yellow; Moderate"})
    assert says(alert("y", 0, yellow)) == "prepare"


def test_event_ends_after_the_text_expires() -> None:
    """A prepare ends with its event and not with its text (quirk 45); an act is unknown when its text is old."""
    later = {"eventEndingTime": "2024-11-20T06:00:00+00:00"}
    (said,) = sayings(alert("p", 0, info(("Prepare",), "Expected", expires=t(60), parameters=later)))
    assert said.ends == t(300)
    (said,) = sayings(alert("a", 0, info(expires=t(60), parameters=later)))
    assert said.ends == t(60)


def test_nothing_says_calm() -> None:
    """No message in the product of all code lists says calm or unknown."""
    lists: tuple[tuple[str, ...], ...] = (
        ("Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None", ""),
        ("Immediate", "Expected", "Future", "Past", "Unknown", ""),
        ("Extreme", "Severe", "Moderate", "Minor", "Unknown", ""),
        ("Observed", "Likely", "Possible", "Unlikely", "Unknown", ""),
    )
    for kind in ("Alert", "Update", "Cancel", "Error", "Nonsense"):
        for does in lists[0]:
            for urgency in lists[1]:
                for severity in lists[2]:
                    for certainty in lists[3]:
                        one = Alert("a", msg_type=kind, infos=(info((does,), urgency, severity, certainty),))
                        assert says(one) in ("prepare", "act", "hold", "all-clear", "retracted")


def test_act_is_never_overruled_in_its_own_message() -> None:
    """No text beside it changes what Shelter, Immediate, Extreme means."""
    for words in ("All clear", "You may leave", "Відбій", "calm"):
        one = act()
        assert says(replace(one, infos=(replace(one.infos[0], headline=words, description=words),))) == "act"
    assert says(ours("m", 0, "act", 1)) == "act"
