"""The client's phase table gives what the server's gives, run where it will run: in a browser."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.pages.conftest import FLAGS, SHELL

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src" / "tocsin" / "web" / "static"
CASES = json.loads((ROOT / "tests" / "rules" / "cap" / "phase_cases.json").read_text("utf-8"))


class Quiet(http.server.SimpleHTTPRequestHandler):
    """The static folder, without a line of log for each request."""

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page that has the module as ``twin``, served from loopback because modules need an origin."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(STATIC)))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=SHELL, args=FLAGS)
            found = browser.new_page()
            found.goto(f"http://127.0.0.1:{server.server_address[1]}/phase.js")
            found.evaluate("async () => { window.twin = await import(location.href); }")
            yield found
            browser.close()
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


RUN = {
    "legal": "(cases) => cases.map((one) => twin.legal(one.from, one.to))",
    "follow": "(cases) => cases.map((one) => twin.follow(one.before, one.saying, one.last))",
    "settle": "(cases) => cases.map((one) => twin.settle(one, one.at, one.fresh))",
    "decide": "(cases) => cases.map((one) => twin.decide(one.standings, one.contact))",
    "sounds": "(cases) => cases.map((one) => { const seen = new Map();"
    " return one.incoming.map((each) => twin.take(seen, each, one.at)); })",
}


@pytest.mark.parametrize("kind", sorted(RUN))
def test_same_cases(page: Page, kind: str) -> None:
    """Each shared case comes out in the browser as it is written, and as the server's own test has it."""
    cases = CASES[kind]
    found = page.evaluate(RUN[kind], cases)
    wanted = [one["legal"] if kind == "legal" else one["expect"] for one in cases]
    differing = [
        (one.get("name"), got, want) for one, got, want in zip(cases, found, wanted, strict=True) if got != want
    ]
    assert not differing
    assert len(cases) > 10


def test_every_list_of_cases_is_run() -> None:
    """No list of shared cases is left out here."""
    assert set(RUN) == set(CASES)


def test_unheard_of_is_never_calm(page: Page) -> None:
    """A phase that the client does not know is something to read and never green."""
    names = ["panic", "", None, "CALM", "Act", "green"]
    assert page.evaluate("(names) => names.map(twin.known)", names) == ["prepare"] * len(names)


def test_lost(page: Page) -> None:
    """Contact is lost after two intervals, and before anything was heard."""
    asked = [[None, 0], [0, 60_000], [0, 60_001], [100, 0]]
    assert page.evaluate("(asked) => asked.map(([heard, at]) => twin.lost(heard, at, 30000))", asked) == [
        True,
        False,
        True,
        False,
    ]


def test_silence_is_never_green(page: Page) -> None:
    """No standing that is settled without a fresh source is anything but unknown, at any time."""
    found = page.evaluate(
        "() => twin.PHASES.flatMap((phase) => [null, 0, 5, 10].flatMap((ends) => [0, 5, 9].map((at) =>"
        " twin.settle({ phase, ends }, at, false).phase)))"
    )
    assert set(found) == {"unknown"}
