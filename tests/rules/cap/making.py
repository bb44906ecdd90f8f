"""Small messages of our own making, for tests: a faultless one, and the same with one thing changed."""

from __future__ import annotations

from tocsin.cap.xml import Reading, read

SENT = "2024-11-20T03:05:00+02:00"
POLYGON = "50.3,30.2 50.3,30.8 50.6,30.8 50.6,30.2 50.3,30.2"

AREA = f"<area><areaDesc>Kyiv</areaDesc><polygon>{POLYGON}</polygon></area>"
INFO = (
    "<info><language>en-GB</language><category>Safety</category><event>Air alert</event>"
    "<responseType>Shelter</responseType><urgency>Immediate</urgency><severity>Extreme</severity>"
    "<certainty>Observed</certainty><expires>2024-11-20T05:05:00+02:00</expires>"
    "<senderName>City of Kyiv</senderName><headline>Air alert in Kyiv</headline>"
    "<instruction>Go to shelter now.</instruction>" + AREA + "</info>"
)
ALERT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>kyiv-1</identifier>'
    f"<sender>warn@kyiv.example</sender><sent>{SENT}</sent><status>Actual</status><msgType>Alert</msgType>"
    f"<scope>Public</scope>{INFO}</alert>"
)


def alert(*changes: tuple[str, str], text: str = ALERT) -> bytes:
    """The faultless alert with each (old, new) carried out; an old that is not there is a mistake in the test."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text.encode()


def codes(data: bytes) -> set[str]:
    """The codes of all problems met when ``data`` is read."""
    return {problem.code for problem in read(data).problems}


def one(data: bytes) -> Reading:
    """The reading of ``data``, which must hold exactly one alert."""
    reading = read(data)
    assert reading.refused is None, reading.refused
    assert len(reading.alerts) == 1
    return reading


def polygon(text: str) -> bytes:
    """The alert with another polygon."""
    return alert((POLYGON, text))
