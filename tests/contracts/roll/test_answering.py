"""Answering over HTTP: one tap, a digit, a warden's word, a family's look; each for its own event and nobody else's."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from msgspec import structs

from tests.contracts.roll.conftest import Mission
from tests.contracts.web.conftest import Reply, Server
from tocsin.account.answer import ANSWER_GIVEN
from tocsin.account.facility import FacilityState, Offer, Reason, Status
from tocsin.account.rollcall import ROLLCALL_ASKED, ROLLCALL_ESCALATED, State
from tocsin.account.roster import MEMBER_ERASED, ROSTER_IMPORTED
from tocsin.clock import spell
from tocsin.errors import UnknownPlaceError
from tocsin.journal import fact as journal_fact
from tocsin.reach.channel import refused
from tocsin.reach.subscription import Wish
from tocsin.warn.enrolment import VIEW_PERSONAL
from tocsin.web.console.roster import Opened
from tocsin.web.dossier import dossier, erase
from tocsin.web.rolls import ERASURE_ASKED
from tocsin.web.roster import IMPORTER
from tocsin.web.token import RELAY, issue

FORM = "application/x-www-form-urlencoded"


def answer(desk: Server, token: str, says: str = "safe", **more: object) -> Reply:
    """Give an answer as the page's script does."""
    body = json.dumps({"token": token, "says": says, **more}).encode()
    return desk.ask("POST", "/v1/answers", body, content_type="application/json")


def send(desk: Server, path: str, **fields: str) -> Reply:
    """Send a form as a phone without a script does."""
    cookie = fields.pop("cookie", "")
    headers = {"content_type": FORM} | ({"cookie": cookie} if cookie else {})
    return desk.ask("POST", path, urlencode(fields).encode(), **headers)


def test_one_tap_is_on_disk_when_it_is_thanked_for(mission: Mission, desk: Server) -> None:
    """A tap is one entry of the journal, the same tap again is no other, and a later one corrects it and both are kept."""
    call = mission.rolls.start("Night", "p1")
    token, seat = mission.link(call, "1"), mission.seat(call, "1")
    at = spell(mission.building.clock.now())
    first = answer(desk, token, at=at)
    assert first.status == 201
    assert first.json() == {"says": "safe", "at": first.json()["at"], "received": first.json()["at"], "known": False}
    again = answer(desk, token, at=at)
    assert (again.status, again.json()["known"]) == (200, True)
    mission.building.clock.turn(60)
    assert answer(desk, token, "needs-help").status == 201
    entries = mission.building.store.about(ANSWER_GIVEN, seat)
    assert len(entries) == 2
    assert b"2024" in entries[0].body
    assert mission.rolls.call(call.id).state(seat) is State.HELP
    assert len(call.answers[seat]) == 2


def test_an_answer_that_waited_stands_where_it_belongs(mission: Mission, desk: Server) -> None:
    """An answer that was queued without a connection has the moment of its tap, also from a phone whose clock is wrong."""
    call = mission.rolls.start("Night", "p1")
    token, seat, start = mission.link(call, "1"), mission.seat(call, "1"), mission.building.clock.now()
    mission.building.clock.turn(1800)
    now = mission.building.clock.now()
    assert answer(desk, token, "needs-help").status == 201
    wrong = timedelta(days=-300)
    late = answer(desk, token, "safe", at=spell(start + timedelta(minutes=5) + wrong), sent_at=spell(now + wrong))
    assert late.status == 201
    assert call.answers[seat][0].at == start + timedelta(minutes=5)
    assert call.state(seat) is State.HELP
    for moment in (start - timedelta(hours=1), now + timedelta(hours=1)):
        refusal = answer(desk, token, "safe", at=spell(moment))
        assert (refusal.status, refusal.json()["code"]) == (422, "input.answer-time")


def test_a_link_is_for_one_event(mission: Mission, desk: Server) -> None:
    """The link of one roll call answers in that one only; the next one asks everybody anew."""
    one = mission.rolls.start("First", "p1")
    assert answer(desk, mission.link(one, "1")).status == 201
    two = mission.rolls.start("Second", "p1")
    assert mission.link(one, "1") != mission.link(two, "1")
    assert len(two.unaccounted()) == 5
    assert answer(desk, mission.link(one, "1"), "out-of-area").status == 201
    assert len(two.unaccounted()) == 5
    assert answer(desk, "x" * 16).status == 404
    assert answer(desk, mission.link(one, "2", "warden")).status == 404


def test_an_idempotency_key_holds(mission: Mission, desk: Server) -> None:
    """Under one key one request is done once; another request under it is refused."""
    call = mission.rolls.start("Night", "p1")
    body = json.dumps({"token": mission.link(call, "1"), "says": "safe"}).encode()
    headers = {"content_type": "application/json", "idempotency_key": "tap-1"}
    first = desk.ask("POST", "/v1/answers", body, **headers)
    mission.building.clock.turn(30)
    assert desk.ask("POST", "/v1/answers", body, **headers).json() == first.json()
    other = body.replace(b"safe", b"needs-help")
    assert desk.ask("POST", "/v1/answers", other, **headers).json()["code"] == "input.idempotency-key"
    assert len(call.known) == 1


def test_the_page_asks_and_a_preview_answers_nothing(mission: Mission, desk: Server) -> None:
    """Opening a link answers nothing; a messenger's preview is not even "seen"; the button answers without a script."""
    call = mission.rolls.start("Night", "p1")
    token, seat = mission.link(call, "1"), mission.seat(call, "1")
    page = desk.get(f"/a/{token}?lang=de")
    assert page.status == 200
    assert "Ich bin in Sicherheit" in page.body.decode()
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert "Kovalenko" not in page.body.decode()
    assert call.state(seat) is State.NOT_REACHED
    desk.get(f"/a/{token}", sec_fetch_mode="navigate")
    assert call.state(seat) is State.SEEN
    assert send(desk, f"/a/{token}", says="safe").status == 303
    assert call.state(seat) is State.SAFE
    assert "Your answer: I am safe" in desk.get(f"/a/{token}").body.decode()
    assert send(desk, f"/a/{token}", says="fine").status == 400


def test_a_family_sees_safe_or_nothing(mission: Mission, desk: Server) -> None:
    """A family's link says "answered safe at", or that there is no such answer; never a name, help, or that it was seen."""
    call = mission.rolls.start("Night", "p1")
    token = mission.link(call, "1")
    made = send(desk, f"/a/{token}/family", make="1").body.decode()
    (link,) = re.findall(r"/f/([A-Za-z0-9_-]{20,})", made)
    nothing = desk.get(f"/f/{link}").body.decode()
    assert "no such answer yet" in nothing
    answer(desk, token, "needs-help")
    assert "no such answer yet" in desk.get(f"/f/{link}").body.decode()
    mission.building.clock.turn(60)
    answer(desk, token, "safe")
    known = desk.get(f"/f/{link}").body.decode()
    assert "answered “I am safe” at 14:01 Kyiv time" in known
    for text in (nothing, known):
        assert "Kovalenko" not in text
        assert "Floor" not in text
        assert "Night" not in text
    assert send(desk, f"/a/{token}/family", end="1").status == 303
    assert desk.get(f"/f/{link}").status == 404


def test_a_warden_sees_their_zone_on_one_phone(mission: Mission, desk: Server) -> None:
    """A warden's link binds to the first phone, shows their zone alone, is recorded, and answers for no other zone."""
    call = mission.rolls.start("Night", "p1")
    path = f"/w/{mission.link(call, '2', 'warden')}"
    before = desk.get(path).body.decode()
    assert "Open on this phone" in before
    assert "Kovalenko" not in before
    opened = send(desk, path, open="1")
    cookie = opened.headers["set-cookie"].partition(";")[0]
    assert "HttpOnly" in opened.headers["set-cookie"]
    page = desk.get(path, cookie=cookie).body.decode()
    assert "Olena Kovalenko" in page
    assert "Ann Field" not in page
    assert "2 people have not answered" in page
    (viewed,) = mission.building.store.read(0, 1000, [VIEW_PERSONAL])
    assert viewed.subject == mission.member("2")
    assert mission.member("1").encode() in viewed.body
    other = desk.get(path).body.decode()
    assert "Kovalenko" not in other
    assert "another phone" in other
    assert send(desk, path, open="1").status == 403

    mine, theirs = mission.seat(call, "1"), mission.seat(call, "3")
    assert send(desk, path, seat=mine, says="safe", how="seen").status == 403
    assert send(desk, path, seat=theirs, says="safe", how="seen", cookie=cookie).status == 403
    assert send(desk, path, seat=mine, says="safe", how="guessed", cookie=cookie).status == 400
    assert send(desk, path, seat=mine, says="safe", how="seen", cookie=cookie).status == 303
    assert call.state(mine) is State.PROXY
    told = call.answer(mine)
    assert told is not None
    assert (told.by, told.how) == (mission.seat(call, "2"), "seen")
    assert desk.get(f"/w/{mission.link(call, '1', 'warden')}").status == 404
    mission.rolls.close(call.id, "p1")
    assert "Kovalenko" not in desk.get(path, cookie=cookie).body.decode()


@pytest.mark.asyncio
async def test_everybody_is_asked_by_their_ways_in_turn(mission: Mission) -> None:
    """Each is asked by the first way in their language, by the next when it fails or nothing is heard, and then no more."""
    call = mission.rolls.start("Night", "p1")
    await mission.asking.once()
    assert sorted(to for to, _, _ in mission.sms.told) == [f"+38044111000{n}" for n in (1, 2, 3, 5)]
    assert [to for to, _, _ in mission.mail.told] == ["bernd@example.org"]
    text = next(text for to, _, text in mission.sms.told if to == "+380441110001")
    assert text.startswith("Tocsin: ви в безпеці? 1 так")
    assert mission.link(call, "1") in text
    assert call.started.code in text
    assert call.counts()[State.DELIVERED] == 5
    assert len(mission.building.store.read(0, 1000, [ROLLCALL_ASKED])) == 1
    await mission.rolls.hear("+380441110001", "1")
    mission.building.clock.turn(181)
    await mission.asking.once()
    assert [to for to, _, _ in mission.mail.told[1:]] == ["jean@example.org"]
    mission.building.clock.turn(181)
    before = len(mission.sms.told) + len(mission.mail.told)
    await mission.asking.once()
    assert len(mission.sms.told) + len(mission.mail.told) == before


@pytest.mark.asyncio
async def test_a_way_that_fails_is_followed_by_the_next(mission: Mission) -> None:
    """A refused number leaves a person "not reached", and the next way is tried within seconds."""
    call = mission.rolls.start("Night", "p1")
    mission.sms.outcome = refused("unknown number")
    await mission.asking.once()
    assert call.state(mission.seat(call, "1")) is State.NOT_REACHED
    mission.building.clock.turn(16)
    await mission.asking.once()
    assert "olena@example.org" in [to for to, _, _ in mission.mail.told]
    assert call.state(mission.seat(call, "1")) is State.DELIVERED
    assert call.state(mission.seat(call, "3")) is State.NOT_REACHED


@pytest.mark.asyncio
async def test_no_question_while_people_should_be_running(mission: Mission) -> None:
    """Under act nobody is asked; with hold everybody is; where act lasts, after the minutes that the policy says."""
    alert = mission.building.publish("act", event_id="raid", version=1)
    call = mission.rolls.start("Raid", "p1", alert=alert.identifier)
    for _ in range(5):
        mission.building.clock.turn(300)
        await mission.asking.once()
    assert not mission.sms.told
    assert call.asked_at is None
    mission.building.publish("hold", event_id="raid", version=2)
    await mission.asking.once()
    assert len(mission.sms.told) == 4

    again = mission.building.publish("act", event_id="raid.2", version=1)
    long = mission.rolls.start("Long raid", "p1", alert=again.identifier)

    def asked() -> int:
        return sum(f"({long.started.code})" in text for _, _, text in mission.sms.told)

    mission.building.clock.turn(29 * 60)
    await mission.asking.once()
    assert asked() == 0
    mission.building.clock.turn(61)
    await mission.asking.once()
    assert asked() == 4


@pytest.mark.asyncio
async def test_wardens_are_told_who_is_missing_and_of_help_at_once(mission: Mission) -> None:
    """After ten minutes each warden hears of their own zone; who needs help is told of within the next look."""
    call = mission.rolls.start("Night", "p1")
    await mission.asking.once()
    mission.sms.told.clear()
    mission.mail.told.clear()
    await mission.rolls.hear("+380441110003", "2")
    await mission.asking.once()
    assert [to for to, _, _ in mission.mail.told] == ["bernd@example.org"]
    assert "Hilfe gebraucht in Floor 3" in mission.mail.told[0][2]
    assert mission.link(call, "4", "warden") in mission.mail.told[0][2]
    mission.building.clock.turn(10 * 60)
    await mission.asking.once()
    told = [text for to, _, text in mission.sms.told if to == "+380441110002" and "/w/" in text]
    assert any("2 sans reponse, Floor 2" in text for text in told)
    steps = mission.building.store.read(0, 1000, [ROLLCALL_ESCALATED])
    assert [json.loads(step.body)["to"] for step in steps] == ["help", "warden"]
    await mission.asking.once()
    assert len(mission.building.store.read(0, 1000, [ROLLCALL_ESCALATED])) == 2


def test_text_messages_answer_for_their_own_number_only(mission: Mission, desk: Server) -> None:
    """A digit counts for the number it came from; unclear ones count for nobody; gateways learn nothing either way."""
    call = mission.rolls.start("Night", "p1")
    token, _ = issue(
        mission.building.store, mission.building.clock.now(), realm="actual", name="gateway", scopes=[RELAY]
    )
    mission.building.take_in()

    def text(sender: str, said: str) -> Reply:
        body = urlencode({"From": sender, "Body": said}).encode()
        return desk.ask("POST", "/v1/answers/sms", body, content_type=FORM, authorization=f"Bearer {token}")

    answers = [text(*pair) for pair in (("+380 44 111 00 01", "1"), ("+380441110003", "2 " + call.started.code))]
    answers += [text("+380441110005", "hello?"), text("+15550001111", "1"), text("short", "1")]
    assert {(one.status, one.body) for one in answers} == {(202, answers[0].body)}
    assert [call.state(mission.seat(call, key)) for key in "12345"] == [
        State.SAFE,
        State.NOT_REACHED,
        State.HELP,
        State.NOT_REACHED,
        State.SEEN,
    ]
    two = mission.rolls.start("Second", "p1")
    assert text("+380441110002", "1").status == 202
    assert call.state(mission.seat(call, "2")) is State.SEEN
    assert two.state(mission.seat(two, "2")) is State.SEEN
    assert text("+380441110002", f"1{two.started.code.lower()}").status == 202
    assert two.state(mission.seat(two, "2")) is State.SAFE
    assert call.state(mission.seat(call, "2")) is State.SEEN
    bare = desk.ask("POST", "/v1/answers/sms", b"From=1&Body=1", content_type=FORM)
    assert bare.status == 401


def test_what_was_kept_too_long_is_erased(mission: Mission, desk: Server) -> None:
    """Thirty days after closing nobody can say who answered what; how many did stays; visitors go a week after their end."""
    call = mission.rolls.start("Night", "p1")
    seat, token = mission.seat(call, "1"), mission.link(call, "1")
    answer(desk, token)
    mission.rolls.close(call.id, "p1")
    mission.building.clock.turn(31 * 86_400)
    asyncio.run(mission.asking.once())
    assert mission.rolls.roster.find("5") == []
    assert mission.rolls.book.seats(call.id) == []
    assert call.forgotten
    assert call.state(seat) is State.SAFE
    assert answer(desk, token).status == 404


def test_it_is_all_there_after_a_restart(mission: Mission, desk: Server) -> None:
    """A house that starts anew has the same roll calls, the same links and the same counts from store and journal alone."""
    from tests.contracts.roll.conftest import furnish

    call = mission.rolls.start("Night", "p1")
    answer(desk, mission.link(call, "1"))
    desk.get(f"/a/{mission.link(call, '3')}", sec_fetch_mode="navigate")
    answer(desk, mission.link(call, "4"), "needs-help")
    again = furnish(mission.building, mission.building.house.data)  # type: ignore[arg-type]
    found = again.rolls.call(call.id)
    assert found.counts() == call.counts()
    assert found.curve() == call.curve()
    assert again.link(found, "1") == mission.link(call, "1")
    assert again.rolls.opened("answer", mission.link(call, "5"))[0] is found


def test_facilities_are_told_and_overdue_is_never_open(mission: Mission, desk: Server) -> None:
    """JSON, its history, the page and the place's own page say how a facility stands; overdue is said, and not "open"."""
    clock = mission.building.clock
    now = clock.now()
    alert = mission.building.publish("prepare")
    open_ = FacilityState("Embassy", "UA-30", Status.OPEN, now, now + timedelta(hours=1), (Offer.VISAS,), "+380 44 1")
    shut = structs.replace(open_, status=Status.CLOSED, reason=Reason.THREAT, alert=alert.identifier)
    mission.rolls.set_facility("kyiv", shut)
    (one,) = desk.get("/v1/facilities?place=UA").json()["facilities"]
    assert (one["status"], one["reason"], one["alert"]) == ("closed", "threat", f"/alerts/{alert.identifier}.xml")
    assert desk.get("/v1/facilities?place=UA-46").json()["facilities"] == []
    assert "<b>Closed</b>" in desk.get("/at/UA-30?lang=en").body.decode()
    assert "Closed" not in desk.get("/at/UA-46?lang=en").body.decode()
    mission.rolls.set_facility("kyiv", open_)
    clock.turn(3600)
    mission.building.hear()
    told = desk.get("/v1/facilities/kyiv").json()
    assert (told["facility"]["status"], told["facility"]["last_status"]) == ("overdue", "open")
    assert [then["status"] for then in told["history"]] == ["open", "closed"]
    for path in ("/facilities?lang=en", "/at/UA-30?lang=en"):
        page = desk.get(path).body.decode()
        assert "review is overdue" in page
        assert not re.search(r"<b>Open</b>|>Open<", page)
    assert desk.get("/v1/facilities/nowhere").status == 404
    with pytest.raises(UnknownPlaceError):
        mission.rolls.set_facility("x", structs.replace(open_, place="XX-1", review_by=now + timedelta(days=1)))


def test_a_person_is_given_and_erased_whole(mission: Mission, desk: Server) -> None:
    """All about one person is one value, with who has looked; erased, nothing of it is left and their answer means nobody."""
    call = mission.rolls.start("Night", "p1")
    answer(desk, mission.link(call, "1"))
    member, seat = mission.member("1"), mission.seat(call, "1")
    house = mission.building.house
    wish = Wish("mail", "olena@example.org", ("secret",), areas=("UA-30",))
    house.subscriptions.make(wish)
    told = dossier(house, member, "p7")
    assert told.details.name == "Olena Kovalenko"
    assert [one.says for one in told.answers] == ["safe"]
    assert [one.areas for one in told.subscriptions] == [("UA-30",)]
    assert [(look.by, look.what) for look in told.looks] == [("p7", "export")]
    erase(house, member, "p7", "asked")
    assert house.subscriptions.book.find("mail", "olena@example.org") == []
    assert mission.rolls.roster.find("1") == []
    assert call.state(seat) is State.SAFE
    assert answer(desk, mission.rolls.book.link("answer", call.id, seat)).status == 404
    (fact,) = mission.building.store.read(0, 1000, [MEMBER_ERASED])
    assert fact.subject == member


@pytest.mark.asyncio
async def test_a_command_asks_the_running_house_to_erase(mission: Mission) -> None:
    """An asking to erase that lies in the journal is done at the next look, once."""
    member = mission.member("3")
    mission.building.store.append([journal_fact(ERASURE_ASKED, member, {"by": "command"})])
    await mission.asking.once()
    await mission.asking.once()
    assert mission.rolls.roster.members([member]) == []
    assert len(mission.building.store.read(0, 1000, [MEMBER_ERASED])) == 1


def test_a_sheet_is_taken_in_by_the_importer(mission: Mission) -> None:
    """The importer says what would change, refuses to lose half a roster, and records counts and no names."""
    house = mission.building.house
    there = Opened(house)
    few = "id,name,phone,type\n1,Olena Kovalenko,+380441110001,staff\n"
    read = IMPORTER.read(few.encode(), {})
    assert (IMPORTER.change(there, read).gone, IMPORTER.change(there, read).refused) == (3, "")
    many = "id,name,zone,phone\n" + "".join(f"s{n},Name {n},A,+3804411{n:05}\n" for n in range(50))
    first = IMPORTER.apply(there, IMPORTER.read(many.encode(), {}), force=True)
    assert (first.new, first.gone) == (50, 4)
    assert len(mission.rolls.roster.find("5")) == 1, "a sheet of staff says nothing of visitors"
    half = "\n".join(many.splitlines()[:20])
    refused = IMPORTER.apply(there, IMPORTER.read(half.encode(), {}))
    assert "31 of 50 people" in str(refused.refused)
    assert len(mission.rolls.roster.members()) == 51
    again = IMPORTER.apply(there, IMPORTER.read(many.encode(), {}))
    assert (again.new, again.changed, again.same) == (0, 0, 50)
    (entry,) = mission.building.store.read(0, 1000, [ROSTER_IMPORTED])
    assert json.loads(entry.body) == {"by": "", "new": 50, "changed": 0, "same": 0, "gone": 4}
