"""Score attribution on the German quotation corpus: messages and roles, by words, over all its documents.

Evaluate only (CC BY-NC-SA 4.0): nothing that ships is made from it. A word counts once for a role however many
annotations hold it. ``message`` is whether a word belongs to somebody's statement; ``roles`` adds speaker and cue.
``attributed`` asks the harder question for every predicted message: is its speaker the annotated one?

    python tools/score_quotations.py FOLDER [--show N]
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from tocsin.assess.extract import Source, extract

ROLES = ("message", "speaker", "cue")


def words(spans: list[dict[str, int]], text: str) -> set[int]:
    return {
        m.start()
        for s in spans
        for m in re.finditer(r"\w+", text[s["charBegin"] : s["charEnd"]])
        for m in [_at(m, s["charBegin"])]
    }


class _Moved:
    def __init__(self, start: int) -> None:
        self._start = start

    def start(self) -> int:
        return self._start


def _at(match: re.Match[str], base: int) -> _Moved:
    return _Moved(match.start() + base)


def span_words(start: int, end: int, text: str) -> set[int]:
    return {m.start() + start for m in re.finditer(r"\w+", text[start:end])}


def main(folder: str, show: int = 0) -> None:
    right = dict.fromkeys(ROLES, 0)
    made = dict.fromkeys(ROLES, 0)
    gold = dict.fromkeys(ROLES, 0)
    attributed = [0, 0]
    certain = [0, 0]
    for number, file in enumerate(sorted(Path(folder).glob("*.json"))):
        data = json.loads(file.read_text("utf-8"))
        text = data["originalText"]
        wanted: dict[str, set[int]] = {role: set() for role in ROLES}
        for one in data["annotations"]:
            wanted["message"] |= words(one["quote"]["spans"], text)
            wanted["speaker"] |= words(one["speaker"]["spans"], text)
            wanted["cue"] |= words(one["cue"]["spans"], text)
        reading = extract(text, Source(str(file), language="de"))
        found: dict[str, set[int]] = {role: set() for role in ROLES}
        for claim in reading.claims:
            if claim.kind == "narration":
                continue
            here = span_words(claim.span.start, claim.span.end, text)
            found["message"] |= here
            if claim.speaker.span is not None:
                found["speaker"] |= span_words(claim.speaker.span.start, claim.speaker.span.end, text)
            for cue in claim.cue:
                found["cue"] |= span_words(cue.start, cue.end, text)
            overlapping = [a for a in data["annotations"] if words(a["quote"]["spans"], text) & here]
            # A gold speaker that is only "er" or nothing cannot judge a resolved name.
            overlapping = [a for a in overlapping if len(a["speaker"]["text"].strip()) > 5]
            if overlapping and claim.speaker.name is not None:
                names = set(re.findall(r"\w{3,}", " ".join(a["speaker"]["text"] for a in overlapping).lower()))
                local = text[claim.speaker.span.start : claim.speaker.span.end] if claim.speaker.span else ""
                mine = set(re.findall(r"\w{3,}", f"{claim.speaker.name} {local}".lower())) - {
                    "der",
                    "die",
                    "das",
                    "ein",
                    "eine",
                }
                ok = bool(names & mine) or any(n[:5] == m[:5] for n in names for m in mine)
                attributed[0] += ok
                attributed[1] += 1
                if claim.tier == "high":
                    certain[0] += ok
                    certain[1] += 1
                    if show and not ok:
                        wanted_names = [a["speaker"]["text"] for a in overlapping]
                        print(f"  SPEAKER {claim.speaker.name!r} gold {wanted_names}: {claim.text[:100]!r}")
        if number < show:
            print("=====", file.name)
            for label, extra in (
                ("MISSED", wanted["message"] - found["message"]),
                ("EXTRA", found["message"] - wanted["message"]),
            ):
                for sentence in data["sentences"]:
                    mine = {w for w in extra if sentence["charBegin"] <= w < sentence["charEnd"]}
                    if len(mine) > 3:
                        print(label, len(mine), sentence["text"].strip()[:260])
        for role in ROLES:
            right[role] += len(wanted[role] & found[role])
            made[role] += len(found[role])
            gold[role] += len(wanted[role])
    for role in ROLES:
        p, r = right[role] / max(1, made[role]), right[role] / max(1, gold[role])
        print(f"{role:8} P {p:.3f} R {r:.3f} F1 {2 * p * r / max(1e-9, p + r):.3f}")
    p, r = sum(right.values()) / sum(made.values()), sum(right.values()) / sum(gold.values())
    print(f"roles    P {p:.3f} R {r:.3f} F1 {2 * p * r / (p + r):.3f}")
    print(f"speaker of a found message: {attributed[0]}/{attributed[1]} = {attributed[0] / max(1, attributed[1]):.3f}")
    print(f"  shown as certain (tier high): {certain[0]}/{certain[1]} = {certain[0] / max(1, certain[1]):.3f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
