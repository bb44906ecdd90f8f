"""Cell broadcast: a text as the pages a network sends, with the identifier of its EU-Alert level and its serial number.

- Each language is a message of its own: the local one under the identifier of its level, every other one under that
  level's identifier for additional languages, and with its language in front so that telephones can choose.
- An act alert is level 1, which cannot be switched off; hold is level 2 and prepare level 3 by CAP's triple; an
  all-clear has the lowest level, and a retraction the level of what it takes back (F2).
- Exercises and tests have identifiers of their own, which no telephone shows unless its owner asked for them.
- The serial number follows from the event and its version: a newer version is an update, a copy is the same message.

Standards: 3GPP TS 23.041 clauses 9.4.1.2.1 (serial number), 9.4.1.2.2 (identifiers; 4396 and 4397 for level 4 since
release 17), 9.4.1.2.4 (page parameter), 9.4.2.2.5 (CB data); TS 23.038 clause 5 (data coding scheme); ETSI TS 102 900
(EU-Alert levels).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct

from tocsin.reach.alphabet import cut, letters, pack, septets, units, unpack

PAGES, OCTETS = 15, 82
SCOPES = {"cell-immediate": 0, "plmn": 1, "area": 2, "cell": 3}

# (the local language, additional languages)
LEVEL_1 = (4370, 4383)
LEVEL_2_OBSERVED, LEVEL_2_LIKELY = (4371, 4384), (4372, 4385)
LEVEL_3: Mapping[tuple[str, str, str], tuple[int, int]] = {
    ("Extreme", "Expected", "Observed"): (4373, 4386),
    ("Extreme", "Expected", "Likely"): (4374, 4387),
    ("Severe", "Immediate", "Observed"): (4375, 4388),
    ("Severe", "Immediate", "Likely"): (4376, 4389),
    ("Severe", "Expected", "Observed"): (4377, 4390),
    ("Severe", "Expected", "Likely"): (4378, 4391),
}
TEST, EXERCISE = (4380, 4393), (4381, 4394)
LEVEL_4 = (4396, 4397)

_LANGUAGES = {
    "de": 0x00,
    "en": 0x01,
    "it": 0x02,
    "fr": 0x03,
    "es": 0x04,
    "nl": 0x05,
    "sv": 0x06,
    "da": 0x07,
    "pt": 0x08,
    "fi": 0x09,
    "no": 0x0A,
    "nb": 0x0A,
    "el": 0x0B,
    "tr": 0x0C,
    "hu": 0x0D,
    "pl": 0x0E,
    "cs": 0x20,
    "is": 0x24,
}
GSM7_ANY, GSM7_TAGGED, UCS2_TAGGED, UCS2 = 0x0F, 0x10, 0x11, 0x48


class Page(Struct, frozen=True):
    """One page: ``content`` is 82 octets, of which ``length`` are used; ``number`` is counted from 1."""

    number: int
    content: bytes
    length: int


class Broadcast(Struct, frozen=True):
    """One text in one language, ready for a broadcast centre."""

    language: str
    identifier: int
    serial: int
    scheme: int
    pages: tuple[Page, ...]

    @property
    def blocks(self) -> tuple[bytes, ...]:
        """The pages as GSM sends them: 88 octets each (9.4.1.2)."""
        head = self.serial.to_bytes(2, "big") + self.identifier.to_bytes(2, "big") + bytes((self.scheme,))
        total = len(self.pages)
        return tuple(head + bytes((page.number << 4 | total,)) + page.content for page in self.pages)

    @property
    def cb_data(self) -> bytes:
        """All pages as UMTS, LTE and 5G send them: their number, then 82 octets and the used length of each."""
        return bytes((len(self.pages),)) + b"".join(page.content + bytes((page.length,)) for page in self.pages)


def identifier(
    phase: str, realm: str, status: str = "Actual", triple: tuple[str, str, str] = ("", "", "")
) -> tuple[int, int]:
    """The message identifiers for the local language and for others; ``triple`` is severity, urgency, certainty.

    >>> identifier("act", "actual"), identifier("all-clear", "actual"), identifier("act", "exercise")
    ((4370, 4383), (4396, 4397), (4381, 4394))
    """
    if status in ("Test", "System", "Draft"):
        return TEST
    if realm != "actual" or status == "Exercise":
        return EXERCISE
    if phase in ("act", "retracted"):
        # What a retraction takes back is known to the channel; where it is not, it is rather too loud than unheard.
        return LEVEL_1
    if phase == "hold":
        return LEVEL_2_OBSERVED if triple[2] in ("", "Observed") else LEVEL_2_LIKELY
    if phase == "all-clear":
        return LEVEL_4
    severity = "Extreme" if triple[0] == "Extreme" else "Severe"
    urgency = "Immediate" if triple[1] == "Immediate" and severity == "Severe" else "Expected"
    return LEVEL_3[severity, urgency, "Observed" if triple[2] == "Observed" else "Likely"]


def code(event_id: str, taken: Collection[int] = ()) -> int:
    """A message code for an event, the same wherever it is asked for, unless a live event has it."""
    first = int.from_bytes(hashlib.sha256(event_id.encode()).digest()[:2], "big") & 0x3FF
    return next((found for step in range(0x400) if (found := (first + step) & 0x3FF) not in taken), first)


def serial(message_code: int, version: int, scope: int = SCOPES["plmn"]) -> int:
    """The serial number: two bits of scope, ten of message code, four of update number; versions count from 1.

    >>> f"{serial(0x2A, 1):016b}", f"{serial(0x2A, 2):016b}"
    ('0100001010100000', '0100001010100001')
    """
    return (scope & 3) << 14 | (message_code & 0x3FF) << 4 | ((version - 1) & 0xF)


def scheme(text: str, language: str, additional: bool) -> int:
    """The data coding scheme for a text in a language."""
    short = language.split("-")[0].lower()
    if septets(text) is None:
        return UCS2_TAGGED if additional else UCS2
    if short in _LANGUAGES:
        return _LANGUAGES[short]
    return GSM7_TAGGED if additional else GSM7_ANY


def pages(text: str, coding: int, language: str = "") -> tuple[Page, ...]:
    """``text`` on as many pages as it takes; more than 15 cannot be sent, and are for the caller to refuse."""
    wide = coding in (UCS2, UCS2_TAGGED)
    tag = language.split("-")[0].lower()[:2].ljust(2)
    found = []
    # The language stands at the beginning of each page, because each is read by itself (TS 23.038, clause 5).
    room = {UCS2: 41, UCS2_TAGGED: 40, GSM7_TAGGED: 90}.get(coding, 93)
    for number, piece in enumerate(cut(text, room, wide), 1):
        if wide:
            front = pack(septets(tag) or b"  ") if coding == UCS2_TAGGED else b""
            used = front + units(piece)
            content = used + b"\x00\x0d" * ((OCTETS - len(used)) // 2)
        else:
            coded = (septets(f"{tag}\r") or b"  \r" if coding == GSM7_TAGGED else b"") + (septets(piece) or b"")
            used = pack(coded)
            content = pack(coded + b"\x0d" * (93 - len(coded)))
        found.append(Page(number, content.ljust(OCTETS, b"\x00"), len(used)))
    return tuple(found)


def text_of(found: Sequence[Page], coding: int) -> str:
    """The text on pages: what a telephone shows."""
    text = []
    for page in sorted(found, key=lambda page: page.number):
        if coding in (UCS2, UCS2_TAGGED):
            start = 2 if coding == UCS2_TAGGED else 0
            text.append(page.content[start : start + (OCTETS - start) // 2 * 2].decode("utf-16-be").rstrip("\r"))
        else:
            shown = letters(unpack(page.content, 93)).rstrip("\r")
            text.append(shown[3:] if coding == GSM7_TAGGED else shown)
    return "".join(text)


def fits(language: str, additional: bool, most: int = PAGES) -> Callable[[str], bool]:
    """Whether a text takes at most ``most`` pages in its own script."""

    def check(text: str) -> bool:
        return len(pages(text, scheme(text, language, additional), language)) <= min(most, PAGES)

    return check
