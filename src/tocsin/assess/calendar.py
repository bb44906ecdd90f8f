"""The calendar: which days a date's symbols mean, counted from the day of publication.

- "On Tuesday" is the last one up to the day of publication, or the next where the clause speaks of the future.
- A day and month without a year is the nearest to the publication.
- A night is two days; what cannot be said for certain is no date.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from tocsin.assess.claim import Span, When

WAR_BEGAN = date(2022, 2, 24)
"""Day 1 of the full-scale invasion of Ukraine, from which reports count "the thousandth day"."""


def day_of(year: int, month: int, day: int) -> date | None:
    """The day, or None for one that no calendar has, such as 31 November."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def nearest(month: int, day: int, published: date | None, year: str) -> date | None:
    """The day of this month in ``year``, or in the year in which it lies nearest to the publication; None if unknown."""
    if year:
        return day_of(int(year), month, day)
    if published is None:
        return None
    options = [value for y in (-1, 0, 1) if (value := day_of(published.year + y, month, day)) is not None]
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
        if (found := day_of(total // 12, total % 12 + 1, day)) is not None:
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


def resolve(
    name: str,
    piece: list[tuple[str, str]],
    span: Span,
    published: date | None,
    ahead: bool | None,
    previous: date | None,
) -> When | None:
    """The day or days that a found pattern means: ``name`` is the pattern's, ``piece`` its parts as (kind, value).

    ``ahead`` says whether its clause speaks of what comes; ``previous`` is the day named before it. None if unknown.
    """

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
        last = nearest(months[-1], numbers[1], published, year)
        first = None
        if last is not None:
            first = day_of(last.year, months[0], numbers[0])
            if first is not None and first > last:
                first = day_of(last.year - 1, months[0], numbers[0])
        return two(first, last, "night" if name == "night_dates" else "span")
    if name == "range_dates" and len(months) > 1 and len(numbers) > 1:
        last = nearest(months[-1], numbers[-1], published, year)
        first = None if last is None else day_of(int(years[0]) if len(years) > 1 else last.year, months[0], numbers[0])
        return two(first, last)
    if name in ("date", "date_part", "night_of_date", "night_to_date") and months and numbers:
        value = nearest(months[0], numbers[0], published, year)
        if value is None:
            return None
        if name == "night_to_date":
            return two(value - timedelta(1), value, "night")
        if name == "night_of_date":
            return two(value, value + timedelta(1), "night")
        return one(value, "part" if part else "day")
    if name == "range_months" and len(months) == 2 and (year or published is not None):
        last = nearest(months[1], 1, published, year)
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
        found = [day_of(*there, number) for number in numbers]
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
        value = nearest(months[0], 1, published, year)
        return (value.year, value.month) if value is not None else (published.year, months[0])
    value = _shift(published.replace(day=1), 1 if "x" in shape else -1 if "l" in shape else 0, "month")
    return value.year, value.month


def _nth_weekday(count: int, weekday: int, year: int, month: int) -> date | None:
    first = date(year, month, 1)
    return day_of(year, month, 1 + (weekday - first.weekday()) % 7 + 7 * (count - 1)) if 0 < count < 6 else None


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
