"""Dates: which day, night or time a report's words mean, counted from the day it was published.

- The words of a language come from its pack; the grammar is one for all languages, written over symbols and not words.
- "On Tuesday" is the last one up to the day of publication, or the next where the sentence speaks of the future.
- A night is two days ("the night from Monday to Tuesday" is 18/19); a part of a day keeps its day and says so.
- A day and month without a year is the nearest to the publication; a time without a day is not a date.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tocsin.assess.calendar import day_of, nearest, resolve
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
            value = nearest(int(match.group(2)), int(match.group(1)), published, "")
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
            value = day_of(full, int(month), int(day))
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
            value = day_of(year, month + 1, day)
            if value is not None and value <= published:
                found.append(When(value.isoformat(), "day", Span(*match.span()), "day of the month"))
                break
    for match in _SLASHED.finditer(line, sentence.start):
        first, second = int(match.group(1)), int(match.group(2))
        month, day = (first, second) if pack.language == "en" and first <= 12 else (second, first)
        if month > 12:
            month, day = day, month
        if 1 <= month <= 12 and (value := nearest(month, day, published, "")) is not None:
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
            when = resolve(name, piece, span, published, _tense(text, sentence, tenses, first, last), previous)
            if when is not None:
                found.append(when)
                line = line[:start] + "#" * (end - start) + line[end:]
    return found
