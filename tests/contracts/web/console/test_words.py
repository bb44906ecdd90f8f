"""The console in the operator's language, and what its pages learned: receipts, twins of updates, handover, review."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.contracts.web.console.conftest import opened
from tests.contracts.web.console.desk import furnish
from tests.contracts.web.console.test_work import KYIV, TYPED, Desk
from tocsin.cap.xml import read
from tocsin.warn.board import REVIEW_DONE, ReviewDone
from tocsin.warn.owner import ALERT_HANDED_OVER, PAGE_DUE, HandedOver, Page
from tocsin.warn.person import Role
from tocsin.web.console.receipts import HEIGHT, WIDTH, curve
from tocsin.web.console.tell import remarks
from tocsin.web.console.text import LANGUAGES

OTHERS = [language for language in LANGUAGES if language != "en"]
LVIV = [("where", "1"), ("code", "UA-46"), ("hazard", "air"), ("audience", "everyone")]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An office with a desk, in the actual realm."""
    office = opened(tmp_path)
    furnish(office)
    office.building.hear()
    yield Desk(office.building, office.identity, office.app)
    office.building.store.close()


def parts() -> list[str]:
    """The parts of the console's words."""
    return sorted({file.name.split(".")[0] for file in (files("tocsin.web.console") / "texts").iterdir()})


@pytest.mark.parametrize("part", parts())
def test_every_part_has_the_same_words_in_every_language(part: str) -> None:
    """The same keys with the same places in each language, and nothing empty."""
    folder = files("tocsin.web.console") / "texts"
    english = json.loads((folder / f"{part}.en.json").read_text("utf-8"))
    for tag in OTHERS:
        table = json.loads((folder / f"{part}.{tag}.json").read_text("utf-8"))
        assert set(table) == set(english), tag
        for key, text in table.items():
            assert text, f"{tag} {key}"
            if isinstance(text, str):
                assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", english[key])), f"{tag} {key}"


# --- sentences ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", OTHERS)
async def test_guards_and_rules_speak_the_operators_language(desk: Desk, language: str) -> None:
    """Every guard that a bad draft sets off, its linter findings and its rule are said in the reader's language."""
    _, ann = await desk.hire(Role.AUTHOR, Role.DUTY_OFFICER)
    address = await desk.begin(ann, "act")
    bad = "Take the elevator and go outside [PLACE]. In this area install https://bit.ly/x now. This is not a drill."
    await ann.submit(
        address, [("where", "1"), ("code", "UA-30"), ("hazard", "air"), ("audience", "staff"), ("extra.en", bad)]
    )
    page = await ann.get(f"{address}?lang={language}")
    table = remarks(language)
    shown = re.sub(r"&#39;", "'", page.text)
    for key in ("lint.L7", "lint.L11", "lint.L13", "lint.L16", "guard.twin-none"):
        assert table[key] in shown, key
    # The name of the area that has to be typed, the words that were written and those that are missing are values.
    for key in ("guard.wide", "guard.here", "guard.unconfirmed", "guard.languages-free"):
        fixed = max(re.split(r"{\w+}", table[key]), key=len).strip()
        assert fixed in shown, key
    sheet = shown.partition('id="preview"')[2].partition("</aside>")[0]
    assert '<span lang="en">' not in sheet
    agreed = await ann.get(f"{address}/agree?lang={language}")
    assert table["rule.act-wide"] in agreed.text
    assert '<span lang="en">' not in agreed.text


@pytest.mark.parametrize("language", OTHERS)
async def test_refusals_speak_the_operators_language(desk: Desk, language: str) -> None:
    """Why a step is not possible, who may do it and what is missing is said in the reader's language, whole."""
    _, ann = await desk.hire(Role.AUTHOR)
    _, ben = await desk.hire(Role.APPROVER)
    table = remarks(language)
    address = await desk.propose(ann)
    early = await ann.prove("publish", f"{address}/publish", [("digest", desk.digest(address))])
    await ann.get(f"/console/?lang={language}")
    again = await ann.prove("publish", f"{address}/publish", [("digest", desk.digest(address))])
    assert "1 more must approve it" in early.text
    assert table["desk.missing"].format(count=1).casefold() in again.text.casefold()
    assert "must approve" not in again.text
    assert '<span lang="en">' not in again.text
    refused = await ann.get(f"/console/alerts/nothing?lang={language}")
    assert table["live.none"].casefold() in refused.text.casefold()
    forbidden = await ben.get(f"/console/write?lang={language}")
    assert forbidden.status == 403
    assert table["may.compose"] in forbidden.text
    incomplete = await desk.begin(ann, "act")
    page = await ann.submit(incomplete, [("do", "propose")])
    assert page.status == 409
    fixed = table["compile.needs"].partition("{")[0].strip()
    assert fixed.casefold() in page.text.casefold()
    assert table["needs.hazard"] in page.text


async def test_whoever_writes_the_approval_table_reads_what_is_wrong_with_it(desk: Desk) -> None:
    """A table that cannot be is refused with its reason, in the administrator's language."""
    _, fay = await desk.hire(Role.ADMINISTRATOR)
    await fay.get("/console/?lang=de")
    page = await fay.prove("administer", "/console/policy/propose", [("table", "version = 2")])
    assert page.status == 400
    assert "Freigaberegeln:" in page.text


# --- the live page -----------------------------------------------------------------------------------------------------


class Courier:
    """Stands for the dispatch: what it says of one alert, by its own interface."""

    def __init__(self, channels: list[Any], areas: list[Any], curves: dict[str, list[Any]], **more: Any) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.said = SimpleNamespace(
            channels=channels,
            areas=areas,
            curves=curves,
            **({"people": 130, "reached": 60, "settled": False, "silent": ("sms/North",)} | more),
        )

    def standing(self, alert: str = "", *, areas: bool = False) -> Any:
        """Where the alert stands."""
        self.asked.append((alert, areas))
        return self.said


def levels(of: int, accepted: int, shown: int = 0, failed: int = 0) -> Any:
    """The levels of one channel or area."""
    return SimpleNamespace(
        of=of, accepted=accepted, shown=shown, answered=0, failed=failed, waiting=of - accepted - failed, held=0
    )


async def test_receipts_are_shown_while_they_come(desk: Desk) -> None:
    """By channel with a curve, by area with its gap and what to try next; before anything is settled, and in one part."""
    _, dan = await desk.hire(Role.DUTY_OFFICER)
    address = await desk.propose(dan, LVIV, "act")
    identifier = (await desk.send(dan, address)).header("location").rpartition("/")[2]
    spot = SimpleNamespace
    courier = Courier(
        [
            spot(channel="sms", levels=levels(30, 0), silent=True),
            spot(channel="webpush", levels=levels(100, 60, 12), silent=False),
        ],
        [
            spot(area="UA-46", levels=levels(100, 60), next_channel=""),
            spot(area="UA-30", levels=levels(30, 0), next_channel="voice"),
        ],
        {
            "webpush": [
                spot(seconds=0.4, accepted=20, shown=0, answered=0),
                spot(seconds=2.0, accepted=60, shown=12, answered=0),
            ]
        },
    )
    desk.building.house.dispatch = courier
    page = await dan.get(f"/console/alerts/{identifier}")
    assert courier.asked[-1] == (identifier, True)
    assert "60 / 130" in page.text
    assert "Nobody there is heard from." in page.text
    assert "Try next: Phone calls." in page.text
    by_area = page.text.partition("By area")[2]
    assert by_area.index("Kyiv City") < by_area.index("Lviv Oblast"), "the gap stands first"
    assert "silent for a minute" in page.text
    assert "sms/North" in page.text
    assert 'class="run run-0"' in page.text
    part = await dan.get(f"/console/receipts/{identifier}?lang=uk")
    assert "<html" not in part.text
    assert "Звідти ніхто не озивається." in part.text
    assert "Push у браузері 60 %" in part.text


async def test_without_a_dispatch_the_journal_tells(desk: Desk) -> None:
    """A house that sends nothing itself shows what the journal says, and that there is nothing where it says nothing."""
    _, dan = await desk.hire(Role.DUTY_OFFICER)
    address = await desk.propose(dan, LVIV, "act")
    identifier = (await desk.send(dan, address)).header("location").rpartition("/")[2]
    desk.building.house.dispatch = None
    assert "Nobody is subscribed for this yet" in (await dan.get(f"/console/receipts/{identifier}")).text
    house = desk.building.house
    room = house.desk_room  # type: ignore[attr-defined,unused-ignore]
    body = {"alert": identifier, "event_id": "e", "version": 1, "phase": "act", "channel": "mail"}
    desk.building.store.append(
        [
            room.fact("delivery:sealed", f"{identifier}@mail", {**body, "recipients": 10}),
            room.fact("delivery:settled", f"{identifier}@mail", {**body, "outcomes": {"accepted": 7, "gone": 2}}),
        ]
    )
    part = await dan.get(f"/console/receipts/{identifier}")
    assert "7 / 10" in part.text
    assert ">2</td>" in part.text


def test_a_curve_is_on_one_axis_and_in_steps() -> None:
    """Each channel's curve begins at nothing, goes in steps, ends at the newest moment of all, and has its own label."""
    one, two = curve({"a": [(10.0, 5)], "b": [(1.0, 1), (120.0, 10)], "none": []}, {"a": 10, "b": 10, "none": 4})
    assert one.path == f"M0.0 {HEIGHT - 2:.1f}H50.0V80.0H600.0V80.0"
    assert two.path.startswith("M0.0")
    assert two.path.endswith(f"H{WIDTH:.1f}V22.0")
    assert (one.share, two.share) == (50, 100)
    assert abs(one.y - two.y) >= 14
    assert curve({"a": [(1.0, 1)]}, {}) == ()


# --- twins, roles, handover, review ------------------------------------------------------------------------------------


async def test_a_warning_can_be_for_one_role(desk: Desk) -> None:
    """A role is chosen as an audience, it is restricted, and it is called by its name in every language."""
    _, ann = await desk.hire(Role.AUTHOR)
    address = await desk.begin(ann)
    await ann.submit(address, [*KYIV[:-1], ("audience", "role:approver")])
    content = desk.content(address)
    assert (content.audience, content.scope) == ("role:approver", "Restricted")
    page = await ann.get(f"{address}?lang=fr")
    assert 'value="role:approver" checked' in page.text
    assert "rôle\u00a0: Approbation" in (await ann.get(f"{address}/agree?lang=fr")).text
    strange = await ann.submit(address, [("audience", "role:king")])
    assert strange.status == 422
    assert desk.content(address).audience == "role:approver"


async def test_the_update_of_a_pair_is_a_pair(desk: Desk) -> None:
    """The staff's version of an update updates what staff were told, in its own event, linked both ways by the incident."""
    _, dan = await desk.hire(Role.AUTHOR, Role.DUTY_OFFICER)
    public = await desk.begin(dan, "act")
    await dan.submit(public, [*LVIV[:-1], ("audience", "citizens")])
    staff = (await dan.submit(public, [("do", "pair")])).header("location")
    for address in (public, staff):
        answer = await dan.submit(address, [("do", "propose")])
        assert answer.status == 303, answer.text
        assert (await desk.send(dan, address)).status == 303
    first, second = desk.published()
    desk.wait(300)
    update = (await dan.submit(f"/console/next/{first.identifier}", [("phase", "hold")])).header("location")
    page = await dan.get(update)
    assert "Make the staff version too" in page.text
    other = (await dan.submit(update, [("do", "pair")])).header("location")
    ours, theirs = desk.content(update), desk.content(other)
    assert (theirs.event_id, theirs.version, theirs.supersedes) == (second.event_id, 2, second.identifier)
    assert (ours.twin, theirs.twin) == (other.rpartition("/")[2], update.rpartition("/")[2])
    assert ours.incidents == theirs.incidents != ()
    assert (theirs.scope, theirs.audience, theirs.phase) == ("Restricted", "staff", "hold")
    assert "Make the staff version too" not in (await dan.get(update)).text
    assert (await dan.submit(update, [("do", "pair")])).header("location") == other
    for address in (update, other):
        answer = await dan.submit(address, [("do", "propose")])
        assert answer.status == 303, answer.text
        assert (await desk.send(dan, address)).status == 303
    events = [(one.event_id, one.version, one.scope) for one in desk.published()]
    assert events[2:] == [(first.event_id, 2, "Public"), (second.event_id, 2, "Restricted")]
    told = [read(one.cap.encode()).alerts[0].incidents for one in desk.published()]
    assert len(set(told)) == 1


async def test_who_takes_over_owns_the_alerts_and_is_called(desk: Desk) -> None:
    """After a handover the successor stands as the owner, and the calls before the end go to them."""
    dan_id, dan = await desk.hire(Role.DUTY_OFFICER)
    eva_id, eva = await desk.hire(Role.DUTY_OFFICER)
    address = await desk.propose(dan, [*LVIV, ("owner", dan_id)], "act")
    identifier = (await desk.send(dan, address)).header("location").rpartition("/")[2]
    room = desk.building.house.desk_room  # type: ignore[attr-defined,unused-ignore]
    assert room.watch.owned()[0].owner == dan_id
    await dan.submit("/console/handover", [("to", eva_id), ("seen", identifier)])
    assert room.watch.owned()[0].owner == dan_id, "nothing changes before it is accepted"
    offered = re.search(r'name="offered" value="(\w+)"', (await eva.get("/console/handover")).text)
    assert offered
    assert (await eva.submit("/console/handover", [("offered", offered[1])])).status == 303
    (handed,) = desk.building.entries(ALERT_HANDED_OVER)
    assert handed.subject == identifier
    assert handed.read(HandedOver).owner == eva_id
    assert room.watch.owned()[0].owner == eva_id
    page = await dan.get("/console/")
    assert page.text.count(room.name(eva_id)) >= 1
    ends = room.watch.owned()[0].ends
    desk.wait((ends - desk.building.clock.now()).total_seconds() - 9 * 60)
    await room.record(lambda: room.watch.due(room.desk.people, desk.building.clock.now()))
    called = [entry.read(Page).person for entry in desk.building.entries(PAGE_DUE)]
    assert called == [eva_id]


async def test_what_was_done_alone_is_reviewed_by_somebody_else(desk: Desk) -> None:
    """After break-glass a review stands open for everybody; only another approver can close it, with words."""
    dan_id, dan = await desk.hire(Role.AUTHOR, Role.DUTY_OFFICER, Role.APPROVER)
    eva_id, eva = await desk.hire(Role.APPROVER)
    address = await desk.propose(dan, [("where", "1"), ("code", "UA-30"), *KYIV[2:]], "act")
    assert (
        await dan.prove("break-glass", f"{address}/break-glass", [("area.UA-30", "Kyiv"), ("reason", "Nobody answers")])
    ).code == "person.illegal-step"
    desk.wait(121)
    wrong = [("area.UA-30", "Lviv"), ("reason", "Nobody answers")]
    assert (await dan.prove("break-glass", f"{address}/break-glass", wrong)).code == "person.illegal-step"
    right = [("area.UA-30", "Kyiv"), ("reason", "Nobody answers")]
    assert (await dan.prove("break-glass", f"{address}/break-glass", right)).status == 303
    assert (await desk.send(dan, address)).status == 303
    page = await eva.get("/console/")
    assert "Done alone, to be reviewed" in page.text
    assert (await dan.prove("approve", f"{address}/review", [("found", "Well done, me.")])).code == "person.not-allowed"
    assert (await eva.prove("approve", f"{address}/review", [("found", " ")])).code == "person.illegal-step"
    assert "What did you find?" in (await eva.get(address)).text
    assert "What did you find?" not in (await dan.get(address)).text
    assert (await eva.prove("approve", f"{address}/review", [("found", "It was right.")])).status == 303
    (done,) = desk.building.entries(REVIEW_DONE)
    assert done.read(ReviewDone) == ReviewDone(eva_id, "It was right.")
    assert "Done alone, to be reviewed" not in (await eva.get("/console/")).text
    assert "It was right." in (await dan.get(address)).text
    assert (await eva.prove("approve", f"{address}/review", [("found", "Twice.")])).code == "person.illegal-step"
    assert dan_id in {entry.read(dict)["person"] for entry in desk.building.entries("review:due")}
    assert TYPED
