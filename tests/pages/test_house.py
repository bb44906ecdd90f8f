"""The public page of a real house: its journal, its situation, its stream, its server, and a browser in front of it."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.contracts.web.conftest import Building, Server, building, drill, server
from tests.pages.conftest import browser

__all__ = ["browser", "building", "drill", "server"]


def html(server: Server, path: str = "/", **headers: str) -> str:
    """The text of a page."""
    reply = server.get(path, **headers)
    assert reply.status == 200, reply.body[:300]
    return reply.body.decode()


def phase(page: str) -> str:
    """The phase of a page."""
    found = re.search(r'<body data-phase="([\w-]+)"', page)
    assert found is not None
    return found[1]


def test_before_any_source_was_heard_it_is_unknown_and_not_calm(server: Server) -> None:
    """After a start nothing is known, so the page says so; calm comes with the source's word only."""
    assert phase(html(server)) == "unknown"
    assert "No source has been heard" in html(server)
    server.building.hear()
    assert phase(html(server)) == "calm"


def test_a_warning_and_its_end(server: Server) -> None:
    """What is published is on the page of the place, with its region, and the all-clear becomes calm by the clock."""
    building = server.building
    building.hear()
    building.publish("act", event_id="night")
    page = html(server, "/at/UA-30")
    assert phase(page) == "act"
    assert "Go to a shelter now." in page
    assert "14:00 Kyiv time" in page
    assert 'class="r act here"' in page
    assert phase(html(server, "/at/UA-63")) == "calm"
    building.clock.turn(600)
    building.hear()
    building.publish("all-clear", event_id="night", version=2)
    page = html(server, "/at/UA-30")
    assert phase(page) == "all-clear"
    assert "1 alert<" in page
    assert re.search(r"10\s*min in total, the longest 14:00–14:10", page)
    building.clock.turn(1801)
    building.hear()
    assert phase(html(server, "/at/UA-30")) == "calm"


def test_a_silent_source_makes_unknown(server: Server) -> None:
    """When the source falls silent the page says what was last known and never calm."""
    building = server.building
    building.hear()
    building.publish("act")
    building.clock.turn(61)
    page = html(server)
    assert phase(page) == "unknown"
    assert "“Act now”" in page


def test_a_part_of_the_country(server: Server) -> None:
    """The page of the country shows that a part of it is warned, and which (F21)."""
    server.building.hear()
    server.building.publish("act", areas=("UA-30", "UA-32"))
    page = html(server, "/at/UA")
    assert phase(page) == "act"
    assert "part of Ukraine: Kyiv City, Kyiv Oblast" in page


@pytest.mark.parametrize(
    ("path", "accept", "language"),
    [
        ("/", "uk-UA,uk;q=0.9,en;q=0.5", "uk"),
        ("/", "pl,fr-CH;q=0.7", "fr"),
        ("/", "", "en"),
        ("/", "tlh", "en"),
        ("/?lang=de", "uk", "de"),
        ("/?lang=%22%3E%3Cscript%3E", "uk", "uk"),
        ("/at/UA-30?lang=fr", "uk", "fr"),
    ],
)
def test_the_language_is_the_link_s_or_the_reader_s(server: Server, path: str, accept: str, language: str) -> None:
    """A language link wins over Accept-Language; what is not offered is not an error; the page says its language."""
    reply = server.get(path, accept_language=accept)
    assert f'<html lang="{language}" dir="ltr">' in reply.body.decode()
    assert reply.headers["content-language"] == language
    assert "Accept-Language" in reply.headers["vary"]
    assert "<script>" not in reply.body.decode()


def test_links_keep_a_chosen_language(server: Server) -> None:
    """Whoever chose a language by link keeps it on the way to other places."""
    assert 'href="/at/UA-63?lang=uk"' in html(server, "/?lang=uk")
    assert 'href="/at/UA-63"' in html(server, "/")


def test_the_response_is_small_strict_and_fresh(server: Server) -> None:
    """At most 14 KB on the wire, only our own files, never kept by a cache without asking."""
    server.building.hear()
    for wanted in ("act", "prepare", "hold"):
        server.building.publish(wanted, areas=("UA",), response_types=("Shelter",))
    for language in ("en", "uk", "de", "fr"):
        reply = server.get(f"/?lang={language}", accept_encoding="gzip")
        assert reply.headers["content-encoding"] == "gzip"
        assert len(reply.body) <= 14 * 1024
        assert b"</html>" in gzip.decompress(reply.body)
    policy = reply.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.doubled == []


def test_words_of_an_alert_are_text_and_never_code(server: Server) -> None:
    """Whatever stands in an alert, the page shows it as text."""
    building = server.building
    building.hear()
    evil = '<script>alert(1)</script><img src="http://evil.example/x.png">'
    building.publish("prepare", headline=evil, description=evil, instruction=evil)
    building.house.sources = {}
    page = html(server)
    assert "<script>alert" not in page
    assert "<img" not in page


def test_a_place_that_is_not_there(server: Server) -> None:
    """An unknown place is 404, and the page never invents a state for it."""
    assert server.get("/at/UA-99").status == 404
    assert server.get("/static/../site.py").status == 404
    assert server.get("/static/page.css").status == 404
    assert server.get("/static/live.js").status == 200


def test_an_exercise_house(drill: Server) -> None:
    """A house of the exercise realm marks every page."""
    drill.building.hear()
    drill.building.publish("act")
    page = html(drill)
    assert "<title>EXERCISE: Go to a shelter now." in page
    assert 'data-realm="exercise"' in page
    assert "НАВЧАННЯ" in page


class Streaming(Server):
    """A house whose stream runs: it tells what is recorded, and beats."""

    def _serve(self) -> None:
        async def serve() -> None:
            streaming = asyncio.create_task(self.house.hub.run())
            await self._server.serve(sockets=[self.socket])
            streaming.cancel()
            self.house.hub.close()

        with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
            runner.run(serve())


def test_the_browser_follows_the_real_stream_and_knows_when_it_is_gone(browser: Browser, tmp_path: Path) -> None:
    """From the journal to the open page without a reload, and to unknown by itself when the house is gone."""
    building = Building(tmp_path, heartbeat_seconds=1)
    building.house.hub.interval_s = 1
    server = Streaming(building)
    building.hear()
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.base}/?lang=en")
    expect(page.locator("#link.on")).to_be_attached(timeout=8000)
    building.clock.turn(1)
    building.publish("act")
    expect(page.locator("body[data-phase=act]")).to_be_attached(timeout=8000)
    expect(page.locator("h1")).to_have_text("Go to a shelter now.")
    assert any("/v1/stream?area=UA-30" in url for url in asked)
    assert all(url.startswith(server.base) for url in asked)
    server.stop()
    expect(page.locator("body[data-phase=unknown]")).to_be_attached(timeout=20000)
    assert "Act now" in page.inner_text("#said")
    page.close()
    building.store.close()
