"""Many events on one day stay many, and one event stays one across midnight, languages and a correction."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tools.score_stream import bcubed, resident

from tests.rules.assess.test_newsroom import Told
from tocsin.assess.extract import Reading, Source, extract
from tocsin.assess.incident import build
from tocsin.assess.match import Matcher
from tocsin.assess.newsroom import Newsroom
from tocsin.assess.origin import report_origins
from tocsin.journal import GENESIS, fact, link
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.news import News, news_report
from tocsin.sense.report import NEWS_JSON, REPORT_RECEIVED, Report

GOLD = json.loads((Path(__file__).parent / "gold" / "reports.json").read_text("utf-8"))
DAY = date(2024, 11, 20)

CITIES = {
    "lviv": {"de": "Lwiw", "en": "Lviv", "uk": "Львів", "ru": "Львов", "fr": "Lviv", "es": "Leópolis", "pl": "Lwów"},
    "hamburg": {
        "de": "Hamburg", "en": "Hamburg", "uk": "Гамбург", "ru": "Гамбург", "fr": "Hambourg", "es": "Hamburgo",
        "pl": "Hamburg",
    },
    "valencia": {
        "de": "Valencia", "en": "Valencia", "uk": "Валенсія", "ru": "Валенсия", "fr": "Valence", "es": "Valencia",
        "pl": "Walencja",
    },
}  # fmt: skip
KINDS = {
    "flood": {
        "de": "Ein Hochwasser hat die Altstadt überschwemmt.", "en": "A flood has inundated the old town.",
        "uk": "Повінь затопила старе місто.", "ru": "Наводнение затопило старый город.",
        "fr": "Une inondation a submergé la vieille ville.", "es": "Una inundación ha anegado el casco antiguo.",
        "pl": "Powódź zalała stare miasto.",
    },
    "quake": {
        "de": "Ein Erdbeben hat Häuser beschädigt.", "en": "An earthquake has damaged houses.",
        "uk": "Землетрус пошкодив будинки.", "ru": "Землетрясение повредило дома.",
        "fr": "Un séisme a endommagé des maisons.", "es": "Un terremoto ha dañado casas.",
        "pl": "Trzęsienie ziemi uszkodziło domy.",
    },
    "shooting": {
        "de": "Bei einer Schießerei vor einem Café ist ein Mann verletzt worden.",
        "en": "A man has been hurt in a shooting outside a café.",
        "uk": "Під час стрілянини біля кафе поранено чоловіка.", "ru": "В стрельбе у кафе ранен мужчина.",
        "fr": "Un homme a été blessé dans une fusillade devant un café.",
        "es": "Un hombre ha resultado herido en un tiroteo ante un café.",
        "pl": "W strzelaninie przed kawiarnią ranny został mężczyzna.",
    },
}  # fmt: skip
ADVICE = {
    "de": "Die Polizei rief die Menschen auf, die Innenstadt zu meiden. Die Schulen bleiben geschlossen.",
    "en": "Police urged people to avoid the city centre. Schools remain closed.",
    "uk": "Поліція закликала уникати центру міста. Школи зачинено.",
    "ru": "Полиция призвала избегать центра города. Школы закрыты.",
    "fr": "La police a appelé à éviter le centre-ville. Les écoles restent fermées.",
    "es": "La policía pidió evitar el centro de la ciudad. Las escuelas permanecen cerradas.",
    "pl": "Policja wezwała, by omijać centrum miasta. Szkoły są zamknięte.",
}


def arrived(readings: list[Reading]) -> dict[str, str]:
    """The incident of each report when they come one by one and the newsroom settles after each."""
    matcher = Matcher()
    for reading in readings:
        matcher.settle((matcher.add(reading),))
    return {report: str(number) for report, number in matcher.incident_of.items()}


@pytest.mark.parametrize("order", [None, 1])
def test_twelve_events_of_one_day_are_twelve_incidents(order: int | None) -> None:
    """360 reports of twelve events in as many cities, all published on one day: none is taken for another's."""
    items = list(GOLD)
    if order is not None:
        random.Random(order).shuffle(items)
    readings = [extract(i["text"], Source(i["file"], DAY, i["language"], i["source"])) for i in items]
    precision, recall, _ = bcubed(arrived(readings), {i["file"]: i["incident"] for i in items})
    assert precision == 1.0
    assert recall >= 0.97


def test_kinds_and_cities_of_one_night_stay_apart_in_seven_languages() -> None:
    """Three kinds of event in three cities, told in seven languages with the same advice, within one night."""
    told = [
        (f"{kind}-{city}-{language}-{turn}", f"{kind}-{city}", language, f"{name}: {event} {ADVICE[language]}")
        for kind, events in KINDS.items()
        for city, names in CITIES.items()
        for language, event in events.items()
        for name in (names[language],)
        for turn in range(2)
    ]
    random.Random(5).shuffle(told)
    room = Told()
    truth = {}
    for number, (name, incident, language, text) in enumerate(told):
        at = datetime(2024, 11, 20, 0, tzinfo=UTC) + timedelta(minutes=4 * number)
        report = news_report(
            name, News(text.split(".")[0], text, at, language, name, f"https://example.org/{name}"), at
        )
        truth[report.id] = incident
        room.add(REPORT_RECEIVED, report.id, report)
    found = {report: str(number) for report, number in room.room.matcher.incident_of.items()}
    precision, recall, _ = bcubed(found, truth)
    assert precision == 1.0
    assert recall >= 0.9


def test_one_event_across_midnight_and_languages_with_a_later_correction_is_one() -> None:
    """A fire before midnight, told on in four languages after it and corrected in the morning, stays one incident."""
    told = (
        (20, "en", "A fire broke out in a block of flats in Lviv after a drone attack, the fire service said."),
        (20, "uk", "У Львові після атаки дронів загорівся житловий будинок, повідомила ДСНС."),
        (21, "de", "In Lwiw ist nach einem Drohnenangriff in der Nacht ein Wohnhaus in Brand geraten, teilte die Feuerwehr mit."),
        (21, "pl", "We Lwowie po ataku dronów w nocy zapalił się blok mieszkalny, poinformowała straż pożarna."),
        (21, "en", "The fire in a block of flats in Lviv was caused by a household appliance and not by a drone attack, the"
         " fire service corrected on Thursday."),
    )  # fmt: skip
    readings = [
        extract(text, Source(f"r{n}", date(2024, 11, day), language, f"o{n}"))
        for n, (day, language, text) in enumerate(told)
    ]
    assert len(set(arrived(readings).values())) == 1


def test_the_city_of_a_mayor_is_where_and_not_who() -> None:
    """ "The mayor of Lviv said" names an office and its city; the mayors of two cities are two mouths."""
    for language, text in (
        ("en", "The mayor of Lviv said that the bridge was closed."),
        ("de", "Der Bürgermeister von Lwiw sagte, die Brücke sei gesperrt."),
        ("fr", "Le maire de Lviv a déclaré que le pont était fermé."),
        ("es", "El alcalde de Leópolis dijo que el puente estaba cerrado."),
        ("pl", "Burmistrz Lwowa powiedział, że most jest zamknięty."),
        ("uk", "Мер Львова заявив, що міст закрито."),
        ("ru", "Мэр Львова заявил, что мост закрыт."),
    ):
        claim = extract(text, Source("r", DAY, language)).claims[0]
        assert claim.speaker.kind == "office", text
        assert claim.speaker.name not in ("Lviv", "Lwiw", "Leópolis", "Lwowa", "Львова")
    one, other = (
        extract(f"The mayor of {city} said that the bridge was closed.", Source("r", DAY, "en")).claims[0]
        for city in ("Lviv", "Kharkiv")
    )
    assert one.speaker.actor != other.speaker.actor


@pytest.mark.parametrize(
    ("language", "text", "places"),
    [
        ("en", "Floods hit the Kharkiv region and Bavaria; in Passau the Danube rose.", {"UA-63", "DE-BY", "DE/2855328"}),
        ("de", "Hochwasser in Passau und in ganz Bayern, auch im Oblast Charkiw.", {"UA-63", "DE-BY", "DE/2855328"}),
        ("uk", "У Харківській області повінь, у Пассау теж.", {"UA-63", "DE/2855328"}),
        ("ru", "В Харьковской области и в Баварии наводнение.", {"UA-63", "DE-BY"}),
        ("pl", "W województwie mazowieckim i w Bawarii powódź.", {"PL-14", "DE-BY"}),
        ("fr", "Inondations dans la région de Kharkiv et en Bavière.", {"UA-63", "DE-BY"}),
        ("es", "Inundaciones en Valencia y en Baviera.", {"ES/2509954", "DE-BY"}),
        ("en", "Tornadoes struck Nevada and Ohio.", {"US-NV", "US-OH"}),
    ],
)  # fmt: skip
def test_regions_and_small_towns_are_named(language: str, text: str, places: set[str]) -> None:
    """Regions, states and small towns are places, in each language as it bends them."""
    assert places <= set(extract(text, Source("r", DAY, language)).places)


def _long_story(count: int) -> list[Reading]:
    chance = random.Random(5)
    alphabet = [f"word{n}" for n in range(4000)]
    embassy = [i for i in GOLD if i["incident"] == "embassy"]
    readings = []
    for number in range(count):
        item = embassy[number % len(embassy)]
        text = item["text"] + " ".join(chance.choice(alphabet) for _ in range(60))
        readings.append(extract(text, Source(f"r{number}", DAY, item["language"], f"o{number}")))
    return readings


def test_a_long_story_grows_by_one_report_at_a_time_at_little_cost() -> None:
    """A story of 600 reports takes one more in well under a second, and what it says does not depend on the memory."""
    readings = _long_story(601)
    build(1, readings[:-1], 200)
    began = time.process_time()
    grown = build(1, readings, 200)
    assert time.process_time() - began < 3
    groups, why = report_origins(readings[:150])
    again, reasons = report_origins(readings[:150])
    assert why == reasons
    ids = [r.source.report for r in readings[:150]]
    assert groups.groups(ids) == again.groups(ids)
    assert len(grown.reports) == 601


def test_fifty_megabytes_cost_what_their_first_page_costs() -> None:
    """A page of 50 MB, read from a file or brought by the journal, is read in seconds and not kept."""
    text = ("The police said that the bridge in Lviv was closed. " * 1_000_000)[:50_000_000]
    began = time.process_time()
    reading = extract(text, Source("r", DAY))
    assert time.process_time() - began < 5
    assert reading.cut
    assert reading.length == 50_000_000
    assert len(reading.text) <= 60_000
    at = datetime(2024, 11, 20, tzinfo=UTC)
    news = msgspec.json.encode(News("", text, at, "en", "outlet", "https://example.org/long"))
    room = Told()
    began = time.process_time()
    room.add(REPORT_RECEIVED, "long", Report("long", "outlet", NEWS_JSON, news, at, at, "https://example.org/long"))
    (story,) = room.stories()
    assert time.process_time() - began < 10
    assert len(story.readings[0].text) <= 60_000


def test_a_newsroom_holds_no_more_than_it_may() -> None:
    """After twice as many reports the newsroom holds as many reports and words as before, and little more memory."""
    room = Newsroom(Gazetteer.world(), most=100)
    sizes = []
    for number in range(600):
        at = datetime(2024, 11, 20, tzinfo=UTC) + timedelta(minutes=number)
        item = GOLD[number % len(GOLD)]
        text = item["text"] + f"Case {number} of street{number}."
        report = news_report("s", News("", text, at, item["language"], "o", f"https://example.org/{number}"), at)
        room.apply(link(fact(REPORT_RECEIVED, report.id, report), number + 1, at, GENESIS))
        if number % 300 == 299:
            room.refresh()
            assert len(room.matcher.members) <= 100
            sizes.append((room.matcher.size(), resident()))
    assert sizes[1][0] < 1.5 * sizes[0][0]
    assert sizes[1][1] < sizes[0][1] + 60
