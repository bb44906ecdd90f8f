"""Pages as text: what is an article, what only looks like one, and letters in any encoding."""

from __future__ import annotations

import pytest

from tocsin.sense.page import article, decode

BODY = "".join(
    f"<p>The mayor said on day {n} that the bridge over the river stays closed for lorries.</p>" for n in range(12)
)


def page(inside: str, head: str = "") -> bytes:
    return f"<!doctype html><html><head><title>Bridge closed</title>{head}</head><body>{inside}</body></html>".encode()


def test_an_article_is_cut_out_of_its_page() -> None:
    """The words of the article are kept, the headline first, and what stands around it is not."""
    found = article(page(f"<nav>Home Sport Weather</nav><article><h1>Bridge closed</h1>{BODY}</article>"))
    assert found.refused == ""
    assert found.text.startswith("Bridge closed\n")
    assert "stays closed for lorries" in found.text
    assert "Weather" not in found.text


@pytest.mark.parametrize(
    ("inside", "head", "code"),
    [
        (
            "<div>Before you continue: we and our partners use cookies.</div><button>Accept all</button>",
            "",
            "page.consent",
        ),
        (
            "<main><p>Wir brauchen Ihre Einwilligung.</p><button>Zustimmen und weiter</button></main>",
            "",
            "page.consent",
        ),
        (
            "<article><p>The bridge is closed.</p></article><aside>Subscribe to continue reading</aside>",
            "",
            "page.paywall",
        ),
        ("<article><p>Die Brücke ist zu.</p></article><p>Jetzt abonnieren und weiterlesen</p>", "", "page.paywall"),
        (
            "<article><p>Short and cut.</p></article>",
            '<script type="application/ld+json">{"isAccessibleForFree": false}</script>',
            "page.paywall",
        ),
        ("<article></article>", "", "page.empty"),
        ("", "", "page.empty"),
    ],
)
def test_what_shows_no_article_is_refused_by_name(inside: str, head: str, code: str) -> None:
    """A page that asks for consent or money, or that says nothing, is recognised as such."""
    assert article(page(inside, head)).refused == code


def test_a_whole_article_beside_a_banner_is_an_article() -> None:
    """A cookie banner or an invitation to subscribe beside a whole article refuses nothing."""
    found = article(page(f"<div>Accept all cookies. Subscribe now!</div><article><h1>Bridge</h1>{BODY}</article>"))
    assert found.refused == ""


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Пожежу в будинку загасили, постраждалих немає, повідомила служба порятунку.", "cp1251"),
        ("Пожар в доме потушен, пострадавших нет, сообщили спасатели.", "koi8-u"),
        ("Größere Schäden gab es für die Bürger der Städte Köln und Düsseldorf nicht.", "cp1252"),
        ("L’été a été très chaud à Besançon, où une forêt a brûlé.", "cp1252"),
    ],
)
def test_letters_are_read_in_their_encoding(text: str, encoding: str) -> None:
    """Bytes without a mark are read by the encoding whose letters fit, without knowing the language."""
    assert decode(text.encode(encoding)) == text


def test_a_bomb_of_a_page_ends_soon() -> None:
    """Tags nested and repeated without end are cut to a bound and raise nothing."""
    assert article(b"<html>" + b"<div>" * 200_000 + b"x" * 2_000_000).text is not None
