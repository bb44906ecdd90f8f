"""The handout: subscribers as a list that is given to an administrator, and that can be taken in again.

- Each row bears a stamp, so that a copy that turns up says which handing out it came from.
- A device has no address that a list could hold; it is named in the last column but one, and so is a webhook, whose secret
  stays here.
- It is made a part at a time: nobody's address is opened before its row is written.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from tocsin.clock import spell
from tocsin.reach.delivery import Address
from tocsin.reach.subscriber import Subscribers
from tocsin.reach.subscription import Subscription
from tocsin.web.confirm import ADDRESSES

PART = 1_000

COLUMNS = (
    "key", "mail", "sms", "telegram", "areas", "lat", "lon", "radius", "languages", "phases", "severities", "audience",
    "roles", "start", "until", "other",
)  # fmt: skip
"""The columns; ``other`` names ways that no list can hold."""


def given_out(subscribers: Subscribers, numbers: Sequence[int], stamp: str) -> Iterator[bytes]:
    """The subscriptions of ``numbers`` as a CSV list that can be taken in again, a part at a time.

    ``stamp`` stands in every row.
    """
    yield ("\ufeff" + _line([*COLUMNS, "stamp"])).encode()
    book: Any = subscribers.book
    rest = iter(_grouped(subscribers, numbers))
    while part := list(islice(rest, PART)):
        addresses = book.addresses([one.number for group in part for one in group])
        lines = [_row(group, addresses, stamp) for group in part]
        yield "".join(lines).encode()


def _grouped(subscribers: Subscribers, numbers: Sequence[int]) -> Iterator[list[Subscription]]:
    """One group a person, each in order."""
    met: set[str] = set()
    for number in numbers:
        one = subscribers.roll.subscription(number)
        if one is None or (one.person and one.person in met):
            continue
        met.add(one.person)
        yield sorted([one, *subscribers.others(one)], key=lambda other: other.order)


def _row(group: Sequence[Subscription], addresses: dict[int, Address], stamp: str) -> str:
    first = group[0]
    ways: dict[str, list[str]] = {}
    for one in group:
        if one.number in addresses and one.channel in ADDRESSES:
            ways.setdefault(one.channel, []).append(addresses[one.number].address)
    at = (*first.points, *((watch.latitude, watch.longitude) for watch in first.watches))
    return _line(
        [
            first.person or first.id,
            ";".join(ways.get("mail", ())),
            ";".join(ways.get("sms", ())),
            ";".join(ways.get("telegram", ())),
            ";".join(first.areas),
            f"{at[0][0] / 1e6:.6f}" if at else "",
            f"{at[0][1] / 1e6:.6f}" if at else "",
            str(first.watches[0].radius_m) if first.watches and not first.points else "",
            ";".join(first.languages),
            ";".join(first.phases),
            ";".join(first.severities),
            first.audience,
            ";".join(first.roles),
            spell(first.start) if first.start else "",
            spell(first.until) if first.until else "",
            ";".join(sorted({one.channel for one in group if one.channel not in ADDRESSES})),
            stamp,
        ]
    )


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    # A telephone begins with a plus sign, which table programs take for a formula; the apostrophe is taken off again.
    csv.writer(out, lineterminator="\r\n").writerow(
        ["'" + cell if cell[:1] in "=+-@" and cell else cell for cell in cells]
    )
    return out.getvalue()
