"""A question on a phone: shown as what it is, leading to its answer and nowhere else, and never taken for a warning."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext

from tests.contracts.web.conftest import Server, building, drill, server
from tests.pages.conftest import chromium as browser
from tests.pages.test_app import Waker, notice, phone, ready

__all__ = ["browser", "building", "drill", "phone", "server"]
DATA = """async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(({ tag, data }) => [tag, data.open])"""


def question(name: str, url: str) -> dict[str, Any]:
    """What a roll call or a call to duty sends to a device."""
    texts = {"en": {"headline": "Embassy: are you safe?", "instruction": "Tap to answer."}}
    return notice("calm", identifier=name, event_id=name, url=url, areas=[], texts=texts)


def test_a_question_is_shown_and_leads_to_its_answer(phone: BrowserContext, server: Server) -> None:
    """Questions are not silent and lead to our own page of the answer; one that names another host leads nowhere."""
    waker = Waker(phone, ready(phone))
    waker.push(**question("ask-1", f"{waker.origin}/a/abcdefgh"))
    waker.push(**question("call-2", f"{waker.origin}/console/answer/sealed"))
    waker.push(**question("ask-3", "https://elsewhere.example/a/abcdefgh"))
    waker.push(**question("ask-4", f"{waker.origin}/v1/subscriptions"))
    found = waker.shown(lambda there: len(there) == 4)
    assert {one["title"] for one in found} == {"Embassy: are you safe?"}
    assert not any(one["silent"] for one in found)
    assert dict(waker.page.evaluate(DATA)) == {
        "ask-1": "/a/abcdefgh",
        "call-2": "/console/answer/sealed",
        "ask-3": "",
        "ask-4": "",
    }


def test_a_question_changes_nothing_about_a_warning(phone: BrowserContext, server: Server) -> None:
    """While act stands a question stands beside it; asked again it takes the place of the first question, not of the alert."""
    waker = Waker(phone, ready(phone))
    waker.push(**notice("act"))
    waker.push(**question("ask-1", f"{waker.origin}/a/abcdefgh"))
    waker.push(**question("ask-1", f"{waker.origin}/a/abcdefgh"))
    found = waker.shown(lambda there: len(there) == 2)
    assert sorted(one["tag"] for one in found) == ["ask-1", "night"]
