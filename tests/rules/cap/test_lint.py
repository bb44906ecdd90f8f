"""The message linter: practice's own sample texts pass, and each rule finds what it is for."""

from __future__ import annotations

import pytest

from tocsin.cap.alert import Alert, Area, Info, Named
from tocsin.cap.lint import BLOCKING, RULES, WRONG, lint
from tocsin.cap.vocabulary import LANGUAGES, vocabulary
from tocsin.clock import parse

RESPONSES = {"prepare": ("Prepare",), "act": ("Shelter",), "all-clear": ("AllClear",), "retracted": ()}
TYPES = {"all-clear": "Update", "retracted": "Cancel"}


def made(
    text: str,
    phase: str = "act",
    language: str = "en",
    event: str = "Air attack",
    status: str = "Actual",
    **fields: object,
) -> Alert:
    """An alert whose description is ``text``."""
    parameters = [Named("tocsin:phase", phase), Named("cancelReason", "error")][: 2 if phase == "retracted" else 1]
    info = Info(
        language=language,
        categories=("Safety",),
        event=event,
        response_types=RESPONSES[phase],
        urgency="Immediate",
        severity="Extreme",
        certainty="Observed",
        description=text,
        parameters=tuple(parameters),
        areas=(Area("Kyiv"),),
    )
    return Alert(
        identifier="a",
        sender="embassy.example",
        sent=parse("2024-11-20T05:00:00+00:00"),
        status=status,
        msg_type=TYPES.get(phase, "Alert"),
        scope="Public",
        infos=(info, *fields.pop("more", ())),  # type: ignore[misc]
    )


def found(alert: Alert) -> set[str]:
    return {finding.code for finding in lint(alert)}


SAMPLES = [
    ("prepare", "en", "US Embassy Kyiv: air attack possible today, all Ukraine. Know your shelter. Be ready."),
    (
        "prepare",
        "en",
        "US Embassy Kyiv: POSSIBLE LARGE AIR ATTACK today, 20 Nov, anywhere in Ukraine. Debris and blasts "
        "can kill. PREPARE "
        "NOW: choose your shelter, charge your phone, keep shoes and water ready. If an air alert sounds, GO "
        "TO SHELTER at "
        "once. It may sound without further notice. Next update by 14:00 Kyiv time. embassy.example/a/7K3F",
    ),
    (
        "act",
        "en",
        "Kyiv City: AIR ALERT since 02:14 Kyiv time. Blast and falling debris can kill. Area: Kyiv city. GO "
        "TO SHELTER NOW. "
        "No shelter within 3 minutes: inner room without windows, two walls between you and outside, low, "
        "cover your head. "
        "STAY until you receive an all-clear; silence is not an all-clear. Next update by 02:45. "
        "embassy.example/a/9Q2D",
    ),
    ("all-clear", "en", "Kyiv City: ALL-CLEAR 03:06. Air alert over. You may leave shelter. Avoid debris."),
    ("retracted", "en", "Kyiv City: FALSE ALARM. You are safe. No air attack. Leave shelter. 02:19."),
    ("act", "uk", "Київ: ПОВІТРЯНА ТРИВОГА. Негайно в укриття. Чекайте відбою. 02:14"),
    (
        "prepare",
        "en",
        "US Embassy Kyiv: air attack possible, EMBASSY CLOSED today. STAFF: shelter in place at home. Do not "
        "travel to the "
        "embassy. Answer the roll call when it is safe. Be ready.",
    ),
]


@pytest.mark.parametrize(("phase", "language", "text"), SAMPLES)
def test_the_sample_texts_of_practice_pass(phase: str, language: str, text: str) -> None:
    """The texts that were written by the rules break none of them."""
    assert found(made(text, phase, language)) == set()


GOOD = "City of Kyiv: air alert since 02:14 Kyiv time. Go to shelter now. Stay until the all-clear."

BAD = [
    ("L1", "act", "en", "Air alert since 02:14 Kyiv time. Go to shelter now. Stay until the all-clear."),
    ("L1", "act", "en", "NWS: air alert since 02:14 Kyiv time. Go to shelter now. Stay until the all-clear."),
    ("L3", "act", "en", GOOD + " The alert is in this area."),
    ("L3", "act", "uk", "Київ: повітряна тривога. Негайно в укриття. Чекайте відбою. Небезпека у вашому районі. 02:14"),
    ("L4", "act", "en", "City of Kyiv: air alert since 02:14. Shelter in place. Stay until the all-clear."),
    ("L4", "act", "en", "City of Kyiv: air alert since 02:14 until the all-clear."),
    ("L5", "act", "en", "City of Kyiv: air alert. Go to shelter. Stay until the all-clear."),
    ("L6", "act", "en", "CITY OF KYIV: AIR ALERT SINCE 02:14 KYIV TIME. GO TO SHELTER. STAY UNTIL THE ALL-CLEAR."),
    ("L7", "act", "en", GOOD + " Area: [LOCATION]."),
    ("L7", "act", "en", GOOD + " Until XX:XX."),
    ("L7", "act", "en", GOOD + " Until {time}."),
    ("L7", "act", "en", GOOD + " Threat level 2."),
    (
        "L7",
        "act",
        "de",
        "Stadt Kiew: Luftalarm seit 02:14 Uhr. Gehen Sie sofort in den Schutzraum. Warnstufe 3. Bis zur Entwarnung.",
    ),
    ("L8", "act", "en", "City of Kyiv: air alert since 02:14. Go to shelter now."),
    ("L8", "retracted", "en", "City of Kyiv: the notice of 02:14 about an air attack is void. Leave shelter."),
    ("L10", "act", "en", GOOD + " word" * 300),
    ("L10", "act", "uk", "Київ: повітряна тривога. " + "укриття " * 90),
    ("L12", "act", "en", GOOD),
    ("L13", "act", "en", GOOD + " This is not a drill."),
    ("L13", "act", "uk", "Київ: повітряна тривога. Негайно в укриття. Чекайте відбою. 02:14. Це не навчання."),
    (
        "L13",
        "act",
        "de",
        "Kiew: Luftalarm, 02:14. Gehen Sie in den Schutzraum bis zur Entwarnung. Dies ist keine Übung.",
    ),
    ("L13", "act", "fr", "Kyiv : alerte aérienne, 02:14. Restez à l'abri. Ceci n’est pas un exercice."),
    (
        "L14",
        "retracted",
        "en",
        "City of Kyiv: the message of 02:14 was cancelled pending an investigation by the authority, "
        "which regrets it very much and thanks all people. False alarm.",
    ),
    ("L16", "act", "en", GOOD + " bit.ly/x7"),
    ("L16", "act", "en", GOOD + " https://other.example.com/a"),
    ("L16", "act", "en", GOOD + " Install the new app from embassy.example/app"),
]


@pytest.mark.parametrize(("code", "phase", "language", "text"), BAD)
def test_each_rule_finds_what_it_is_for(code: str, phase: str, language: str, text: str) -> None:
    """A text that breaks a rule is found by it."""
    status = "Exercise" if code == "L12" else "Actual"
    assert code in found(made(text, phase, language, status=status))


def test_a_hazard_must_be_named_and_its_consequence() -> None:
    """A text without a hazard is found, and a long one that does not say what the hazard does."""
    assert "L2" in found(made("City of Kyiv: something since 02:14. Go now. Stay until the all-clear.", event="Notice"))
    assert "L2" in found(made(GOOD + " Stay calm and listen to your radio." * 5))
    assert "L2" not in found(made(GOOD + " Falling debris can kill." + " Stay calm and listen to your radio." * 5))


def test_hard_words_are_found() -> None:
    """Long sentences of long words are too hard to read in fear."""
    text = (
        "Municipal administration: notwithstanding meteorological uncertainties, precautionary "
        "considerations necessitate "
        "comprehensive implementation of predetermined organisational countermeasures throughout administrative "
        "subdivisions, whereby inhabitants should discontinue unnecessary transportation activities immediately and "
        "correspondingly participate in anticipatory preparations."
    )
    assert "L9" in found(made(text, "prepare"))


def test_a_test_says_so_in_every_language() -> None:
    """A test whose second language does not say so is blocked for that language."""
    first = Info(
        language="en", event="Test", headline="TEST: air alert", description="City: test.", urgency="Immediate"
    )
    second = Info(language="uk", event="Тривога", headline="Повітряна тривога", urgency="Immediate")
    alert = Alert(status="Test", msg_type="Alert", scope="Public", sender="a.example", infos=(first, second))
    assert [each.path for each in lint(alert) if each.code == "L12"] == ["alert/info[2]"]


def test_languages_carry_the_same_facts() -> None:
    """A time that differs in one language is found; the same time in another spelling is none."""

    def pair(other: str) -> set[str]:
        uk = Info(language="uk", event="Тривога", description=other, response_types=("Shelter",), areas=(Area("Kyiv"),))
        return found(made("City of Kyiv: air alert since 2:14 pm, 1,500 people.", more=(uk,)))

    assert "L15" not in pair("Київ: тривога з 14:14, 1500 людей.")
    assert "L15" in pair("Київ: тривога з 14:41, 1500 людей.")


def test_incompatible_advice_is_blocked_in_every_language() -> None:
    """Each wrong pair of hazard and action is found, in each language that has words for both."""
    examples = {
        ("en", "shooting", "ventilation-off"): ("Active shooter", "Turn off the ventilation."),
        ("en", "gas", "open-windows"): ("Chemical leak", "Open the windows."),
        ("en", "flood", "basement"): ("Flood", "Go to the basement."),
        ("en", "lightning", "under-tree"): ("Thunderstorm", "Shelter under a tree."),
        ("en", "earthquake", "elevator"): ("Earthquake", "Use the lift."),
        ("en", "air-attack", "go-outside"): ("Missile attack", "Go outside."),
        ("de", "gas", "open-windows"): ("Gasaustritt", "Öffnen Sie die Fenster."),
        ("de", "flood", "basement"): ("Hochwasser", "Gehen Sie in den Keller."),
        ("uk", "flood", "basement"): ("Повінь", "Спустіться у підвал."),
        ("uk", "air-attack", "go-outside"): ("Ракетна атака", "Вийдіть на вулицю."),
        ("fr", "flood", "basement"): ("Inondation", "Allez à la cave."),
    }
    for (language, hazard, action), (event, advice) in examples.items():
        assert action in WRONG[hazard]
        assert "L11" in found(made(advice, language=language, event=event)), (language, hazard, action)


def test_advice_against_is_not_advice() -> None:
    """Warning against a wrong action is right."""
    for language, event, text in (
        ("en", "Flood", "Do not go to the basement."),
        ("en", "Earthquake", "Never use the lift."),
        ("de", "Hochwasser", "Gehen Sie nicht in den Keller."),
        ("uk", "Повінь", "Не спускайтеся у підвал."),
        ("fr", "Inondation", "N’allez pas à la cave."),
    ):
        assert "L11" not in found(made(text, language=language, event=event)), text


def test_an_all_clear_does_not_send_people_to_shelter() -> None:
    """An all-clear whose text still says "go to shelter" is blocked."""
    assert "L11" in found(made("City of Kyiv: all-clear. Go to shelter now.", "all-clear"))


def test_rules_and_lists_are_complete() -> None:
    """Sixteen rules, five of which block; each language's lists compile, and a language without one is judged still."""
    assert list(RULES) == [f"L{number}" for number in range(1, 17)]
    assert {"L7", "L11", "L12", "L13", "L16"} == BLOCKING
    for language in LANGUAGES:
        words = vocabulary(language)
        assert words is not None
        assert {"vague", "consequence", "verb", "stay", "safe", "test", "not_a_drill", "jargon"} <= set(words.lists)
    assert "L7" in found(made("[LOCATION]", language="ja"))
