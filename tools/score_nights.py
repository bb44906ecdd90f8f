"""Score the briefing of the reports in ``gold/nights.toml`` against what a careful reader lists of each.

A listed claim is found where a claim's words hold its ``has``; of what is found, each named property counts by itself.
``actions`` are protective actions of the report; ``not_actions`` must not be there. Pairs must be one incident each.

    python -m tools.score_nights [--first | --second | --third] [--show]
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from tocsin.assess.brief import brief
from tocsin.assess.claim import Claim
from tocsin.assess.extract import Source

GOLD = Path(__file__).parents[1] / "tests" / "rules" / "assess" / "gold" / "nights.toml"


def _says(claim: Claim, name: str, wanted: Any) -> bool:
    if name == "speaker":
        shown = (claim.speaker.name or "").lower()
        return any(one.lower() in shown for one in str(wanted).split("|"))
    if name == "speaker_kind":
        return bool(claim.speaker.kind == wanted)
    if name == "condition":
        return str(wanted) in claim.speaker.condition
    if name == "when":
        return claim.when is not None and claim.when.value == str(wanted)
    if name == "stance":
        return claim.stance in str(wanted).split("|")
    return bool(getattr(claim, name) == wanted)


def judge(report: dict[str, Any], claims: list[Claim]) -> tuple[Counter[str], Counter[str], list[str]]:
    """Of one report: what was right, what was asked for, and a line for each thing that was not right."""
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    wrong: list[str] = []
    for gold in report["claims"]:
        named = {name: value for name, value in gold.items() if name != "has"}
        holding = [claim for claim in claims if gold["has"] in claim.text]
        asked["claims"] += 1
        asked.update(named.keys())
        if not holding:
            wrong.append(f"not found: {gold['has']}")
            continue
        right["claims"] += 1
        best = max(holding, key=lambda claim: (sum(_says(claim, n, v) for n, v in named.items()), -len(claim.text)))
        for name, wanted in named.items():
            if _says(best, name, wanted):
                right[name] += 1
            else:
                shown = best.speaker.name if name == "speaker" else best.when and best.when.value
                mine = shown if name in ("speaker", "when") else getattr(best, name, best.speaker)
                wrong.append(f"{name} should be {wanted!r}, is {mine!r}: {best.text[:90]}")
    told = {f"{one.action} {one.facility}".strip() for claim in claims for one in claim.protective}
    for action in report["actions"]:
        asked["actions"] += 1
        right["actions"] += action in told
        if action not in told:
            wrong.append(f"action not found: {action} (found {sorted(told)})")
    extra = told - set(report["actions"]) - {one for one in told if one.startswith("open")}
    asked["actions told"] += len(told)
    right["actions told"] += len(told) - len(extra)
    if extra:
        wrong.append(f"actions nobody told: {sorted(extra)}")
    for action in report["not_actions"]:
        if action in told:
            wrong.append(f"MUST NOT be told: {action}")
            asked["forbidden"] += 1
    return right, asked, wrong


def which(report: dict[str, Any]) -> str:
    """Which of the sets a report belongs to."""
    return next((name for name in ("second", "third") if report.get(name)), "first")


def run(chosen: str | None = None) -> tuple[Counter[str], Counter[str], list[str]]:
    """All reports briefed together, or only those of the ``first``, ``second`` or ``third`` set."""
    reports = tomllib.loads(GOLD.read_text(encoding="utf-8"))["report"]
    reports = [report for report in reports if chosen is None or which(report) == chosen]
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    wrong: list[str] = []
    texts = [(r["text"], Source(r["id"], date.fromisoformat(r["published"]), outlet=r["id"])) for r in reports]
    _, incidents = brief(texts)
    by_report: dict[str, list[Claim]] = {report["id"]: [] for report in reports}
    for incident in incidents:
        pairs = {report.split("-")[0] for report in incident.reports}
        asked["incidents"] += 1
        right["incidents"] += len(pairs) == 1 and len(incident.reports) == sum(r["pair"] in pairs for r in reports)
        if len(pairs) > 1:
            wrong.append(f"one incident of {incident.reports}")
        for claim in incident.claims:
            by_report[claim.report].append(claim)
    for report in reports:
        one = judge(report, by_report[report["id"]])
        right += one[0]
        asked += one[1]
        wrong += [f"{report['id']}: {line}" for line in one[2]]
    return right, asked, wrong


if __name__ == "__main__":
    found, wanted, lines = run(next((one[2:] for one in sys.argv[1:] if one[2:] in ("first", "second", "third")), None))
    if "--show" in sys.argv:
        print("\n".join(lines))
    for key in sorted(wanted):
        print(f"{key:14} {found[key]:4} of {wanted[key]:4}  {found[key] / wanted[key]:.3f}")
