"""Score the date resolver on Recognizers-Text items (MIT) and on our own items of news expressions in seven languages.

An item is right when one of the dates found covers exactly the expected day, interval, month or year; both the past and
the future reading of Recognizers-Text are accepted. Items that name no calendar date (times, durations, holidays) are
left out by ``WANTED``.

    python tools/score_dates.py RECOGNIZERS_FOLDER [--show]
    python tools/score_dates.py --own [--show]
"""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from pathlib import Path

from tocsin.assess.extract import nights

LANGUAGES = {"English": "en", "German": "de", "French": "fr", "Spanish": "es"}
WANTED = ("DateParser.json", "DatePeriodParser.json")


def found(text: str, language: str, reference: date) -> list[tuple[str, str]]:
    from tocsin.assess.date import find_dates
    from tocsin.assess.pack import pack

    read_with = pack(language)
    assert read_with is not None
    taken = read_with.read(text)
    return [nights(when.value) for when in find_dates(taken, read_with, read_with.cues.find(taken), reference)]


def accepted(value: dict[str, dict[str, str]]) -> set[tuple[str, str]]:
    days: set[tuple[str, str]] = set()
    for reading in ("FutureResolution", "PastResolution"):
        one = value.get(reading, {})
        if "date" in one:
            days.add((one["date"], one["date"]))
        elif "startDate" in one and "endDate" in one:
            days.add((one["startDate"], one["endDate"]))
            try:
                end = (date.fromisoformat(one["endDate"]) - timedelta(1)).isoformat()
                days.add((one["startDate"], end))
            except ValueError:
                pass
    return days


def recognizers(folder: Path, show: bool) -> None:
    for name, language in LANGUAGES.items():
        for file in WANTED:
            path = folder / name / file
            if not path.exists():
                continue
            right = total = 0
            for item in json.loads(path.read_text("utf-8-sig")):
                reference = date.fromisoformat(item.get("Context", {}).get("ReferenceDateTime", "2016-11-07")[:10])
                for result in item["Results"]:
                    wanted = accepted(result.get("Value") or {})
                    if not wanted:
                        continue
                    total += 1
                    mine = found(item["Input"], language, reference)
                    ok = bool(wanted & set(mine))
                    right += ok
                    if show and not ok:
                        print(f"  {language} {item['Input']!r} wanted {sorted(wanted)} found {mine}")
            if total:
                print(f"{language} {file:26} {right}/{total} = {right / total:.3f}")


def own(show: bool) -> None:
    path = Path(__file__).parents[1] / "tests" / "rules" / "assess" / "gold" / "dates.json"
    data = json.loads(path.read_text("utf-8"))
    for language, items in data.items():
        right = 0
        for text, reference, wanted in items:
            first, _, last = wanted.partition("/")
            mine = found(text, language, date.fromisoformat(reference))
            ok = nights(wanted) in mine or (first, last or first) in mine
            right += ok
            if show and not ok:
                print(f"  {language} {text!r} at {reference}: wanted {wanted} found {mine}")
        print(f"{language} own {right}/{len(items)} = {right / len(items):.3f}")


if __name__ == "__main__":
    if sys.argv[1] == "--own":
        own("--show" in sys.argv)
    else:
        recognizers(Path(sys.argv[1]), "--show" in sys.argv)
