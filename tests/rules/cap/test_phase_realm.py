"""Exercise and test never mix with actual, in whatever field and language they say so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from tests.rules.cap.said import act, alert, clear, info
from tocsin.cap.alert import Alert, Info, Named
from tocsin.cap.realm import mark, realm

MARKS = [
    *("TEST", "Test", "test", "Test:", "[TEST]", "TEST TEST TEST", "Test message", "This is a test", "TEST_ALERT"),
    *("EXERCISE", "Exercise", "EXERCISE EXERCISE EXERCISE", "Excercise", "DRILL", "This is a drill", "Monthly test"),
    *("ТЕСТ", "Тестове повідомлення", "НАВЧАННЯ", "Навчальна тривога", "Тестування системи", "Навчання: тривога"),
    *("Übung", "ÜBUNG", "Uebung", "Testwarnung", "Probewarnung", "Probealarm", "Übungsmeldung", "Bundesweiter Warntag"),
    *("Essai", "EXERCICE", "Exercice d'alerte", "Ceci est un test", "Alerte test"),
    *("Учебная тревога", "УЧЕНИЯ", "Ćwiczenia", "SIMULACRO", "Prueba", "Esercitazione", "Oefening", "Tatbikat"),
    *("בדיקה", "תרגיל", "bedika", "اختبار", "تمرين", "訓練", "测试"),
]
"""Ways in which real feeds say that it is not in earnest."""

EARNEST = [
    *("Air alert", "Повітряна тривога", "Luftalarm", "Alerte aérienne", "Tornado Warning", ""),
    *("This is not a test", "THIS IS NOT A DRILL", "No test: take shelter", "Keine Übung!", "Dies ist keine Übung"),
    *("Це не навчання", "Це не тест", "Ceci n'est pas un exercice", "Это не учебная тревога", "To nie ćwiczenia"),
    *("Exercise caution on roads", "Exercise extreme caution", "Avoid outdoor exercise", "Avoid strenuous exercise"),
    *("Missile test announced", "Nuclear test", "Water test results: boil water", "COVID test centre closed"),
    *("latest news", "Protest march", "Greatest danger", "Contested area", "Навчання у школах призупинено"),
    *("Attestation", "Testament", "Probelm", "drilled well", "Fastest route"),
]


def says(field: str, text: str) -> Alert:
    """An earnest act with ``text`` in one field."""
    one = act()
    if field in ("headline", "event"):
        return replace(one, infos=(replace(one.infos[0], **{field: text}),))
    if field == "code":
        return replace(one, codes=("IPAWSv1.0", text))
    return replace(one, **{field: text})


@pytest.mark.parametrize("field", ["headline", "event", "note", "code", "status"])
@pytest.mark.parametrize("text", MARKS)
def test_mark(field: str, text: str) -> None:
    """Any test mark in any field makes a message a test (F16, F28)."""
    one = says(field, text)
    assert realm(one) == "exercise", mark(one)
    assert mark(one).startswith(field)


@pytest.mark.parametrize("field", ["headline", "event", "note", "code"])
@pytest.mark.parametrize("text", EARNEST)
def test_earnest(field: str, text: str) -> None:
    """A warning in earnest is not taken for a test because of a word in it."""
    one = says(field, text)
    assert realm(one) == "actual", mark(one)
    assert mark(one) == ""


@pytest.mark.parametrize("text", MARKS)
def test_mark_in_any_language(text: str) -> None:
    """A mark in the info of one language counts for the message."""
    one = act()
    both = replace(one, infos=(*one.infos, replace(one.infos[0], language="xx", headline=text)))
    assert realm(both) == "exercise"


@pytest.mark.parametrize(
    ("status", "expect"),
    [
        *(("Actual", "actual"), ("actual", "actual"), (" Actual ", "actual"), ("", "actual"), ("Real", "actual")),
        *(("Exercise", "exercise"), ("EXERCISE", "exercise"), ("Test", "exercise"), ("Excercise", "exercise")),
        *(("System", None), ("Draft", None), ("draft", None)),
    ],
)
def test_status(status: str, expect: str | None) -> None:
    """The status decides first; one that is missing or unheard of counts as actual."""
    assert realm(replace(act(), status=status)) == expect


@pytest.mark.parametrize(
    "text",
    [
        *("This is only a test. No action is required.", "THIS MESSAGE IS FOR TEST PURPOSES ONLY."),
        *("EXERCISE EXERCISE EXERCISE An air alert is simulated.", "TEST: sirens will sound."),
        *("Dies ist eine Probewarnung.", "Це навчальна тривога.", "Ceci est un exercice.", "Test. Test. Test."),
    ],
)
def test_phrase_in_a_long_text(text: str) -> None:
    """A description that says without doubt that this is a test counts."""
    for field in ("description", "instruction"):
        one = act()
        assert realm(replace(one, infos=(replace(one.infos[0], **{field: text}),))) == "exercise"


@pytest.mark.parametrize(
    "text",
    [
        *("Boil water until test results are back.", "Exercise caution.", "The exercise area is closed.", ""),
        *("The drilling platform is evacuated.", "This is not a test. Take shelter now.", "Test your smoke alarm."),
        *("Навчання у школах призупинено.", "Les tests sont annulés demain.", "Die Tests der Sirenen fallen aus."),
    ],
)
def test_word_in_a_long_text(text: str) -> None:
    """A word in a long text is not yet a mark."""
    for field in ("description", "instruction"):
        one = act()
        assert realm(replace(one, infos=(replace(one.infos[0], **{field: text}),))) == "actual", mark(one)


@pytest.mark.parametrize("value", ["RWT", "RMT", "NPT", "DMO"])
def test_event_code(value: str) -> None:
    """The test codes of the US alert system mark a test; its warnings do not."""
    one = act()
    assert realm(replace(one, infos=(replace(one.infos[0], event_codes=(Named("SAME", value),)),))) == "exercise"
    assert realm(replace(one, infos=(replace(one.infos[0], event_codes=(Named("SAME", "TOR"),)),))) == "actual"


def test_parameter() -> None:
    """A parameter that is called a test and is true marks one; false does not."""
    for name in ("test", "isTest", "exercise", "vendor:is_test"):
        assert realm(alert("a", 0, info(parameters={name: "true"}))) == "exercise"
        assert realm(alert("a", 0, info(parameters={name: "false"}))) == "actual"


def test_names_are_no_marks() -> None:
    """Identifier, sender and area are names: a message of test.example.org may be in earnest."""
    one = act("TEST-2024-1", sender="test@test.example.org")
    assert realm(one) == "actual"


def test_a_cancel_may_speak_of_a_test() -> None:
    """The retraction of a test that went out as Actual is no test itself: it must reach everyone (F2)."""
    one = replace(clear(), msg_type="Cancel", note="The earlier message was a test that was sent in error.")
    assert realm(one) == "actual"
    assert realm(replace(one, note="TEST")) == "exercise"
    assert realm(replace(one, note="Test: cancel of the exercise")) == "exercise"
    for headline in ("False alarm: test message sent in error", "The test alert of 08:07 is cancelled"):
        assert realm(replace(one, infos=(replace(one.infos[0], headline=headline),))) == "actual"
    assert realm(replace(one, infos=(replace(one.infos[0], headline="TEST - False alarm"),))) == "exercise"


@given(some.sampled_from(MARKS), some.sampled_from(["headline", "event", "note", "code"]), some.text(max_size=20))
def test_mark_beside_anything(text: str, field: str, beside: str) -> None:
    """A mark set off at the beginning is found whatever follows it, unless the rest makes it another word."""
    one = says(field, f"{text.rstrip(':')}: {beside}")
    assert realm(one) == "exercise"


def test_an_empty_message_is_in_earnest() -> None:
    """A message without any text is not a test."""
    assert realm(Alert(status="Actual", infos=(Info(),))) == "actual"
