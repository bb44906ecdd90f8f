"""Rewording: what an outlet changed without a word is found sentence by sentence, and nothing else is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.assess.rewording import ALIKE, MOST_CHANGES, Piece, changes

BEFORE = (
    "Fire in Kyiv\nIt was caused by drone debris, the city said. Nobody was hurt. The road is closed until the evening."
)
AFTER = (
    "Fire in Kyiv\nIt was caused by a household appliance, the city said. The road is closed until the evening."
    " More to come."
)


def test_the_words_that_went_stand_before_those_that_came() -> None:
    """A sentence that became another is one change, in pieces; what is gone is gone; what was added is left out."""
    assert changes(BEFORE, AFTER) == (
        (
            Piece("same", "It was caused by "),
            Piece("gone", "drone debris"),
            Piece("come", "a household appliance"),
            Piece("same", ", the city said."),
        ),
        (Piece("gone", "Nobody was hurt."),),
    )


def test_of_an_outlet_whose_sentences_are_not_all_kept_nothing_is_called_gone() -> None:
    """Where only some sentences may be kept, a missing one says nothing."""
    assert [len(one) for one in changes(BEFORE, AFTER, False)] == [4]


def test_other_marks_and_spaces_are_no_change() -> None:
    """Case, quotation marks and spaces are the typesetter's."""
    assert changes("The city  said so.", "The City said so!") == ()


def test_a_number_is_a_change() -> None:
    """The smallest change of what is said counts: one figure."""
    (change,) = changes("At least 12 people were hurt in the city.", "At least 2 people were hurt in the city.")
    assert [one.text for one in change if one.kind != "same"] == ["12", "2"]


@given(st.text(max_size=150), st.text(max_size=150))
def test_the_pieces_are_the_outlets_own_words(before: str, after: str) -> None:
    """Whatever the texts: without what came it is the old sentence, without what went the new one, and bounded."""
    found = changes(before, after)
    assert len(found) <= MOST_CHANGES
    for change in found:
        old = "".join(one.text for one in change if one.kind != "come").split()
        new = "".join(one.text for one in change if one.kind != "gone").split()
        assert " ".join(old) in " ".join(before.split())
        assert " ".join(new) in " ".join(after.split())


def test_a_long_article_that_is_new_from_end_to_end_costs_little() -> None:
    """Thirty thousand characters of which no sentence stayed: bounded work, and no sentence is matched by chance."""
    before = " ".join(f"Old word {n} of {n * 7} here was said." for n in range(800))[:30_000]
    after = " ".join(f"Quite another thing {n} than {n * 11} stands there now." for n in range(700))[:30_000]
    assert 0 < ALIKE <= 1
    assert len(changes(before, after)) == MOST_CHANGES
