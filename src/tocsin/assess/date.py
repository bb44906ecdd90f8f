"""Dates: which day, night or time a report's words mean, counted from the day it was published.

- The words of a language come from its pack; the grammar is one for all languages, written over symbols and not words.
- "On Tuesday" is the last one up to the day of publication, or the next where the sentence speaks of the future.
- A night is two days ("the night from Monday to Tuesday" is 18/19); a part of a day keeps its day and says so.
- A day and month without a year is the nearest to the publication; a time without a day is not a date.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tocsin.assess.claim import Span, When
from tocsin.assess.sentence import Sentence, Text

if TYPE_CHECKING:
    from tocsin.assess.pack import Cues, Hit, Pack

# Symbols: W weekday, M month, n number up to 31, y year, r day counted from today, p part of a day, g night,
# u unit, k "ago", j "in (future)", x next, l last, t this, f from, o to, s stage (early, mid, late), m same,
# b "before", v "later", V "after (that)", w weekend, a filler, c comma, d dot, q number over 31, K war, . anything.
_SIMPLE = {
    "night": "g",
    "ago": "k",
    "in": "j",
    "next": "x",
    "last": "l",
    "this": "t",
    "from": "f",
    "to": "o",
    "same": "m",
    "before": "b",
    "after": "v",
    "weekend": "w",
    "overnight": "G",
    "filler": "a",
    "future": "F",
    "past": "P",
    "clock": "h",
    "lastnight": "L",
    "tonight": "T",
    "and": "A",
    "since": "S",
    "war": "K",
    "half": "H",
    "afterthat": "V",
    "fromnow": "N",
}
_PARTS = ("morning", "noon", "afternoon", "evening", "earlymorning", "midday")
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_NUMERIC = re.compile(r"(?<![\d.,/])(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?![\d/]|\.\d)")
_DAY_MONTH = re.compile(r"(?<![\d.,/])(\d{1,2})\.(\d{1,2})\.(?!\d)")
_YEAR_MONTH = re.compile(
    r"(?<![\d.,/-])(?:((?:19|20)\d\d) ?[-/.] ?(0?[1-9]|1[0-2])|(0?[1-9]|1[0-2]) ?[-/.] ?((?:19|20)\d\d))(?![\d/-]|\.\d)"
)
_YEAR_FIRST = re.compile(r"(?<![\d.,/])(\d{4})([./])(\d{1,2})\2(\d{1,2})(?!\d)")
_STAGED = re.compile(r"(mid|mi|early|late)-(\w+)$")
_STAGES = {"mid": "mid", "mi": "mid", "early": "early", "late": "late"}
_DATING = frozenset("WMrgGLTwuKVN")
WAR_BEGAN = date(2022, 2, 24)
"""Day 1 of the full-scale invasion of Ukraine, from which reports count "the thousandth day"."""


def date_cues(cues: Cues, dates: dict[str, Any]) -> None:
    """Add a pack's ``[dates]`` to its cues, each named by its symbol and value (``W:0``, ``r:-1``)."""
    from tocsin.assess.pack import listed

    for number, value in enumerate(dates.get("weekday", ())):
        for cue in listed(value):
            cues.add(cue, "date", f"W:{number}")
    for number, value in enumerate(dates.get("month", ()), 1):
        for cue in listed(value):
            cues.add(cue, "date", f"M:{number}")
    for symbol, table in (("r", "relative"), ("p", "part"), ("u", "unit"), ("s", "stage"), ("n", "number")):
        for key, value in dates.get(table, {}).items():
            for cue in listed(value):
                cues.add(cue, "date", f"{symbol}:{key}")
    for name, symbol in _SIMPLE.items():
        for cue in listed(dates.get(name, "")):
            cues.add(cue, "date", f"{symbol}:")


@lru_cache(maxsize=1)
def _grammar() -> list[tuple[str, frozenset[str], re.Pattern[str]]]:
    """The grammar in order of trust, each rule with the symbols of which it needs one.

    What an earlier rule took, a later one does not see.
    """
    day = r"(?:W[acf]*)?n[dao]?[af]*M(?:d(?=[acf]*y))?(?:[acf]*y)?"
    american = r"(?:W[acf]*)?Md?[af]*n[dc]?(?:[acf]*y)?"
    rules = [
        ("night_dates", "gG", r"[gG][af]*(?:f[af]*)?n[d]?(?:[af]*M)?[af]*[oA]+[af]*n[d]?[af]*M(?:[acf]*y)?"),
        ("night_from_to", "gG", r"[gG][acf]*(?:f[af]*)?(W)[ap]*[oA]+[af]*(W)"),
        ("night_from_to2", "gG", r"(?:f[af]*)(W)[af]*[oA]+[af]*(W)[af]*[gG]"),
        ("night_to_date", "gG", r"[gG][af]*[oa]+n[d]?[af]*M(?:[acf]*y)?"),
        ("night_to_day", "gG", r"[gG][af]*o[af]*(W)"),
        ("night_of_date", "gG", rf"[gG][af]*(?:{day}|{american})|(?:{day}|{american})[ca]*[gG]"),
        ("night_of_day", "gG", r"(?:t)?(W)[acf]*[gG]|[gG][af]+(W)|[gG](W)"),
        ("nth_weekday", "W", r"n[d]?[af]*W[af]*(?:M(?:[acf]*y)?|[xlt][af]*u|u[af]*[xl])"),
        ("range_days_turn", "xlt", r"n[d]?[af]*[oA]+[af]*n[d]?[af]*(?:[xlt][af]*u|u[af]*[xl])"),
        ("day_of_month", "xlt", r"n[d]?[af]*(?:[xlt][af]*u|u[af]*[xl])"),
        ("range_days_month", "M", r"f?[af]*n[d]?[af]*[oA]+[af]*n[d]?[af]*M(?:[acf]*y)?"),
        ("range_month_days", "M", r"M[af]*n[d]?[af]*[oA]+[af]*n(?:[acf]*y)?"),
        ("range_dates", "M", rf"(?:f?[af]*)({day}|{american})[ca]*[oA]+[af]*({day}|{american})"),
        ("date_part", "M", rf"(?:p[af]*(?:{day}|{american})|(?:{day}|{american})[acf]*p)"),
        ("date", "M", rf"{day}|{american}"),
        ("weekday_number", "W", r"W[acf]*n(?![\da-zA-Z]*[uUpqKk])"),
        ("war_day", "K", r"[qnN][d]?[af]*U[.af]{0,6}K|[qnN][d]?[^yMW]{0,8}K[.af]{0,3}U"),
        ("day_after_that", "V", r"n?[af]*[uU][c]?V"),
        ("weekday_week", "W", r"(?:[xlt][af]*U[acf]*W|W[acf]*(?:[af]*)[xlt][af]*U|W[af]*U[af]*[xlt])"),
        ("ago_week", "W", r"W[af]*[xl]{2}"),
        ("day_next", "W", r"[xlt][af]*W[af]*p?|W[af]*[xl]|tW"),
        ("relative_part", "r", r"r[acf]*p|p[acf]*r"),
        ("relative_night", "r", r"r[acf]*[gG]|[gG][af]*r"),
        ("last_night", "Ll", r"L|l[af]*[gG]|[gG][af]*l|[gG]l"),
        ("to_night", "Tt", r"T|t[af]*[gG]"),
        ("ago", "kH", r"k[af]*(?:n|s?H)[af]*[uU]k?|n[af]*[uU][af]*k|H[af]*[uU][af]*k|n[af]*[uU]k"),
        ("ahead", "jN", r"j[af]*n?[af]*[uU]|n[af]*[uU][af]*N"),
        ("before_after", "bv", r"n[af]*[uU][af]*[bv]|[bv][af]*n[af]*[uU]|[uU][af]*[bv]"),
        ("unit_turn", "xlt", r"[xlt][af]*n?[af]*[uU]|[uU][af]*[xl]|n[af]*[uU][af]*[xl]"),
        ("weekend", "w", r"[xlt]?[af]*w[af]*[xl]?"),
        ("stage_month", "M", r"s[af]*M(?:[acf]*y)?|M[af]*s"),
        ("range_months", "M", r"M[d]?[af]*[oA]+[af]*M(?:[acf]*y)?"),
        ("month_turn", "M", r"[xlt][af]*M|M[af]*[xl]"),
        ("month_year", "M", r"M[af]*y"),
        ("stage_week", "s", r"s[af]*(?:[xlt][af]*)?U"),
        ("day_part", "W", r"W[acf]*p|p[af]*W|p[c]W"),
        ("same", "m", r"m[af]*U"),
        ("range_weekdays", "W", r"f[af]*W[af]*o[af]*W"),
        ("weekday", "W", r"W"),
        ("relative", "r", r"r"),
        ("overnight", "G", r"G"),
        ("this_part", "t", r"t[af]*p"),
        ("since_year", "y", r"[Satfjo]+y"),
        ("month", "M", r"[aftSoj]+M|M"),
    ]
    return [(name, frozenset(needs), re.compile(rule)) for name, needs, rule in rules]


class _Symbols:
    """A sentence as symbols, one a cue or word, with the value and the words of each."""

    __slots__ = ("line", "places", "values")

    def __init__(
        self, text: Text, sentence: Sentence, hits: dict[int, list[Hit]], published_months: dict[str, int]
    ) -> None:
        line: list[str] = []
        self.values: list[str] = []
        self.places: list[tuple[int, int]] = []
        index = sentence.first
        words = text.words
        while index < sentence.last:
            word = words[index]
            best: Hit | None = None
            here = hits.get(index, ())
            for hit in here:
                if best is None or hit.last > best.last:
                    best = hit
                elif hit.last == best.last and best.name[0] in "psna" and hit.name[0] in "psnf":
                    # "Early" is a time of day before nothing, and the beginning of a month before one.
                    ahead = {one.name[0] for one in hits.get(hit.last, ())}
                    if (hit.name[0] == "s" and ahead & {"M", "u"}) or (
                        hit.name[0] == "p" and best.name[0] == "s" and not ahead & {"M", "u"}
                    ):
                        best = hit
            stage = _STAGED.match(word.low)
            if best is None and stage is not None and published_months:
                month = published_months.get(stage.group(2))
                if month is not None:
                    line += ["s", "M"]
                    self.values += [_STAGES[stage.group(1)], str(month)]
                    self.places += [(index, index + 1), (index, index + 1)]
                    index += 1
                    continue
            symbol, value, last = ".", "", index + 1
            if best is not None:
                symbol, _, value = best.name.partition(":")
                last = best.last
                if symbol == "u" and value == "day":
                    symbol = "U"
                elif symbol == "u":
                    symbol = "U" if value in ("week",) else "u"
            elif word.raw[0].isdigit():
                digits = word.low.rstrip("stndrh")
                if digits.isdigit():
                    number = int(digits) if len(digits) < 7 else 10**7
                    if len(digits) == 4 and 1900 <= number <= 2100 and digits == word.low:
                        symbol, value = "y", digits
                    elif number <= 31:
                        symbol, value = "n", digits
                    else:
                        symbol, value = "q", digits
                elif re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", digits):
                    symbol, value = "q", re.sub(r"[.,]", "", digits)
            elif word.raw == ",":
                symbol = "c"
            elif word.raw == ".":
                symbol = "d"
            elif word.raw in "-–—":
                symbol = "o"
            line.append(symbol)
            self.values.append(value)
            self.places.append((index, last))
            index = last
        self.line = "".join(line)


def find_dates(text: Text, pack: Pack, hits: list[Hit], published: date | None) -> list[When]:
    """Every date in the text in order, resolved against ``published``; without it only those that need none."""
    by_word: dict[int, list[Hit]] = {}
    tenses: list[tuple[int, bool]] = []
    starts = {sentence.first for sentence in text.sentences}
    for hit in hits:
        if hit.kind == "speech":
            tenses.append((hit.first, False))
        elif hit.kind == "date":
            if hit.name in ("F:", "P:"):
                tenses.append((hit.first, hit.name == "F:"))
            elif "capital_nouns" in pack.flags and hit.name[0] == "r" and _is_noun(text, hit, starts):
                # "Am frühen Morgen" is a part of a day; only "morgen" is tomorrow.
                continue
            else:
                by_word.setdefault(hit.first, []).append(hit)
    # Where one word is both ("was to be"), the future comes last and is the nearer one.
    tenses.sort()
    dating = [index for index, here in by_word.items() if any(hit.name[0] in _DATING for hit in here)]
    dating += [i for i, word in enumerate(text.words) if "-" in word.low and _STAGED.match(word.low)]
    dating.sort()
    digits = [index for index, word in enumerate(text.words) if word.raw[0].isdigit() and index not in by_word]
    found: list[When] = []
    previous: date | None = None
    for sentence in text.sentences:
        wanted = bisect_left(dating, sentence.first) < bisect_left(dating, sentence.last)
        has_digit = bisect_left(digits, sentence.first) < bisect_left(digits, sentence.last)
        if not wanted and not has_digit:
            continue
        here = _numeric(text, sentence, pack, published) if has_digit else []
        if wanted:
            clause = tenses[bisect_left(tenses, (sentence.first, False)) : bisect_left(tenses, (sentence.last, False))]
            here += _worded(text, sentence, by_word, published, clause, previous, here, pack.months)
        here.sort(key=lambda when: when.span.start)
        for when in here:
            if when.precision in ("day", "part", "night", "time"):
                previous = date.fromisoformat(when.last)
        found += here
    return found


def _is_noun(text: Text, hit: Hit, starts: set[int]) -> bool:
    return text.words[hit.first].raw[0].isupper() and hit.first not in starts


def _tense(text: Text, sentence: Sentence, tenses: list[tuple[int, bool]], first: int, last: int) -> bool | None:
    """Whether the verb nearest to a date speaks of the future: in its clause before it, else behind it, else before.

    None where there is no verb at all.
    """
    begin, end = first, last
    while begin > sentence.first and text.words[begin - 1].raw not in ",;:":
        begin -= 1
    while end < sentence.last and text.words[end].raw not in ",;:":
        end += 1
    at, behind = bisect_left(tenses, (first, False)), bisect_left(tenses, (last, False))
    if at and tenses[at - 1][0] >= begin:
        return tenses[at - 1][1]
    if behind < len(tenses) and tenses[behind][0] < end:
        return tenses[behind][1]
    if at:
        return tenses[at - 1][1]
    return tenses[behind][1] if behind < len(tenses) else None


def _numeric(text: Text, sentence: Sentence, pack: Pack, published: date | None) -> list[When]:
    found: list[When] = []
    if published is not None and pack.language in ("de", "pl", "ru", "uk"):
        for match in _DAY_MONTH.finditer(text.text, sentence.start, sentence.end + 1):
            value = _nearest(int(match.group(2)), int(match.group(1)), published, "")
            if value is not None and int(match.group(2)) <= 12:
                found.append(When(value.isoformat(), "day", Span(match.start(), match.end() - 1), "day and month"))
    if published is not None:
        found += _partial(text, sentence, pack, published)
    for pattern, order in ((_ISO, "ymd"), (_YEAR_FIRST, "y-md"), (_NUMERIC, "dmy")):
        for match in pattern.finditer(text.text, sentence.start, sentence.end):
            groups = [g for g in match.groups() if g.isdigit()]
            year, month, day = (
                (groups[2], groups[1], groups[0]) if order == "dmy" else (groups[0], groups[1], groups[2])
            )
            if order == "dmy" and pack.language == "en" and (match.group(2) in "/-" or int(month) > 12):
                month, day = day, month
                if int(month) > 12:
                    month, day = day, month
            full = int(year) if len(year) == 4 else (2000 if int(year) < 60 else 1900) + int(year)
            value = _day(full, int(month), int(day))
            span = Span(*match.span())
            if value is not None and not any(one.span.overlaps(span) for one in found):
                found.append(When(value.isoformat(), "day", span, "written out"))
    for match in _YEAR_MONTH.finditer(text.text, sentence.start, sentence.end):
        span = Span(*match.span())
        if not any(one.span.overlaps(span) for one in found):
            year, month = (match.group(1), match.group(2)) if match.group(1) else (match.group(4), match.group(3))
            found.append(When(f"{year}-{int(month):02d}", "month", span, "written out"))
    return found


_DAY_ONLY = {
    "en": re.compile(r"\b(?:on|for|the|until|since) (\d{1,2})(?:st|nd|rd|th)\b(?! of\b| \w)"),
    "fr": re.compile(r"\b(?:le|du|au) (\d{1,2})(?=\s*(?:[.,!?;](?!\d)|$))"),
    "es": re.compile(r"\b(?:el|del|al) (?:día )?(\d{1,2})(?=\s*(?:[.,!?;](?!\d)|$))"),
    "de": re.compile(r"\b(?:am|den|dem|zum) (\d{1,2})\.(?=\s*(?:[,!?;]|$))"),
}
_SLASHED = re.compile(r"(?<=[a-zéñ] )(\d{1,2})/(\d{1,2})(?![\d/])")


def _partial(text: Text, sentence: Sentence, pack: Pack, published: date) -> list[When]:
    """A day without its month ("on the 27th") and a day and month in figures ("le 22/04")."""
    found: list[When] = []
    pattern = _DAY_ONLY.get(pack.language)
    line = text.text[: sentence.end]
    for match in pattern.finditer(line, sentence.start) if pattern is not None else ():
        day = int(match.group(1))
        for back in (0, 1, 2):
            year, month = divmod(published.year * 12 + published.month - 1 - back, 12)
            value = _day(year, month + 1, day)
            if value is not None and value <= published:
                found.append(When(value.isoformat(), "day", Span(*match.span()), "day of the month"))
                break
    for match in _SLASHED.finditer(line, sentence.start):
        first, second = int(match.group(1)), int(match.group(2))
        month, day = (first, second) if pack.language == "en" and first <= 12 else (second, first)
        if month > 12:
            month, day = day, month
        if 1 <= month <= 12 and (value := _nearest(month, day, published, "")) is not None:
            found.append(When(value.isoformat(), "day", Span(*match.span()), "day and month"))
    return found


def _worded(
    text: Text,
    sentence: Sentence,
    hits: dict[int, list[Hit]],
    published: date | None,
    tenses: list[tuple[int, bool]],
    previous: date | None,
    taken: list[When],
    months: dict[str, int],
) -> list[When]:
    symbols = _Symbols(text, sentence, hits, months)
    line = symbols.line
    found: list[When] = []
    present = frozenset(line)
    for name, needs, rule in _grammar():
        if not needs & present:
            continue
        at = 0
        while match := rule.search(line, at):
            start, end = match.span()
            at = max(end, at + 1)
            while start < end and line[start] in "acdAo":
                start += 1
            first, last = symbols.places[start][0], symbols.places[end - 1][1]
            while last > first + 1 and text.words[last - 1].raw == ".":
                last -= 1
            span = Span(text.words[first].start, text.words[last - 1].end)
            if any(one.span.overlaps(span) for one in taken) or any(one.span.overlaps(span) for one in found):
                continue
            piece = [(line[i], symbols.values[i]) for i in range(start, end)]
            if name == "weekday_number" and not text.words[symbols.places[end - 1][0]].raw[0].isdigit():
                # "El sábado un llamamiento": an article is no day of the month.
                continue
            when = _resolve(name, piece, span, published, _tense(text, sentence, tenses, first, last), previous)
            if when is not None:
                found.append(when)
                line = line[:start] + "#" * (end - start) + line[end:]
    return found


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _nearest(month: int, day: int, published: date | None, year: str) -> date | None:
    if year:
        return _day(int(year), month, day)
    if published is None:
        return None
    options = [value for y in (-1, 0, 1) if (value := _day(published.year + y, month, day)) is not None]
    return min(options, key=lambda value: (abs((value - published).days), value)) if options else None


def _weekday(number: int, published: date, ahead: bool | None) -> date:
    back = (published.weekday() - number) % 7
    # Nobody calls yesterday's week "Thursday" on a Wednesday: without a verb that is tomorrow.
    if back and (ahead or (ahead is None and back == 6)):
        return published + timedelta((number - published.weekday()) % 7)
    return published - timedelta(back)


def _shift(value: date, amount: int, unit: str) -> date:
    if unit == "day":
        return value + timedelta(amount)
    if unit == "week":
        return value + timedelta(7 * amount)
    months = amount if unit == "month" else 12 * amount
    total = value.year * 12 + value.month - 1 + months
    for day in range(value.day, 27, -1):
        if (found := _day(total // 12, total % 12 + 1, day)) is not None:
            return found
    return date(total // 12, total % 12 + 1, min(value.day, 28))


def _month_span(year: int, month: int, stage: str = "") -> tuple[date, date]:
    first = date(year, month, 1)
    last = (date(year + month // 12, month % 12 + 1, 1)) - timedelta(1)
    if stage == "early":
        return first, first + timedelta(9)
    if stage == "mid":
        return first + timedelta(9), first + timedelta(19)
    if stage == "late":
        return first + timedelta(20), last
    return first, last


def _resolve(
    name: str,
    piece: list[tuple[str, str]],
    span: Span,
    published: date | None,
    ahead: bool | None,
    previous: date | None,
) -> When | None:
    def values(symbol: str) -> list[str]:
        return [value for kind, value in piece if kind == symbol]

    def one(value: date | None, precision: str = "day", how: str = name) -> When | None:
        return None if value is None else When(value.isoformat(), precision, span, how)

    def two(first: date | None, last: date | None, precision: str = "span") -> When | None:
        if first is None or last is None:
            return None
        return When(f"{first.isoformat()}/{last.isoformat()}", precision, span, name)

    shape = "".join(kind for kind, _ in piece)
    months = [int(value) for value in values("M")]
    numbers = [int(value) for value in values("n")]
    years = values("y")
    weekdays = [int(value) for value in values("W")]
    units = [value for kind, value in piece if kind in "uU"]
    year = years[-1] if years else ""
    part = (values("p") or [""])[0]
    if name == "range_month_days" or name == "range_days_month" or name == "night_dates":
        if not months or len(numbers) < 2:
            return None
        last = _nearest(months[-1], numbers[1], published, year)
        first = None
        if last is not None:
            first = _day(last.year, months[0], numbers[0])
            if first is not None and first > last:
                first = _day(last.year - 1, months[0], numbers[0])
        return two(first, last, "night" if name == "night_dates" else "span")
    if name == "range_dates" and len(months) > 1 and len(numbers) > 1:
        last = _nearest(months[-1], numbers[-1], published, year)
        first = None if last is None else _day(int(years[0]) if len(years) > 1 else last.year, months[0], numbers[0])
        return two(first, last)
    if name in ("date", "date_part", "night_of_date", "night_to_date") and months and numbers:
        value = _nearest(months[0], numbers[0], published, year)
        if value is None:
            return None
        if name == "night_to_date":
            return two(value - timedelta(1), value, "night")
        if name == "night_of_date":
            return two(value, value + timedelta(1), "night")
        return one(value, "part" if part else "day")
    if name == "range_months" and len(months) == 2 and (year or published is not None):
        last = _nearest(months[1], 1, published, year)
        if last is None:
            return None
        first = last.replace(year=last.year - (months[0] > months[1]), month=months[0])
        return two(first, _month_span(last.year, months[1])[1])
    if name == "month_year" and months:
        return When(f"{year}-{months[0]:02d}", "month", span, name)
    if name == "since_year" and year:
        return When(year, "year", span, name)
    if name == "war_day":
        count = [int(value) for kind, value in piece if kind in "qnN" and value]
        if not count or count[0] < 50:
            return None
        return one(WAR_BEGAN + timedelta(count[0] - 1))
    if published is None:
        return None
    if name in ("night_from_to", "night_from_to2") and len(weekdays) == 2:
        last = _weekday(weekdays[1], published, ahead)
        return two(last - timedelta((weekdays[1] - weekdays[0]) % 7), last, "night")
    if name == "night_to_day" and weekdays:
        last = _weekday(weekdays[0], published, ahead)
        return two(last - timedelta(1), last, "night")
    if name == "night_of_day" and weekdays:
        first = _weekday(weekdays[0], published, ahead)
        return two(first, first + timedelta(1), "night")
    if name == "range_weekdays" and len(weekdays) == 2:
        last = _weekday(weekdays[1], published, ahead)
        return two(last - timedelta((weekdays[1] - weekdays[0]) % 7), last)
    if name == "weekday_week" and weekdays:
        turn = 1 if "x" in shape else -1 if "l" in shape else 0
        monday = published - timedelta(published.weekday()) + timedelta(7 * turn)
        return one(monday + timedelta(weekdays[0]), "part" if part else "day")
    if name in ("day_next", "weekday", "day_part", "ago_week") and weekdays:
        if "x" in shape:
            distance = (weekdays[0] - published.weekday()) % 7 or 7
            value = published + timedelta(distance)
        elif "t" in shape and name == "day_next":
            value = published + timedelta(weekdays[0] - published.weekday())
        elif "l" in shape:
            value = published - timedelta((published.weekday() - weekdays[0]) % 7 or 7)
        else:
            value = _weekday(weekdays[0], published, ahead)
        return one(value, "part" if part else "day")
    if name in ("relative", "relative_part", "relative_night"):
        value = published + timedelta(int(values("r")[0]))
        if name == "relative_night":
            return two(value, value + timedelta(1), "night")
        return one(value, "part" if part else "day")
    if name in ("last_night", "overnight"):
        return two(published - timedelta(1), published, "night")
    if name == "to_night":
        return two(published, published + timedelta(1), "night")
    if name == "this_part":
        return one(published, "part")
    if name == "nth_weekday" and numbers and weekdays:
        return one(_nth_weekday(numbers[0], weekdays[0], *_month_meant(months, year, shape, units, published)))
    if name in ("range_days_turn", "day_of_month") and numbers and units[:1] == ["month"]:
        there = _month_meant((), "", shape, units, published)
        found = [_day(*there, number) for number in numbers]
        return two(found[0], found[-1]) if name == "range_days_turn" else one(found[0])
    if name == "weekday_number" and numbers and weekdays:
        near = (published + timedelta(away * sign) for away in range(400) for sign in (-1, 1))
        return one(next((d for d in near if d.day == numbers[0] and d.weekday() == weekdays[0]), None))
    if name == "day_after_that":
        # "A day after Ukraine had fired": what follows happened that long before the report.
        unit = units[0] if units else ""
        if unit not in ("day", "week", "month", "year"):
            return None
        return one(_shift(published, -(numbers[0] if numbers else 1), unit))
    if name == "same":
        return one(previous, "day")
    if name in ("ago", "ahead", "before_after", "unit_turn", "stage_week"):
        return _counted(name, shape, numbers, units, published, previous, span)
    if name == "weekend":
        saturday = published - timedelta((published.weekday() - 5) % 7)
        if "x" in shape or (ahead and "l" not in shape):
            saturday += timedelta(7)
        elif "t" in shape:
            saturday = published + timedelta(5 - published.weekday())
        elif "l" in shape and published.weekday() >= 5:
            saturday -= timedelta(7)
        return two(saturday, saturday + timedelta(1))
    if name in ("stage_month", "month_turn", "month") and months:
        if year:
            chosen = int(year)
        else:
            options = [published.year - 1, published.year, published.year + 1]
            if "l" in shape:
                options = [y for y in options if (y, months[0]) < (published.year, published.month)]
            if "x" in shape:
                options = [y for y in options if (y, months[0]) > (published.year, published.month)]
            chosen = min(options, key=lambda y: abs((y - published.year) * 12 + months[0] - published.month))
        stage = (values("s") or [""])[0]
        if not stage:
            return When(f"{chosen}-{months[0]:02d}", "month", span, name)
        return two(*_month_span(chosen, months[0], stage), "month")
    return None


def _month_meant(months: Sequence[int], year: str, shape: str, units: list[str], published: date) -> tuple[int, int]:
    """The year and month that a month's name, or "next month", means."""
    if months:
        value = _nearest(months[0], 1, published, year)
        return (value.year, value.month) if value is not None else (published.year, months[0])
    value = _shift(published.replace(day=1), 1 if "x" in shape else -1 if "l" in shape else 0, "month")
    return value.year, value.month


def _nth_weekday(count: int, weekday: int, year: int, month: int) -> date | None:
    first = date(year, month, 1)
    return _day(year, month, 1 + (weekday - first.weekday()) % 7 + 7 * (count - 1)) if 0 < count < 6 else None


def _counted(
    name: str, shape: str, numbers: list[int], units: list[str], published: date, previous: date | None, span: Span
) -> When | None:
    """Days, weeks, months and years counted from the publication, or from the day before told of."""
    unit = units[0] if units else ""
    if unit in ("hour", "minute"):
        if name == "ago":
            return When(published.isoformat(), "part", span, name)
        if name == "before_after" and previous is not None:
            return When(previous.isoformat(), "part", span, name)
        return None
    count = numbers[0] if numbers else 1
    if name == "ago":
        count = -count
    elif name == "before_after":
        count = -count if "b" in shape else count
        if unit == "day" and previous is not None:
            return When(_shift(previous, count, unit).isoformat(), "day", span, name)
        if not numbers:
            return None
        return When(
            _shift(previous or published, count, unit).isoformat(), "day" if unit == "day" else unit, span, name
        )
    elif name in ("unit_turn", "stage_week"):
        turn = 1 if "x" in shape else -1 if "l" in shape else 0
        if unit == "day":
            if not numbers and turn:
                return When(_shift(previous or published, turn, "day").isoformat(), "day", span, name)
            if not numbers:
                return When(published.isoformat(), "day", span, name) if turn == 0 and "t" in shape else None
            edge = _shift(published, turn * count, "day")
            first, last = sorted((edge, published + timedelta(1) if turn > 0 else published))
            return When(f"{first.isoformat()}/{last.isoformat()}", "span", span, name)
        if unit == "week":
            if numbers:
                first, last = sorted((_shift(published, turn * count, "week"), published))
                return When(f"{first.isoformat()}/{last.isoformat()}", "span", span, name)
            monday = published - timedelta(published.weekday()) + timedelta(7 * turn)
            return When(f"{monday.isoformat()}/{(monday + timedelta(6)).isoformat()}", "week", span, name)
        if numbers:
            first, last = sorted((_shift(published, turn * count, unit), published))
            return When(f"{first.isoformat()}/{last.isoformat()}", "span", span, name)
        there = _shift(published, turn, unit)
        return When(there.isoformat()[:7] if unit == "month" else str(there.year), unit, span, name)
    # "A month ago" is about that day a month ago: the value says the day, the precision that it is only about.
    return When(_shift(published, count, unit).isoformat(), unit if unit in ("month", "year") else "day", span, name)
