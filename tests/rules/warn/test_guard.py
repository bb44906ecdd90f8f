"""Guards and preview: what stops or questions a draft, and what author and approver see of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tests.rules.warn.test_desk import AT, MINUTE, Office
from tocsin.cap.alert import Info
from tocsin.errors import IllegalStepError
from tocsin.journal import ACTUAL, EXERCISE
from tocsin.warn.compile import Compiled
from tocsin.warn.desk import GUARD_OVERRIDDEN, TRANSLATION_DUE, Overridden
from tocsin.warn.draft import Content, Draft, Extra, Where
from tocsin.warn.fatigue import Tally
from tocsin.warn.finding import Finding
from tocsin.warn.guard import same_in_every_language, standard
from tocsin.warn.preview import Counts, preview
from tocsin.warn.twin import untold

BOX = "50.0,30.0 50.0,31.0 51.0,31.0 51.0,30.0 50.0,30.0"
HALF = "50.0,30.0 50.0,30.5 51.0,30.5 51.0,30.0 50.0,30.0"
NAME = {"en": "Kyiv and around", "uk": "Київ і околиці", "de": "Kiew und Umgebung", "fr": "Kyiv et environs"}


class Guarded(Office):
    """An office whose desk has all its guards."""

    def __init__(self, realm: str = ACTUAL, people: int | None = 10_000, required: tuple[str, ...] = ()) -> None:
        super().__init__(realm, people)
        self.tally = Tally(self.desk.kit.gazetteer, realm)
        self.desk.guards = standard(
            self.desk.kit,
            find=self.desk.drafts.get,
            census=self.desk.census,
            policy=self.desk.policy,
            tally=self.tally,
            required=(lambda where: required) if required else None,
        )

    def record(self, facts: list[Any]) -> list[Any]:
        before = len(self.entries)
        made = super().record(facts)
        for entry in self.entries[before:]:
            if hasattr(self, "tally"):
                self.tally.apply(entry)
        return made

    def findings(self, content: Content) -> dict[str, Finding]:
        draft = Draft("d", "ann", AT, replace(content, event_id="e"))
        return {one.code: one for one in self.desk.findings(draft, self.desk.compiled(draft.content))}


def test_a_template_passes_every_guard() -> None:
    """The air warning by template, in a usual area, has nothing that stops it."""
    office = Guarded()
    assert [one for one in office.findings(office.content()).values() if one.blocking or one.reason] == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Alert since {time}.", "L7"),
        ("THIS IS NOT A DRILL", "L13"),
        ("Install the new app at alerts.example.xyz", "L16"),
        ("Stand near the window.", "L11"),
    ],
)
def test_words_that_harm_stop_the_proposal(text: str, code: str) -> None:
    """A placeholder, "not a drill", a strange link, advice that harms: none is proposed, whatever reason is given."""
    office = Guarded()
    content = office.content(extra={"en": Extra(text, "ann")}, reasons={code: "I know better"})
    assert office.findings(content)[code].blocking
    office.record(office.desk.begin("d1", "ann", content, AT))
    with pytest.raises(IllegalStepError):
        office.desk.propose("d1", "ann", AT)


def test_words_that_make_a_test_of_an_alert_are_stopped() -> None:
    """A text that machines would take for an exercise does not leave as actual (F16), and the other way round."""
    office = Guarded()
    found = office.findings(office.content(extra={"en": Extra("This is only a test.", "ann")}))
    assert found["realm"].blocking


@pytest.mark.parametrize("letter", ["\u202e", "\u2066", "\u200b", "\ue000"])
def test_letters_that_nobody_sees_are_stopped(letter: str) -> None:
    """A text that a hidden letter turns around, or parts, is refused with the letter's number."""
    office = Guarded()
    found = office.findings(office.content(extra={"en": Extra(f"Bring{letter} water.", "ann")}))
    assert found["letters"].blocking
    assert f"U+{ord(letter):04X}" in found["letters"].sentence


def test_an_area_far_from_the_sources_needs_a_word_why() -> None:
    """Half of the source's area is missing: a reason is asked for, and goes into the journal with the sentence."""
    office = Guarded()
    content = office.content(where=Where(polygons=(HALF,), name=NAME), source_where=Where(polygons=(BOX,)), reasons={})
    found = office.findings(content)["area"]
    assert found.reason
    assert "50%" in found.sentence
    office.record(office.desk.begin("d1", "ann", replace(content, reasons={"area": "the east is empty"}), AT))
    facts = office.record(office.desk.propose("d1", "ann", AT))
    import msgspec

    (logged,) = [msgspec.json.decode(item.body, type=Overridden) for item in facts if item.kind == GUARD_OVERRIDDEN]
    assert (logged.person, logged.code, logged.reason) == ("ann", "area", "the east is empty")
    assert "area" not in office.findings(replace(content, source_where=Where(polygons=(HALF,))))
    assert office.findings(replace(content, where=Where(codes=("UA-30",)), source_where=Where(codes=("UA",))))[
        "area"
    ].reason


@pytest.mark.parametrize("typed", ["", "yes", "Kyiv Oblast", "I am sure"])
def test_very_many_people_need_the_areas_name(typed: str) -> None:
    """A click or a yes does not do: the name of the area must be typed, in any of the languages."""
    office = Guarded(people=3_000_000)
    content = office.content(reasons={"wide": typed})
    found = office.findings(content)["wide"]
    assert found.blocking
    assert found.type_this == "Kyiv City"
    for name in ("Kyiv City", "kyiv  city", "м. Київ"):
        assert not office.findings(replace(content, reasons={"wide": name}))["wide"].blocking
    assert office.findings(office.content(where=Where(codes=("UA",))))["wide"].blocking
    assert Guarded(people=None).findings(content)["wide"].blocking


def test_three_times_as_many_as_usual_need_the_name() -> None:
    """After three alerts for a village, one for a town asks."""
    office = Guarded(people=1_000)
    for number in range(3):
        office.at += MINUTE
        office.publish_all(f"d{number}", "act")
    office.desk.census = lambda where: 1_000 if where.codes == ("UA-30",) else 4_000
    office.desk.guards = standard(
        office.desk.kit,
        find=office.desk.drafts.get,
        census=office.desk.census,
        policy=office.desk.policy,
        tally=office.tally,
    )
    assert "wide" not in office.findings(office.content("act"))
    assert office.findings(office.content("act", where=Where(codes=("UA-32",))))["wide"].blocking


def test_what_staff_are_told_the_public_is_told() -> None:
    """The hazard, the house, times, places and each stated fact; advice alone differs freely."""
    office = Guarded()
    staff = office.content(
        audience="staff",
        facility="closed",
        extra={"en": Extra("A large attack is expected after 14:30 in Podil. Answer the roll call.", "ann")},
    )
    public = office.content()
    told = untold(staff, public)
    assert any("closed" in str(one) for one in told)
    assert any("14:30" in str(one) for one in told)
    assert not any("roll call" in str(one) for one in told)
    assert untold(staff, replace(staff, audience="everyone")) == ()
    assert any("ends" in str(one) for one in untold(staff, replace(staff, ends=AT + timedelta(hours=1))))
    assert any("UA-30" in str(one) for one in untold(staff, replace(staff, where=Where(codes=("UA-32",)))))
    assert any("air" in str(one) for one in untold(staff, replace(staff, hazard="storm")))


def test_twins_are_linked_and_compared() -> None:
    """Staff alone need a reason; a twin is begun with the same facts and the incident; less for the public needs one."""
    office = Guarded()
    office.record(office.desk.begin("s", "ann", office.content(audience="staff", facility="closed"), AT))
    with pytest.raises(IllegalStepError, match="public is not"):
        office.desk.propose("s", "ann", AT)
    office.record(office.desk.begin_twin("p", "ann", "s", "everyone", AT))
    staff, public = office.desk.draft("s").content, office.desk.draft("p").content
    assert staff.incidents == public.incidents != ()
    assert (staff.twin, public.twin, public.event_id) == ("p", "s", "evt.p")
    office.record(office.desk.change("p", "ann", replace(public, facility=""), AT))
    for name in ("s", "p"):
        with pytest.raises(IllegalStepError, match="house is closed"):
            office.desk.propose(name, "ann", AT)
    with pytest.raises(IllegalStepError):
        office.desk.begin_twin("q", "ann", "s", "everyone", AT)
    office.record(office.desk.change("p", "ann", replace(public, reasons={"twin": "not confirmed"}, facility=""), AT))
    assert any(item.kind == GUARD_OVERRIDDEN for item in office.record(office.desk.propose("p", "ann", AT)))


def test_languages_never_stop_an_act_and_are_owed() -> None:
    """A language that the area needs and nobody has words for is a follow-up: the alert leaves, and the rest is due."""
    office = Guarded(required=("en", "uk", "crh"))
    found = office.findings(office.content("act"))["languages"]
    assert found.follow_up
    assert not found.blocking
    assert "crh" in found.sentence
    office.propose(phase="act", person="dan")
    facts = office.desk.publish("d1", "dan", AT, lambda message, at: message, AT)
    assert TRANSLATION_DUE in [item.kind for item in facts]


def test_free_text_is_marked_and_stays_out_of_headlines() -> None:
    """What nobody has confirmed is said to be so, in its own language only; a language that goes nowhere is refused."""
    office = Guarded()
    content = office.content(extra={"uk": Extra("Візьміть воду.")})
    compiled = office.desk.compiled(replace(content, event_id="e"))
    for info in compiled.alert.infos:
        assert "Візьміть" not in info.headline
        assert ("Візьміть" in info.description) == (info.language == "uk")
    assert "Не перевірено" in compiled.alert.infos[1].description
    found = office.findings(content)
    assert "unconfirmed" in found
    assert found["languages-free"].follow_up
    assert office.findings(office.content(extra={"pl": Extra("Uwaga.", "ann")}))["unsaid"].blocking


def test_numbers_that_differ_between_languages_stop_it() -> None:
    """One mutated digit in one language blocks (L15, req. 106); free texts that differ need a reason."""
    office = Guarded()
    content = replace(office.content(), event_id="e")
    compiled = office.desk.compiled(content)
    draft = Draft("d", "ann", AT, content)
    assert same_in_every_language(draft, compiled) == ()

    def mutated(info: Info) -> Info:
        return replace(info, description=info.description + " 14:31")

    first, second, *rest = compiled.alert.infos
    wrong = Compiled(replace(compiled.alert, infos=(first, mutated(second), *rest)), compiled.retraction, "")
    assert [one.blocking for one in same_in_every_language(draft, wrong)] == [True]
    free = office.content(extra={"en": Extra("Until 14:30.", "ann"), "de": Extra("Bis 15:30.", "ann")})
    assert office.findings(free)["L15"].reason


def test_words_of_another_hazard_need_a_reason() -> None:
    """A heat warning has no act; the general words are taken only by who says why."""
    office = Guarded()
    assert office.findings(office.content("act", hazard="heat"))["general"].reason


def test_the_preview_shows_what_is_approved() -> None:
    """Messages, tiers, people, subscribers, area, fatigue, rule and clock; its digest is the one that is proposed."""
    office = Guarded(people=20_000)
    office.publish_all("d0", "act")
    office.at += MINUTE
    by = {"sms": 400, "webpush": 840, "webhook": 7, "siren": 9}
    counts = Counts(1_256, by, {"en": 628, "uk": 628}, {"everyone": 1_256}, 1_190, 16, ("siren", "webhook"))
    office.record(office.desk.begin("d1", "ann", office.content(where=Where(codes=("UA-30",))), office.at))
    shown = preview(office.desk, "d1", office.at, counter=lambda where, audience, phase: counts, tally=office.tally)
    office.record(office.desk.propose("d1", "ann", office.at))
    again = preview(office.desk, "d1", office.at, counter=lambda where, audience, phase: counts, tally=office.tally)
    assert shown.digest == again.digest == office.desk.draft("d1").digest
    assert [one.kind for one in again.messages] == ["retraction", "alert"]
    assert again.sms_parts == 400
    assert again.counts is not None
    assert list(again.counts.ways.items()) == [("webpush", 840), ("sms", 400)]
    assert list(again.counts.told.items()) == [("siren", 9), ("webhook", 7)]
    assert again.fatigue is not None
    assert again.fatigue.line.startswith("Alert 2 here in 7 days; 100 %")
    assert again.area_km2 is not None
    assert 500 < again.area_km2 < 2_000
    assert again.approval is not None
    assert again.approval.rule.name == "prepare"
    assert again.approval.can_approve == ("ben", "cem")
    assert again.approval.escalate_at == office.at + timedelta(minutes=2)
    assert again.question == "ACTUAL: prepare for Kyiv City, 20,000 people, public?"
    assert not again.stops
    assert not again.changed
    for info in again.messages[-1].words:
        assert [tier.name for tier in info.tiers] == ["short", "middle", "full"]


def test_a_preview_of_what_cannot_be_compiled_says_why() -> None:
    """No area: a sentence, and nothing else that could be mistaken for a preview."""
    office = Guarded()
    office.record(office.desk.begin("d1", "ann", office.content(where=Where()), AT))
    shown = preview(office.desk, "d1", AT)
    assert "never the whole country" in shown.fault
    assert shown.messages == ()


def test_fatigue_counts_what_concerned_the_place() -> None:
    """An alert for the whole country counts for a region and does not concern it alone; exercises do not count."""
    office = Guarded()
    office.publish_all("d0", "act", where=Where(codes=("UA-30",)))
    office.at += MINUTE
    office.publish_all("d1", "act", where=Where(codes=("UA",)), reasons={"wide": "Ukraine"})
    seen = office.tally.fatigue(Where(codes=("UA-30",)), office.at + MINUTE)
    assert (seen.alerts, seen.concerned) == (2, 1)
    assert office.tally.fatigue(Where(codes=("PL",)), office.at + MINUTE).alerts == 0
    assert office.tally.fatigue(Where(codes=("UA-30",)), office.at + timedelta(days=8)).alerts == 0
    practice = Tally(office.desk.kit.gazetteer, EXERCISE)
    for entry in office.entries:
        practice.apply(entry)
    assert practice.fatigue(Where(codes=("UA-30",)), office.at).alerts == 0


def test_an_owner_works_here_and_a_promise_is_asked_for() -> None:
    """Nobody minds an alert who is not enrolled, or has left; an alert without a next word is questioned."""
    office = Guarded()
    office.record(office.desk.begin("d1", "ann", office.content(owner="nobody"), AT))
    with pytest.raises(IllegalStepError, match="mind"):
        office.desk.propose("d1", "ann", AT)
    office.record(office.desk.begin("d2", "ann", office.content(deputy="gone"), AT))
    with pytest.raises(IllegalStepError, match="mind"):
        office.desk.propose("d2", "ann", AT)
    asked = office.findings(office.content(next_update_by=None))["promise"]
    assert not asked.blocking
    assert not asked.reason


@pytest.mark.parametrize(
    ("tag", "text", "found"),
    [
        ("en", "An evacuation warning was issued in this area.", "in this area"),
        ("en", "In this area, the city of Kyiv, trains do not run.", ""),
        ("en", "Trains do not run.", ""),
        ("uk", "У вашому районі працюють рятувальники.", "У вашому районі"),
        ("uk", "У вашому районі, у Києві, працюють рятувальники.", ""),
        ("de", "In Ihrer Nähe arbeitet die Feuerwehr.", "In Ihrer Nähe"),
        ("fr", "Dans votre secteur, les secours travaillent.", "Dans votre secteur"),
    ],
)
def test_a_free_text_names_its_place(tag: str, text: str, found: str) -> None:
    """Whoever writes “in this area” and no place gives a reason or names it; by template it never asks (F4, Los Angeles)."""
    office = Guarded()
    content = replace(office.content(), extra={tag: Extra(text, "ann")})
    said = office.findings(content).get("here")
    assert (said is not None) == bool(found)
    if said is not None:
        assert said.reason
        assert not said.blocking
        assert said.said.values["words"] == found
        assert "here" not in office.findings(office.content())
