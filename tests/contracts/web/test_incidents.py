"""Incidents over HTTP: the list, one incident, and its page, with whatever a report may say."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tocsin.app import Program
from tocsin.clock import TurnedClock
from tocsin.demo import COURIER, ITEMS, START, open_night
from tocsin.sense.news import News, news_report
from tocsin.settings import load
from tocsin.web.site import Site, create


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """The demo's program after its outlets have told everything."""
    chosen = load(None, {}, realm="exercise", sender="demo@tocsin.example", sender_name="Tocsin", home="UA-30")
    opened, _ = open_night(tmp_path, chosen, 60)
    clock = opened.clock = opened.store.clock = opened.intake.clock = opened.house.clock = TurnedClock(START)
    for item in ITEMS:
        clock.set(item.at)
        opened.intake.receive([item.report()])
    opened.settle()
    while opened.read_news():
        pass
    yield opened
    opened.close()


class Reply:
    """An answer as it came."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.status_code = messages[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        self.text = b"".join(message.get("body", b"") for message in messages[1:]).decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


class Client:
    """Asks the site as a server would."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def get(self, path: str, params: dict[str, Any] | None = None) -> Reply:
        """GET ``path``."""
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
            "raw_path": path.encode(), "query_string": urlencode(params or {}).encode(), "root_path": "",
            "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        asyncio.run(self.site(scope, receive, send))  # type: ignore[arg-type]
        return Reply(messages)


@pytest.fixture
def client(program: Program) -> Client:
    return Client(create(program.house))


def test_the_list_is_paged_and_bounded(client: Client) -> None:
    """A page of one names the next; both pages together are all, each once; an unknown place is refused."""
    first = client.get("/v1/incidents", params={"limit": 1}).json()
    second = client.get("/v1/incidents", params={"limit": 1, "after": first["next"]}).json()
    assert second["next"] is None
    titles = [one["title"]["en"] for page in (first, second) for one in page["incidents"]]
    assert titles == ["US embassy in Kyiv closes for the day", "Explosions heard in the east of Kyiv"]
    assert client.get("/v1/incidents", params={"limit": 1000}).status_code == 400
    assert client.get("/v1/incidents", params={"area": "XX-YY"}).status_code == 404


def test_one_incident_has_claims_sources_and_corrections(client: Client) -> None:
    """The keys are those of the briefing; evidence names reports that the sources name with outlet and address."""
    address = client.get("/v1/incidents", params={"area": "UA-30"}).json()["incidents"][1]["address"]
    told = client.get(address).json()
    assert {"id", "title", "when", "places", "reports", "claims", "protective_actions", "corrections"} <= set(told)
    reports = {one["report"]: one for one in told["sources"]}
    assert all(pointer["report"] in reports for one in told["corrections"] for pointer in one["evidence"])
    assert {one["outlet"] for one in reports.values()} == {"Міське радіо", "The Morning Courier", "Der Morgenbote"}
    missing = client.get("/v1/incidents/incident-0")
    assert (missing.status_code, missing.json()["code"]) == (404, "person.not-found")


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_the_page_keeps_the_old_wording_in_sight(client: Client, language: str) -> None:
    """What was corrected is struck through beside what replaced it, and the page says that it is no warning."""
    name = client.get("/v1/incidents").json()["incidents"][1]["id"]
    page = client.get(f"/incidents/{name}", params={"lang": language})
    assert page.headers["content-language"] == language
    assert '<s><span lang="en" dir="auto">It was first feared' in page.text or "<s>It was first feared" in page.text
    assert "in fact a household appliance was the cause" in page.text
    assert "script" not in page.text.replace("noscript", "")


def test_what_a_report_says_cannot_become_part_of_the_page(program: Program, client: Client) -> None:
    """Tags, scripts and addresses of another kind in a report are text, on both pages."""
    evil = '<script>alert(1)</script><b onclick="x">"'
    at = ITEMS[-1].at + timedelta(minutes=5)
    assert isinstance(program.clock, TurnedClock)
    program.clock.set(at)
    text = f"The mayor of Kyiv {evil} said that {evil} the bridge in Kyiv was closed on Wednesday {evil}."
    made = news_report(COURIER, News(f"Bridge {evil}", text, at, "en", evil, "javascript:alert(1)"), at)
    program.intake.receive([made])
    program.settle()
    while program.read_news():
        pass
    story = next(s for s in program.newsroom.incidents() if any(t.report == made.id for t in s.tellings))
    for path in (f"/incidents/{story.id}", "/at/UA-30"):
        page = client.get(path).text
        assert "alert(1)</script>" not in page
        assert "<b onclick" not in page
        assert 'href="javascript:' not in page
    assert "&lt;script&gt;" in client.get(f"/incidents/{story.id}").text


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_what_an_outlet_changed_without_a_word_stands_before_and_after(
    program: Program, client: Client, language: str
) -> None:
    """The old words are struck through beside the new ones, named for those who hear the page, with when we saw it."""
    name = client.get("/v1/incidents").json()["incidents"][1]["id"]
    old = ITEMS[0].report()
    news = json.loads(old.content)
    at = ITEMS[-1].at + timedelta(minutes=5)
    assert isinstance(program.clock, TurnedClock)
    program.clock.set(at)
    text = news["text"].replace("in the east of Kyiv shortly after one", "in the <b>west</b> of Kyiv shortly after two")
    article = News(news["headline"], text, at, "en", news["outlet"], news["url"], before=old.id)
    program.intake.receive([news_report(COURIER, article, at)])
    program.settle()
    while program.read_news():
        pass
    page = client.get(f"/incidents/{name}", params={"lang": language}).text
    assert page.count("<del>") == page.count("<ins>") == 2
    assert re.search(r"<del><span class=\"hide\"[^>]*> [^<]+ </span>east</del>", page)
    assert "&lt;b&gt;west&lt;/b&gt;</ins>" in page
    assert "09:45</time>" in page
    then = client.get(f"/incidents/{name}", params={"lang": language, "at": ITEMS[-1].at.isoformat()}).text
    assert "<del>" not in then, "what was known before the change does not show it"
