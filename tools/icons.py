"""Draw the app's icons (PNG) with a browser: ``python -m tools.icons``; run again when the bell or the colours change.

The yellow edge of the exercise realm stays inside the round part that launchers may cut out (W3C: maskable icons).
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import sync_playwright

ICONS = Path(__file__).parents[1] / "src" / "tocsin" / "web" / "static" / "icon"
BELL = (
    '<path d="M5 17h14c-1.5-1.5-2-3.5-2-7a5 5 0 0 0-10 0c0 3.5-.5 5.5-2 7Zm5 3.5h4M12 2.5V5" fill="none" '
    'stroke="#fff" stroke-width="1.8" stroke-linejoin="round" stroke-linecap="round"/>'
)
EDGE = {"actual": "", "exercise": '<circle cx="12" cy="12" r="8.6" fill="none" stroke="#ffd400" stroke-width="1.6"/>'}


def drawing(realm: str, size: int) -> str:
    """The icon of a realm as SVG of ``size`` pixels."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="{size}" height="{size}">'
        f'<rect width="24" height="24" fill="#16202e"/>{EDGE[realm]}'
        f'<g transform="translate(6.2 6.2) scale(.48)">{BELL}</g></svg>'
    )


def main() -> None:
    """Write every icon."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for realm in EDGE:
            for size in (192, 512):
                page = browser.new_page(viewport={"width": size, "height": size})
                page.set_content(f"<style>body{{margin:0}}svg{{display:block}}</style>{drawing(realm, size)}")
                page.screenshot(path=ICONS / f"app-{realm}-{size}.png")
        browser.close()


if __name__ == "__main__":
    main()
