"""The sounds of the page: one for act, one for prepare, one for whatever ends an alert, one for a test; made here, note by note.

- None of them has anything at 853 or 960 Hz: those two together are the attention signal of broadcasters, which is not ours to
  play, and receivers listen for it (practice.md section 7, requirement 8).
- They differ in rhythm and direction and not in pitch alone, so that people who hear high notes badly can tell them apart:
  act is quick and does not rest, prepare is slow and falls, the end rises and rests, a test is two taps.
- Every note begins and ends softly: a hard edge would spread over all frequencies.
"""

from __future__ import annotations

import io
import wave
from functools import cache
from typing import Any

import numpy as np
from msgspec import Struct

RATE = 16_000
"""Samples a second; 16 bits each, one channel."""
EDGE_S = 0.030
LOUD = 0.72


class Note(Struct, frozen=True):
    """One note: when it begins and how long it is, in seconds; its pitch in hertz; its loudness against the loudest."""

    at: float
    long: float
    pitch: float
    loud: float = 1.0


def _pulses(first: float, second: float, times: int) -> tuple[Note, ...]:
    return tuple(Note(0.24 * n, 0.22, first if n % 2 == 0 else second) for n in range(times))


NOTES: dict[str, tuple[Note, ...]] = {
    "act": _pulses(587.33, 440.0, 10),
    "prepare": (Note(0.0, 0.6, 493.88, 0.8), Note(1.0, 0.9, 392.0, 0.8)),
    "all-clear": (Note(0.0, 0.3, 293.66, 0.7), Note(0.3, 0.3, 392.0, 0.7), Note(0.6, 0.7, 587.33, 0.7)),
    "test": (Note(0.0, 0.18, 349.23, 0.6), Note(0.4, 0.18, 349.23, 0.6)),
}
"""What is played for what. A retraction ends an alert and sounds like one (requirement 8)."""


def _sounding(note: Note, length: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The samples of one note in a silence of ``length`` samples."""
    start, count = round(note.at * RATE), round(note.long * RATE)
    time = np.arange(count) / RATE
    edge = round(EDGE_S * RATE)
    # The integral of a Blackman window: as soft an edge as its length allows.
    rise = np.cumsum(np.blackman(edge))
    envelope = np.ones(count)
    envelope[:edge], envelope[-edge:] = rise / rise[-1], (rise / rise[-1])[::-1]
    # A second partial an octave and a fifth up carries over noise; it is soft, and far from what must not sound.
    tone = np.sin(2 * np.pi * note.pitch * time) + 0.18 * np.sin(2 * np.pi * 3 * note.pitch * time)
    sound = np.zeros(length)
    sound[start : start + count] = note.loud * envelope * tone
    return sound


@cache
def wav(name: str) -> bytes:
    """The sound ``name`` of :data:`NOTES` as a WAV file, the same bytes each time; KeyError for any other name."""
    notes = NOTES[name]
    length = round((max(note.at + note.long for note in notes) + 0.05) * RATE)
    mixed = np.sum([_sounding(note, length) for note in notes], axis=0)
    samples = np.round(mixed / np.max(np.abs(mixed)) * max(note.loud for note in notes) * LOUD * 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return file.getvalue()
