"""Sealing by RFC 8291, and what a notice says."""

from __future__ import annotations

import base64
from datetime import timedelta

import http_ece
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.channels.pushservice import Device, b64, bulletin_of, unb64
from tests.rules.reach.stage import NIGHT
from tocsin.errors import ParameterError, TooLargeError
from tocsin.reach.notice import Notice, notice, size
from tocsin.reach.prekey import aim, binding, kept, prepare_all
from tocsin.reach.seal import MOST, PREPARED, pad, prepare, seal, split, target

# RFC 8291, section 5 and appendix A.
POINT = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
OWN = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
TEXT = b"When I grow up, I want to be a watermelon"
SEALED = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
    "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_example_of_the_standard() -> None:
    """The example of RFC 8291 comes out byte for byte."""
    device = target(POINT, AUTH)
    key = ec.derive_private_key(int.from_bytes(unb64(OWN), "big"), ec.SECP256R1())
    prepared = prepare(device.point, device.auth, key, unb64(SALT))
    assert len(prepared) == PREPARED
    assert b64(seal(split(prepared), pad(TEXT, len(TEXT)))) == SEALED


@given(st.binary(max_size=MOST), st.integers(0, 500))
def test_what_is_sealed_is_opened(content: bytes, room: int) -> None:
    """Any text of any length comes out of somebody else's implementation as it went in, without its padding."""
    device = Device()
    point = unb64(device.keys["p256dh"])
    most = min(MOST, len(content) + room)
    sealed = seal(split(prepare(point, device.auth)), pad(content, most))
    assert len(sealed) == 86 + most + 1 + 16 <= 4096
    opened = http_ece.decrypt(sealed, private_key=device.key, auth_secret=device.auth, version="aes128gcm")
    assert opened == content


def test_each_key_is_new() -> None:
    """No two prepared keys share a key pair, a salt, a content key or a nonce."""
    device = Device()
    flat = (unb64(device.keys["p256dh"]) + device.auth) * 50
    many = prepare_all(flat)
    keys = [many[start : start + PREPARED] for start in range(0, len(many), PREPARED)]
    assert len(keys) == 50
    for part in (slice(0, 16), slice(21, 86), slice(86, 102), slice(102, 114)):
        assert len({key[part] for key in keys}) == 50


@pytest.mark.parametrize(
    ("point", "auth"),
    [
        ("", AUTH),
        (POINT, ""),
        (POINT[:-4], AUTH),
        (POINT, AUTH + "AAAA"),
        ("!" + POINT[1:], AUTH),
        (b64(b"\x04" + b"\x01" * 64), AUTH),
        (b64(b"\x02" + unb64(POINT)[1:33]), AUTH),
        (b64(b"\x04" + b"\x00" * 64), AUTH),
        (b64(b"\x06" + unb64(POINT)[1:]), AUTH),
        (POINT + "\n", AUTH),
        (POINT, "é" * 22),
    ],
)
def test_wrong_keys_are_refused(point: str, auth: str) -> None:
    """Keys that are malformed, too short, not on the curve or compressed are refused before anything is sealed."""
    with pytest.raises(ParameterError):
        target(point, auth)
    assert aim(["whsec_x", f"push:{point}.{auth}"]) is None


def test_keys_as_browsers_and_others_spell_them() -> None:
    """Base64url with and without padding is the same."""
    assert target(POINT + "=", AUTH + "==") == target(POINT, AUTH)
    assert aim(["whsec_x", kept(POINT, AUTH)]) == target(POINT, AUTH)
    assert base64.urlsafe_b64encode(target(POINT, AUTH).auth).decode() == AUTH + "=="


def test_binding_names_one_text() -> None:
    """Another alert, version, language or text has another name; no two of these can be mistaken for one another."""
    names = [
        binding("a", 1, ("uk",), b"x"),
        binding("a", 2, ("uk",), b"x"),
        binding("b", 1, ("uk",), b"x"),
        binding("a", 1, ("de",), b"x"),
        binding("a", 1, ("uk",), b"y"),
        binding("a\n1", 1, (), b"x"),
        binding("a", 1, ("u", "k"), b"x"),
    ]
    assert len(set(names)) == len(names)
    assert binding("a", 1, ("uk",), b"x") == names[0]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=3000)


@given(TEXTS, TEXTS, st.lists(st.sampled_from(["uk", "de", "en-GB", "xx", "fr"]), unique=True, max_size=5))
def test_length_follows_from_the_languages_alone(headline: str, instruction: str, languages: list[str]) -> None:
    """Whatever an alert says, its notice fits the size that the number of languages gives, and stays readable."""
    offered = ("en", "uk", "de", "fr")
    told = bulletin_of(
        headline=dict.fromkeys(offered, headline),
        instruction=dict.fromkeys(offered, instruction),
        areas=tuple(f"UA-{n}" for n in range(200)),
    )
    content = notice(told, languages)
    assert len(pad(content, size(languages))) == size(languages) + 1
    read = msgspec.json.decode(content, type=Notice)
    assert (read.event_id, read.version, read.phase) == ("night", 1, "act")
    assert len(read.areas) + read.more_areas == 200
    assert read.texts


def test_languages_of_the_person() -> None:
    """A person gets the languages asked for, in that order; English if there are none of them; all when none is asked."""
    told = bulletin_of(headline={"en": "e", "uk-UA": "u", "de": "d"}, instruction={})

    def tongues(*wanted: str) -> list[str]:
        return list(msgspec.json.decode(notice(told, wanted))["texts"])

    assert tongues("uk") == ["uk-UA"]
    assert tongues("de-AT", "uk") == ["de", "uk-UA"]
    assert tongues("fr") == ["en"]
    assert tongues() == ["en", "uk-UA", "de"]


def test_exercise_stands_in_the_title() -> None:
    """In the exercise realm every title begins with the word for exercise, once, whoever wrote the alert (F16)."""
    told = bulletin_of(realm="exercise", headline={"en": "Exercise. Air raid", "uk": "Тривога", "pl": "Alarm"})
    texts = msgspec.json.decode(notice(told, ("en", "uk", "pl")))["texts"]
    assert texts["en"]["headline"] == "Exercise. Air raid"
    assert texts["uk"]["headline"].endswith(". Тривога")
    assert texts["pl"]["headline"].lower().startswith("exercise. ")


def test_same_whenever_it_is_made() -> None:
    """A notice holds nothing of the moment in which it is sent, so that a resend is the same text."""
    told = bulletin_of(expires=NIGHT + timedelta(days=1))
    assert notice(told, ("uk",)) == notice(msgspec.structs.replace(told), ("uk",))


def test_what_cannot_fit_is_said() -> None:
    """An alert whose very name is longer than a message is refused and not sent without it."""
    with pytest.raises(TooLargeError):
        notice(bulletin_of(identifier="x" * 5000), ("uk",))
