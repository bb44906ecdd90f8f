"""Coming in, staying and leaving: enrolment, passkeys, sessions, and what the journal and the database say about it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.contracts.web.console.conftest import Office, opened
from tocsin.warn.enrolment import Way
from tocsin.warn.person import Act, Role
from tocsin.web.console import enrol, invite
from tocsin.web.console.session import GRACE

ADMIN, AUTHOR, APPROVER = Role.ADMINISTRATOR, Role.AUTHOR, Role.APPROVER


async def test_first_administrator(office: Office) -> None:
    """Where nobody administers a link is made for the first; it works once, and then there is no more first link."""
    earlier, address = enrol.first_link(office.identity), enrol.first_link(office.identity)
    assert earlier
    assert address
    browser = office.browser()
    assert (await browser.get(earlier.removeprefix("http://localhost:1"))).status == 404
    answer = await browser.enrol(address)
    assert answer.json() == {"next": "/console/account"}
    assert enrol.first_link(office.identity) is None
    assert len(office.identity.administrators()) == 1
    page = await browser.get("/console/account")
    assert page.status == 200
    assert "Olena Kovalenko" in page.text
    assert (await office.browser().get(address.removeprefix("http://localhost:1"))).code == "person.invitation-spent"
    assert [kind for kind, _ in office.kinds("person:enrolled", "session:begun")] == [
        "person:enrolled",
        "session:begun",
    ]


async def test_opening_a_link_uses_nothing_up_and_a_day_does(office: Office) -> None:
    """A messenger that opens a link to show it takes nothing away; after a day it opens nothing."""
    link = enrol.invite(office.identity, (AUTHOR,), enrol.OPERATOR)
    path = link.address.removeprefix("http://localhost:1")
    for _ in range(3):
        assert (await office.browser().get(path)).status == 200
    office.wait(24 * 3600 - 1)
    assert (await office.browser().get(path)).status == 200
    office.wait(1)
    assert (await office.browser().get(path)).code == "person.invitation-spent"


async def test_a_link_of_somebody_who_left_opens_nothing(office: Office) -> None:
    """Who may not administer any more cannot have promised anything."""
    first, _ = await office.hire(ADMIN)
    second, _ = await office.hire(ADMIN)
    link = enrol.invite(office.identity, (APPROVER,), second)
    invite.set_roles(office.identity, second, (AUTHOR,), first)
    assert (await office.browser().get(link.address.removeprefix("http://localhost:1"))).status == 404


async def test_only_one_of_two_with_the_same_link_comes_in(office: Office) -> None:
    """The link is used up in the commit that makes the person."""
    link = enrol.invite(office.identity, (AUTHOR,), enrol.OPERATOR)
    path = link.address.removeprefix("http://localhost:1")
    first, second = office.browser(), office.browser()
    told = {}
    for browser, email in ((first, "a@example.org"), (second, "b@example.org")):
        page = await browser.get(path)
        person = {"name": "A", "email": email, "phone": ""}
        options = (await browser.send(f"{path}/options", person, page.json_token)).json()
        told[browser] = (
            {**person, "token": options["token"], "credential": browser.authenticator.make(options)},
            page.json_token,
        )
    assert (await first.send(f"{path}/passkey", *told[first])).status == 200
    assert (await second.send(f"{path}/passkey", *told[second])).code == "person.invitation-spent"
    assert len(office.kinds("person:enrolled")) == 1


async def test_passkey_sign_in_without_a_name(office: Office) -> None:
    """A passkey signs in by itself; the session is a new one each time, and the journal has it."""
    person, browser = await office.hire(AUTHOR)
    before = browser.secret
    assert (await browser.submit("/console/signout")).status == 303
    assert browser.secret == ""
    answer = await browser.sign_in()
    assert answer.json() == {"next": "/console/"}
    assert browser.secret not in ("", before)
    assert (await browser.get("/console/account")).status == 200
    begun = office.building.store.read(0, 1000, ["session:begun"])
    assert [msgspec.json.decode(one.body)["person"] for one in begun] == [person, person]
    assert [kind for kind, _ in office.kinds("session:ended")] == ["session:ended"]


@pytest.mark.parametrize(
    "forged",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:2"},
        {"rp": "evil.example"},
        {"challenge": "AAAA"},
    ],
    ids=["origin", "port", "relying party", "challenge"],
)
async def test_a_passkey_for_another_place_is_refused(office: Office, forged: dict[str, str]) -> None:
    """Origin, relying party and challenge must be ours, and the refusal says nothing about which was wrong."""
    _, browser = await office.hire(AUTHOR)
    await browser.submit("/console/signout")
    answer = await browser.sign_in(**forged)
    assert (answer.status, answer.code) == (403, "person.sign-in-refused")
    assert browser.secret == ""
    assert office.kinds("signin:refused") == [("signin:refused", "passkey")]


async def test_no_user_verification_no_entry(office: Office) -> None:
    """A key that was only touched, without finger, face or PIN, neither enrols nor signs in."""
    _, browser = await office.hire(AUTHOR)
    await browser.submit("/console/signout")
    browser.authenticator.verifies = False
    assert (await browser.sign_in()).code == "person.sign-in-refused"
    link = enrol.invite(office.identity, (AUTHOR,), enrol.OPERATOR)
    assert (await browser.enrol(link.address, email="x@example.org")).code == "input.parameter"


async def test_a_copied_key_is_refused(office: Office) -> None:
    """A sign count that does not grow means two keys where there should be one."""
    _, browser = await office.hire(AUTHOR)
    await browser.submit("/console/signout")
    assert (await browser.sign_in()).status == 200
    browser.authenticator.count -= 1
    await browser.submit("/console/signout")
    assert (await browser.sign_in()).code == "person.sign-in-refused"
    browser.authenticator.count += 5
    assert (await browser.sign_in()).status == 200


async def test_an_answer_counts_once(office: Office) -> None:
    """The same assertion sent twice opens nothing the second time, nor one that comes too late."""
    _, browser = await office.hire(AUTHOR)
    browser.authenticator.counts = False
    await browser.submit("/console/signout")
    page = await browser.get("/console/signin")
    options = (await browser.send("/console/signin/options", {}, page.json_token)).json()
    sent = {"token": options["token"], "credential": browser.authenticator.answer(options), "next": ""}
    other = office.browser("192.0.2.77")
    there = await other.get("/console/signin")
    assert (await browser.send("/console/signin/passkey", sent, page.json_token)).status == 200
    assert (await other.send("/console/signin/passkey", sent, there.json_token)).code == "person.forged-form"
    options = (await other.send("/console/signin/options", {}, there.json_token)).json()
    late = {"token": options["token"], "credential": browser.authenticator.answer(options), "next": ""}
    office.wait(301)
    assert (await other.send("/console/signin/passkey", late, there.json_token)).code == "person.forged-form"


async def test_idle_and_absolute_end(office: Office) -> None:
    """A session left alone ends after half an hour, and any session after a shift, with a word in the journal."""
    _, browser = await office.hire(AUTHOR)
    office.wait(29 * 60)
    assert (await browser.get("/console/account")).status == 200
    office.wait(29 * 60)
    assert (await browser.get("/console/account")).status == 200
    office.wait(30 * 60)
    answer = await browser.get("/console/account?x=1")
    assert (answer.status, answer.header("location")) == (303, "/console/signin?next=/console/account%3Fx%3D1")
    await browser.sign_in()
    for _ in range(24 * 2):
        office.wait(15 * 60)
        last = await browser.get("/console/account")
    assert last.status == 303
    ended = [msgspec.json.decode(one.body)["why"] for one in office.building.store.read(0, 1000, ["session:ended"])]
    assert ended == ["idle", "absolute"]


async def test_what_pages_ask_by_themselves_keeps_nothing_alive(office: Office) -> None:
    """Counting down asks the server and prolongs nothing; saying "stay signed in" does."""
    _, browser = await office.hire(AUTHOR)
    ends = (await browser.get("/console/session")).json()["ends"]
    office.wait(20 * 60)
    assert (await browser.get("/console/session")).json()["ends"] == ends
    office.wait(9 * 60)
    answer = await browser.send("/console/session", {}, browser.token("json"))
    assert answer.json()["ends"] > ends
    office.wait(29 * 60)
    assert (await browser.get("/console/session")).status == 200
    office.wait(60)
    assert (await browser.get("/console/session", accept="application/json")).status == 401


async def test_the_secret_changes_with_every_proof(office: Office) -> None:
    """After a proof of presence the secret from before reads for a moment, changes nothing, and is then nothing."""
    _, browser = await office.hire(AUTHOR)
    before = browser.secret
    assert (await browser.prove("look", "/console/account/confirm")).status == 303
    assert browser.secret != before
    old = office.browser()
    old.cookies = {office.identity.origin.cookie("session"): before}
    assert (await old.get("/console/account")).status == 200
    assert (await old.submit("/console/account/oncall", [("hours", "1")], accept="application/json")).status == 401
    office.wait(GRACE.total_seconds() + 1)
    assert (await old.get("/console/account")).status == 303
    assert (await browser.get("/console/account")).status == 200


async def test_sign_out_everywhere(office: Office) -> None:
    """One press ends every session of a person, and nobody else's."""
    _, browser = await office.hire(AUTHOR)
    other = office.browser("192.0.2.9")
    other.authenticator = browser.authenticator
    assert (await other.sign_in()).status == 200
    _, third = await office.hire(AUTHOR)
    await other.submit("/console/signout", [("everywhere", "yes")])
    assert (await browser.get("/console/account")).status == 303
    assert (await third.get("/console/account")).status == 200


async def test_fixation(office: Office) -> None:
    """A secret planted before signing in is never taken up, and the old session ends."""
    _, browser = await office.hire(AUTHOR)
    await browser.submit("/console/signout")
    planted = "A" * 43
    browser.cookies[office.identity.origin.cookie("session")] = planted
    assert (await browser.sign_in()).status == 200
    assert browser.secret != planted
    stranger = office.browser()
    stranger.cookies = {office.identity.origin.cookie("session"): planted}
    assert (await stranger.get("/console/account")).status == 303
    before = browser.secret
    page = await browser.get("/console/account")
    options = (await browser.send("/console/signin/options", {}, page.json_token)).json()
    sent = {"token": options["token"], "credential": browser.authenticator.answer(options), "next": ""}
    assert (await browser.send("/console/signin/passkey", sent, page.json_token)).status == 200
    stranger.cookies = {office.identity.origin.cookie("session"): before}
    assert (await stranger.get("/console/account")).status == 303


async def test_removed_is_out_and_erased(office: Office) -> None:
    """Who is removed is out with the next request, and nothing of them is left but an id in the journal."""
    _, boss = await office.hire(ADMIN)
    person, browser = await office.hire(AUTHOR)
    path = f"/console/people/{person}/remove"
    assert (await boss.prove("administer", path)).status == 303
    assert (await browser.get("/console/account")).status == 303
    assert (await browser.sign_in()).code == "person.sign-in-refused"
    assert office.identity.book.personal((person,)) == {}
    assert office.identity.book.credentials(person) == []
    assert "Person 2" not in (await boss.get("/console/people")).text


async def test_roles_count_at_once(office: Office) -> None:
    """A role that was taken away a moment ago opens nothing, in a session that is open."""
    _, boss = await office.hire(ADMIN)
    person, browser = await office.hire(ADMIN, AUTHOR)
    assert (await browser.get("/console/people")).status == 200
    answer = await boss.prove("administer", f"/console/people/{person}/roles", [("role", "author")])
    assert answer.status == 303
    assert (await browser.get("/console/people")).code == "person.not-allowed"


async def test_the_last_administrator_stays(office: Office) -> None:
    """Nobody can saw off the last branch, nor give themselves a role."""
    person, boss = await office.hire(ADMIN)
    answer = await boss.prove("administer", f"/console/people/{person}/remove")
    assert answer.code == "person.illegal-step"
    answer = await boss.prove("administer", f"/console/people/{person}/roles", [("role", "author")])
    assert answer.code == "person.not-allowed"
    answer = await boss.prove(
        "administer", f"/console/people/{person}/roles", [("role", "administrator"), ("role", "approver")]
    )
    assert answer.code == "person.not-allowed"
    assert office.identity.roles(person) == {ADMIN}


async def test_views_of_personal_data_are_recorded(office: Office) -> None:
    """Opening the list says who saw whose data; looking at one's own says nothing."""
    viewer, boss = await office.hire(ADMIN)
    person, _ = await office.hire(AUTHOR)
    await boss.get("/console/account")
    assert office.kinds("view:personal") == []
    await boss.get("/console/people")
    seen = office.building.store.read(0, 1000, ["view:personal"])
    assert [(one.subject, msgspec.json.decode(one.body)) for one in seen] == [
        (viewer, {"what": "people", "whose": [person]})
    ]


async def test_nothing_personal_in_the_database_or_the_journal(office: Office, tmp_path: Path) -> None:
    """A copy of the database shows no name, address, phone, link or secret (F27)."""
    _, boss = await office.hire(ADMIN)
    await boss.submit(
        "/console/account",
        [("name", "Zinaida Unverwechselbar"), ("email", "zinaida@unverwechselbar.example"), ("phone", "+380441234567")],
    )
    link = enrol.invite(
        office.identity, (AUTHOR,), office.identity.administrators()[0], note="for Mykola Unverwechselbar"
    )
    codes = office.identity.book.credentials(office.identity.administrators()[0], Way.RECOVERY)
    assert codes == []
    office.building.store.backup(tmp_path / "copy.db")
    for file in sorted(tmp_path.glob("*.db*")):  # noqa: ASYNC240 - nobody else is waiting
        content = file.read_bytes().lower()
        for word in (
            b"unverwechselbar",
            b"380441234567",
            b"person 1",
            b"example.org",
            link.address[-43:].lower().encode(),
        ):
            assert word not in content, (file.name, word)
        assert boss.secret.encode() not in file.read_bytes()
    assert "Zinaida" in (await boss.get("/console/account")).text


async def test_two_realms_in_one_browser(tmp_path: Path) -> None:
    """Cookies, passkeys and links of the exercise realm open nothing in the actual one, in the same browser."""
    (tmp_path / "a").mkdir()
    (tmp_path / "e").mkdir()
    actual, exercise = opened(tmp_path / "a"), opened(tmp_path / "e", "exercise")
    try:
        _, here = await actual.hire(ADMIN)
        _, there = await exercise.hire(ADMIN)
        assert not set(here.cookies) & set(there.cookies)
        both = actual.browser()
        both.cookies = {**there.cookies, actual.identity.origin.cookie("session"): there.secret}
        assert (await both.get("/console/account")).status == 303
        both.authenticator = there.authenticator
        assert (await both.sign_in()).code == "person.sign-in-refused"
        page = await there.get("/console/account")
        assert "<title>EXERCISE: " in page.text
        assert all(word in page.text for word in ("EXERCISE", "НАВЧАННЯ", "ÜBUNG", "EXERCICE"))
        assert "/console/static/exercise.svg" in page.text
        assert (await here.get("/console/account")).text.count("EXERCISE") == 0
    finally:
        actual.building.store.close()
        exercise.building.store.close()


async def test_delegation_and_duty(office: Office) -> None:
    """A role of one's own can be lent for a time, with a proof; being reachable is promised by oneself."""
    giver, browser = await office.hire(APPROVER)
    taker, _ = await office.hire(AUTHOR)
    fields = [("role", "approver"), ("email", "person2@example.org"), ("start", ""), ("hours", "2")]
    path = "/console/account/delegate"
    assert (await browser.submit(path, fields)).code == "person.not-fresh"
    assert (await browser.prove("look", path, fields)).status == 303
    at = office.identity.now()
    assert office.identity.people.can(taker, Act.APPROVE, at)
    assert not office.identity.people.can(taker, Act.APPROVE, at + timedelta(hours=2))
    fields[0] = ("role", "administrator")
    assert (await browser.prove("look", path, fields)).code == "input.parameter"
    assert (await browser.submit("/console/account/oncall", [("hours", "12")])).status == 303
    person = office.identity.people.get(giver)
    assert person is not None
    assert person.reachable(at + timedelta(hours=11))
    assert not person.reachable(at + timedelta(hours=12))


async def test_before_the_first_administrator_only_this_machine(office: Office) -> None:
    """Nothing is listened to beyond this machine until somebody administers (F8)."""
    assert enrol.may_listen(office.identity, "127.0.0.1:8080")
    assert enrol.may_listen(office.identity, "[::1]:8080")
    assert not enrol.may_listen(office.identity, "0.0.0.0:8080")
    await office.hire(ADMIN)
    assert enrol.may_listen(office.identity, "0.0.0.0:8080")
