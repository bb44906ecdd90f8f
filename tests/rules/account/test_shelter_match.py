"""Importing again keeps identity, whatever happened to the list in between."""

from __future__ import annotations

import random
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tocsin.account.shelter import Shelter
from tocsin.account.shelter_import import new_id, place_key
from tocsin.account.shelter_match import match

NOBODY: frozenset[str] = frozenset()


def shelter(number: int, source_id: str = "", name: str | None = None, moved: int = 0) -> Shelter:
    """The shelter of this number, 111 m from the next."""
    made = Shelter(
        "",
        "city",
        50_000_000 + number * 1000 + moved,
        30_000_000,
        source_id,
        {"": f"School {number}" if name is None else name},
        f"Street {number}",
    )
    key = "" if source_id.startswith("~") else source_id
    return msgspec.structs.replace(made, id=new_id("city", key, place_key(made)))


def known(*listed: Shelter) -> dict[str, Shelter]:
    """Shelters by id."""
    return {one.id: one for one in listed}


def test_a_sources_own_id_decides() -> None:
    """A shelter that moved and was renamed is the same while its source says so."""
    before = shelter(1, "K1")
    after = msgspec.structs.replace(shelter(40, "K1"), id="other")
    found = match(known(before), NOBODY, [after], False)
    assert [one.id for one in found.changed] == [before.id]
    assert not found.new
    assert not found.gone


@given(st.integers(1, 6), st.randoms(use_true_random=False))
def test_running_numbers_that_moved_on_move_no_identity(first: int, order: random.Random) -> None:
    """After a new export with all numbers shifted, every shelter is still itself."""
    before = [shelter(number, f"~{number}") for number in range(1, 9)]
    listed = [shelter(number, f"~{number + first}") for number in range(1, 9)]
    order.shuffle(listed)
    found = match(known(*before), NOBODY, listed, False)
    assert not found.new
    assert not found.gone
    by_id = known(*before)
    assert all(one.names == by_id[one.id].names for one in found.changed)


def test_without_ids_name_or_place_decides() -> None:
    """A point corrected by 200 m, and a name that was spelt anew, are the shelters they were."""
    moved, renamed = shelter(1), shelter(5)
    listed = [shelter(1, moved=1800), shelter(5, name="School No. 5")]
    found = match(known(moved, renamed), NOBODY, listed, False)
    assert {one.id for one in found.changed} == {moved.id, renamed.id}
    assert not found.new
    assert not found.gone


def test_two_ids_that_differ_are_two_shelters() -> None:
    """A cellar and a school at one place with ids of their own stay two."""
    one, other = shelter(1, "A"), shelter(1, "B")
    found = match(known(one), NOBODY, [other], False)
    assert [made.id for made in found.new] == [other.id]
    assert found.gone == (one.id,)


def test_what_is_missing_is_gone_unless_the_file_is_a_part() -> None:
    """Rows that are not there any more are gone, and come back as themselves; a part of a list makes nothing gone."""
    listed = [shelter(number, f"K{number}") for number in range(4)]
    assert match(known(*listed), NOBODY, listed[:2], False).gone == tuple(sorted(one.id for one in listed[2:]))
    assert match(known(*listed), NOBODY, listed[:2], True).gone == ()
    back = match(known(*listed), frozenset({listed[3].id}), listed, False)
    assert [one.id for one in back.changed] == [listed[3].id]


@given(st.lists(st.integers(0, 40), unique=True, min_size=1, max_size=30), st.booleans())
def test_the_same_again_changes_nothing(numbers: list[int], own: bool) -> None:
    """A list imported twice is the same the second time, in any order, with ids or without."""
    listed = [shelter(number, f"K{number}" if own else "") for number in numbers]
    first = match({}, NOBODY, listed, False)
    assert len({one.id for one in first.new}) == len(listed)
    again = match(known(*first.new), NOBODY, listed[::-1], False)
    assert (again.new, again.changed, again.gone, again.same) == ((), (), (), len(listed))
    assert all(one != other for one, other in pairwise(sorted(one.id for one in first.new)))
