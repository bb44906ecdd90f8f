"""What tests of reach stand on: a small map, alerts to publish, a signer, and a channel that notes what it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tocsin.cap.alert import AS_OF, CANCEL_REASON, Alert, Info, Named
from tocsin.journal import Fact, fact
from tocsin.reach.bulletin import read_alert
from tocsin.reach.channel import ACCEPTED, Outcome
from tocsin.reach.delivery import Delivery
from tocsin.warn.publish import ALERT_PUBLISHED, Published

NIGHT = datetime(2024, 11, 20, 1, tzinfo=UTC)
PARENTS = {"UA": None, "UA-30": "UA", "UA-32": "UA", "UA-63": "UA", "pack:bucha": "UA-32", "DE": None, "DE-BE": "DE"}


class Map:
    """A gazetteer of seven places; the points of a degree square belong to one of them."""

    squares: ClassVar = {(50, 30): "UA-30", (50, 29): "pack:bucha", (49, 36): "UA-63", (52, 13): "DE-BE"}

    class Spot:
        def __init__(self, code: str) -> None:
            self.code = code

    def __contains__(self, code: object) -> bool:
        return code in PARENTS

    def ancestors(self, code: str) -> tuple[str, ...]:
        found, above = [], PARENTS[code]
        while above is not None:
            found.append(above)
            above = PARENTS[above]
        return tuple(found)

    def descendants(self, code: str) -> frozenset[str]:
        return frozenset(other for other in PARENTS if code in self.ancestors(other))

    def at(self, latitude: int, longitude: int) -> Sequence[Map.Spot]:
        code = self.squares.get((latitude // 1_000_000, longitude // 1_000_000))
        return [self.Spot(found) for found in (code, *self.ancestors(code))] if code else []

    def shape(self, code: str) -> None:
        return None


ALERTS: dict[str, Alert] = {}


def parse(data: bytes) -> Alert:
    """The alert that :func:`published` made for these bytes; whatever else is published is read."""
    return ALERTS.get(data.decode()) or read_alert(data)


def published(
    event: str = "night",
    version: int = 1,
    phase: str = "act",
    areas: Iterable[str] = ("UA-30",),
    *,
    sent: datetime = NIGHT,
    lasts: timedelta = timedelta(hours=1),
    scope: str = "Public",
    realm: str = "actual",
) -> Fact:
    """The fact that an alert was published."""
    identifier = f"tocsin.test-{event}-{version}"
    marks = (Named(AS_OF, sent.isoformat()),) + ((Named(CANCEL_REASON, "error"),) if phase == "retracted" else ())
    words = (("en", "Air raid alert", "Go to a shelter."), ("uk", "Повітряна тривога", "Прямуйте в укриття."))
    infos = tuple(
        Info(language=tag, headline=headline, instruction=instruction, expires=sent + lasts, parameters=marks)
        for tag, headline, instruction in words
    )
    ALERTS[identifier] = Alert(identifier=identifier, sender="tocsin.test", sent=sent, infos=infos, scope=scope)
    body = Published(identifier, event, version, phase, scope, "ua-alerts", tuple(areas), sent, identifier)
    return fact(ALERT_PUBLISHED, identifier, body, realm)


class Pen:
    """A signer with a key of its own."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.key_id = "test-key"
        self.public_pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)


class Notes:
    """A channel that writes down what it is given and answers as it is told; ``hold`` keeps sends under way."""

    def __init__(self, name: str = "notes", stride: int = 100, lanes: int = 4) -> None:
        self.name, self.stride, self.lanes = name, stride, lanes
        self.sent: list[Delivery] = []
        self.answer: Callable[[Delivery], Outcome] = lambda delivery: ACCEPTED
        self.hold: asyncio.Event | None = None
        self.begun = asyncio.Event()

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.begun.set()
        if self.hold is not None:
            await self.hold.wait()
        self.sent.extend(batch)
        return [self.answer(delivery) for delivery in batch]

    async def close(self) -> None:
        pass

    def told(self, subscription: str) -> list[tuple[int, str]]:
        """The versions and phases that a subscription was sent, in order."""
        return [(one.version, one.phase) for one in self.sent if one.to.subscription == subscription]


async def until(holds: Callable[[], object], within: float = 10.0) -> None:
    """Return as soon as ``holds`` does; fail after ``within`` seconds of real time."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - it waits for what says nothing when it changes
            await asyncio.sleep(0.002)
