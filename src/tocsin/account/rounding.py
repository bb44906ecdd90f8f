"""Rounding: numbers for the public, down to tens, so that nobody can be told from a small one.

- A nought says "fewer than ten"; whether it was nought or nine is not told.
- Every number is rounded by itself, so that the difference of two of them tells no small one either.
"""

from __future__ import annotations


class Rounding:
    """Rounds down to multiples of ``small``."""

    def __init__(self, small: int) -> None:
        self.small = small

    def __call__(self, number: int) -> int:
        """``number`` as it may be told."""
        return number - number % self.small
