"""Patience: how long is waited for an answer before it is asked again, and before the next channel is tried.

- Retries wait twice as long each time, with jitter, never shorter than the other side asks.
- A person who can be reached by several channels is tried by the next one when no receipt has come within the time of
  the phase: what saves lives waits least.
"""

from __future__ import annotations

from msgspec import Struct, field

RECEIPTS = {"retracted": 45.0, "act": 45.0, "hold": 90.0, "all-clear": 120.0}
"""Seconds within which a receipt must have come before a person's next channel is tried, by phase."""


class Patience(Struct, frozen=True):
    """How retries are spaced: ``first_s`` doubles up to ``most_s``, at most ``attempts`` in all.

    A channel that could not even try (its circuit is open) is asked again after ``busy_s`` and nothing is counted.
    ``receipts`` are seconds within which a receipt must have come, by phase; ``receipt_s`` for any other phase.
    """

    first_s: float = 2.0
    most_s: float = 300.0
    attempts: int = 20
    busy_s: float = 1.0
    receipts: dict[str, float] = field(default_factory=lambda: dict(RECEIPTS))
    receipt_s: float = 300.0

    def wait(self, attempt: int, asked_s: float | None, chance: float) -> float:
        """Seconds after failed attempt number ``attempt`` (from 1); ``chance`` in [0, 1) is the jitter."""
        own = min(self.most_s, self.first_s * 2.0 ** min(attempt - 1, 30)) * (0.5 + chance / 2)
        # Jitter only adds to what the other side asked for: before that it does not want to see us.
        return max(own, (asked_s or 0.0) * (1 + chance / 10))

    def receipt(self, phase: str) -> float:
        """Seconds within which a receipt must have come before the next channel is tried."""
        return self.receipts.get(phase, self.receipt_s)
