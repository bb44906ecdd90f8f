"""Score the gold set: protective actions, corrections, denials, no comment, clustering and origins; print the table.

python tools/score_briefs.py [--show]
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import defaultdict
from datetime import date
from pathlib import Path

from tocsin.assess.extract import Reading, Source, extract
from tocsin.assess.incident import build
from tocsin.assess.match import Matcher

GOLD = Path(__file__).parents[1] / "tests" / "rules" / "assess" / "gold" / "reports.json"


def read(items: list[dict]) -> list[Reading]:
    return [
        extract(i["text"], Source(i["file"], date.fromisoformat(i["published"]), outlet=i["source"])) for i in items
    ]


def bcubed(clusters: list[list[str]], gold: dict[str, str]) -> tuple[float, float]:
    mine = {report: place for place, group in enumerate(clusters) for report in group}
    by_gold: dict[str, set[str]] = defaultdict(set)
    for report, name in gold.items():
        by_gold[name].add(report)
    precision = recall = 0.0
    for report, name in gold.items():
        group = set(clusters[mine[report]])
        same = by_gold[name]
        precision += len(group & same) / len(group)
        recall += len(group & same) / len(same)
    return precision / len(gold), recall / len(gold)


def main(show: bool) -> None:
    items = json.loads(GOLD.read_text("utf-8"))
    start = time.process_time()
    readings = read(items)
    spent = time.process_time() - start
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])

    def score(name: str, right: int, made: int, wanted: int) -> None:
        for place, value in enumerate((right, made, wanted)):
            counts[name][place] += value

    languages = sum(r.language == i["language"] for r, i in zip(readings, items, strict=True))
    for reading, item in zip(readings, items, strict=True):
        found = {p.action for c in reading.claims for p in c.protective if p.action != "open"}
        wanted = set(item["actions"])
        score(f"actions {item['language']}", len(found & wanted), len(found), len(wanted))
        score("protective actions", len(found & wanted), len(found), len(wanted))
        if show and found != wanted:
            print(f"ACTIONS {item['file']} missed {sorted(wanted - found)} extra {sorted(found - wanted)}")
            for line in item["text"].splitlines():
                print("      ", line)
        for name, stance, key in (
            ("corrections", "corrects", "corrections"),
            ("denials", "denies", "denials"),
            ("no comment", "declines", "none"),
        ):
            made = sum(c.stance == stance for c in reading.claims)
            want = item.get(key, 0)
            score(name, min(made, want), made, want)
            if show and made != want:
                print(
                    f"{name.upper()} {item['file']} made {made} wanted {want}: "
                    + " | ".join(c.text for c in reading.claims if c.stance == stance)
                )
        made = sum(c.speaker.kind == "anonymous" and bool(c.speaker.condition) for c in reading.claims)
        score("anonymous with condition", min(made, item.get("anonymous", 0)), made, item.get("anonymous", 0))
    for name, (right, made, wanted) in sorted(counts.items()):
        print(f"{name:28} P {right / max(1, made):.3f} R {right / max(1, wanted):.3f}  ({right}/{made}/{wanted})")
    print(f"language right {languages}/{len(items)}; {len(items) / spent:.0f} reports/s (extraction)")
    gold = {i["file"]: i["incident"] for i in items}
    for seed in (0, 1, 2):
        order = list(readings)
        random.Random(seed).shuffle(order)
        matcher = Matcher()
        for reading in order:
            matcher.add(reading)
        matcher.settle()
        p, r = bcubed(list(matcher.incidents.values()), gold)
        print(
            f"clustering, order {seed}: BCubed P {p:.3f} R {r:.3f} F1 {2 * p * r / (p + r):.3f}, "
            f"{len(matcher.incidents)} incidents"
        )
    false = traps = 0
    for name in dict.fromkeys(gold.values()):
        for language in ("de", "en", "uk", "fr", "es"):
            pair = [
                r
                for r, i in zip(readings, items, strict=True)
                if i["incident"] == name and i["language"] == language and "origin" in i
            ]
            incident = build(1, pair)
            traps += 1
            bad = [a for a in incident.agreements if a.origins > 1]
            joined = any(len(group) == 2 for group in incident.same_origin)
            if bad or not joined:
                false += 1
                if show:
                    print("ORIGIN", name, language, [(a.about, a.origins) for a in bad], incident.same_origin)
    print(f"false independence: {false} of {traps} built traps")


if __name__ == "__main__":
    main("--show" in sys.argv)
