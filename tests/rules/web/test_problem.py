"""Every error has a status and a sentence in each language, decided in one place."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import tocsin
from tocsin.errors import KeyMissingError, TocsinError, UnknownPlaceError
from tocsin.web.problem import SENTENCES, STATUS, Fault, problem, status_of, title, tree
from tocsin.web.titles import LANGUAGES, TITLES

for _found in pkgutil.walk_packages(tocsin.__path__, "tocsin."):
    if not _found.name.endswith("__main__"):
        importlib.import_module(_found.name)
CODES = sorted({kind.code for kind in tree()})


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_status(code: str) -> None:
    """The whole tree of errors, wherever it is defined, stands in the table of statuses."""
    assert 400 <= STATUS[code] <= 599


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_titled_in_every_language(code: str) -> None:
    """Nobody is answered in a language they did not ask for."""
    told = {language: title(code, language) for language in LANGUAGES}
    assert set(TITLES[code]) == set(LANGUAGES) - {"en"}
    assert len(set(told.values())) == len(LANGUAGES)
    assert all(text[-1] == "." for text in told.values())


def test_the_tables_hold_no_code_that_is_gone() -> None:
    """What stands in the tables is a code of the tree."""
    assert set(STATUS) <= set(CODES)
    assert set(TITLES) <= set(CODES)


def test_a_code_of_another_package_gets_its_branchs_status() -> None:
    """An error that a plug-in defines is answered like the branch it hangs on."""
    assert status_of("input.place-unknown.village") == 404
    assert status_of("person.not-allowed.there") == 403
    assert status_of("nobody.knows") == 500


def test_a_document_says_where_and_lists_each_fault() -> None:
    """The detail and the faults of what a sender did are told."""
    document = problem(UnknownPlaceError("XX-1"), "de", faults=[Fault("a", "b", "c", 3)])
    assert (document.status, document.code, document.detail) == (404, "input.place-unknown", "XX-1")
    assert document.title == "Ein Gebiet mit diesem Code oder Namen ist hier nicht bekannt."
    assert document.faults[0].line == 3


def test_what_the_operator_must_do_is_not_told_to_everybody() -> None:
    """The detail of an operator's fault may name files and keys, and stays inside."""
    assert problem(KeyMissingError("/var/lib/tocsin/keys/actual.pem")).detail == ""
    assert problem(TocsinError("secret")).detail == ""


def test_sentences_are_the_errors_own() -> None:
    """The English title is the first line of the error's docstring."""
    assert SENTENCES["input.place-unknown"] == UnknownPlaceError.__doc__
