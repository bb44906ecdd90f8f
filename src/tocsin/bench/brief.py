"""``tocsin bench brief``: reports read and grouped a second, beside the same libraries used as their manuals show.

- Ours: extraction with all its claims and matching into incidents, one core, reports of about 3,000 characters in four
  languages with changing names and numbers, so that nothing is read twice.
- The peer does less: language by py3langid, lemmas by simplemma, MinHash by datasketch, titles by rapidfuzz against all
  reports before it, dates by a regular expression; no speakers, no claims.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date

from tocsin.assess.extract import Source, extract
from tocsin.assess.match import Matcher
from tocsin.bench import Case, alternate, case

_TEXTS = {
    "en": (
        "A fire broke out in the port of {p} on Tuesday evening. “We ask all residents to stay indoors "
        "and to close their windows,” said {n} Miller, a spokesman for the fire service. At least {k} "
        "people were injured, the police said. According to the Interior Ministry, the cause was "
        "initially thought to be a drone but turned out to be a heater. The Defence Ministry declined to "
        "comment. In the night from Monday to Tuesday there were no incidents. The port authority said "
        "that all terminals would remain closed until Friday.\n"
    ),
    "de": (
        "Im Hafen von {p} ist am Dienstagabend ein Feuer ausgebrochen. „Wir bitten alle Anwohner, in den "
        "Häusern zu bleiben und die Fenster zu schließen“, sagte Feuerwehrsprecher {n} Müller. Mindestens"
        " {k} Menschen wurden verletzt, teilte die Polizei mit. Nach Angaben des Innenministeriums war "
        "zunächst eine Drohne vermutet worden, in Wirklichkeit war es ein Heizgerät. Das "
        "Verteidigungsministerium lehnte eine Stellungnahme ab. In der Nacht von Montag auf Dienstag gab "
        "es keine Zwischenfälle. Der Hafen bleibe bis Freitag geschlossen.\n"
    ),
    "fr": (
        "Un incendie s'est déclaré mardi soir dans le port de {p}. « Nous demandons aux habitants de "
        "rester chez eux et de fermer les fenêtres », a déclaré {n} Martin, porte-parole des pompiers. Au"
        " moins {k} personnes ont été blessées, selon la police. Le ministère de la Défense a refusé de "
        "commenter. Dans la nuit de lundi à mardi, il n'y a eu aucun incident. Le port restera fermé "
        "jusqu'à vendredi, ont indiqué les autorités.\n"
    ),
    "uk": (
        "У порту міста {p} у вівторок увечері спалахнула пожежа. «Просимо всіх мешканців залишатися вдома"
        " і зачинити вікна», — сказав речник рятувальників {n} Коваль. Щонайменше {k} людей дістали "
        "поранення, повідомила поліція. Міністерство оборони відмовилося від коментарів. У ніч з "
        "понеділка на вівторок інцидентів не було. За словами мера, порт буде зачинено до п'ятниці.\n"
    ),
}
_PLACES = ("Odesa", "Hamburg", "Marseille", "Gdańsk", "Valencia", "Izmir", "Varna", "Rotterdam")
_NAMES = ("Anna", "Peter", "Maria", "Oleh", "Jean", "Nina", "Karl", "Eva", "Tomas", "Irina")


def reports(count: int) -> list[tuple[str, Source]]:
    """``count`` reports of about 3,000 characters, no two alike."""
    made = []
    for number in range(count):
        language = tuple(_TEXTS)[number % len(_TEXTS)]
        paragraphs = [
            _TEXTS[language].format(
                p=_PLACES[(number // 4) % len(_PLACES)],
                n=_NAMES[(number * 7 + turn) % len(_NAMES)],
                k=3 + number + turn,
            )
            for turn in range(6)
        ]
        made.append(
            (f"Report {number}\n" + "".join(paragraphs), Source(f"r{number}", date(2025, 3, 1 + number // 40 % 27)))
        )
    return made


def _ours(texts: list[tuple[str, Source]]) -> Callable[[], object]:
    def work() -> object:
        matcher = Matcher()
        for text, source in texts:
            matcher.add(extract(text, source))
        return matcher

    return work


def _naive(texts: list[tuple[str, Source]]) -> Callable[[], object]:
    import py3langid
    import simplemma
    from datasketch import MinHash
    from rapidfuzz import fuzz

    dates = re.compile(r"\d{1,2}[./ ]\w+[./ ]\d{2,4}")

    def work() -> object:
        seen: list[tuple[str, MinHash]] = []
        pairs = []
        for text, _ in texts:
            language, _score = py3langid.classify(text)
            known = language if language in ("en", "de", "fr", "uk") else "en"
            lemmas = [simplemma.lemmatize(word, lang=known) for word in simplemma.simple_tokenizer(text)]
            hashed = MinHash(num_perm=128)
            for place in range(len(lemmas) - 3):
                hashed.update(" ".join(lemmas[place : place + 4]).encode())
            dates.findall(text)
            title = text.split("\n", 1)[0]
            pairs.append(
                max(
                    (fuzz.token_set_ratio(title, other) + 100 * hashed.jaccard(signed) for other, signed in seen),
                    default=0.0,
                )
            )
            seen.append((title, hashed))
        return pairs

    return work


def cases(quick: bool) -> Iterator[Case]:
    """One case: reports read and grouped."""
    count = 40 if quick else 200
    texts = reports(count)
    size = sum(len(text) for text, _ in texts) // count
    ours, naive = alternate(1 if quick else 3, _ours(texts), _naive(texts))
    yield case(
        "brief",
        "reports",
        count,
        ours,
        peer=("the same libraries, naively", naive),
        runs=1 if quick else 3,
        note=f"{size:,} characters each, 4 languages",
    )
