"""The sounds: nothing of the broadcasters' attention signal in them, and each one can be told from the others."""

from __future__ import annotations

import io
import wave
from itertools import combinations

import numpy as np
import pytest

from tocsin.web.sound import NOTES, RATE, wav

FORBIDDEN = (853, 960)


def samples(name: str) -> np.ndarray:  # type: ignore[type-arg]
    """What is played, between -1 and 1."""
    with wave.open(io.BytesIO(wav(name))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768


def spectrum(name: str) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Frequencies and their strength in decibels against the strongest."""
    played = samples(name)
    strength = np.abs(np.fft.rfft(played * np.blackman(len(played)), n=1 << 17))
    return np.fft.rfftfreq(1 << 17, 1 / RATE), 20 * np.log10(strength / strength.max() + 1e-12)


@pytest.mark.parametrize("name", NOTES)
def test_no_sound_contains_the_attention_signal(name: str) -> None:
    """Within ten hertz of 853 and of 960 every sound is at least 60 dB below its loudest part (FFT)."""
    frequencies, strength = spectrum(name)
    for forbidden in FORBIDDEN:
        near = strength[np.abs(frequencies - forbidden) <= 10]
        assert near.max() < -60, (name, forbidden, near.max())


def test_the_check_would_find_the_attention_signal() -> None:
    """The same measure finds a faint 853 Hz in a sound."""
    played = samples("act")
    time = np.arange(len(played)) / RATE
    mixed = played + 0.005 * np.sin(2 * np.pi * 853 * time)
    strength = np.abs(np.fft.rfft(mixed * np.blackman(len(mixed)), n=1 << 17))
    frequencies = np.fft.rfftfreq(1 << 17, 1 / RATE)
    near = strength[np.abs(frequencies - 853) <= 10].max() / strength.max()
    assert 20 * np.log10(near) > -60


def test_each_sound_can_be_told_from_the_others() -> None:
    """Any two differ in how their loudness moves over time, not in pitch alone; act is the longest without a rest."""

    def rhythm(name: str) -> np.ndarray:  # type: ignore[type-arg]
        played = np.abs(samples(name))
        steps = np.array([part.max() for part in np.array_split(played[: 2 * RATE], 40)])
        return np.pad(steps, (0, 40 - len(steps)))

    for one, other in combinations(NOTES, 2):
        assert np.abs(rhythm(one) - rhythm(other)).mean() > 0.1, (one, other)
    sounding = {name: sum(note.long for note in notes) for name, notes in NOTES.items()}
    assert max(sounding, key=sounding.__getitem__) == "act"


@pytest.mark.parametrize("name", NOTES)
def test_a_sound_is_small_and_always_the_same(name: str) -> None:
    """At most 90 KB, and the bytes do not change, so that it can be kept on the phone."""
    assert len(wav(name)) < 90_000
    wav.cache_clear()
    first = wav(name)
    wav.cache_clear()
    assert wav(name) == first
    assert np.abs(samples(name)).max() <= 0.75
