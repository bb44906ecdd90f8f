"""What travels out of an incident: its card in other pages, oEmbed, the feed of corrections, and what was known when."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.contracts.web.test_incidents import Client, program
from tocsin.app import Program
from tocsin.assess.incident import pointer
from tocsin.assess.ruling import INCIDENT_CORRECTED, Corrected
from tocsin.journal import fact
from tocsin.web.site import create

__all__ = ["program"]


@pytest.fixture
def client(program: Program) -> Client:
    """Somebody out there."""
    return Client(create(program.house))


def fire(program: Program) -> str:
    """The id of the fire's incident."""
    return next(one.id for one in program.newsroom.incidents() if one.incident.corrections)


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_the_card_shows_the_correction_and_when(program: Program, client: Client, language: str) -> None:
    """The old wording is struck through, the new stands, with the moment, the exercise mark and no script."""
    reply = client.get(f"/embed/incident/{fire(program)}", {"lang": language})
    assert reply.status_code == 200
    assert "<s>" in reply.text
    assert "<script" not in reply.text
    assert 30 <= int(reply.headers["refresh"]) <= 600
    assert f'<time datetime="{program.house.now().isoformat()}">' in reply.text
    assert 'data-realm="exercise"' in reply.text
    assert reply.text.index('class="exercise"') < reply.text.index("<h1>")
    assert len(reply.text) < 40_000


def test_only_the_card_may_stand_in_a_frame(program: Program, client: Client) -> None:
    """Its policy lets any page frame it and nothing else happen in it; no other page may be framed."""
    name = fire(program)
    reply = client.get(f"/embed/incident/{name}")
    policy = reply.headers["content-security-policy"]
    assert "frame-ancestors *" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert "x-frame-options" not in reply.headers
    for path in (f"/incidents/{name}", "/", "/at/UA-30", f"/v1/incidents/{name}", "/embed", "/embed/incident/none"):
        other = client.get(path)
        if other.status_code == 200:
            assert "frame-ancestors 'none'" in other.headers["content-security-policy"], path
            assert other.headers["x-frame-options"] == "DENY"
    assert client.get("/embed/incident/none").status_code == 404


def test_oembed_tells_how_to_embed_it_and_nothing_else(program: Program, client: Client) -> None:
    """Only an incident of this installation gives a frame, never larger than asked for, with its title escaped."""
    name, base = fire(program), program.settings.public_url.rstrip("/")
    reply = client.get("/v1/oembed", {"url": f"{base}/incidents/{name}", "maxwidth": 300})
    body = reply.json()
    assert (body["type"], body["version"], body["width"]) == ("rich", "1.0", 300)
    assert f'src="{base}/embed/incident/{name}"' in body["html"]
    assert body["html"].count("<") == 2
    for address in (
        "https://elsewhere.example/incidents/" + name,
        f"{base}/at/UA",
        f"{base}/incidents/",
        "javascript:1",
    ):
        assert client.get("/v1/oembed", {"url": address}).status_code == 404
    page = client.get(f"/incidents/{name}")
    assert quote(f"{base}/incidents/{name}", safe="/") in page.text


def test_the_feed_has_both_wordings_of_each_correction_once(program: Program, client: Client) -> None:
    """Newest first, the old struck through, the ids stay, and an editor's correction is one of them."""
    feed = client.get("/corrections.json")
    assert feed.headers["content-type"] == "application/feed+json"
    items = feed.json()["items"]
    assert len(items) == len({item["id"] for item in items}) == 3
    dates = [item["date_published"] for item in items]
    assert dates == sorted(dates, reverse=True)
    assert any("<s>It was first feared that drone debris" in item["content_html"] for item in items)
    assert {item["language"] for item in items} == {"en", "uk", "de"}
    story = program.newsroom.incident(fire(program))
    assert story is not None
    claim = next(one for one in story.incident.claims if one.text.startswith("A fire broke out"))
    said = Corrected(pointer(claim), "p1", "he said it", "Mayor of Kyiv")
    program.store.append([fact(INCIDENT_CORRECTED, story.id, said, program.settings.realm)])
    program.read_news()
    again = client.get("/corrections.json").json()["items"]
    assert {item["id"] for item in items} < {item["id"] for item in again}
    assert [item["_tocsin"]["right"] for item in again if item not in items] == ["Mayor of Kyiv"]
    assert client.get("/corrections.json", {"area": "UA-46"}).json()["items"] == []
    assert client.get("/corrections.json", {"area": "nowhere"}).status_code in (400, 404, 422)


def test_what_was_known_then_on_the_page_and_in_the_interface(program: Program, client: Client) -> None:
    """Each time on the timeline leads to what was known when it came, and that shows nothing that came later."""
    name = fire(program)
    page = client.get(f"/incidents/{name}", {"lang": "en"})
    moments = re.findall(r"\?at=([^&]+)&amp;lang=en", page.text)
    assert len(moments) == 5
    for count, moment in enumerate(moments, 1):
        at = moment.replace("%3A", ":").replace("%2B", "+")
        then = client.get(f"/incidents/{name}", {"at": at, "lang": "en"})
        assert then.status_code == 200
        assert "What was known at" in then.text
        assert f"{count} report" in then.text
        told = client.get(f"/v1/incidents/{name}", {"at": at}).json()
        assert len(told["sources"]) == count
    assert client.get(f"/incidents/{name}", {"at": "2024-11-19T10:00:00Z"}).status_code == 404
    assert client.get(f"/incidents/{name}", {"at": "nonsense"}).status_code == 400
