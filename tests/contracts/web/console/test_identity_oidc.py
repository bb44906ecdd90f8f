"""Signing in through an OpenID Connect issuer that runs here, right and wrong in every way."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.contracts.web.conftest import NOON
from tests.contracts.web.console.conftest import Browser, Office, Page, opened
from tests.contracts.web.console.directory import CLIENT, SECRET, Directory
from tocsin.errors import SettingsError
from tocsin.settings import Settings
from tocsin.warn.person import Role
from tocsin.web.console import enrol


@pytest.fixture
def directory() -> Iterator[Directory]:
    """A real issuer on loopback."""
    made = Directory(lambda: NOON)
    yield made
    made.stop()


@pytest.fixture
def office(tmp_path: Path, directory: Directory) -> Iterator[Office]:
    """A house that knows the issuer."""
    (tmp_path / "oidc.secret").write_text(f"{SECRET}\n", "utf-8")
    made = opened(
        tmp_path,
        oidc_issuer=directory.issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret_file="oidc.secret",
        oidc_name="Ministry",
    )
    directory.now = made.building.clock.now
    yield made
    made.building.store.close()


async def there_and_back(browser: Browser, query: str = "") -> Page:
    """Go to the issuer and come back, as a browser does."""
    away = await browser.get(f"/console/signin/oidc{query}")
    if away.status != 303:
        return away
    target = urlsplit(away.header("location"))
    assert target.hostname
    connection = http.client.HTTPConnection(target.hostname, target.port, timeout=10)
    try:
        connection.request("GET", f"{target.path}?{target.query}")
        answer = connection.getresponse()
        back = urlsplit(answer.getheader("location") or "")
    finally:
        connection.close()
    assert f"{back.scheme}://{back.netloc}{back.path}" == "http://localhost:1/console/signin/oidc/back"
    return await browser.get(f"{back.path}?{back.query}", sec_fetch_site="cross-site")


async def enrolled(office: Office) -> Browser:
    """Somebody who enrols through the issuer, and signs out."""
    link = enrol.invite(office.identity, (Role.AUTHOR,), enrol.OPERATOR)
    browser = office.browser()
    answer = await there_and_back(browser, f"?invitation={link.address[-43:]}")
    assert answer.status == 200, answer.text
    await browser.submit("/console/signout")
    return browser


async def test_enrol_and_sign_in(office: Office) -> None:
    """Enrolled by invitation through the issuer, a person signs in with it; the strict cookie comes by a page of ours."""
    browser = await enrolled(office)
    page = await browser.get("/console/signin")
    assert "Sign in with Ministry" in page.text
    answer = await there_and_back(browser, "?next=/console/account")
    assert answer.status == 200
    assert 'http-equiv="refresh" content="0;url=/console/account"' in answer.text
    account = await browser.get("/console/account")
    assert "Jane Doe" in account.text
    assert "jane@example.org" in account.text
    assert [kind for kind, _ in office.kinds("person:enrolled")] == ["person:enrolled"]


async def test_an_unknown_subject_is_a_stranger(office: Office, directory: Directory) -> None:
    """The issuer's word that somebody is somebody opens nothing by itself, not even with a known e-mail address."""
    browser = await enrolled(office)
    directory.who = {"sub": "other", "name": "Jane Doe", "email": "jane@example.org"}
    answer = await there_and_back(browser)
    assert (answer.status, answer.code) == (403, "person.sign-in-refused")
    assert browser.secret == ""


@pytest.mark.parametrize(
    "wrong",
    [
        "state", "answer issuer", "no answer issuer", "issuer", "audience", "audiences", "party", "expired", "nonce",
        "no nonce", "no subject", "none", "shared secret", "other key", "embedded key", "garbage",
    ],
)  # fmt: skip
async def test_whatever_is_wrong_is_one_refusal(office: Office, directory: Directory, wrong: str) -> None:
    """State, issuer, audience, party, times, nonce, subject, algorithm and key are each looked at."""
    browser = await enrolled(office)
    directory.wrong = wrong
    answer = await there_and_back(browser)
    assert (answer.status, answer.code) == (403, "person.sign-in-refused")
    assert browser.secret == ""
    assert office.kinds("signin:refused") == [("signin:refused", "oidc")]


async def test_the_issuer_changes_its_key(office: Office, directory: Directory) -> None:
    """A token by a key we have not seen yet has us look at the issuer's keys once more."""
    browser = await enrolled(office)
    before = directory.asked.count("keys")
    directory.wrong = "new key"
    assert (await there_and_back(browser)).status == 200
    assert directory.asked.count("keys") == before + 1
    assert directory.asked.count("about") == 1


async def test_coming_back_counts_once_and_in_time(office: Office, directory: Directory) -> None:
    """The cookie that went along counts once, ends after ten minutes, and without it nobody comes back."""
    browser = await enrolled(office)
    away = await browser.get("/console/signin/oidc")
    cookies = dict(browser.cookies)
    assert (await there_and_back(browser)).status == 200
    await browser.submit("/console/signout")
    browser.cookies = cookies
    state = away.header("location").partition("state=")[2].partition("&")[0]
    back = f"/console/signin/oidc/back?code=x&state={state}&iss={directory.issuer}"
    assert (await browser.get(back)).code == "person.sign-in-refused"
    assert (await browser.get(back)).code == "person.forged-form"
    browser.cookies = {}
    assert (await browser.get(back)).code == "person.forged-form"
    await browser.get("/console/signin/oidc")
    office.wait(601)
    assert (await browser.get(back)).code == "person.forged-form"


async def test_an_issuer_that_calls_itself_otherwise(office: Office, directory: Directory) -> None:
    """A discovery document of somebody else is not followed."""
    directory.wrong = "discovery"
    assert (await office.browser().get("/console/signin/oidc", accept="application/json")).status == 503


async def test_an_issuer_that_is_gone(office: Office, directory: Directory) -> None:
    """When the issuer does not answer, that is said, and passkeys go on."""
    directory.stop()
    answer = await office.browser().get("/console/signin/oidc", accept="application/json")
    assert (answer.status, answer.code) == (502, "other-side.source")
    await office.hire(Role.AUTHOR)


def test_only_https_beyond_this_machine(tmp_path: Path) -> None:
    """An issuer in clear, a missing client id or secret file: the start says so."""
    for given in (
        {"oidc_issuer": "http://idp.example.org", "oidc_client_id": "x"},
        {"oidc_issuer": "https://idp.example.org"},
        {"oidc_issuer": "https://idp.example.org", "oidc_client_id": "x", "oidc_client_secret_file": "no.secret"},
    ):
        folder = tmp_path / str(len(given)) / given["oidc_issuer"][-3:] / str(len(str(given)))
        folder.mkdir(parents=True)
        with pytest.raises(SettingsError):
            opened(folder, **given)


def test_no_default_credential() -> None:
    """No setting brings a credential with it."""
    settings = Settings()
    assert settings.oidc_issuer == settings.oidc_client_id == settings.oidc_client_secret_file == ""
