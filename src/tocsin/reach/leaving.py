"""Leaving: when a newer version no longer covers a place, who was warned there is told that it is over for them.

- They get an all-clear in place of the newer version, which is for others; whoever came in gets that (F2, practice.md
  requirement 43).
- It names the areas that were left out and no others, so that a device or a broker ends the warning there alone.
- It is an alert of its own among the deliveries, by the name of the version that left them out and :data:`LEFT`.
"""

from __future__ import annotations

from msgspec.structs import replace

from tocsin.journal import EXERCISE
from tocsin.reach.bulletin import Bulletin
from tocsin.warn.phrase import book

LEFT = "#left"
ALL_CLEAR = "all-clear"

HEADLINE = {
    "en": "All clear for your place",
    "uk": "Відбій для вашого місця",
    "de": "Entwarnung für Ihren Ort",
    "fr": "Fin d’alerte pour votre lieu",
}
INSTRUCTION = {
    "en": "The warning no longer covers your place. It still holds elsewhere: do not go there.",
    "uk": "Попередження більше не стосується вашого місця. В інших місцях воно діє: не йдіть туди.",
    "de": "Die Warnung gilt nicht mehr für Ihren Ort. Anderswo gilt sie weiter: Gehen Sie nicht dorthin.",
    "fr": "L’alerte ne concerne plus votre lieu. Elle continue ailleurs : n’y allez pas.",
}


def left(told: Bulletin, areas: tuple[str, ...]) -> Bulletin:
    """What those are told whom the version ``told`` leaves out; ``areas`` are those that it no longer covers."""
    words = {
        tag: f"{book().exercise(tag)}. {text}" if told.realm == EXERCISE else text for tag, text in HEADLINE.items()
    }
    return replace(
        told,
        identifier=told.identifier + LEFT,
        phase=ALL_CLEAR,
        areas=areas,
        headline=words,
        instruction=dict(INSTRUCTION),
        next_update_by=None,
    )
