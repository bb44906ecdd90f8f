"""Stream ten thousand mixed reports through reading and matching; link leads across languages; count wrong merges.

``stream``: the gold incidents told again in other cities, on other days and with other numbers (336 incidents of 30
reports in five languages, twelve kinds of event), with reports of other people between them. Measured are the reports a
second, the memory that stays (it must not grow with the stream), BCubed against the truth, and how far the incidents of
two orders of arrival agree.
``memory``: the same reports through a newsroom, as the journal brings them, with the process's memory at each fifth.
``linking``: for the first three sentences of each gold report the nearest report of another language, among all others
and all distractors; right where it tells the same incident (P@1).
``wikinews``: what the matcher groups of 295 reports of which hardly two tell one story, for a person to judge.

    python -m tools.score_stream [FOLDER_WITH_WIKINEWS_CSV] [--reports 10000] [--groups] [--memory]
"""

from __future__ import annotations

import csv
import json
import random
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from tocsin.assess.extract import Reading, Source, extract
from tocsin.assess.match import Matcher, cluster
from tocsin.assess.newsroom import Newsroom
from tocsin.assess.placename import places
from tocsin.journal import GENESIS, fact, link
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.news import News, news_report
from tocsin.sense.report import REPORT_RECEIVED

GOLD = Path(__file__).parents[1] / "tests" / "rules" / "assess" / "gold"
LANGUAGES = ("de", "en", "uk", "fr", "es")
DAY = date(2024, 1, 3)


def others(folder: Path | None) -> list[tuple[str, Source]]:
    """Reports of other people: those of Wikinews."""
    found = []
    for file in sorted(folder.glob("wikinews_*.csv")) if folder is not None else ():
        with file.open(encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                text = f"{row['title']}\n{row['text']}"
                found.append((text, Source(row["url"].rsplit("/", 1)[-1], date.fromisoformat(row["date"]), "en")))
    return found


def cities() -> list[tuple[str, str]]:
    """Large cities by a Latin and a Cyrillic name."""
    _, about = places()
    names: dict[str, list[str]] = defaultdict(list)
    for name, code in places()[0].items():
        names[code].append(name)
    found = []
    for code, (_, latin, people) in sorted(about.items(), key=lambda item: (-item[1][2], item[0])):
        cyrillic = sorted(name for name in names[code] if name[0] > "а")
        if "/" in code and cyrillic and people > 300 and latin.isascii() and " " not in latin:
            found.append((latin, cyrillic[0].title()))
    return found


def mixed(count: int, folder: Path | None = None) -> Iterator[tuple[str, Source, str]]:
    """``count`` reports in the order of their publication, each with the name of its true incident."""
    sys.path.insert(0, str(GOLD))
    from make import WHERE  # type: ignore[import-not-found]

    gold = json.loads((GOLD / "reports.json").read_text("utf-8"))
    where, foreign = cities(), others(folder)
    # Cities of the gold set stay away from the copies.
    rounds = -(-count // len(gold))
    made = 0
    for turn in range(rounds):
        day = DAY + timedelta(12 * turn)
        kinds = sorted({one["incident"] for one in gold})
        for report in gold:
            if made == count:
                return
            kind = kinds.index(report["incident"])
            city = where[(turn * len(kinds) + kind) % len(where)]
            old = WHERE[report["incident"]][report["language"]][0]
            text = report["text"].replace(old, city[1] if report["language"] == "uk" else city[0])
            text = text.translate(str.maketrans("123456789", "".join("123456789"[(i + turn) % 9] for i in range(9))))
            # Tuesdays stay Tuesdays: an incident keeps the weekday of its first telling.
            published = day + timedelta((date.fromisoformat(report["published"]).weekday() - day.weekday()) % 7)
            name = f"{turn}-{report['file']}"
            yield text, Source(name, published, report["language"], f"{turn % 7}-{report['source']}"), f"{turn}-{kind}"
            made += 1
        for other, source in foreign[turn::rounds]:
            yield other, replace(source, published=day), source.report


def slim(reading: Reading) -> Reading:
    """What matching needs of a reading."""
    return replace(reading, claims=(), text=reading.text[:4000])


def bcubed(found: dict[str, str], truth: dict[str, str]) -> tuple[float, float, float]:
    """Precision, recall and F1 of a grouping, each report counting alike."""
    groups: dict[str, set[str]] = defaultdict(set)
    wanted: dict[str, set[str]] = defaultdict(set)
    for report, group in found.items():
        groups[group].add(report)
    for report, group in truth.items():
        wanted[group].add(report)
    precision = recall = 0.0
    for report in truth:
        mine, gold = groups[found[report]], wanted[truth[report]]
        shared = len(mine & gold)
        precision += shared / len(mine)
        recall += shared / len(gold)
    precision, recall = precision / len(truth), recall / len(truth)
    return precision, recall, 2 * precision * recall / (precision + recall)


def matched(readings: Sequence[Reading]) -> dict[str, str]:
    """The incident of each report when they arrive in this order, reports older than the horizon being let go."""
    matcher = Matcher()
    found: dict[str, str] = {}
    newest = DAY
    for number, reading in enumerate(readings):
        matcher.add(reading)
        assert reading.source.published is not None
        newest = max(newest, reading.source.published)
        if number % 100 == 99:
            matcher.settle()
            for report, group in matcher.incident_of.items():
                found[report] = str(group)
            matcher.forget(newest - timedelta(matcher.horizon))
    matcher.settle()
    return found | {report: str(group) for report, group in matcher.incident_of.items()}


def stream(count: int, folder: Path | None) -> None:
    readings: list[Reading] = []
    truth: dict[str, str] = {}
    began = time.perf_counter()
    matcher, newest, at = Matcher(), DAY, []
    for number, (text, source, incident) in enumerate(mixed(count, folder)):
        reading = extract(text, source)
        matcher.add(reading)
        truth[source.report] = incident
        assert source.published is not None
        newest = max(newest, source.published)
        if number % 500 == 499:
            matcher.settle()
            matcher.forget(newest - timedelta(matcher.horizon))
            at.append((number + 1, len(matcher.members), matcher.size(), resource.getrusage(resource.RUSAGE_SELF)))
        readings.append(slim(reading))
    took = time.perf_counter() - began
    print(f"stream: {len(readings)} reports read and matched, {len(readings) / took:.0f} a second")
    for seen, members, size, _ in (at[0], at[len(at) // 2], at[-1]):
        print(f"  after {seen:6}: {members} reports and {size} features held")
    straight = matched(readings)
    print("  in order:  BCubed P {:.3f} R {:.3f} F1 {:.3f}".format(*bcubed(straight, truth)))
    chance = random.Random(7)
    for days in (2, 4):
        shuffled = sorted(readings, key=lambda r: (r.source.published or DAY) + timedelta(days * chance.random()))
        late = matched(shuffled)
        print(f"  shuffled within {days} days: " + "P {:.3f} R {:.3f} F1 {:.3f}".format(*bcubed(late, truth)), end="")
        print("; agreement with the first order F1 {2:.3f}".format(*bcubed(late, straight)))


def resident() -> int:
    """Megabytes that the process holds now."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1024


def memory(count: int) -> list[tuple[int, int, int, float]]:
    """Reports through a newsroom: after each fifth the reports so far, those held, megabytes, and the dearest refresh."""
    room = Newsroom(Gazetteer.world())
    told: list[tuple[int, int, int, float]] = []
    dearest = 0.0
    for number, (text, source, _) in enumerate(mixed(count), 1):
        assert source.published is not None
        # A minute apart: four thousand reports are not yet three days, and the newsroom's number is the bound.
        at = datetime(2024, 1, 3, tzinfo=UTC) + timedelta(minutes=number)
        news = News("", text, at, source.language, source.outlet, f"https://example.org/{source.report}")
        report = news_report(source.outlet, news, at)
        room.apply(link(fact(REPORT_RECEIVED, report.id, report), number, at, GENESIS))
        if number % 250 == 0:
            began = time.perf_counter()
            room.refresh()
            dearest = max(dearest, time.perf_counter() - began)
        if number % (count // 5) == 0:
            told.append((number, len(room.matcher.members), resident(), dearest))
    return told


def linking(folder: Path | None) -> None:
    """P@1 from leads of three sentences, by language."""
    gold = json.loads((GOLD / "reports.json").read_text("utf-8"))
    leads = []
    for report in gold:
        lead = "\n".join(report["text"].strip().split("\n")[:3])
        source = Source(report["file"], date.fromisoformat(report["published"]), report["language"])
        leads.append((extract(lead, source), report["incident"]))
    day = date.fromisoformat(gold[0]["published"])
    crowd = [(extract("\n".join(t.split("\n")[:6]), replace(s, published=day)), "") for t, s in others(folder)]
    matcher = Matcher(horizon_days=10_000)
    for reading, _ in leads + crowd:
        # All on one day: the date must not do the work.
        matcher.add(replace(reading, source=replace(reading.source, published=day), dates=()))
    truth = {reading.source.report: incident for reading, incident in leads}
    for language in LANGUAGES:
        right = asked = 0
        for reading, incident in leads:
            if reading.language != language:
                continue
            mine = matcher.members[reading.source.report]
            rest = [m for m in matcher.members.values() if m.language != language]
            best = max(rest, key=lambda other: matcher.similarity(mine, other))
            asked += 1
            right += truth.get(best.report) == incident
        print(f"linking {language}: P@1 {right}/{asked} = {right / asked:.3f} among {len(matcher.members)} reports")


def wikinews(folder: Path, show: bool) -> None:
    readings = [extract(text, source) for text, source in others(folder)]
    groups = [group for group in cluster(readings) if len(group) > 1]
    print(f"wikinews: {len(readings)} reports, {len(groups)} groups, {sum(map(len, groups))} reports in them")
    if show:
        for group in groups:
            print("  " + "\n    ".join(f"{r.source.published} {r.source.report}" for r in group))


if __name__ == "__main__":
    arguments = [one for one in sys.argv[1:] if not one.startswith("-")]
    number = int(sys.argv[sys.argv.index("--reports") + 1]) if "--reports" in sys.argv else 10_000
    arguments = [one for one in arguments if one != str(number)]
    beside = Path(arguments[0]) if arguments else None
    if "--memory" in sys.argv:
        for reports, held, megabytes, cost in memory(number):
            print(f"after {reports:6} reports: {held:5} held, {megabytes} MB, dearest refresh {cost:.2f} s")
        raise SystemExit
    if beside is not None:
        wikinews(beside, "--groups" in sys.argv)
    linking(beside)
    stream(number, beside)
