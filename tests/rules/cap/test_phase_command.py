"""``tocsin phase`` answers as its contract says, for one message or many, ours and foreign."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tocsin.cli.phase import command
from tocsin.errors import NaiveTimeError, TocsinError, UnknownPlaceError, UnreadableError

KYIV = "<geocode><valueName>ISO3166-2</valueName><value>UA-30</value></geocode>"
NOON = "2024-11-20T12:00:00+00:00"


def message(
    identifier: str,
    sent: str,
    kind: str = "Alert",
    does: str = "Shelter",
    *,
    status: str = "Actual",
    scope: str = "Public",
    refers: str = "",
    extra: str = "",
    where: str = KYIV,
    expires: str = "",
    headline: str = "Air alert",
    urgency: str = "Immediate",
    note: str = "",
) -> str:
    references = f"<references>warn@example.org,{refers}</references>" if refers else ""
    notes = f"<note>{note}</note>" if note else ""
    ends = f"<expires>{expires}</expires>" if expires else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{identifier}</identifier>
<sender>warn@example.org</sender><sent>{sent}</sent><status>{status}</status><msgType>{kind}</msgType>
<scope>{scope}</scope>{notes}{references}<info><language>en</language><category>Security</category>
<event>Air alert</event><responseType>{does}</responseType><urgency>{urgency}</urgency>
<severity>Extreme</severity><certainty>Observed</certainty>{ends}<headline>{headline}</headline>{extra}
<area><areaDesc>Kyiv City</areaDesc>{where}</area></info></alert>"""


ACT = message("a", NOON, expires="2024-11-20T18:00:00+00:00")
CLEAR = message("c", "2024-11-20T13:00:00+00:00", "Update", "AllClear", refers=f"a,{NOON}", urgency="Past")


def ask(tmp_path: Path, *messages: str, at: str, place: str = "UA-30", options: tuple[str, ...] = ()) -> dict[str, Any]:
    files = []
    for number, text in enumerate(messages):
        file = tmp_path / f"{number}.xml"
        file.write_text(text, "utf-8")
        files.append(str(file))
    result = CliRunner().invoke(command, [*files, "--at", at, "--place", place, "--json", *options])
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def fails(tmp_path: Path, at: str, place: str, text: str = ACT, *options: str) -> TocsinError:
    file = tmp_path / "a.xml"
    file.write_text(text, "utf-8")
    result = CliRunner().invoke(command, [str(file), "--at", at, "--place", place, *options])
    assert isinstance(result.exception, TocsinError), result.output
    return result.exception


def test_shape(tmp_path: Path) -> None:
    """The keys of the contract are there, times in RFC 3339 with an offset."""
    found = ask(tmp_path, ACT, at="2024-11-20T14:30:00+02:00")
    assert {"place", "at", "phase", "since", "ends", "alerts", "why"} <= set(found)
    assert found["place"] == "UA-30"
    assert found["at"] == "2024-11-20T12:30:00+00:00"
    assert (found["phase"], found["alerts"]) == ("act", ["a"])
    assert (found["since"], found["ends"]) == (NOON, "2024-11-20T18:00:00+00:00")
    assert all(isinstance(why, str) and ": " in why for why in found["why"])


@pytest.mark.parametrize(
    ("at", "phase"),
    [
        *(("11:59:59", "calm"), ("12:00:00", "act"), ("12:59:59", "act"), ("13:00:00", "all-clear")),
        *(("13:29:59", "all-clear"), ("13:30:00", "calm"), ("23:00:00", "calm")),
    ],
)
def test_a_night(tmp_path: Path, at: str, phase: str) -> None:
    """Calm, act, all-clear, calm: whichever file comes first."""
    for files in ((ACT, CLEAR), (CLEAR, ACT), (CLEAR, ACT, CLEAR, ACT)):
        assert ask(tmp_path, *files, at=f"2024-11-20T{at}Z")["phase"] == phase


def test_expired(tmp_path: Path) -> None:
    """An act that ran out is unknown, says what was known last, and names its alert."""
    found = ask(tmp_path, ACT, at="2024-11-20T18:00:00Z")
    assert (found["phase"], found["last_phase"], found["alerts"]) == ("unknown", "act", ["a"])
    assert any(why.startswith("expired") for why in found["why"])


@pytest.mark.parametrize(("heard", "phase"), [("12:29:30", "act"), ("12:29:00", "act"), ("12:28:59", "unknown")])
def test_last_heard(tmp_path: Path, heard: str, phase: str) -> None:
    """Sources that were last heard longer ago than two intervals are lost."""
    options = ("--last-heard", f"2024-11-20T{heard}Z")
    assert ask(tmp_path, ACT, at="2024-11-20T12:30:00Z", options=options)["phase"] == phase
    calm = "calm" if phase == "act" else "unknown"
    assert ask(tmp_path, ACT, at="2024-11-20T12:30:00Z", place="PL", options=options)["phase"] == calm
    assert ask(tmp_path, ACT, at="2024-11-20T12:30:00Z", options=(*options, "--interval", "3600"))["phase"] == "act"


@pytest.mark.parametrize(
    ("place", "phase"),
    [("50.45,30.52", "act"), (" 50.45, 30.52 ", "act"), ("49.84,24.03", "calm"), ("UA", "act"), ("UA-46", "calm")],
)
def test_places(tmp_path: Path, place: str, phase: str) -> None:
    """A place is a point in degrees or an area code."""
    assert ask(tmp_path, ACT, at="2024-11-20T12:30:00Z", place=place)["phase"] == phase


def test_exercise(tmp_path: Path) -> None:
    """An exercise is judged in its own realm only, and the answer says why it does not count."""
    for text in (
        message("x", NOON, status="Exercise"),
        message("x", NOON, status="Test"),
        message("x", NOON, headline="EXERCISE Air alert"),
        message("x", NOON, note="Test"),
    ):
        found = ask(tmp_path, text, at="2024-11-20T12:30:00Z")
        assert (found["phase"], found["alerts"]) == ("calm", [])
        assert any(why.startswith("other-realm: x") for why in found["why"])
        assert ask(tmp_path, text, at="2024-11-20T12:30:00Z", options=("--realm", "exercise"))["phase"] == "act"
    assert ask(tmp_path, ACT, at="2024-11-20T12:30:00Z", options=("--realm", "exercise"))["phase"] == "calm"
    fake = message("c", "2024-11-20T12:10:00+00:00", "Cancel", status="Exercise", refers=f"a,{NOON}")
    assert ask(tmp_path, ACT, fake, at="2024-11-20T12:30:00Z")["phase"] == "act"


def test_staff(tmp_path: Path) -> None:
    """The staff's shelter-in-place is not the public's phase."""
    staff = message("s", NOON, scope="Restricted")
    ready = message("p", NOON, does="Prepare", urgency="Expected", expires="2024-11-20T22:00:00+00:00")
    assert ask(tmp_path, staff, ready, at="2024-11-20T12:30:00Z")["phase"] == "prepare"
    found = ask(tmp_path, staff, ready, at="2024-11-20T12:30:00Z", options=("--restricted",))
    assert (found["phase"], found["alerts"]) == ("act", ["s", "p"])


def test_cancel(tmp_path: Path) -> None:
    """A cancel says whether it was an error; without a reason it is an end, and the answer says so."""
    reason = "<parameter><valueName>cancelReason</valueName><value>error</value></parameter>"
    sent = "2024-11-20T12:10:00+00:00"
    error = message("c", sent, "Cancel", refers=f"a,{NOON}", extra=reason)
    assert ask(tmp_path, ACT, error, at="2024-11-20T12:30:00Z")["phase"] == "retracted"
    plain = message("c", sent, "Cancel", refers=f"a,{NOON}")
    found = ask(tmp_path, ACT, plain, at="2024-11-20T12:30:00Z")
    assert found["phase"] == "all-clear"
    assert any(why.startswith("reason-not-given") for why in found["why"])


def test_envelope(tmp_path: Path) -> None:
    """Alerts in one envelope are read like single files."""
    both = "".join(text.split("?>", 1)[1] if text.startswith("<?xml") else text for text in (ACT, CLEAR))
    assert ask(tmp_path, f"<alerts>{both}</alerts>", at="2024-11-20T13:01:00Z")["phase"] == "all-clear"


def test_unreadable(tmp_path: Path) -> None:
    """A file that cannot be read costs no other file anything and leaves no place calm."""
    bad = "<!DOCTYPE a [<!ENTITY b 'c'>]><alert>&b;</alert>"
    assert ask(tmp_path, ACT, bad, at="2024-11-20T12:30:00Z")["phase"] == "act"
    found = ask(tmp_path, ACT, bad, at="2024-11-20T12:30:00Z", place="PL")
    assert found["phase"] == "unknown"
    assert isinstance(fails(tmp_path, NOON, "UA-30", bad), UnreadableError)


@pytest.mark.parametrize("at", ["2024-11-20T12:00:00", "2024-11-20", "noon", ""])
def test_bad_time(tmp_path: Path, at: str) -> None:
    """A time without an offset, or none at all, is refused."""
    assert isinstance(fails(tmp_path, at, "UA-30"), NaiveTimeError)
    assert isinstance(fails(tmp_path, NOON, "UA-30", ACT, "--last-heard", at), NaiveTimeError)


@pytest.mark.parametrize("place", ["Nowhere", "UA-99", "91,0", "0,181", "a,b", "1,2,3", "nan,0", "", ",", "inf,0"])
def test_bad_place(tmp_path: Path, place: str) -> None:
    """A place that is neither a point on the Earth nor a code that is known is refused."""
    assert isinstance(fails(tmp_path, NOON, place), UnknownPlaceError)


def test_text(tmp_path: Path) -> None:
    """For a person: the phase first, times in the place's own zone with its name, and why."""
    file = tmp_path / "a.xml"
    file.write_text(ACT, "utf-8")
    result = CliRunner().invoke(command, [str(file), "--at", "2024-11-20T12:30:00Z", "--place", "UA-30"])
    first, *rest = result.stdout.splitlines()
    assert first.startswith("ACT  Kyiv City (UA-30) at 2024-11-20 14:30 (Europe/Kyiv)")
    assert any("alert a" in line for line in rest)


def test_every_real_message(shared: Path) -> None:
    """No real message, and not all of them at once, makes a traceback or a phase that nobody knows."""
    files = sorted(str(file) for file in (shared / "cap").rglob("*") if file.suffix in (".xml", ".cap", ".atom"))
    phases = set()
    for chunk in (files[at : at + 40] for at in range(0, len(files), 40)):
        result = CliRunner().invoke(
            command, [*chunk, "--at", "2025-01-01T00:00:00Z", "--place", "52.52,13.40", "--json"]
        )
        assert result.exit_code == 0 or isinstance(result.exception, TocsinError), result.output
        if result.exit_code == 0:
            phases.add(json.loads(result.stdout.splitlines()[-1])["phase"])
    assert phases <= {"calm", "prepare", "act", "hold", "all-clear", "retracted", "unknown"}
    assert phases
