"""A form as the desk reads it: fields by name, several of one name, and all whose names begin alike.

- A field that is not there is an empty text, so that a page never breaks on what a browser leaves out.
"""

from __future__ import annotations

from collections.abc import Sequence


class Form:
    """The fields of one request, in order."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.pairs = pairs

    def get(self, name: str, default: str = "") -> str:
        """The first value of ``name``."""
        return next((value for key, value in self.pairs if key == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of ``name`` that is not empty, in order, each once."""
        return tuple(dict.fromkeys(value for key, value in self.pairs if key == name and value))

    def under(self, prefix: str) -> dict[str, str]:
        """The fields whose names begin with ``prefix``, by the rest of the name."""
        return {key.removeprefix(prefix): value for key, value in self.pairs if key.startswith(prefix)}

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.pairs)
