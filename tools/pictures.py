"""Makes the pictures of the public page in docs/pictures: ``python -m tools.pictures`` (needs Chromium).

- The page in act, in the exercise realm as ``make run`` shows it, on a phone and on a desktop, light and dark.
- From the same samples as the tests of the page, so a picture never shows what the program does not do.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.pages.conftest import FLAGS, SHELL, Server  # noqa: E402
from tests.pages.sample_site import site  # noqa: E402

# name, phase, language, realm, colour scheme, width, height
PICTURES = (
    ("page-act-desktop", "act", "en", "exercise", "light", 1280, 860),
    ("page-act-phone", "act", "uk", "exercise", "light", 390, 844),
    ("page-calm-phone", "calm", "en", "actual", "dark", 390, 844),
    ("page-prepare-phone", "prepare", "en", "actual", "light", 390, 844),
    ("page-all-clear-phone", "all-clear", "uk", "actual", "light", 390, 844),
    ("page-unknown-desktop", "unknown", "en", "actual", "light", 1280, 860),
)


def main() -> None:
    """Make them all."""
    folder = ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(site)
    server.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=SHELL, args=FLAGS)
        for name, phase, language, realm, scheme, width, height in PICTURES:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                reduced_motion="reduce",
            )
            # Without its script the page stands still and shows the samples' own time.
            context.route("**/static/*.js", lambda route: route.abort())
            page = context.new_page()
            page.goto(f"{server.url}/at/UA-30?phase={phase}&lang={language}&realm={realm}")
            page.screenshot(path=folder / f"{name}.png")
            print(f"docs/pictures/{name}.png")
            context.close()
        browser.close()
    server.stop()


if __name__ == "__main__":
    main()
