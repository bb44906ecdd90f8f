"""Voice: what is spoken, and what is never heard in it."""

from __future__ import annotations

import io
import wave
from base64 import b64decode
from typing import Any

import numpy as np
import pytest

from tests.contracts.channels.rigs import kit, voice
from tests.contracts.channels.told import delivery
from tocsin.clock import TurnedClock
from tocsin.reach.channels.gateway import Chosen
from tocsin.reach.channels.voice import PROFILES, Speech, Voice, VoiceTable, spoken
from tocsin.reach.slip import hears_keys
from tocsin.reach.wording import Wording, Wordings

Samples = np.ndarray[Any, np.dtype[np.float64]]


def samples(wav: bytes) -> tuple[Samples, int]:
    with wave.open(io.BytesIO(wav)) as read:
        assert (read.getsampwidth(), read.getnchannels()) == (2, 1)
        rate = read.getframerate()
        # A stream's header says nothing of its length, so what is there counts.
        return np.frombuffer(wav[44 : 44 + (len(wav) - 44) // 2 * 2], dtype="<i2").astype(np.float64), rate


def attention(sound: Samples, rate: int) -> float:
    """The greatest share that the tones of public alarms (853 and 960 Hz, together) have in any half second."""
    worst, size = 0.0, rate // 2
    for start in range(0, max(1, len(sound) - size), size // 2):
        piece = sound[start : start + size]
        power = np.abs(np.fft.rfft(piece * np.hanning(len(piece)))) ** 2
        if power.sum() < 1e6:
            continue
        steps = np.fft.rfftfreq(len(piece), 1 / rate)
        shares = [power[np.abs(steps - tone) < 8].sum() / power.sum() for tone in (853, 960)]
        worst = max(worst, min(shares))
    return worst


def test_the_detector_hears_the_tones() -> None:
    """The check would hear the attention tones, also half as loud as the rest."""
    rate = 22_050
    steps = np.arange(rate) / rate
    tones = 8000 * (np.sin(2 * np.pi * 853 * steps) + np.sin(2 * np.pi * 960 * steps))
    noise = np.random.default_rng(1).normal(0, 4000, rate)
    assert attention(tones, rate) > 0.4
    assert attention(tones + noise, rate) > 0.3
    assert attention(noise, rate) < 0.05


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
@pytest.mark.parametrize("phase", ["act", "all-clear"])
async def test_spoken_in_every_language_without_attention_tones(clock: TurnedClock, language: str, phase: str) -> None:
    """Speech is made in each language, is a minute at most, and holds no tones of public alarms."""
    speech = Speech()
    one = Wordings().of(delivery("+380441234567", phase)).wording((language,))
    sound, rate = samples(await speech.say(spoken(one), language))
    await speech.close()
    assert 3 < len(sound) / rate < 60
    assert attention(sound, rate) < 0.15


async def test_handed_over_with_text_and_audio(clock: TurnedClock) -> None:
    """The gateway gets the text, its language and the sound of it, made once for all who are called."""
    async with voice(clock) as rig:
        batch = [delivery(f"+3804412345{n:02}", subscription=str(n)) for n in range(8)]
        assert {one.kind for one in await rig.send(*batch, delivery("pa:hall", subscription="hall"))} == {"accepted"}
        channel = rig.channel
        assert isinstance(channel, Voice)
        assert len(channel.speech._made) == 1
        bodies = [came.raw[1] for came in rig.came()]
        assert {body["language"] for body in bodies} == {"en"}
        assert all(b64decode(body["audio_wav_base64"])[:4] == b"RIFF" for body in bodies)
        assert "http" not in bodies[0]["text"]
        assert {body["to"] for body in bodies} >= {"pa:hall"}


async def test_prepared_before_the_first_call(clock: TurnedClock) -> None:
    """Speech can be made in every language as soon as the alert is there."""
    channel = Voice(kit(clock), VoiceTable(Chosen("plain", slots={"base": "http://127.0.0.1:1", "key": ""})))
    await channel.prepare(delivery("+380441234567"))
    assert len(channel.speech._made) == 4
    assert all([await task for task in channel.speech._made.values()])
    await channel.close()
    assert "plain" in PROFILES


async def test_without_speech_the_text_goes_alone(clock: TurnedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no speech can be made nobody waits for it."""
    async with voice(clock) as rig:
        channel = rig.channel
        assert isinstance(channel, Voice)
        monkeypatch.setattr(channel.speech, "_program", "/bin/false")
        assert [one.kind for one in await rig.send(delivery("+380441234567"))] == ["accepted"]
        assert rig.came()[0].raw[1]["audio_wav_base64"] == ""


async def test_speech_is_bounded_in_time(clock: TurnedClock) -> None:
    """Speech that takes too long is given up."""
    speech = Speech(within_s=0.0)
    assert await speech.say("Go to a shelter.", "en") == b""
    await speech.close()


def test_long_texts_are_shortened() -> None:
    """What is spoken is a minute at most, and whole sentences."""
    long = Wording("en", "", "Air alert.", "x " * 800, ("Go to a shelter.", "Stay there."))
    assert spoken(long) == "Air alert. Go to a shelter. Stay there."


async def test_only_a_question_waits_for_a_key(clock: TurnedClock) -> None:
    """A gateway is asked to wait for a key by a question alone, with the reference that the key comes back under."""
    async with voice(clock) as rig:
        channel = rig.channel
        assert isinstance(channel, Voice)
        assert not hears_keys(channel)
        channel.keys = True
        assert hears_keys(channel)
        assert (await rig.send(delivery("+380441234567")))[0].kind == "accepted"
        assert (await channel.ring("+380441234568", "Are you safe? Press 1.", "en", "ask/abc")).kind == "accepted"
        assert (await channel.ring("pa:hall", "Are you safe?", "en", "ask/abc")).kind == "refused"
        said = {one["to"]: (one["keys"], one["reference"]) for one in (came.raw[1] for came in rig.came())}
        assert said["+380441234567"][0] == "0"
        assert said["+380441234568"] == ("1", "ask/abc")
