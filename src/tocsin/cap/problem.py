"""Problem: one departure from the standard, met while reading, with a stable code and a plain sentence.

- A code never changes its meaning; the sentence says what is wrong and, after it, what is made of it.
- ``Weight`` says what the departure is worth when the message is judged for publishing (:mod:`tocsin.cap.check`): an
  error stops it, a warning does not. Reading itself is stopped by neither.
- A flood of the same departure is told as its first few and a number: the list stays short whatever is sent.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

SAME_CODE = 12


class Weight(StrEnum):
    """What a departure is worth for publishing."""

    ERROR = "error"
    WARNING = "warning"


class Problem(Struct, frozen=True):
    """One departure. ``path`` says where, such as ``alert/info[1]/area[2]``; ``line`` counts from 1."""

    code: str
    message: str
    path: str = ""
    line: int | None = None


# code -> (weight, sentence). Codes are grouped by what is touched: the bytes, the elements, values, times, shapes.
_E, _W = Weight.ERROR, Weight.WARNING
CODES: dict[str, tuple[Weight, str]] = {
    # Refused: nothing is read at all.
    "xml.too-large": (_E, "The document is larger than what is taken here; nothing of it was read."),
    "xml.doctype": (_E, "The document declares a document type or entities; send it without <!DOCTYPE>."),
    "xml.elements": (_E, "The document has more elements than any warning needs; nothing of it was read."),
    "xml.attributes": (_E, "The document has more attributes than any warning needs; nothing of it was read."),
    "xml.depth": (_E, "The document is nested deeper than any warning needs; nothing of it was read."),
    "xml.empty": (_E, "There is nothing in it."),
    "xml.html": (_E, "This is a web page and not a message; the server may be showing an error page."),
    "xml.not-xml": (_E, "This is neither XML nor JSON that holds a message."),
    "xml.no-alert": (_E, "No CAP alert is in this document."),
    "xml.index-only": (_E, "This is an index that links to alerts and holds none; fetch what it links to."),
    "xml.encoding-unknown": (_E, "The declared character encoding is not one that is read here."),
    "zip.refused": (_E, "The archive is broken, too large when unpacked, or protected."),
    "json.no-alert": (_E, "This JSON has none of the shapes of a warning that are known here."),
    # The bytes.
    "xml.bom": (_W, "A byte order mark stands before the XML declaration in another encoding than UTF-8."),
    "xml.encoding": (_E, "The bytes do not fit the declared encoding; they were read as what they look like."),
    "xml.nul": (_E, "There are zero bytes or control characters in the document; they were left out."),
    "xml.before": (_E, "There is something before the first element; it was left out."),
    "xml.entity": (_E, "A named entity that XML does not know, or a bare & was met; it was read as its character."),
    "xml.not-well-formed": (_E, "The XML is not well-formed; what could be recovered was read."),
    "xml.namespace": (_E, "The namespace is none of CAP's; the elements were read by their local names."),
    "xml.version": (_E, "The message is written in an older version of CAP; publish CAP 1.2."),
    "envelope": (_E, "The alert stands inside another document; publish the alert itself."),
    "envelope.many": (_E, "The envelope holds more alerts than are taken from one document."),
    # Elements.
    "element.order": (_E, "The element stands in another place than the standard's order."),
    "element.missing": (_E, "A mandatory element is missing."),
    "element.empty": (_W, "An optional element is empty; leave it out or fill it."),
    "element.blank": (_E, "A mandatory element is empty; fill it."),
    "element.repeated": (_E, "An element that may stand once stands again."),
    "element.many": (_E, "There are more infos, areas or resources than are read from one document."),
    "element.misplaced": (_E, "An element stands in another parent than its own; it was read all the same."),
    "element.unknown": (_E, "An element is not one of CAP's; it was kept as it came."),
    "element.case": (_E, "An element's name has the wrong capitals."),
    "element.text": (_E, "There is loose text between elements."),
    "element.children": (_E, "There are elements inside a text; their text was kept."),
    "element.form": (_E, "A name and its value stand in one text, as in CAP 1.0."),
    # Values.
    "value.blank": (_W, "There is blank space around or inside a value; it was taken away."),
    "value.case": (_E, "A value has the wrong capitals."),
    "value.old": (_E, "A value belongs to an older version of CAP; it was read as today's."),
    "value.unknown": (_E, "A value is not in its code list; it was kept as it came."),
    "value.number": (_E, "A value that must be a number is none."),
    "language.form": (_E, "This is not a language tag such as uk or en-GB."),
    "text.markup": (_W, "There is HTML or an entity in a text; it is kept as text and never carried out."),
    "identifier.form": (_E, "An identifier or sender has spaces, commas, < or & in it; the standard forbids them."),
    "geocode.empty": (_E, "A geocode has no name or no value; it was left out."),
    "references.form": (_E, "References must be sender,identifier,sent with blanks between them."),
    # Times.
    "time.form": (_E, "A time is not spelt as 2024-11-20T03:05:00+02:00."),
    "time.z-suffix": (_E, "A time ends in Z; write +00:00 or -00:00."),
    "time.no-offset": (_E, "A time has no offset from UTC, so nobody can say which moment it means; it was left out."),
    "time.unreadable": (_E, "A time cannot be read; it was left out."),
    "time.buddhist-year": (_E, "A year is counted in the Buddhist era; 543 was taken off."),
    "time.year": (_E, "A year is not of our time."),
    "time.offset": (_E, "An offset from UTC is more than 14 hours."),
    "time.expires-before-sent": (_E, "The message expires before, or when, it was sent."),
    "time.long-before-sent": (_W, "The message speaks of a time more than a week before it was sent."),
    "time.onset-after-expires": (_E, "The event begins after the message expires."),
    "time.onset-is-expires": (_W, "The event begins at the very moment the message expires."),
    "time.long": (_W, "The message is valid for more than 30 days."),
    "time.no-expires": (_W, "No expiry is given, so nobody knows for how long this holds."),
    "language.repeated": (_W, "Two texts in the same language are for the same event and place."),
    # Shapes.
    "geometry.hole": (_E, "A polygon has a hole; CAP cannot say so, and the hole is left out."),
    "geometry.empty": (_E, "A polygon or circle is empty; it was left out."),
    "geometry.blank": (_W, "There are line breaks, tabs or several blanks between the points of a polygon."),
    "geometry.garbage": (_E, "There is something other than points in a polygon or circle; it was left out."),
    "geometry.unreadable": (_E, "A polygon or circle cannot be read; it was left out."),
    "geometry.separator": (_E, "Points must be spelt lat,lon with one blank between them."),
    "geometry.few-points": (_E, "A polygon needs at least three different points and the first again."),
    "geometry.not-closed": (_E, "The last point of a polygon is not its first; it was closed."),
    "geometry.zero-area": (_E, "A polygon encloses no area."),
    "geometry.self-intersection": (_E, "A polygon crosses or touches itself."),
    "geometry.swapped-axes": (_E, "Longitude stands before latitude; they were put in order, as only this can be."),
    "geometry.swapped-likely": (
        _E,
        "Longitude seems to stand before latitude: the shape lies outside the sender's country and inside it when "
        "swapped. It was left as it came.",
    ),
    "geometry.range": (_E, "A latitude is beyond 90 degrees or a longitude beyond 360."),
    "geometry.longitude-beyond-180": (_E, "A longitude is beyond 180 degrees; it is read across the date line."),
    "geometry.antimeridian": (_W, "A polygon crosses the date line; many readers will draw it round the Earth."),
    "geometry.unjudged": (_W, "There are too many points in the document to search this polygon for crossings."),
    "geometry.many": (_E, "There are more polygons than any receiver can draw; this one was left out."),
    "geometry.repeated": (_W, "The same polygon stands more than once."),
    "geometry.huge": (_W, "A polygon has more points than a receiver can be asked to draw."),
    "geometry.null-island": (_E, "A shape lies at latitude 0, longitude 0, which is nearly always a missing value."),
    "circle.radius-zero": (_W, "A circle has radius 0: it is a point, and nobody stands in it."),
    "circle.radius-large": (_W, "A circle's radius is over 1,000 km; were metres meant?"),
    "circle.radius": (_E, "A circle's radius is missing, below 0 or beyond half the Earth."),
    "circle.unit": (_E, "A circle's radius names a unit; it must be a bare number of kilometres."),
    "area.no-shape": (_W, "An area is only described in words; nobody can be found in it by position."),
    "area.part": (_W, "Only some of the texts carry the shapes or codes of the area."),
    # What is asked of whoever publishes (tocsin.cap.rules, tocsin.cap.profiles).
    "schema": (_E, "The OASIS schema does not take it."),
    "json.not-cap": (_E, "This is JSON; publish CAP 1.2 XML."),
    "profile.unknown": (_E, "There is no profile of this name here."),
    "info.missing": (_E, "An alert or update says nothing without an info; add one."),
    "area.missing": (_W, "No area is given; say where this holds."),
    "status.draft": (_E, "The status is Draft; a draft is not published."),
    "status.test-wording": (_E, "The status is Actual and the text says that this is a test or exercise."),
    "status.no-test-wording": (_W, "The status is Test or Exercise and the text does not say so to people."),
    "scope.restriction-missing": (_E, "The scope is Restricted; say in restriction for whom."),
    "scope.restriction-alone": (_W, "A restriction is given and the scope is not Restricted."),
    "scope.addresses-missing": (_E, "The scope is Private; say in addresses to whom."),
    "references.missing": (_E, "An Update, Cancel, Ack or Error must name in references what it is about."),
    "references.alert": (_W, "A first Alert names earlier messages; an Update would."),
    "references.self": (_E, "The message refers to itself."),
    "references.later": (_E, "The message refers to one that was sent after it."),
    "note.missing": (_W, "An Error must explain in note what was wrong."),
    "list.quotes": (_E, "A quotation mark is not closed in addresses or incidents."),
    "headline.empty": (_E, "The headline is there and empty; write it or leave it out."),
    "headline.missing": (_W, "There is no headline; many channels show nothing else."),
    "headline.long": (_W, "The headline has more than 160 characters; short channels will cut it."),
    "instruction.missing": (_W, "There is no instruction; say what to do."),
    "language.unknown": (_E, "The language or region in the tag does not exist."),
    "response.contradiction": (_E, "AllClear stands beside a response that asks people to act."),
    "web.form": (_W, "The web address does not begin with https:// or http://."),
    "resource.nowhere": (_W, "A resource has neither an address nor its content."),
    "resource.type": (_W, "The mime type is not spelt type/subtype."),
    "area.ceiling": (_E, "A ceiling stands without an altitude, or below it."),
    "time.effective-after-expires": (_E, "The message takes effect after it expires."),
    "ipaws.code": (_E, "IPAWS asks for the code IPAWSv1.0."),
    "ipaws.info": (_E, "IPAWS asks for an info in every message."),
    "ipaws.event-code": (_E, "IPAWS asks for an eventCode named SAME with three letters."),
    "ipaws.event-code-mixed": (_E, "IPAWS asks for one event in a message: all infos must have the same SAME code."),
    "ipaws.expires": (_E, "IPAWS asks for expires in every info."),
    "ipaws.area": (_E, "IPAWS asks for an area in every info."),
    "ipaws.geocode": (_E, "IPAWS asks for a geocode named SAME with six digits in every area."),
    "ipaws.eas-org": (_W, "The Emergency Alert System needs the parameter EAS-ORG."),
    "tocsin.event-id": (_E, "Give the parameter tocsin:event_id, so that updates find their event."),
    "tocsin.version": (_E, "Give the parameter tocsin:version, a whole number from 1 that only grows."),
    "tocsin.phase": (_E, "Give the parameter tocsin:phase; a phase is never guessed from text."),
    "tocsin.phase-response": (_E, "The phase and the responseType or msgType contradict each other."),
    "tocsin.as-of": (_E, "Give the parameter tocsin:as_of, the moment this was known, with its offset."),
    "tocsin.next-update-by": (_E, "Give the parameter tocsin:next_update_by, or nobody knows when silence is a fault."),
    "tocsin.mixed": (_E, "The machine parameters differ from one language to the next; they must be the same."),
    "tocsin.cancel-reason": (_E, "Give the parameter cancelReason: error or ended."),
    "tocsin.geocode": (_E, "Give each area a geocode named ISO3166-1, ISO3166-2 or an area pack's name."),
    "tocsin.language": (_E, "Give every text its language."),
    "tocsin.instruction": (_E, "Give every text a headline and an instruction."),
    # JSON that is like CAP.
    "json.dialect": (_E, "This is JSON like CAP and not CAP; the fields were read by their names."),
    "json.assumed": (_W, "The source does not say this; it was taken for granted, as its own documentation does."),
}


class Findings:
    """The departures met in one document, in the order they were met, each code a few times at most."""

    def __init__(self, each: int = SAME_CODE) -> None:
        self.each = each
        self.found: list[Problem] = []
        self._counts: dict[str, int] = {}

    def add(self, code: str, path: str = "", detail: str = "", line: int | None = None) -> None:
        """Note one departure; ``detail`` is put after the code's sentence."""
        count = self._counts[code] = self._counts.get(code, 0) + 1
        if count <= self.each:
            sentence = CODES[code][1]
            self.found.append(Problem(code, f"{sentence} ({clip(detail)})" if detail else sentence, path, line))

    def close(self) -> tuple[Problem, ...]:
        """All of them, and how many more there were of what was cut short."""
        more = tuple(
            Problem(code, f"{CODES[code][1]} (and {count - self.each} more)")
            for code, count in self._counts.items()
            if count > self.each
        )
        return (*self.found, *more)


def clip(text: str, length: int = 80) -> str:
    """``text`` on one line and short enough to be shown beside a sentence.

    >>> clip("a\\n b")
    'a b'
    """
    short = " ".join(text[: length * 4].split())
    return short if len(short) <= length else short[: length - 1] + "…"
