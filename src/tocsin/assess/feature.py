"""Features: what a report is compared by, in every language alike, and the topics that say what has happened.

- Topics, places, actors, names in one spelling, numbers and days are shared by all languages; words by one alone.
- A city brings its region along, so that a report from the oblast and one from its city are not strangers.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict

from tocsin.assess.extract import Reading
from tocsin.assess.pack import pack
from tocsin.assess.placename import regions
from tocsin.assess.sentence import small
from tocsin.assess.spelling import spelt

EVENTS = frozenset(
    {"flood", "quake", "storm", "wildfire", "volcano", "landslide", "tsunami", "heat", "chemical", "gas", "plane",
     "ship", "bomb", "shooting", "contamination", "collapse", "radiation", "disease", "cyber", "election", "protest",
     "power", "airattack", "court", "talks"}
)  # fmt: skip
"""Topics that say what kind of event a report tells of."""
GATHERINGS = frozenset({"election", "protest", "court", "talks"})
"""Kinds of event of which a country has several at once: it is the persons who tell them apart."""
TRACES = frozenset(
    {"drone", "missile", "fire", "explosion", "train", "bridge", "embassy", "mine", "sabotage", "accident", "water"}
)
"""Topics that say it where none of the others does."""


def features(reading: Reading) -> dict[str, float]:
    """What a report is compared by: each feature's name begins with its kind, its value is how often it occurs."""
    found: dict[str, float] = {}
    for topic, count in reading.topics.items():
        found[f"t:{topic}"] = 1.0 + math.log(count)
    for place in reading.places:
        if len(place) > 2:
            found[f"p:{place}"] = 1.0
            found.setdefault(f"c:{place[:2]}", 0.7)
            if (region := regions().get(place)) is not None:
                found.setdefault(f"p:{region}", 0.5)
        else:
            found[f"c:{place}"] = 1.0
    for actor in reading.actors:
        if (
            not actor.startswith("person:")
            and not actor.startswith(":")
            and ":" in actor
            and not actor.endswith((":government", ":people"))
        ):
            found[f"a:{actor}"] = 1.0
    for name in reading.names:
        bones = spelt(name)
        if len(bones) >= 2:
            found[f"n:{bones}"] = 1.0
    for number in reading.numbers:
        if len(number) > 1:
            found[f"q:{number.replace('.', '').replace(',', '')}"] = 1.0
    for day in reading.dates:
        found[f"d:{day}"] = 1.0
    return found


def lexical(reading: Reading) -> dict[str, float]:
    """A report's own words, shortened to their first six letters, without the language's small words."""
    known = pack(reading.language)
    stop = known.words["stop"] if known is not None else frozenset()
    found: dict[str, float] = defaultdict(float)
    for word in re.findall(r"[^\W\d_]{4,}", reading.text[:4000]):
        low = small(word)
        if low not in stop:
            found[f"w:{low[:6]}"] += 1.0
    return {name: 1.0 + math.log(count) for name, count in found.items()}
