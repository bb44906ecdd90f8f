"""The desk through the whole application: composing, agreeing, sending and taking back, each step recorded once."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from tests.contracts.web.console.conftest import Browser, Office, Page, opened
from tests.contracts.web.console.desk import furnish
from tocsin.cap.xml import read
from tocsin.journal import Entry, fact
from tocsin.warn.draft import Content, DraftState
from tocsin.warn.person import Role
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.web.console.desk_room import STOPWATCH_STOPPED, DeskRoom, Stopped

Fields = list[tuple[str, str]]
KYIV: Fields = [("where", "1"), ("code", "UA-30"), ("hazard", "air"), ("audience", "everyone")]
TYPED: Fields = [("reason.wide", "Kyiv City")]


class Desk(Office):
    """The office with a desk."""

    async def begin(self, browser: Browser, phase: str = "prepare") -> str:
        """Begin a draft; its address."""
        answer = await browser.submit("/console/drafts", [("phase", phase)])
        assert answer.status == 303, answer.text
        return answer.header("location")

    def content(self, address: str) -> Content:
        """What a draft says."""
        return self.building.house.desk.draft(address.rpartition("/")[2]).content  # type: ignore[attr-defined,unused-ignore]

    def state(self, address: str) -> DraftState:
        """Where a draft stands."""
        desk = self.building.house.desk  # type: ignore[attr-defined,unused-ignore]
        return desk.draft(address.rpartition("/")[2]).state

    def digest(self, address: str) -> str:
        """What was proposed."""
        desk = self.building.house.desk  # type: ignore[attr-defined,unused-ignore]
        return str(desk.draft(address.rpartition("/")[2]).digest)

    async def propose(self, browser: Browser, fields: Fields = KYIV, phase: str = "prepare") -> str:
        """Write a whole draft and propose it."""
        address = await self.begin(browser, phase)
        answer = await browser.submit(address, [*fields, *TYPED, ("do", "propose")])
        assert answer.status == 303, answer.text
        return address

    async def approve(self, browser: Browser, address: str) -> Page:
        """Agree to it, being present."""
        return await browser.prove(
            "approve", f"{address}/vote", [("vote", "approve"), ("digest", self.digest(address))]
        )

    async def send(self, browser: Browser, address: str) -> Page:
        """Send it, being present."""
        return await browser.prove("publish", f"{address}/publish", [("digest", self.digest(address))])

    def published(self) -> list[Published]:
        """Everything that was published."""
        return [entry.read(Published) for entry in self.building.entries(ALERT_PUBLISHED)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An office with a desk, in the actual realm."""
    office = opened(tmp_path)
    furnish(office)
    office.building.hear()
    yield Desk(office.building, office.identity, office.app)
    office.building.store.close()


def test_the_words_of_the_desk_are_there_in_every_language() -> None:
    """The same keys, the same places to fill, and nothing that is empty, in each of the four languages."""
    folder = files("tocsin.web.console") / "texts"
    tables = {tag: json.loads((folder / f"work.{tag}.json").read_text("utf-8")) for tag in ("en", "uk", "de", "fr")}
    for tag, table in tables.items():
        assert set(table) == set(tables["en"]), tag
        for key, text in table.items():
            told = tables["en"][key]
            assert text, f"{tag} {key}"
            if isinstance(text, str):
                assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", told)), f"{tag} {key}"
            else:
                assert "other" in text, f"{tag} {key}"
                assert all("{n}" in form for form in text.values()), f"{tag} {key}"


async def test_two_persons_bring_a_warning_out_and_the_stopwatch_is_in_the_journal(desk: Desk) -> None:
    """Written, proposed, approved and held; after fifteen seconds it is signed, with how long that took recorded."""
    _, ann = await desk.hire(Role.AUTHOR)
    _, ben = await desk.hire(Role.APPROVER)
    address = await desk.propose(ann)
    assert (await desk.approve(ben, address)).status == 303
    assert (await desk.send(ann, address)).status == 303
    assert desk.published() == []
    page = await ann.get(address)
    assert "data-sends=" in page.text
    desk.wait(15)
    for _ in range(200):
        page = await ann.get(address)
        if desk.state(address) is DraftState.PUBLISHED:
            break
    (done,) = desk.published()
    (alert,) = read(done.cap.encode()).alerts
    assert alert.infos[0].headline == "Kyiv City: be ready for an air attack"
    assert done.retraction
    (stopped,) = [entry.read(Stopped) for entry in desk.building.entries(STOPWATCH_STOPPED)]
    assert stopped.total_s == 15
    assert 0 < stopped.machine_ms < 2000
    live = await ann.get(f"/console/alerts/{done.identifier}")
    assert live.status == 200
    assert "Armed since the alert was signed." in live.text


async def test_what_is_about_to_be_sent_can_be_stopped(desk: Desk) -> None:
    """Within the fifteen seconds one button stops it, and it stays approved and unsent."""
    _, ann = await desk.hire(Role.AUTHOR)
    _, ben = await desk.hire(Role.APPROVER)
    address = await desk.propose(ann)
    await desk.approve(ben, address)
    await desk.send(ann, address)
    assert (await ann.submit(f"{address}/stop")).status == 303
    desk.wait(60)
    await ann.get(address)
    assert desk.published() == []
    assert (await ann.submit(f"{address}/stop")).code == "person.illegal-step"


async def test_what_tells_people_to_act_waits_for_nothing(desk: Desk) -> None:
    """An act by template for an area of usual size leaves with one person's proof, in the same request."""
    _, dan = await desk.hire(Role.DUTY_OFFICER)
    address = await desk.propose(dan, [*KYIV[:1], ("code", "UA-63"), *KYIV[2:]], "act")
    answer = await desk.send(dan, address)
    assert answer.status == 303
    (done,) = desk.published()
    assert answer.header("location") == f"/console/alerts/{done.identifier}"
    assert done.phase == "act"


async def test_nothing_defaults_to_the_whole_country(desk: Desk) -> None:
    """A new draft has no area; the country's code is refused, a wrong name as well; its name, typed, is taken."""
    _, ann = await desk.hire(Role.AUTHOR)
    address = await desk.begin(ann)
    assert not desk.content(address).where
    for fields in ([("add", "UA")], [("whole", "Ukrain")], [("whole", "Україна вся")]):
        answer = await ann.submit(address, [("where", "1"), *fields])
        assert answer.status == 422
        assert not desk.content(address).where
    assert (await ann.submit(address, [("where", "1"), ("whole", "україна")])).status == 303
    assert desk.content(address).where.codes == ("UA",)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ("50.4,30.5 50.6 50.7,30.1 50.2,30", "line 1"),
        ("50.4,30.5 50.6,30.5 50.6,30.9\n91,30 91,31 92,31", "Earth"),
        ("50.4,30.5 50.6,30.9 50.6,30.5 50.4,30.9", "draw it again"),
        ("50.4,30.5 x", "cannot be read"),
        ("50.4,30.5 0", "draw it again"),
    ],
)
async def test_an_area_that_cannot_be_read_changes_nothing(desk: Desk, shape: str, sentence: str) -> None:
    """What was drawn wrongly is refused with the line it stands in, and the area stays as it was (F4)."""
    _, ann = await desk.hire(Role.AUTHOR)
    address = await desk.begin(ann)
    await ann.submit(address, [*KYIV, ("shape", "50.45,30.52 12")])
    before = desk.content(address).where
    assert before.circles == ("50.45,30.52 12",)
    answer = await ann.submit(address, [*KYIV, ("shape", shape)])
    assert answer.status == 422
    assert sentence in answer.text
    assert desk.content(address).where == before


async def test_an_area_comes_from_a_file_whole_or_not_at_all(desk: Desk) -> None:
    """GeoJSON is taken over with its name; a hole, a line, a whole country or rubbish is refused and changes nothing."""
    _, ann = await desk.hire(Role.AUTHOR)
    address = await desk.begin(ann)
    name = address.rpartition("/")[2]
    ring = [[30.5, 50.4], [30.9, 50.4], [30.9, 50.6], [30.5, 50.4]]
    for bad in (
        "{",
        json.dumps({"type": "LineString", "coordinates": ring}),
        json.dumps({"type": "Polygon", "coordinates": [ring, ring]}),
        json.dumps({"type": "Polygon", "coordinates": [ring[:2]]}),
        "<alert/>",
    ):
        assert (await ann.submit("/console/area-file", [("draft", name), ("file", bad)])).status == 422
        assert not desk.content(address).where
    good = {
        "type": "Feature",
        "properties": {"name": "Left bank"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    assert (await ann.submit("/console/area-file", [("draft", name), ("file", json.dumps(good))])).status == 303
    where = desk.content(address).where
    assert where.polygons == ("50.400000,30.500000 50.400000,30.900000 50.600000,30.900000 50.400000,30.500000",)
    assert where.name == {"en": "Left bank"}


async def test_a_save_that_changes_nothing_is_no_fact(desk: Desk) -> None:
    """The browser saves every few seconds; the journal has what changed, once."""
    _, ann = await desk.hire(Role.AUTHOR)
    address = await desk.begin(ann)
    for _ in range(3):
        answer = await ann.submit(address, KYIV, x_requested_with="fetch")
        assert answer.status == 200
        assert "<html" not in answer.text
    assert len(desk.building.entries("draft:changed")) == 1


async def test_nobody_writes_over_a_colleague_unseen(desk: Desk) -> None:
    """A page that was loaded before a colleague's change does not save over it."""
    _, ann = await desk.hire(Role.AUTHOR)
    _, cem = await desk.hire(Role.AUTHOR)
    address = await desk.begin(ann)
    await cem.submit(address, [*KYIV, ("seen", "0")])
    answer = await ann.submit(address, [("where", "1"), ("code", "UA-63"), ("seen", "0")])
    assert answer.code == "person.illegal-step"
    assert desk.content(address).where.codes == ("UA-30",)


async def test_free_text_is_marked_until_a_reader_confirms_it(desk: Desk) -> None:
    """Free text is text and never code; a confirmation is lost when the words change."""
    _, ann = await desk.hire(Role.AUTHOR)
    address = await desk.begin(ann)
    await ann.submit(address, [*KYIV, ("extra.en", "<script>alert(1)</script>")])
    page = await ann.get(address)
    assert "<script>alert" not in page.text
    assert "not confirmed" in page.text
    await ann.submit(address, [*KYIV, ("extra.en", "Bring <water>."), ("confirm", "en")])
    assert desk.content(address).extra["en"].confirmed_by
    await ann.submit(address, [*KYIV, ("extra.en", "Bring food.")])
    assert not desk.content(address).extra["en"].confirmed_by


async def test_nobody_approves_their_own_words(desk: Desk) -> None:
    """Whoever wrote it, though an approver, is refused; also when the digest is another one or a field was altered."""
    _, ann = await desk.hire(Role.AUTHOR, Role.APPROVER)
    _, ben = await desk.hire(Role.APPROVER)
    address = await desk.propose(ann)
    assert (await desk.approve(ann, address)).code == "person.not-allowed"
    other = [("vote", "approve"), ("digest", "0" * 64)]
    assert (await ben.prove("approve", f"{address}/vote", other)).code == "person.illegal-step"
    fields = [("vote", "reject"), ("digest", desk.digest(address)), ("reason", "no"), ("why", "other")]
    proof = await ben.proof("approve", f"{address}/vote", fields)
    altered = [("vote", "approve"), *fields[1:], ("proof", proof)]
    assert (await ben.submit(f"{address}/vote", altered)).code == "person.not-fresh"
    assert desk.state(address) is DraftState.PROPOSED


async def test_any_change_voids_every_approval(desk: Desk) -> None:
    """One more minute changes the digest; what was approved can no longer be sent (F7)."""
    _, ann = await desk.hire(Role.AUTHOR)
    _, ben = await desk.hire(Role.APPROVER)
    address = await desk.propose(ann)
    await desk.approve(ben, address)
    old = desk.digest(address)
    await ann.submit(address, [*KYIV, ("next", "2024-11-20T19:31")])
    assert desk.state(address) is DraftState.WRITING
    assert (await ann.prove("publish", f"{address}/publish", [("digest", old)])).code == "person.illegal-step"
    assert desk.published() == []


async def test_a_rejection_says_why_and_comes_back_to_the_author(desk: Desk) -> None:
    """The reason that was chosen stands on the author's page."""
    _, ann = await desk.hire(Role.AUTHOR)
    _, ben = await desk.hire(Role.APPROVER)
    address = await desk.propose(ann)
    fields = [
        ("vote", "reject"),
        ("digest", desk.digest(address)),
        ("why", "wrong-area"),
        ("reason", "only the left bank"),
    ]
    assert (await ben.prove("approve", f"{address}/vote", fields)).status == 303
    page = await ann.get(address)
    assert "Wrong area only the left bank" in page.text


async def test_one_s_own_alert_is_taken_back_in_two_actions(desk: Desk) -> None:
    """The button and its confirmation: the retraction that was armed goes out, signed, by one person."""
    _, dan = await desk.hire(Role.DUTY_OFFICER)
    address = await desk.propose(dan, [*KYIV[:1], ("code", "UA-63"), *KYIV[2:]], "act")
    live = (await desk.send(dan, address)).header("location")
    identifier = live.rpartition("/")[2]
    assert f'action="/console/retract/{identifier}"' in (await dan.get(f"{live}?retract=1")).text
    answer = await dan.prove("retract", f"/console/retract/{identifier}")
    assert answer.status == 303
    assert [one.phase for one in desk.published()] == ["act", "retracted"]
    assert "Replaced." in (await dan.get(live)).text


async def test_an_update_and_an_all_clear_follow(desk: Desk) -> None:
    """The live page leads to the next version with what was said before; an all-clear needs a second person."""
    _, dan = await desk.hire(Role.DUTY_OFFICER)
    _, ben = await desk.hire(Role.APPROVER)
    address = await desk.propose(dan, [*KYIV[:1], ("code", "UA-63"), *KYIV[2:]], "act")
    identifier = (await desk.send(dan, address)).header("location").rpartition("/")[2]
    desk.wait(60)
    second = (await dan.submit(f"/console/next/{identifier}", [("phase", "hold")])).header("location")
    assert desk.content(second).version == 2
    assert (await dan.submit(second, [("do", "propose")])).status == 303
    assert (await desk.send(dan, second)).status == 303
    desk.wait(60)
    identifier = desk.published()[-1].identifier
    third = (await dan.submit(f"/console/next/{identifier}", [("phase", "all-clear")])).header("location")
    await dan.submit(third, [("do", "propose")])
    assert (await desk.send(dan, third)).code == "person.illegal-step"
    await desk.approve(ben, third)
    assert (await desk.send(dan, third)).status == 303
    assert [one.phase for one in desk.published()] == ["act", "hold", "all-clear"]


async def test_the_approval_table_changes_with_two_administrators(desk: Desk) -> None:
    """One proposes, the same cannot adopt, another can; a table that lets one person do everything is refused."""
    _, fay = await desk.hire(Role.ADMINISTRATOR)
    _, gus = await desk.hire(Role.ADMINISTRATOR)
    page = await fay.get("/console/team")
    table = re.search(r'<textarea name="table"[^>]*>(.*?)</textarea>', page.text, re.DOTALL)
    assert table
    text = table[1].replace("&#34;", '"').replace("&#39;", "'")
    weak = text.replace("persons = 2", "persons = 1")
    refused = await fay.prove("administer", "/console/policy/propose", [("table", weak)])
    assert refused.status == 400
    assert "needs two persons at least" in refused.text
    wider = text.replace("wide_people = 500000", "wide_people = 400000")
    assert (await fay.prove("administer", "/console/policy/propose", [("table", wider)])).status == 303
    page = await gus.get("/console/team")
    assert "wide_people: 500000 → 400000" in page.text
    digest = re.search(r'name="digest" value="(\w+)"', page.text)
    assert digest
    assert (
        await fay.prove("administer", "/console/policy/adopt", [("digest", digest[1])])
    ).code == "person.not-allowed"
    assert (await gus.prove("administer", "/console/policy/adopt", [("digest", digest[1])])).status == 303
    assert "400\u00a0000" in (await gus.get("/console/team")).text


async def test_a_shift_is_handed_over_and_taken(desk: Desk) -> None:
    """Each open promise is acknowledged; without it the shift stays; the successor signs."""
    _, dan = await desk.hire(Role.DUTY_OFFICER)
    eva_id, eva = await desk.hire(Role.DUTY_OFFICER)
    address = await desk.propose(dan, [*KYIV[:1], ("code", "UA-63"), *KYIV[2:]], "act")
    identifier = (await desk.send(dan, address)).header("location").rpartition("/")[2]
    assert (await dan.submit("/console/handover", [("to", eva_id)])).code == "person.illegal-step"
    assert (
        await dan.submit("/console/handover", [("to", eva_id), ("seen", identifier), ("note", "calm")])
    ).status == 303
    page = await eva.get("/console/")
    assert "A shift is handed over to you" in page.text
    offered = re.search(r'name="offered" value="(\w+)"', (await eva.get("/console/handover")).text)
    assert offered
    assert (await eva.submit("/console/handover", [("offered", offered[1])])).status == 303
    assert len(desk.building.entries("handover:accepted")) == 1


async def test_a_browser_cannot_hold_both_realms(desk: Desk) -> None:
    """With the exercise's session in the same browser every page is closed until it is left (F1)."""
    _, ann = await desk.hire(Role.AUTHOR)
    ann.cookies["tocsin-exercise-session"] = "x" * 43
    for path in ("/console/", "/console/write", "/console/team"):
        page = await ann.get(path)
        assert page.status == 409
        assert "other realm" in page.text
    assert (await ann.submit("/console/drafts", [("phase", "act")])).status == 409
    assert desk.building.entries("draft:begun") == []
    await ann.submit("/console/realm")
    assert (await ann.get("/console/")).status == 200


async def test_nobody_who_can_approve_is_a_fault_on_every_page(desk: Desk) -> None:
    """Who can approve now is never silently empty (req. 59)."""
    _, ann = await desk.hire(Role.AUTHOR)
    for path in ("/console/", "/console/write", "/console/team"):
        assert "Nobody can approve now." in (await ann.get(path)).text
    await desk.hire(Role.APPROVER)
    assert "Nobody can approve now." not in (await ann.get("/console/")).text


async def test_an_alert_that_runs_out_rings_on_every_page(desk: Desk) -> None:
    """Ten minutes before its end the banner asks; after it the banner says what people see."""
    _, dan = await desk.hire(Role.DUTY_OFFICER)
    await desk.hire(Role.APPROVER)
    address = await desk.propose(dan, [*KYIV[:1], ("code", "UA-63"), *KYIV[2:]], "act")
    await desk.send(dan, address)
    assert "Runs out" not in (await dan.get("/console/")).text
    desk.wait(3 * 3600 - 300)
    page = await dan.sign_in()
    assert page.status == 200
    assert "Runs out in 5 min" in (await dan.get("/console/write")).text
    desk.wait(400)
    assert "Has run out without a word" in (await dan.get("/console/")).text


async def test_the_journal_is_filtered_checked_and_taken_away(desk: Desk) -> None:
    """An auditor sees the entries of a kind, has the chain checked, and takes all of it; an author may not."""
    _, ann = await desk.hire(Role.AUTHOR)
    _, eve = await desk.hire(Role.AUDITOR)
    await desk.begin(ann)
    assert (await ann.get("/console/record")).code == "person.not-allowed"
    page = await eve.get("/console/record?kind=draft:&check=1")
    assert "draft:begun" in page.text
    assert "session:begun" not in re.sub(r"<datalist.*?</datalist>", "", page.text)
    assert "Unbroken:" in page.text
    answer = await eve.get("/console/record/export")
    assert answer.header("content-type") == "application/x-ndjson"
    assert json.loads(answer.body.splitlines()[0])["hash"] == desk.building.store.read(0, 1)[0].hash.hex()


async def test_a_point_of_the_map_is_found_on_earth(desk: Desk) -> None:
    """What the map shows at a point is where the drawn corner comes to lie, to a hundredth of a degree."""
    from tocsin.place.map import country_map

    _, ann = await desk.hire(Role.AUTHOR)
    for latitude, longitude in ((50.45, 30.52), (48.0, 37.8), (49.84, 24.03)):
        x, y = country_map("UA").project(round(latitude * 1e6), round(longitude * 1e6))
        answer = await ann.get(f"/console/point?map=UA&x={x}&y={y}")
        found = [float(part) for part in answer.json()["point"].split(",")]
        assert found == pytest.approx([latitude, longitude], abs=0.01)
    assert (await ann.get("/console/point?map=UA&x=a&y=1")).status == 400


async def test_there_is_one_room_for_a_house(desk: Desk) -> None:
    """All requests of a house meet in one room, which has taken in everything that was recorded."""
    _, ann = await desk.hire(Role.AUTHOR)
    await ann.get("/console/")
    room = DeskRoom.of(desk.building.house)
    assert room is DeskRoom.of(desk.building.house)
    assert room.seq <= desk.building.store.head().seq


async def test_what_becomes_due_is_recorded_once(desk: Desk) -> None:
    """Ten minutes before its end the owner is called, a promise that is late is said, each once, without anybody looking."""
    _, dan = await desk.hire(Role.DUTY_OFFICER)
    await desk.hire(Role.APPROVER)
    address = await desk.propose(dan, [*KYIV[:1], ("code", "UA-63"), *KYIV[2:]], "act")
    await desk.send(dan, address)
    room = DeskRoom.of(desk.building.house)
    keeping = asyncio.create_task(room.keep_watch())
    for seconds in (60, 3 * 3600 - 300, 10):
        desk.wait(seconds)
        for _ in range(20):
            await asyncio.sleep(0.005)
    keeping.cancel()
    calls = [entry.subject for entry in desk.building.entries("page:due")]
    assert len(calls) == len(set(calls)) == 3  # ten minutes before, and five, and about the promise
    assert [one.startswith("promise/") for one in sorted(calls)] == [False, False, True]
    assert len(desk.building.entries("promise:missed")) == 1


async def test_who_subscribes_is_not_the_desks_matter(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand subscriptions the desk reads none, and of all else everything, also what is the first of its kind."""
    store, room = desk.building.store, DeskRoom.of(desk.building.house)
    room.take_in()
    store.append([fact("subscription:made", f"s{number}", {}) for number in range(1000)])
    told: list[str] = []
    noted = room.noted.apply

    def noting(entry: Entry) -> None:
        told.append(entry.kind)
        noted(entry)

    monkeypatch.setattr(room.noted, "apply", noting)
    store.append([fact("never:seen", "x", {}), fact("subscription:ended", "s1", {}), fact("never:seen", "y", {})])
    room.take_in()
    assert told == ["never:seen", "never:seen"]
    assert room.seq == store.head().seq
    store.append([fact("other:seen", "x", {})])
    room.take_in()
    room.take_in()
    assert told == ["never:seen", "never:seen", "other:seen"]
