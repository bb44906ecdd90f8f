"""Hazards: what each one asks of people in CAP's own codes, and what must never be asked of them in it.

- The table is data (``data/hazards.toml``); a hazard that is not in it is treated as ``other``.
- A hazard says its response type for act and hold; prepare, all-clear and retraction have theirs from the phase.
- "Turn off ventilation" was sent for a shooting (F25): what a hazard forbids is a property of the hazard that was
  chosen, and not of the words that somebody found for it.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct

from tocsin.cap.alert import Category, ResponseType
from tocsin.cap.lint import WRONG
from tocsin.errors import SettingsError


class Hazard(Struct, frozen=True, forbid_unknown_fields=True):
    """One row. ``family`` is the linter's; ``wrong`` are actions that harm here; ``act`` and ``hold`` response types."""

    family: str = ""
    categories: tuple[str, ...] = (Category.SAFETY.value,)
    act: tuple[str, ...] = ()
    hold: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def forbidden(self) -> frozenset[str]:
        """The linter's names of every action that must not be asked for."""
        return WRONG.get(self.family, frozenset()) | frozenset(self.wrong)

    def response(self, phase: str) -> tuple[str, ...]:
        """Its response types in ``phase``; empty where those of the phase hold."""
        if phase == "hold" and not self.hold and self.act:
            # Who has left stays away, and who is in cover stays there: a hold never asks people to move again.
            away = ResponseType.EVACUATE.value in self.act
            return (ResponseType.AVOID.value,) if away else (ResponseType.SHELTER.value,)
        return {"act": self.act, "hold": self.hold}.get(phase, ())


@cache
def hazards() -> dict[str, Hazard]:
    """Every hazard of the table, by its name."""
    text = (resources.files("tocsin.warn") / "data" / "hazards.toml").read_text("utf-8")
    try:
        table = msgspec.convert(tomllib.loads(text), dict[str, Hazard])
    except msgspec.ValidationError as wrong:
        raise SettingsError(f"hazards: {wrong}") from None
    for name, row in table.items():
        if unknown := {*row.act, *row.hold} - {*ResponseType} or {*row.categories} - {*Category}:
            raise SettingsError(f"hazards: {name} has the unknown codes {', '.join(sorted(unknown))}")
    return table


def hazard(name: str) -> Hazard:
    """The row of ``name``, or that of ``other``."""
    table = hazards()
    return table.get(name, table["other"])
