"""A browser, a server of sample pages, and the accessibility checker."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Locator, Page, sync_playwright

CHROMIUM, SHELL = "/usr/bin/chromium", "/usr/bin/chromium-headless-shell"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PICTURES = Path(__file__).parent / "pictures"


class Album:
    """Where pictures of pages go when somebody asks for them; no test needs one to say whether a page is right."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        if folder:
            folder.mkdir(exist_ok=True)

    def take(self, page: Page, name: str, whole: bool = True) -> None:
        """A picture of a page, down to its end or as much as the window shows."""
        if self.folder:
            page.screenshot(path=self.folder / f"{name}.png", full_page=whole)


def running(path: str) -> Iterator[Browser]:
    """A browser with a fresh profile; it ends with the module, so that its event loop is in nobody's way."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window: the same engine, in two thirds of the time."""
    yield from running(SHELL)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's whole Chromium, which can show notifications."""
    yield from running(CHROMIUM)


HANDS = ("click", "press", "fill", "check", "press_sequentially", "select_option", "set_input_files")


@pytest.fixture(autouse=True)
def hands(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hands wait until the page that they are on has its scripts; what comes before that is for tests marked ``eager``."""
    if request.node.get_closest_marker("eager"):
        return
    for name in HANDS:
        monkeypatch.setattr(Locator, name, patiently(getattr(Locator, name)))


def patiently(do: Callable[..., Any]) -> Callable[..., Any]:
    """``do``, once the page has its scripts."""

    def done(self: Locator, *given: Any, **more: Any) -> Any:
        self.wait_for(state="attached")
        self.page.wait_for_load_state("domcontentloaded")
        return do(self, *given, **more)

    return done


@pytest.fixture(scope="session")
def pictures() -> Album:
    """The album of this run: filled by ``make pictures``, and not part of the repository."""
    return Album(PICTURES if os.environ.get("TOCSIN_PICTURES") else None)


class Server:
    """A real server in a thread, which can be stopped and started again on the same port."""

    def __init__(self, app: Any) -> None:
        self.app = app
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as chosen:
            self.port: int = chosen.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, and return when it does."""
        config = uvicorn.Config(
            self.app,
            host="127.0.0.1",
            port=self.port,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=0,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            if not self.thread.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop listening and cut off who is connected."""
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()
