"""Coming into the console with a real browser and virtual authenticators, by keyboard, on a phone, in every language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.contracts.web.console.conftest import Office, opened
from tests.pages.conftest import Album, Server
from tests.pages.test_look import BROKEN, SIZES, judged
from tocsin.warn.enrolment import Way
from tocsin.warn.person import Role
from tocsin.web.console import enrol
from tocsin.web.console.text import LANGUAGES, words

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = AXE_FILE_PATH.read_text("utf-8")


def serve(folder: Path, realm: str) -> Iterator[tuple[Office, Server]]:
    """A console on a real server, under the address that it knows itself by."""
    server = Server(None)
    office = opened(folder, realm, url=f"http://127.0.0.1:{server.port}")
    server.app = office.app
    server.url = office.identity.origin.address
    server.start()
    yield office, server
    server.stop()
    office.building.store.close()


@pytest.fixture
def console(tmp_path: Path) -> Iterator[tuple[Office, Server]]:
    """The actual realm's console."""
    yield from serve(tmp_path, "actual")


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[tuple[Office, Server]]:
    """The exercise realm's console."""
    yield from serve(tmp_path, "exercise")


def person(browser: Browser, size: str = "desktop", language: str = "en", **given: object) -> Page:
    """Somebody's browser, with an authenticator that knows their finger."""
    width, height = SIZES[size]
    made = browser.new_context(viewport={"width": width, "height": height}, locale=language, **given)  # type: ignore[arg-type]
    page = made.new_page()
    page.on("pageerror", lambda wrong: pytest.fail(str(wrong)))
    authenticate(made, page)
    return page


def authenticate(context: BrowserContext, page: Page, verified: bool = True) -> str:
    """Give a tab a virtual authenticator with user verification and resident keys; its id."""
    wire = context.new_cdp_session(page)
    wire.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": verified,
        "automaticPresenceSimulation": True,
    }
    return str(wire.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"])


def violations(page: Page) -> list[str]:
    """What axe finds, one line a fault with the element it is about."""
    if page.evaluate("!window.axe"):
        page.evaluate(AXE)
    found = page.evaluate(
        "rules => axe.run({runOnly: rules, resultTypes: ['violations']})"
        ".then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 160) + ' ' + n.failureSummary)]))",
        RULES,
    )
    return [f"{rule}: {node}" for rule, nodes in found for node in nodes]


def look(page: Page, pictures: Album, name: str) -> None:
    """Nothing is inaccessible, cut off or too small to touch, light and dark, on a phone and on a desktop."""
    language = name[-2:] if name[-3:] in ("-uk", "-de", "-fr") else "en"
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            if judged(size, scheme, language):
                assert violations(page) == [], f"{name} {size} {scheme}"
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                f"{name} {size} scrolls sideways"
            )
            if language == "en" or judged(size, scheme, language):
                pictures.take(page, f"console-{name}-{scheme}-{size}")
        assert page.evaluate(BROKEN) == [], f"{name} {size}"
    small = page.evaluate(
        "[...document.querySelectorAll('a,button,summary,input:not([type=hidden]):not([type=checkbox]),select')]"
        ".filter(e => e.offsetParent && !e.matches('.skip') && !e.closest('p:not(.brand):not(:has(> .button))') )"
        ".filter(e => e.getBoundingClientRect().height < 43.5).map(e => e.outerHTML.slice(0, 120))"
    )
    assert small == [], name


def enrol_by_passkey(page: Page, address: str, name: str, email: str) -> None:
    """Follow a link, say who you are, touch the authenticator."""
    page.goto(address)
    page.get_by_label("Name").fill(name)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/console/account")


def test_from_the_first_link_to_signing_out(browser: Browser, console: tuple[Office, Server], pictures: Album) -> None:
    """The first administrator enrols, invites a colleague with a fresh proof, who enrols, signs out and in again."""
    office, server = console
    address = enrol.first_link(office.identity)
    assert address
    boss = person(browser)
    boss.goto(server.url + "/console/")
    expect(boss.get_by_text("Nobody is enrolled yet.")).to_be_visible()
    enrol_by_passkey(boss, address, "Olena Kovalenko", "olena@example.org")
    expect(boss.get_by_text("Olena Kovalenko · Administrator")).to_be_visible()

    boss.locator(".more > summary").click()
    boss.get_by_role("link", name="People").click()
    boss.get_by_role("checkbox", name="Author").check()
    boss.get_by_role("checkbox", name="Approver").check()
    boss.get_by_label("For whom").fill("Mykola, line one")
    boss.get_by_role("button", name="Make a link").click()
    link = boss.locator("#link").input_value()
    assert link.startswith(server.url + "/console/enrol/")
    (proved,) = office.building.store.read(0, 1000, ["session:proved"])
    assert b'"act":"administer","what":"/console/people","way":"passkey"' in proved.body

    colleague = person(browser, "phone")
    enrol_by_passkey(colleague, link, "Mykola Shevchuk", "mykola@example.org")
    expect(colleague.get_by_text("Mykola Shevchuk · Approver, Author")).to_be_visible()
    colleague.locator(".more > summary").click()
    assert colleague.get_by_role("link", name="People").count() == 0
    colleague.keyboard.press("Escape")
    expect(colleague.locator(".panel")).to_be_hidden()
    colleague.get_by_role("banner").get_by_role("button", name="Sign out").click()
    colleague.wait_for_url("**/console/signin")
    colleague.goto(server.url + "/console/account")
    assert urlsplit(colleague.url).query == "next=/console/account"
    colleague.get_by_role("button", name="Sign in with a passkey").click()
    expect(colleague.get_by_text("Mykola Shevchuk · Approver, Author")).to_be_visible()
    assert len(office.kinds("session:begun")) == 3

    again = boss.context.new_page()
    again.goto(link)
    expect(again.get_by_role("heading", name="This link was used before")).to_be_visible()
    boss.reload()
    boss.goto(server.url + "/console/people")
    card = boss.get_by_role("region", name="Mykola Shevchuk")
    card.get_by_text("Change").click()
    card.get_by_role("button", name="Remove and erase").click()
    expect(boss.get_by_text("Mykola Shevchuk")).to_have_count(0)
    colleague.reload()
    assert "/console/signin" in colleague.url
    boss.context.close()
    colleague.context.close()


def test_without_a_finger_nothing_happens(browser: Browser, console: tuple[Office, Server]) -> None:
    """An authenticator that does not verify its person enrols nobody, and the page says so."""
    office, _ = console
    made = browser.new_context()
    page = made.new_page()
    authenticate(made, page, verified=False)
    page.goto(enrol.invite(office.identity, (Role.AUTHOR,), enrol.OPERATOR).address)
    page.get_by_label("Name").fill("A")
    page.get_by_label("E-mail address").fill("a@example.org")
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("No passkey was used")
    assert office.kinds("person:enrolled") == []
    made.close()


def test_keyboard_alone(browser: Browser, console: tuple[Office, Server]) -> None:
    """Enrolling, signing out and signing in need no mouse, and the focus is seen at every step."""
    office, _ = console
    page = person(browser)
    page.goto(enrol.invite(office.identity, (Role.AUTHOR,), enrol.OPERATOR).address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Olena")
    page.keyboard.press("Tab")
    page.keyboard.type("olena@example.org")
    for _ in range(2):
        page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/console/(account)?$"))
    reach(page, "Sign out")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/signin")
    reach(page, "Sign in with a passkey")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/console/(account)?$"))
    page.context.close()


def reach(page: Page, text: str) -> None:
    """Press Tab until the button with this text has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if page.evaluate("document.activeElement.textContent").strip() == text:
            return
    raise AssertionError(f"Tab never comes to {text}")


def test_the_session_warns_and_goes_on(browser: Browser, console: tuple[Office, Server]) -> None:
    """Before a session ends the page counts down and offers to go on; after that it is over only when it says so."""
    office, _ = console
    page = person(browser)
    enrol_by_passkey(
        page, enrol.invite(office.identity, (Role.AUTHOR,), enrol.OPERATOR).address, "Olena", "o@example.org"
    )
    expect(page.locator("#session-text")).to_contain_text("You stay signed in until")
    expect(page.locator("#session-warning")).to_be_hidden()
    page.evaluate("document.getElementById('session').dataset.warn = '100000'")
    expect(page.locator("#session-warning")).to_be_visible()
    expect(page.locator("#session-text")).to_contain_text("Signed in for another")
    page.evaluate("document.getElementById('session').dataset.warn = '300'")
    office.wait(28 * 60)
    page.evaluate("document.getElementById('session-on').click()")
    expect(page.locator("#session-warning")).to_be_hidden()
    office.wait(29 * 60)
    page.reload()
    assert page.url.endswith("/console/account")
    office.wait(31 * 60)
    page.reload()
    assert "/console/signin" in page.url
    page.context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_are_accessible(browser: Browser, console: tuple[Office, Server], pictures: Album, language: str) -> None:
    """axe finds nothing on any identity page in any language, light and dark, on a phone and on a desktop."""
    office, server = console
    t = words(language)
    link = enrol.invite(office.identity, (Role.ADMINISTRATOR, Role.DUTY_OFFICER), enrol.OPERATOR).address
    page = person(browser, language=language)
    page.goto(server.url + "/console/signin")
    assert page.get_attribute("html", "lang") == language
    for one in page.locator("summary").all():
        one.click()
    look(page, pictures, f"signin-{language}")
    page.goto(link)
    page.locator("summary").click()
    look(page, pictures, f"enrol-{language}")
    page.get_by_label(t.say("person.name")).fill("Olena Kovalenko")
    page.get_by_label(t.say("email")).fill("olena@example.org")
    page.get_by_role("button", name=t.say("enrol.passkey")).click()
    page.wait_for_url("**/console/account")
    page.get_by_role("button", name=t.say("codes.make")).click()
    expect(page.locator(".codes li")).to_have_count(10)
    page.locator("summary").first.click()
    look(page, pictures, f"account-{language}")
    page.goto(server.url + "/console/people")
    page.get_by_role("checkbox", name=t.say("role.auditor")).first.check()
    page.get_by_role("button", name=t.say("invite.make")).click()
    expect(page.locator("#link")).to_be_visible()
    page.locator("summary").first.click()
    look(page, pictures, f"people-{language}")
    page.goto(server.url + "/console/enrol/spent")
    look(page, pictures, f"fault-{language}")
    office.wait(6 * 60)
    page.goto(server.url + "/console/account")
    expect(page.get_by_role("heading", name=t.say("account.locked"))).to_be_visible()
    page.get_by_role("button", name=t.say("prove.passkey")).click()
    expect(page.get_by_role("heading", name=t.say("account.locked"))).to_have_count(0)
    page.context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_proof_page(browser: Browser, console: tuple[Office, Server], pictures: Album, language: str) -> None:
    """Without a script a grave form comes back as a page that asks for the proof, and takes a passkey where there is one."""
    office, server = console
    t = words(language)
    page = person(browser, language=language)
    page.goto(enrol.invite(office.identity, (Role.ADMINISTRATOR,), enrol.OPERATOR).address)
    page.get_by_label(t.say("person.name")).fill("Olena")
    page.get_by_label(t.say("email")).fill("olena@example.org")
    page.get_by_role("button", name=t.say("enrol.passkey")).click()
    page.wait_for_url("**/console/account")
    page.goto(server.url + "/console/people")
    page.get_by_role("checkbox", name=t.say("role.author")).first.check()
    page.evaluate("document.querySelector('form[action=\"/console/people\"]').submit()")
    expect(page.get_by_role("heading", name=t.say("prove.title"))).to_be_visible()
    look(page, pictures, f"prove-{language}")
    page.get_by_role("button", name=t.say("prove.passkey")).click()
    expect(page.locator("#link")).to_be_visible()
    page.context.close()


def test_an_exercise_cannot_be_taken_for_the_real_thing(
    browser: Browser, drill: tuple[Office, Server], pictures: Album
) -> None:
    """The exercise console has another title, banner in every language, border, icon, and passkeys that say so."""
    office, server = drill
    page = person(browser)
    page.goto(server.url + "/console/signin")
    assert page.title().startswith("EXERCISE: ")
    banner = page.inner_text(".realm")
    assert all(word in banner for word in ("EXERCISE", "НАВЧАННЯ", "ÜBUNG", "EXERCICE"))
    assert "repeating-linear-gradient" in page.evaluate("getComputedStyle(document.body).borderImageSource")
    assert page.get_attribute("link[rel=icon]", "href") == "/console/static/exercise.svg"
    assert violations(page) == []
    enrol_by_passkey(
        page, enrol.invite(office.identity, (Role.AUTHOR,), enrol.OPERATOR).address, "Olena", "o@example.org"
    )
    (held,) = office.identity.book.credentials(office.identity.book.everybody()[0])
    assert held.way is Way.PASSKEY
    names = {cookie["name"] for cookie in page.context.cookies()}
    assert any(name.startswith("tocsin-exercise-") for name in names)
    assert not any("actual" in name for name in names)
    pictures.take(page, "console-exercise", whole=False)
    page.context.close()


def test_whole_without_a_script(browser: Browser, console: tuple[Office, Server]) -> None:
    """Without JavaScript an app enrols and signs in, and the page says what passkeys need."""
    import pyotp

    office, _ = console
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(enrol.invite(office.identity, (Role.AUTHOR,), enrol.OPERATOR).address)
    expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
    page.locator("summary").click()
    otp = pyotp.TOTP(page.locator("code").inner_text())
    page.get_by_label("Name").fill("Olena")
    page.get_by_label("E-mail address").fill("olena@example.org")
    page.get_by_label("Code from the app").fill(otp.at(int(office.identity.now().timestamp())))
    page.get_by_role("button", name="Enrol with the app").click()
    expect(page.get_by_role("banner").get_by_role("button", name="Sign out")).to_be_visible()
    page.get_by_role("banner").get_by_role("button", name="Sign out").click()
    page.locator("summary", has_text="Authenticator app").click()
    office.wait(30)
    page.get_by_label("E-mail address").fill("olena@example.org")
    page.get_by_label("Code from the app").fill(otp.at(int(office.identity.now().timestamp())))
    page.get_by_role("button", name="Sign in", exact=True).first.click()
    expect(page.get_by_role("banner").get_by_role("button", name="Sign out")).to_be_visible()
    page.context.close()


def test_every_language_says_everything() -> None:
    """The words are the same keys in every language, none empty, with the same places to fill."""
    english = words("en")
    for language in LANGUAGES:
        table = words(language).table
        assert set(table) == set(english.table)
        for key, text in table.items():
            assert text, (language, key)
            if isinstance(text, str):
                slots = {slot for _, slot in words(language).pieces(key) if slot}
                assert slots == {slot for _, slot in english.pieces(key) if slot}, (language, key)
