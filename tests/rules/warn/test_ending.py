"""Calls about keys that end: four, once each, to administrators, and the right one to whoever was away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.journal import ACTUAL, Entry, fact
from tocsin.warn.ending import TOLD_AT, Ending, ending_pages
from tocsin.warn.person import PERSON_ENROLLED, Enrolled, People, Role

ENDS = datetime(2026, 6, 1, 12, tzinfo=UTC)


def people(*administrators: str) -> People:
    """People of whom these are administrators, and one author."""
    made = People()
    for seq, (name, role) in enumerate([*((one, Role.ADMINISTRATOR) for one in administrators), ("w", Role.AUTHOR)], 1):
        told = fact(PERSON_ENROLLED, name, Enrolled((role,)), ACTUAL)
        made.apply(Entry(seq, ENDS - timedelta(days=400), ACTUAL, told.kind, told.subject, told.body, b"", b""))
    return made


def due(before: timedelta, *, last: bool = True, whom: People | None = None) -> list[tuple[str, str, int]]:
    """What is due so long before the end: id, kind and minutes."""
    pages = ending_pages([Ending("ab12", ENDS, last)], whom or people("ann"), ENDS - before)
    return [(page.id, page.kind, page.minutes) for page in pages]


def test_four_calls_each_with_a_name_of_its_own() -> None:
    """Looked at every hour of 90 days, exactly four different calls become due, at 60, 30, 7 and 1 days."""
    first: dict[str, timedelta] = {}
    for hours in range(90 * 24, 0, -1):
        before = timedelta(hours=hours)
        for name, _, _ in due(before):
            first.setdefault(name, before)
    assert list(first.values()) == [timedelta(days=days) for days in TOLD_AT]
    assert due(timedelta(days=61)) == []


@pytest.mark.parametrize(("days", "told"), [(59, 60), (12, 30), (6.5, 7), (0.5, 1)])
def test_whoever_was_away_hears_the_newest_only(days: float, told: int) -> None:
    """A program that was off when a call was due makes the newest one, with the days there are now."""
    ((name, kind, minutes),) = due(timedelta(days=days))
    assert (name.partition("@")[2].partition("/")[0], kind) == (str(told), "last-key-ends")
    assert minutes == int(days) * 1440


def test_what_is_asked_for_depends_on_a_successor() -> None:
    """A key with a successor calls to pin that; ended, it calls nobody; one without calls after its end, too."""
    assert due(timedelta(days=5), last=False)[0][1] == "key-ends"
    assert due(timedelta(hours=-1), last=False) == []
    assert due(timedelta(hours=-1))[0][1:] == ("last-key-ends", 0)


def test_every_administrator_and_nobody_else_is_called() -> None:
    """Each administrator gets a call of their own; who only writes warnings does not."""
    found = due(timedelta(days=1), whom=people("ann", "bob"))
    assert [name.rpartition("/")[2] for name, _, _ in found] == ["ann", "bob"]
    assert due(timedelta(days=1), whom=people()) == []
