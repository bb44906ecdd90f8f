"""What strangers and insiders try: forged forms, guessed codes, framed pages, other people's roles, proofs for other steps."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pyotp
import pytest

from tests.contracts.web.console.conftest import Browser, Office, opened
from tocsin.warn.enrolment import Way
from tocsin.warn.person import Role
from tocsin.web.console import enrol
from tocsin.web.console.totp import LOCK_AFTER
from tocsin.web.console.visit import wanted

ADMIN, AUTHOR = Role.ADMINISTRATOR, Role.AUTHOR
FORM = "application/x-www-form-urlencoded"


async def with_app(office: Office, browser: Browser, email: str) -> tuple[str, pyotp.TOTP]:
    """Somebody who enrols with an authenticator app."""
    link = enrol.invite(office.identity, (AUTHOR,), enrol.OPERATOR)
    path = link.address.removeprefix(office.identity.origin.address)
    page = await browser.get(path)
    app = page.text.partition('name="app" value="')[2].partition('"')[0]
    secret = page.text.partition("into the app:")[2].partition("<code>")[2].partition("<")[0]
    otp = pyotp.TOTP(secret)
    fields = [("csrf", page.csrf(path)), ("app", app), ("name", "A"), ("email", email), ("phone", "")]
    code = otp.at(int(office.identity.now().timestamp()))
    wrong = f"{(int(code) + 1) % 1000000:06}"
    assert (await browser.post(path, [*fields, ("code", wrong)])).status == 400
    answer = await browser.post(path, [*fields, ("code", code)])
    assert (answer.status, answer.header("location")) == (303, "/console/account")
    person = office.identity.book.by_email(email)
    assert person
    return person, otp


def now(office: Office, otp: pyotp.TOTP) -> str:
    """The code that the app shows."""
    return otp.at(int(office.identity.now().timestamp()))


async def try_app(browser: Browser, email: str, code: str) -> tuple[int, str]:
    """Try to sign in by code; the status and what the page says, without what is different each time."""
    page = await browser.get("/console/signin")
    token = page.csrf("/console/signin/app")
    answer = await browser.post(
        "/console/signin/app", [("csrf", token), ("email", email), ("code", code), ("next", "")]
    )
    text = answer.text.replace(email, "").replace(browser.token("/console/signin/app"), "")
    return answer.status, text


# --- forged requests -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": None},
        {"origin": "http://localhost:2"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
    ],
    ids=str,
)
async def test_nothing_is_changed_from_elsewhere(office: Office, headers: dict[str, str]) -> None:
    """With every cookie and the right token, what comes from another page is refused."""
    _, browser = await office.hire(AUTHOR)
    answer = await browser.submit("/console/account/oncall", [("hours", "1")], **headers)
    assert (answer.status, answer.code) == (403, "person.forged-form")
    assert office.kinds("person:on-call") == []


async def test_a_token_is_for_one_form_of_one_session(office: Office) -> None:
    """No token, that of another form, of another session, or of before signing in: all refused."""
    _, browser = await office.hire(AUTHOR)
    _, other = await office.hire(AUTHOR)
    path = "/console/account/oncall"
    tokens = [
        "",
        "x",
        browser.token("/console/signout"),
        other.token(path),
        browser.token("json"),
        browser.token(path, "door"),
    ]
    for token in tokens:
        answer = await browser.post(path, [("csrf", token), ("hours", "1")])
        assert answer.code == "person.forged-form", token
    for token in ["", browser.token(path), other.token("json")]:
        answer = await browser.send("/console/session", {}, token)
        assert answer.code == "person.forged-form", token
    assert (await browser.post(path, [("csrf", browser.token(path)), ("hours", "1")])).status == 303


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", ""])
async def test_only_forms_and_json(office: Office, kind: str) -> None:
    """What another site can make a browser send without asking is not even read."""
    _, browser = await office.hire(AUTHOR)
    body = urlencode([("csrf", browser.token("/console/account/oncall")), ("hours", "1")]).encode()
    answer = await browser.ask("POST", "/console/account/oncall", body, content_type=kind)
    assert answer.code == "input.media-type"


async def test_signing_in_cannot_be_forged(office: Office) -> None:
    """Somebody else's page cannot sign a browser in as its own author, either."""
    _, browser = await office.hire(AUTHOR)
    victim = office.browser()
    page = await browser.get("/console/signin")
    options = (await browser.send("/console/signin/options", {}, browser.token("json"))).json()
    sent = {"token": options["token"], "credential": browser.authenticator.answer(options), "next": ""}
    assert page.status == 303
    for headers in ({"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}, {}):
        answer = await victim.send("/console/signin/passkey", sent, browser.token("json"), **headers)
        assert answer.code == "person.forged-form"
    assert victim.secret == ""


async def test_every_answer_is_hardened(office: Office) -> None:
    """No page can be framed, cached, or run anything that is not ours; cookies are strict and out of a script's reach."""
    _, browser = await office.hire(ADMIN)
    stranger = office.browser()
    for who, path in (
        (stranger, "/console/signin"),
        (browser, "/console/account"),
        (browser, "/console/people"),
        (stranger, "/console/enrol/x"),
    ):
        answer = await who.get(path)
        assert answer.header("x-frame-options") == "DENY"
        assert "frame-ancestors 'none'" in answer.header("content-security-policy")
        assert "unsafe" not in answer.header("content-security-policy")
        assert answer.header("cache-control") == "no-store"
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("referrer-policy") == "same-origin"
        assert "<script>" not in answer.text
        assert " style=" not in answer.text
        assert " on" not in "".join(
            part.partition(">")[0] for part in answer.text.split("<")[1:] if part.startswith(("button", "form", "a "))
        )
        for cookie in answer.every("set-cookie"):
            assert "HttpOnly" in cookie
            assert "samesite=strict" in cookie.lower()
    await browser.submit("/console/signout")
    answer = await browser.sign_in()
    (cookie,) = [one for one in answer.every("set-cookie") if "-session=" in one]
    assert cookie.startswith("tocsin-actual-session=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


async def test_where_signing_in_leads() -> None:
    """Only back into the console: no other site, however its address is spelt."""
    inside = ["/console/", "/console/account", "/console/drafts/1?x=2"]
    outside = [
        "", "/", "//evil.example/console/", "https://evil.example/console/", "/console/\\..\\evil", "/\\evil.example",
        "/console/signout", "/console/signin?next=/console/signin", "javascript:alert(1)", "/console/\r\nA: b", "/at/UA-30",
    ]  # fmt: skip
    assert [wanted(text) for text in inside] == inside
    assert {wanted(text) for text in outside} == {"/console/"}


async def test_html_in_a_name_stays_text(office: Office) -> None:
    """What a person writes about themselves is never markup, on no page."""
    _, boss = await office.hire(ADMIN)
    name = "<script>alert(1)</script>\"'><img src=x>"
    await boss.submit("/console/account", [("name", name), ("email", "a@example.org"), ("phone", "")])
    for path in ("/console/account", "/console/people"):
        text = (await boss.get(path)).text
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "&lt;script&gt;" in text


# --- proofs --------------------------------------------------------------------------------------------------------


async def test_a_proof_is_for_exactly_this_step(office: Office) -> None:
    """A proof made for other fields, another address, another act, another person or an earlier time does nothing."""
    _, boss = await office.hire(ADMIN)
    person, _ = await office.hire(AUTHOR)
    _, other = await office.hire(ADMIN)
    path, wanted_fields = f"/console/people/{person}/roles", [("role", "auditor")]

    async def refused(proof: str, fields: list[tuple[str, str]] = wanted_fields, who: Browser = boss) -> None:
        answer = await who.submit(path, [*fields, ("proof", proof)])
        assert answer.code == "person.not-fresh"

    await refused(await boss.proof("administer", path, [("role", "author")]))
    await refused(await boss.proof("administer", path, []))
    await refused(await boss.proof("look", path, wanted_fields))
    await refused(await boss.proof("administer", "/console/people", wanted_fields))
    await refused(await other.proof("administer", path, wanted_fields))
    await refused(await boss.proof("administer", path, wanted_fields, challenge="AAAA"))
    await refused(await boss.proof("administer", path, wanted_fields), [("role", "auditor"), ("role", "administrator")])
    for broken in ("{}", "[]", "x", '{"token":"x","credential":{}}', '{"token":"","credential":null}'):
        await refused(broken)
    late = await boss.proof("administer", path, wanted_fields)
    office.wait(121)
    await refused(late)
    good = await boss.proof("administer", path, wanted_fields)
    assert (await boss.submit(path, [*wanted_fields, ("proof", good)])).status == 303
    await refused(good)
    assert office.identity.roles(person) == {Role.AUDITOR}
    assert len(office.kinds("session:unproved")) == 14
    proved = office.building.store.read(0, 1000, ["session:proved"])
    told = [msgspec.json.decode(one.body) for one in proved]
    assert [(one["act"], one["what"], one["way"]) for one in told] == [("administer", path, "passkey")]
    assert len(told[0]["digest"]) == 64


async def test_without_a_script_the_page_asks(office: Office) -> None:
    """A form sent without a proof comes back whole, with what it takes, and nothing was done."""
    _, boss = await office.hire(ADMIN)
    answer = await boss.submit("/console/people", [("role", "author"), ("role", "approver"), ("note", 'for "O"')])
    assert (answer.status, answer.code) == (403, "person.not-fresh")
    assert answer.text.count('type="hidden" name="role"') == 2
    assert "for &#34;O&#34;" in answer.text
    assert 'data-proof="administer"' in answer.text
    assert office.kinds("invitation:made") == [office.kinds("invitation:made")[0]]


async def test_changing_how_one_signs_in_needs_a_recent_proof(office: Office) -> None:
    """Five minutes after signing in an open session can neither add nor take away a way in."""
    _, browser = await office.hire(AUTHOR)
    office.wait(5 * 60 + 1)
    for path in ("/console/account/passkey/options", "/console/account/passkey"):
        assert (await browser.send(path, {}, browser.token("json"))).code == "person.not-fresh"
    for path in ("/console/account/app", "/console/account/codes", "/console/account/drop", "/console/account"):
        assert (await browser.submit(path)).code == "person.not-fresh", path
    assert (await browser.prove("look", "/console/account/confirm")).status == 303
    answer = await browser.submit("/console/account/codes")
    assert answer.text.count("<li><code>") == 10


async def test_the_only_way_in_stays(office: Office) -> None:
    """Nobody locks themselves out; with two ways one can go, and the journal has it."""
    person, browser = await office.hire(AUTHOR)
    (held,) = office.identity.book.credentials(person)
    assert (await browser.submit("/console/account/drop", [("credential", held.id)])).code == "person.illegal-step"
    options = (await browser.send("/console/account/passkey/options", {}, browser.token("json"))).json()
    made = browser.authenticator.make(options)
    answer = await browser.send(
        "/console/account/passkey",
        {"token": options["token"], "credential": made, "label": "key ring"},
        browser.token("json"),
    )
    assert answer.status == 200
    assert "key ring" in (await browser.get("/console/account")).text
    assert (await browser.submit("/console/account/drop", [("credential", held.id)])).status == 303
    assert [one.id for one in office.identity.book.credentials(person)] != [held.id]
    assert len(office.kinds("credential:added", "credential:removed")) == 3


async def test_nobody_drops_anothers_credential(office: Office) -> None:
    """The id of somebody else's passkey means nothing to anybody but its owner."""
    other, _ = await office.hire(AUTHOR)
    _, browser = await office.hire(AUTHOR)
    (held,) = office.identity.book.credentials(other)
    assert (await browser.submit("/console/account/drop", [("credential", held.id)])).code == "person.not-found"
    assert office.identity.book.credentials(other) == [held]


async def test_asking_for_more_than_one_may_is_recorded(office: Office) -> None:
    """Who asks for what their roles do not grant stands in the journal, with the address and without a name."""
    person, browser = await office.hire(AUTHOR)
    assert (await browser.get("/console/people")).code == "person.not-allowed"
    (entry,) = office.building.store.read(0, 1000, ["session:refused"])
    assert msgspec.json.decode(entry.body) == {"person": person, "act": "administer", "what": "/console/people"}


# --- codes ---------------------------------------------------------------------------------------------------------


async def test_a_code_signs_in_once(office: Office) -> None:
    """An app's code signs in, and the same code, or an earlier one, never again."""
    browser = office.browser()
    _, otp = await with_app(office, browser, "app@example.org")
    await browser.submit("/console/signout")
    used = now(office, otp)
    assert (await try_app(browser, "app@example.org", used))[0] == 403
    office.wait(30)
    code = now(office, otp)
    assert (await try_app(browser, "APP@example.org", f"{code[:3]} {code[3:]}"))[0] == 303
    await browser.submit("/console/signout")
    for again in (code, used):
        assert (await try_app(browser, "app@example.org", again))[0] == 403
    office.wait(300)
    assert (await try_app(browser, "app@example.org", now(office, otp)))[0] == 303


async def test_a_code_proves_presence_once(office: Office) -> None:
    """Without a passkey a fresh code in the same form will do; the one that signed in will not."""
    browser = office.browser()
    person, otp = await with_app(office, browser, "app@example.org")
    _, boss = await office.hire(ADMIN)
    assert (
        await boss.prove("administer", f"/console/people/{person}/roles", [("role", "administrator")])
    ).status == 303
    used = now(office, otp)
    fields = [("role", "author"), ("note", "")]
    assert (await browser.submit("/console/people", [*fields, ("code", used)])).code == "person.not-fresh"
    office.wait(30)
    code = now(office, otp)
    assert (await browser.submit("/console/people", [*fields, ("code", code)])).status == 200
    assert (await browser.submit("/console/people", [*fields, ("code", code)])).code == "person.not-fresh"


async def test_nobody_learns_who_is_known(office: Office) -> None:
    """Known with a wrong code, known with the right code when locked, unknown: the same status and the same page."""
    browser, stranger = office.browser("192.0.2.1"), office.browser("192.0.2.2")
    person, otp = await with_app(office, browser, "app@example.org")
    known = await try_app(stranger, "app@example.org", "000000")
    unknown = await try_app(stranger, "nobody@example.org", "000000")
    assert known == unknown
    assert known[0] == 403
    (held,) = office.identity.book.credentials(person)
    for _ in range(LOCK_AFTER):
        office.identity.book.fail(held)
    office.wait(3600)
    assert await try_app(stranger, "app@example.org", now(office, otp)) == unknown
    kinds = office.building.store.read(0, 1000, ["signin:refused"])
    assert all(b"example.org" not in one.body and person.encode() not in one.body for one in kinds)
    assert {one.subject for one in kinds} == {"totp"}


async def test_known_and_unknown_do_the_same_work(office: Office) -> None:
    """For a name nobody has, as many rows are read and written as for one that is known."""
    browser = office.browser()
    await with_app(office, browser, "app@example.org")
    store, did = office.building.store, []
    write = store.write
    for email in ("app@example.org", "nobody@example.org", "app@example.org", "nobody@example.org"):
        calls: list[str] = []
        store.write = lambda fn, calls=calls: (calls.append(fn.__qualname__), write(fn))[1]  # type: ignore[method-assign]
        try:
            with pytest.raises(Exception, match="sign"):
                office.identity_codes().sign_in(email, "000000", "192.0.2.3")
        finally:
            store.write = write  # type: ignore[method-assign]
        did.append(calls)
    assert did[2] == did[3]
    assert did[2] == ["SqlPeople.fail.<locals>.change"]


async def test_guessing_is_slow(office: Office) -> None:
    """Five tries at one person from anywhere, ten from one address; then it takes minutes, known or not."""
    await with_app(office, office.browser(), "app@example.org")
    for email in ("app@example.org", "nobody@example.org"):
        answers = [(await try_app(office.browser(f"198.51.100.{n}"), email, "000000"))[0] for n in range(7)]
        assert answers == [403] * 5 + [429] * 2
    office.wait(3600)
    one = office.browser("203.0.113.5")
    answers = [(await try_app(one, f"{n}@example.org", "000000"))[0] for n in range(12)]
    assert answers == [403] * 10 + [429] * 2


async def test_twenty_wrong_codes_lock_the_app_until_another_way(office: Office) -> None:
    """After twenty wrong codes in a row the app opens nothing; a recovery code does, and opens the app again."""
    browser = office.browser()
    person, otp = await with_app(office, browser, "app@example.org")
    page = await browser.submit("/console/account/codes")
    codes = [part.partition("<")[0] for part in page.text.split("<li><code>")[1:]]
    assert len(set(codes)) == 10
    await browser.submit("/console/signout")
    (held,) = office.identity.book.credentials(person, Way.TOTP)
    for _ in range(LOCK_AFTER):
        office.identity.book.fail(held)
    office.wait(3600)
    assert (await try_app(browser, "app@example.org", now(office, otp)))[0] == 403
    path = "/console/signin/recovery"
    await browser.get("/console/signin")
    answer = await browser.submit(path, [("recovery", codes[3].lower().replace("-", " ")), ("next", "")])
    assert answer.status == 303
    await browser.submit("/console/signout")
    await browser.get("/console/signin")
    assert (await browser.submit(path, [("recovery", codes[3]), ("next", "")])).status == 403
    office.wait(3600)
    assert (await try_app(browser, "app@example.org", now(office, otp)))[0] == 303


async def test_a_flood_of_refusals_does_not_fill_the_journal(office: Office) -> None:
    """After sixty the rest is told by its number."""
    for n in range(100):
        with pytest.raises(Exception, match="sign"):
            office.identity.refuse(Way.PASSKEY, "not known", f"198.51.100.{n}")
    assert len(office.kinds("signin:refused")) == 60
    office.wait(1)
    with pytest.raises(Exception, match="sign"):
        office.identity.refuse(Way.PASSKEY, "not known", "203.0.113.1")
    assert msgspec.json.decode(office.building.store.read(0, 1000, ["signin:refused"])[-1].body)["more"] == 40


async def test_knocking_is_bounded(office: Office) -> None:
    """Who is not signed in may ask for thirty challenges at once and then one a second."""
    browser = office.browser()
    page = await browser.get("/console/signin")
    answers = [(await browser.send("/console/signin/options", {}, page.json_token)).status for _ in range(32)]
    assert answers == [200] * 30 + [429] * 2


async def test_this_machine_by_number_leads_to_its_name(office: Office) -> None:
    """A passkey belongs to a name: 127.0.0.1 leads to localhost, and beyond this machine plain http opens nothing."""
    answer = await office.browser().get("/console/signin?lang=de", host="127.0.0.1:1")
    assert (answer.status, answer.header("location")) == (307, "http://localhost:1/console/signin?lang=de")


# --- where the console is ------------------------------------------------------------------------------------------


async def test_over_https(tmp_path: Path) -> None:
    """Over https every cookie is secure and bears the prefix that no subdomain and no plain connection can plant."""
    office = opened(tmp_path, url="https://warn.example.org")
    try:
        _, browser = await office.hire(AUTHOR)
        await browser.submit("/console/signout")
        answer = await browser.sign_in()
        (cookie,) = [one for one in answer.every("set-cookie") if "-session=" in one]
        assert cookie.startswith("__Host-tocsin-actual-session=")
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
        assert (await browser.get("/console/account")).status == 200
        plain = office.browser()
        plain.cookies = {"tocsin-actual-session": browser.secret}
        assert (await plain.get("/console/account")).status == 303
    finally:
        office.building.store.close()


@pytest.mark.parametrize("url", ["http://warn.example.org", "https://192.0.2.7", "http://192.0.2.7:8080"])
async def test_no_console_in_clear_or_without_a_name(tmp_path: Path, url: str) -> None:
    """Beyond this machine there is no console over plain http, and none under a number; nothing is answered there."""
    office = opened(tmp_path, url=url)
    try:
        for path in ("/console/", "/console/signin"):
            answer = await office.browser().get(path)
            assert (answer.status, answer.code) == (503, "operator.settings")
    finally:
        office.building.store.close()


async def test_tries_are_counted_by_who_is_behind_our_proxy(office: Office) -> None:
    """Our own proxy is believed about who asks, a stranger is not, and so nobody shuts others out or slips through."""
    behind = office.browser("127.0.0.1")
    for n in range(12):
        await behind.get("/console/signin")
        token = behind.token("/console/signin/recovery")
        fields = [("csrf", token), ("recovery", "x"), ("next", "")]
        answer = await behind.post("/console/signin/recovery", fields, x_forwarded_for=f"evil, 198.51.100.{n}")
        assert answer.status == 403
    stranger, statuses = office.browser("203.0.113.9"), []
    for n in range(12):
        await stranger.get("/console/signin")
        fields = [("csrf", stranger.token("/console/signin/recovery")), ("recovery", "x"), ("next", "")]
        answer = await stranger.post("/console/signin/recovery", fields, x_forwarded_for=f"198.51.100.{n}")
        statuses.append(answer.status)
    assert statuses == [403] * 10 + [429] * 2


async def test_what_breaks_tells_nobody_a_link(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    """A fault inside is a page without a trace, and the log names the route and never an invitation's secret."""
    link = enrol.invite(office.identity, (AUTHOR,), enrol.OPERATOR).address
    office.identity.book.invitation = None  # type: ignore[assignment,method-assign]
    answer = await office.browser().get(link.removeprefix(office.identity.origin.address))
    assert answer.status == 500
    assert "Traceback" not in answer.text
    assert "TypeError" not in answer.text
    assert "/console/enrol/{link}" in caplog.text
    assert link[-43:] not in caplog.text
