"""Telling: whatever the program can say to an operator it can say in every language of the console, place by place."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import tocsin
from tocsin.cap.lint import RULES, broken
from tocsin.cap.vocabulary import vocabulary
from tocsin.cap.wording import WRONG, WRONG_RESPONSES
from tocsin.errors import IllegalStepError, TocsinError
from tocsin.remark import Remark, remark, word
from tocsin.warn import approval, draft, guard, person, twin
from tocsin.warn.approval import default
from tocsin.warn.phrase import book
from tocsin.web.console.desk_room import speech
from tocsin.web.console.tell import remarks, tell, whole
from tocsin.web.console.text import LANGUAGES
from tocsin.web.problem import tree

ROOT = Path(tocsin.__file__).parent
KINDS = sorted(tree(), key=lambda kind: kind.code)
OTHERS = [language for language in LANGUAGES if language != "en"]


def calls() -> Iterator[tuple[Path, ast.Call, str]]:
    """Every call in the program that makes a remark, a word or a geometry's problem."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield path, node, node.func.id


def written() -> dict[str, str]:
    """Every remark that stands in the program with its key and its English."""
    found: dict[str, str] = {}
    for path, call, name in calls():
        if name not in ("remark", "Remark") or len(call.args) < 2 or not isinstance(call.args[0], ast.Constant):
            continue
        key, english = (getattr(one, "value", None) for one in call.args[:2])
        assert isinstance(key, str), path
        assert isinstance(english, str), f"{path.name}: the English of {key} is not written where it is made"
        assert found.setdefault(key, english) == english, f"{key} says two things"
    return found


def made() -> set[str]:
    """The keys that are put together from lists of the program: rules, acts, steps, actions, dangers."""
    actions = {name for names in WRONG.values() for name in names} | set(vocabulary("en").actions)  # type: ignore[union-attr]
    actions |= {name.casefold() for names in WRONG_RESPONSES.values() for name in names}
    return (
        {f"lint.{code}" for code in RULES}
        | {f"rule.{row.name}" for row in default().rule}
        | {f"may.{act.value}" for act in person.Act}
        | {f"step.{step.value}" for step in draft.Step}
        | {f"approval.{state.value}" for state in approval.State}
        | {f"action.{name}" for name in actions}
        | {f"danger.{name}" for name in {*WRONG, *vocabulary("en").hazards}}  # type: ignore[union-attr]
        | {
            str(call.args[0].value)
            for _, call, name in calls()
            if name == "Problem"
            and call.args
            and isinstance(call.args[0], ast.Constant)
            and str(call.args[0].value).startswith("geometry.")
        }
    )


def places(text: str) -> set[tuple[str, str]]:
    """The places of a sentence, each with its format."""
    return {(name, form or "") for _, name, form, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_every_remark_of_the_program_is_in_every_language(language: str) -> None:
    """Whatever is written or put together in the program has its sentence, with the same places; nothing else has one."""
    table, english = dict(remarks(language)), written()
    known = (set(english) | made()) - {"error"}
    assert {key for key in known if key not in table} == set()
    assert set(table) - known == set(), "nobody says this any more"
    assert {key for key in english if key in table and places(english[key]) != places(table[key])} == set()
    assert all(text.strip() for text in table.values())


def test_every_kind_of_word_is_known() -> None:
    """A word is of a kind that pages, phrase book or tables have words for."""
    kinds = {
        call.args[0].value for _, call, name in calls() if name == "word" and isinstance(call.args[0], ast.Constant)
    }
    assert kinds <= {"phase", "state", "role", "facility", "hazard", "step", "may", "approval", "action", "danger"}
    assert len(kinds) >= 9


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_are_called_as_on_the_pages(language: str) -> None:
    """Phases, roles, states and houses are called as the pages call them, hazards as the phrase book does."""
    t = speech(language)
    for phase in ("prepare", "act", "hold", "all-clear", "retracted", "calm", "unknown"):
        assert str(tell(word("phase", phase), t)) == t.say(f"phase.{phase}")
    for state in draft.DraftState:
        assert str(tell(word("state", state.value), t)) == t.say(f"state.{state.value}")
    for role in person.Role:
        assert str(tell(word("role", role.value), t)) == t.say(f"role.{role.value}")
    for status in ("open", "limited", "closed"):
        assert str(tell(word("facility", status), t)) == t.say(f"facility.{status}")
    for hazard in book().hazards("act"):
        assert "lang=" not in tell(word("hazard", hazard), t)


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("kind", KINDS, ids=[kind.code for kind in KINDS])
def test_every_fault_is_told_in_every_language(language: str, kind: type[TocsinError]) -> None:
    """The sentence of each code stands in the reader's language, with its detail."""
    said = tell(kind(remark("glass.why", "say why")).remark, speech(language))
    assert remarks(language)["glass.why"][1:] in said
    assert kind().sentence not in said
    assert 'lang="en"' not in said


def test_no_guard_speaks_without_a_key() -> None:
    """No guard makes a finding of a bare sentence."""
    source = ast.parse(
        inspect.getsource(guard) + inspect.getsource(twin).replace("from __future__ import annotations", "")
    )
    findings = [
        node.args[1]
        for node in ast.walk(source)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"
    ]
    assert len(findings) >= 15
    assert not [one for one in findings if isinstance(one, (ast.Constant, ast.JoinedStr))]


def test_what_a_person_wrote_cannot_become_a_page() -> None:
    """Values are escaped, places in a value are left alone, and what has no words is marked as English."""
    t = speech("de")
    said = tell(remark("handover.to", "it was handed over to {person}", person="<b>{alerts}</b>"), t)
    assert str(said) == "sie wurde übergeben an &lt;b&gt;{alerts}&lt;/b&gt;"
    assert str(tell("no <words>", t)) == '<span lang="en">no &lt;words&gt;</span>'
    assert str(tell("no <words>", speech("en"))) == "no &lt;words&gt;"
    assert str(tell(Remark("nobody.said", "this"), t)) == '<span lang="en">this</span>'


def test_the_english_stays_what_it_was() -> None:
    """API, command line and journal read the plain English, with numbers, lists and sentences put in."""
    wrong = IllegalStepError(
        remark("policy.rules", "approval policy: it must have exactly the rules {rules}", rules=("a", "b"))
    )
    assert wrong.detail == "approval policy: it must have exactly the rules a, b"
    assert str(wrong) == f"{wrong.sentence} {wrong.detail}"
    assert str(wrong.remark) == str(wrong)
    assert str(broken("L2", remark("lint.no-hazard", "no hazard"))) == f"{RULES['L2']} (no hazard)"
    assert str(remark("outline.many", "more than {count} points", count=5000)) == "more than 5,000 points"
    assert (
        str(tell(remark("outline.many", "more than {count} points", count=5000), speech("uk")))
        == "понад 5\u00a0000 точок"
    )


def test_what_stands_by_itself_is_a_whole_sentence() -> None:
    """A refusal begins with a capital and ends with a stop in every language; a name at its beginning stays as it is."""
    said = remark("glass.why", "say why")
    assert [str(whole(said, speech(tag))) for tag in LANGUAGES] == [
        "Say why.",
        "Скажіть чому.",
        "Sagen Sie, warum.",
        "Dites pourquoi.",
    ]
    wrong = IllegalStepError(said).remark
    assert str(tell(wrong, speech("en"))) == "This step is not possible from where this stands. Say why."
    split = remark("extent.split", "{code} cannot be split; choose codes for those who leave", code="pack:a")
    assert str(whole(split, speech("de"))).startswith("pack:a")
