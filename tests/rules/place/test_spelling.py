"""Spellings: one name in many, and Ukrainian in Latin letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.place.spelling import fold, latin


@pytest.mark.parametrize(
    ("ukrainian", "expected"),
    [
        ("Алушта", "Alushta"), ("Згорани", "Zghorany"), ("Розгон", "Rozghon"), ("Ґалаґан", "Galagan"),
        ("Єнакієве", "Yenakiieve"), ("Наєнко", "Naienko"), ("Житомир", "Zhytomyr"), ("Їжакевич", "Yizhakevych"),
        ("Кадиївка", "Kadyivka"), ("Йосипівка", "Yosypivka"), ("Стрий", "Stryi"), ("Щербухи", "Shcherbukhy"),
        ("Юрій", "Yurii"), ("Крюківка", "Kriukivka"), ("Яготин", "Yahotyn"), ("Костянтин", "Kostiantyn"),
        ("Знам'янка", "Znamianka"), ("Знам’янка", "Znamianka"), ("Уманський район", "Umanskyi raion"),
        ("Івано-Франківська область", "Ivano-Frankivska oblast"), ("м. Кривий Ріг", "m. Kryvyi Rih"),
        ("Южноукраїнськ", "Yuzhnoukrainsk"), ("ЩО", "SHCHO"), ("Хмельницький", "Khmelnytskyi"),
    ],
)  # fmt: skip
def test_latin(ukrainian: str, expected: str) -> None:
    """The examples of resolution 55 of 2010 and the names of the recordings."""
    assert latin(ukrainian) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ivano-Frankivs’k", "ivano frankivsk"), ("São Paulo", "Sao Paulo"), ("Łódź", "lodz"), ("Straße", "STRASSE"),
     ("Знам'янка", "Знам’янка"), ("Kryvyi  Rih", "kryvyi-rih"), ("Ё", "е")],
)  # fmt: skip
def test_same(one: str, other: str) -> None:
    """Case, accents, apostrophes, dashes and spaces make no other name."""
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("Київ", "Киів"), ("Сумський", "Сумськии"), ("Kyiv", "Kyivska")])
def test_other(one: str, other: str) -> None:
    """Й and ї are letters of their own, and an ending is another name."""
    assert fold(one) != fold(other)


@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    """No text makes it fail; a folded name stays as it is."""
    assert fold(fold(text)) == fold(text)
    assert fold(text.upper()) == fold(text.upper().casefold())
    assert isinstance(latin(text), str)
