"""Submitting: a CAP message from a partner becomes a report, and the partner hears what became of it.

- What is wrong is named fault by fault, with its place in the message; nothing is repaired silently.
- Realms do not mix (F1): only Actual goes into the actual realm, only Exercise and Test into the exercise realm.
- A token speaks for its own senders and for nobody else; who may not pass learns nothing but that.
- The answer goes out when the message is on disk. A report warns nobody by itself: the mirror policy or a person decides.
- The same message again is the same report, with the same address. A second message under an identifier that its sender
  has used is refused: two texts with one name cannot be told apart by anybody downstream.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from tocsin.cap.alert import Alert, Status
from tocsin.cap.check import Verdict, check
from tocsin.cap.limits import Limits
from tocsin.cap.xml import Reading, read
from tocsin.errors import (
    ForeignSenderError,
    HostileXmlError,
    IdentifierTakenError,
    NotFoundError,
    StoreError,
    TooLargeError,
    UnfitAlertError,
    UnreadableError,
    WrongRealmError,
)
from tocsin.journal import ACTUAL, Entry, fact
from tocsin.sense.report import CAP_XML, REPORT_RECEIVED, Report, report_id
from tocsin.sense.source import Source
from tocsin.web.problem import Fault, Refusal
from tocsin.web.token import Token

if TYPE_CHECKING:
    from tocsin.web.house import House

SUBMISSION_ACCEPTED = "submission:accepted"
MEDIA_TYPES = (CAP_XML, "application/xml", "text/xml")
INLINE = 32_000
"""Bytes up to which a message is read between two requests; a larger one is read in a thread."""
NO_INTERVAL = 10 * 366 * 86_400.0
STATUSES = {ACTUAL: (Status.ACTUAL,), "exercise": (Status.EXERCISE, Status.TEST)}
HOSTILE = frozenset(
    {"xml.doctype", "xml.elements", "xml.attributes", "xml.depth", "xml.encoding-unknown", "zip.refused"}
)
EMPTY = frozenset({"xml.no-alert", "xml.index-only", "json.no-alert"})


class Submission(Struct, frozen=True):
    """The body of ``submission:accepted``; the subject is the report's id. It says whose token brought the report."""

    token: str
    source: str
    sender: str
    identifier: str
    received: datetime


class Receipt(Struct, frozen=True):
    """What a partner is told of a message that was taken."""

    report: Annotated[str, Meta(description="The id of the report: made from the source and the bytes.")]
    identifier: str
    sender: str
    address: Annotated[str, Meta(description="Where to ask what became of it.")]
    received: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    known: Annotated[bool, Meta(description="Whether exactly this message was taken before.")] = False


class Submissions:
    """What was submitted to one realm: by report, and by the sender's own identifier."""

    KINDS = (SUBMISSION_ACCEPTED,)

    def __init__(self, realm: str) -> None:
        self.realm = realm
        self.by_report: dict[str, Submission] = {}
        self.by_name: dict[tuple[str, str], str] = {}

    def apply(self, entry: Entry) -> None:
        """Take in one entry; those about other things or of the other realm are passed over."""
        if entry.kind == SUBMISSION_ACCEPTED and entry.realm == self.realm:
            self.add(entry.subject, entry.read(Submission))

    def add(self, report: str, made: Submission) -> None:
        """Know of one submission."""
        self.by_report.setdefault(report, made)
        self.by_name.setdefault((made.sender, made.identifier), report)

    def find(self, report: str) -> Submission:
        """The submission that brought this report; :class:`NotFoundError` if none did."""
        known = self.by_report.get(report)
        if known is None:
            raise NotFoundError
        return known


def address_of(report: str) -> str:
    """Where to ask what became of a report."""
    return f"/v1/alerts/{report}"


async def submit(house: House, token: Token, content: bytes) -> Receipt:
    """Take the message in ``content`` on this token's word; the receipt is given when it is on disk."""
    alert = await examine(content, house.settings.max_message_bytes)
    if alert.status not in STATUSES[house.settings.realm]:
        raise WrongRealmError(f"this is the {house.settings.realm} realm, and the message's status is {alert.status}")
    if alert.sender not in token.senders:
        raise ForeignSenderError
    at = house.now()
    report = Report(
        report_id(token.source, content), token.source, CAP_XML, content, at, alert.sent, "", _language(alert)
    )
    made = Submission(token.id, token.source, alert.sender, alert.identifier, at)
    async with house.submitting:
        taken = house.submissions.by_name.get((alert.sender, alert.identifier))
        if taken is not None and taken != report.id:
            raise IdentifierTakenError(f"{alert.sender},{alert.identifier} is the report {taken}")
        known = await _record(house, token, report, made)
    first = house.submissions.by_report[report.id]
    return Receipt(
        report.id,
        alert.identifier,
        alert.sender,
        address_of(report.id),
        first.received.isoformat(timespec="seconds"),
        known,
    )


async def _record(house: House, token: Token, report: Report, made: Submission) -> bool:
    """Put the report and whose word it is on disk; returns whether both were there before."""
    if token.source not in house.intake.sources:
        # It speaks when it has something to say, so its silence means nothing and covers no area.
        house.intake.add(Source(token.source, token.name, "submission", (), NO_INTERVAL, realm=house.settings.realm))
    entries = await house.intake.take([report])
    if not entries and not house.store.about(REPORT_RECEIVED, report.id, 1):
        raise StoreError("the report was not taken")
    if report.id in house.submissions.by_report:
        return True
    await asyncio.wrap_future(house.store.post([fact(SUBMISSION_ACCEPTED, report.id, made, house.settings.realm)]))
    house.submissions.add(report.id, made)
    if report.spoken is not None:
        await house.intake.hear(token.source, report.spoken, "submission")
    return not entries


async def examine(content: bytes, largest: int) -> Alert:
    """The one alert in ``content``, if it is fit to be published; otherwise a refusal that names each fault."""
    if len(content) <= INLINE:
        reading, verdict = _judge(content, largest)
    else:
        reading, verdict = await asyncio.to_thread(_judge, content, largest)
    refused = reading.refused
    if refused is not None:
        fault = Fault(refused.code, refused.message, refused.path, refused.line)
        if refused.code == "xml.too-large":
            raise TooLargeError(f"at most {largest:,} bytes")
        if refused.code in EMPTY:
            raise Refusal(UnfitAlertError("there is no alert in it"), faults=(fault,))
        kind = HostileXmlError if refused.code in HOSTILE else UnreadableError
        raise Refusal(kind(refused.message), faults=(fault,))
    faults = [Fault(one.code, one.message, one.path, one.line) for one in verdict.errors] if verdict is not None else []
    if len(reading.alerts) != 1:
        faults.append(Fault("alert.one", f"Send one alert in a message; {len(reading.alerts)} are in this one."))
    if faults:
        raise Refusal(UnfitAlertError(f"{len(faults)} {'fault' if len(faults) == 1 else 'faults'}"), faults=faults)
    return reading.alerts[0]


def _judge(content: bytes, largest: int) -> tuple[Reading, Verdict | None]:
    limits = Limits(size=largest)
    reading = read(content, limits=limits)
    return reading, check(content, limits=limits) if reading.refused is None else None


def _language(alert: Alert) -> str:
    return alert.infos[0].language if alert.infos else ""
