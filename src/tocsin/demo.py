"""The demo: the night of 19 to 20 November 2024, replayed in the exercise realm through the whole program.

- The air alerts are the real ones, region by region, to the second. The embassy's notice is told in our own words: one
  alert for the public (be ready, all of Ukraine, that day), one for its staff (stay where you are, the embassy is closed).
- What the news told (explosions heard, a fire first feared to be debris and then corrected, the closed embassy) is told
  by outlets that do not exist, in our own words; it warns nobody.
- What a house does itself that night (its own warning, a roll call, closed doors, a review) is :mod:`tocsin.rehearsal`.
- Regions of which the record says nothing stay unknown: silence is never green, not even in a demo.
- It starts from an empty store in a folder that is thrown away, and signs its own mirror policy there.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import msgspec
from msgspec import Struct

from tocsin.app import Program, load_policy
from tocsin.cap import alert as cap
from tocsin.cap.alert import Alert, Area, Info, MsgType, Named, Scope, Status
from tocsin.cap.xml import write
from tocsin.clock import Clock, ScaledClock
from tocsin.rehearsal import Receiver, Rehearsal, gateway
from tocsin.sense.feeds.recording import Recording, read_recording
from tocsin.sense.intake import Intake
from tocsin.sense.news import News, news_report
from tocsin.sense.report import CAP_XML, SIGNAL_JSON, Report, report_id
from tocsin.sense.signal import Signal
from tocsin.sense.source import Source
from tocsin.settings import Settings
from tocsin.store.key import Keys
from tocsin.warn.person import Role
from tocsin.web.console.enrol import OPERATOR, invite

START = datetime(2024, 11, 19, 18, tzinfo=UTC)
END = datetime(2024, 11, 20, 18, tzinfo=UTC)
NOTICE_AT = datetime(2024, 11, 20, 7, tzinfo=UTC)
DAY_ENDS = datetime(2024, 11, 20, 22, tzinfo=UTC)  # midnight in Kyiv

AIR, EMBASSY = "ua-air-alerts", "embassy-kyiv"
RADIO, COURIER, BOTE = "news-city-radio", "news-courier", "news-bote"
"""Three outlets that do not exist, for what is told in our own words."""
INCIDENT = "embassy-notice-2024-11-20"

POLICY = f"""realm = "exercise"
[[mirror]]
source = "{AIR}"
areas = ["UA"]
hazards = ["air"]
[[mirror]]
source = "{EMBASSY}"
areas = ["UA"]
""".encode()


def night() -> Recording:
    """The recorded air alerts that touch the 24 hours."""
    file = resources.files("tocsin") / "data" / "night_2024-11-20.csv"
    return read_recording(file.read_text("utf-8"))


def sources(recording: Recording, interval_s: float) -> list[Source]:
    """Who speaks that night: the air alert system for the regions in the record, and the embassy."""
    covered = tuple(sorted({signal.area for signal in recording.signals} | set(QUIET)))
    names = {"uk": "Система повітряних тривог", "de": "Luftalarmsystem", "fr": "Système d’alertes aériennes"}
    return [
        Source(AIR, "Air alert system", "air_alert", covered, interval_s, True, "exercise", names),
        Source(EMBASSY, "US Embassy Kyiv", "cap", (), interval_s, True, "exercise", EMBASSY_NAMES),
        # Nobody is owed news by the minute: an outlet that says nothing is not lost.
        *(Source(name, outlet, "news", (), 86_400.0, False, "exercise") for name, outlet in OUTLETS.items()),
    ]


EMBASSY_NAMES = {"uk": "Посольство США в Києві", "de": "US-Botschaft Kiew", "fr": "Ambassade des États-Unis à Kyiv"}
OUTLETS = {RADIO: "Міське радіо", COURIER: "The Morning Courier", BOTE: "Der Morgenbote"}


# Regions for which the week's record shows that the service spoke, but that had no alert in these 24 hours.
QUIET = ("UA-07", "UA-21", "UA-26", "UA-46", "UA-51", "UA-61", "UA-77")


class Item(Struct, frozen=True):
    """A report of the demo: who tells it, when (UTC), in which language, under which headline."""

    source: str
    at: datetime
    language: str
    headline: str
    text: str
    page: str

    def report(self) -> Report:
        """The item as the report that a news feed would make of it."""
        url = f"https://{self.source}.example/{self.page}"
        text = f"{self.headline}\n{self.text}"
        return news_report(
            self.source, News(self.headline, text, self.at, self.language, OUTLETS[self.source], url), self.at
        )


def _at(day: int, hour: int, minute: int) -> datetime:
    return datetime(2024, 11, day, hour, minute, tzinfo=UTC)


ITEMS: tuple[Item, ...] = (
    Item(
        COURIER,
        _at(19, 23, 22),
        "en",
        "Explosions heard in the east of Kyiv",
        "Residents say that explosions were heard in the east of Kyiv shortly after one in the morning. The city"
        " administration declined to comment. A fire broke out in a block of flats in the Dniprovskyi district of Kyiv.",
        "explosions",
    ),
    Item(
        RADIO,
        _at(19, 23, 35),
        "uk",
        "Пожежа в будинку в Дніпровському районі Києва",
        "У багатоповерховому будинку в Дніпровському районі Києва сталася пожежа. Служба порятунку міста повідомила, що"
        " пожежу могли спричинити уламки дрона. За попередніми даними, постраждалих немає.",
        "pozhezha",
    ),
    Item(
        COURIER,
        _at(20, 0, 10),
        "en",
        "Kyiv fire was caused by a household appliance",
        "It was first feared that drone debris had caused the fire in a block of flats in the Dniprovskyi district of"
        " Kyiv; in fact a household appliance was the cause, the city emergency service said. Nobody was hurt.",
        "fire",
    ),
    Item(
        RADIO,
        _at(20, 0, 25),
        "uk",
        "Пожежа в Києві: причиною став побутовий прилад",
        "Спочатку побоювалися, що пожежу в будинку в Дніпровському районі Києва спричинили уламки дрона; насправді"
        " причиною став побутовий прилад, повідомила служба порятунку міста. Постраждалих немає.",
        "prychyna",
    ),
    Item(
        BOTE,
        _at(20, 5, 10),
        "de",
        "Brand in Kiewer Wohnhaus: Haushaltsgerät war die Ursache",
        "Zunächst war befürchtet worden, dass Trümmer einer Drohne den Brand in einem Wohnhaus im Kiewer Stadtteil"
        " Dniprowskyj ausgelöst hatten; tatsächlich war ein Haushaltsgerät die Ursache, teilte der Rettungsdienst der"
        " Stadt mit. Verletzt wurde niemand.",
        "brand",
    ),
    Item(
        COURIER,
        _at(20, 7, 12),
        "en",
        "US embassy in Kyiv closes for the day",
        "The US embassy in Kyiv said on Wednesday that it had received information about a possible large air attack on"
        " 20 November. The embassy said it was closed and its staff were told to shelter in place. US citizens should be"
        " ready to go to a shelter at once if an air alert sounds. The foreign ministry of Ukraine declined to comment.",
        "embassy",
    ),
    Item(
        BOTE,
        _at(20, 7, 31),
        "de",
        "US-Botschaft in Kiew geschlossen",
        "Die US-Botschaft in Kiew teilte mit, sie bleibe am Mittwoch geschlossen. Sie habe Hinweise auf einen möglichen"
        " großen Luftangriff am 20. November. Die Mitarbeiter sollen an ihrem Aufenthaltsort Schutz suchen.",
        "botschaft",
    ),
    Item(
        RADIO,
        _at(20, 7, 40),
        "uk",
        "Посольство США в Києві зачинене",
        "Посольство США в Києві повідомило, що в середу воно зачинене через загрозу повітряної атаки 20 листопада."
        " Працівникам наказано залишатися в укритті.",
        "posolstvo",
    ),
)
"""What the outlets tell that night, in our own words: a claim, a fear, its correction, and the embassy's notice."""


NOTICE: dict[str, dict[str, str]] = {
    "en": {
        "event": "Security alert",
        "headline": "Be ready for an air attack today, anywhere in Ukraine",
        "description": "The US Embassy in Kyiv has specific information about a possible large air attack on"
        " 20 November, until 24:00 Kyiv time. Blast and falling debris can kill. The embassy is closed today. An alert"
        " may sound at any moment, or an attack may come without one.",
        "instruction": "Choose your shelter now and know the way.\nGo to the shelter at once if an air alert sounds.\n"
        "Charge your phone. Keep shoes, water and documents ready.\nWatch the media for updates.",
        "staff": "The embassy is closed. Stay in shelter where you are.",
        "staff_instruction": "Stay in shelter at home.\nDo not travel to the embassy.\nWatch the media for updates.",
    },
    "uk": {
        "event": "Попередження про безпеку",
        "headline": "Сьогодні будьте готові до повітряної атаки по всій Україні",
        "description": "Посольство США в Києві має конкретну інформацію про можливу масовану повітряну атаку"
        " 20 листопада, до 24:00 за київським часом. Вибух і падіння уламків можуть убити. Сьогодні посольство зачинене."
        " Тривога може пролунати будь-якої миті, а атака може статися і без неї.",
        "instruction": "Виберіть укриття зараз і запам’ятайте дорогу до нього.\nЯкщо пролунає повітряна тривога, негайно"
        " йдіть в укриття.\nЗарядіть телефон. Тримайте напоготові взуття, воду й документи.\nСтежте за новинами.",
        "staff": "Посольство зачинене. Залишайтеся в укритті там, де ви є.",
        "staff_instruction": "Залишайтеся в укритті вдома.\nНе їдьте до посольства.\nСтежте за новинами.",
    },
    "de": {
        "event": "Sicherheitshinweis",
        "headline": "Seien Sie heute in der ganzen Ukraine auf einen Luftangriff vorbereitet",
        "description": "Die US-Botschaft in Kiew hat konkrete Hinweise auf einen möglichen großen Luftangriff am"
        " 20. November, bis 24:00 Uhr Kiewer Zeit. Druckwellen und herabfallende Trümmer können töten. Die Botschaft ist"
        " heute geschlossen. Ein Alarm kann jederzeit kommen, ein Angriff auch ohne Alarm.",
        "instruction": "Wählen Sie jetzt Ihren Schutzraum und merken Sie sich den Weg.\nGehen Sie bei Luftalarm sofort in"
        " den Schutzraum.\nLaden Sie Ihr Telefon. Halten Sie Schuhe, Wasser und Papiere bereit.\nVerfolgen Sie die"
        " Medien.",
        "staff": "Die Botschaft ist geschlossen. Bleiben Sie in Deckung, wo Sie sind.",
        "staff_instruction": "Bleiben Sie zu Hause im Schutzraum.\nFahren Sie nicht zur Botschaft.\nVerfolgen Sie die"
        " Medien.",
    },
    "fr": {
        "event": "Alerte de sécurité",
        "headline": "Soyez prêts aujourd’hui à une attaque aérienne, partout en Ukraine",
        "description": "L’ambassade des États-Unis à Kyiv a des informations précises sur une possible grande attaque"
        " aérienne le 20 novembre, jusqu’à 24 h, heure de Kyiv. Le souffle et les débris peuvent tuer. L’ambassade est"
        " fermée aujourd’hui. Une alerte peut sonner à tout moment ; une attaque peut aussi venir sans alerte.",
        "instruction": "Choisissez votre abri maintenant et retenez le chemin.\nAllez aussitôt à l’abri si une alerte"
        " aérienne sonne.\nChargez votre téléphone. Préparez chaussures, eau et papiers.\nSuivez les médias.",
        "staff": "L’ambassade est fermée. Restez à l’abri là où vous êtes.",
        "staff_instruction": "Restez à l’abri chez vous.\nNe venez pas à l’ambassade.\nSuivez les médias.",
    },
}


def notices(at: datetime) -> tuple[Alert, Alert]:
    """The embassy's notice as two linked CAP alerts: for the public, and for its staff alone."""
    area = Area("Ukraine", geocodes=(Named("ISO3166-1", "UA"),))

    def one(name: str, scope: Scope, phase: str, audience: str, codes: tuple[str, ...], staff: bool) -> Alert:
        infos = tuple(
            Info(
                language=language,
                categories=("Security", "Safety"),
                event=words["event"],
                response_types=codes,
                urgency="Expected",
                severity="Severe",
                certainty="Possible",
                audience=audience,
                effective=at,
                onset=at,
                expires=DAY_ENDS,
                sender_name="US Embassy Kyiv",
                headline=words["staff"] if staff else words["headline"],
                description=words["description"],
                instruction=words["staff_instruction"] if staff else words["instruction"],
                parameters=(Named(cap.PHASE, phase), Named("tocsin:facility", "closed")),
                areas=(area,),
            )
            for language, words in NOTICE.items()
        )
        return Alert(
            identifier=f"{INCIDENT}.{name}",
            sender="kyiv@embassy.example",
            sent=at,
            status=Status.EXERCISE,
            msg_type=MsgType.ALERT,
            scope=scope,
            restriction="For embassy staff only" if staff else "",
            note="EXERCISE. A replay of 20 November 2024 in our own words.",
            incidents=(INCIDENT,),
            infos=infos,
        )

    return (
        one("public", Scope.PUBLIC, "prepare", "", ("Prepare", "Monitor"), False),
        one("staff", Scope.RESTRICTED, "act", "Embassy staff", ("Shelter", "Monitor"), True),
    )


def signal_report(signal: Signal, at: datetime, source: str = AIR) -> Report:
    """A signal as the report in which the source says it."""
    content = msgspec.json.encode(signal)
    return Report(report_id(source, content), source, SIGNAL_JSON, content, at, signal.spoken)


def notice_report(alert: Alert, at: datetime) -> Report:
    """One of the embassy's notices as its report."""
    content = write(alert)
    return Report(report_id(EMBASSY, content), EMBASSY, CAP_XML, content, at, alert.sent)


class Night:
    """The recorded night as something that speaks at its own times."""

    def __init__(self, clock: Clock, recording: Recording) -> None:
        self.clock, self.recording = clock, recording

    async def play(self, intake: Intake) -> None:
        """Say everything at its moment, until the record ends."""
        said = [(signal.spoken, signal_report(signal, signal.spoken)) for signal in self.recording.signals]
        said += [(NOTICE_AT, notice_report(notice, NOTICE_AT)) for notice in notices(NOTICE_AT)]
        said += [(item.at, item.report()) for item in ITEMS]
        said = sorted((pair for pair in said if pair[0] < END), key=lambda pair: pair[0])
        for moment, report in said:
            if (wait := (moment - self.clock.now()).total_seconds()) > 0:
                await self.clock.sleep(wait)
            await intake.take([report])
        if (wait := (END - self.clock.now()).total_seconds()) > 0:
            await self.clock.sleep(wait)

    async def speak(self, intake: Intake, interval_s: float) -> None:
        """Be heard, as a service that answers each poll; in real time, so that no speed makes it look silent."""
        while True:
            now = self.clock.now()
            for source in (AIR, EMBASSY, *OUTLETS):
                await asyncio.to_thread(intake.heard, source, now)
            await self.clock.sleep(interval_s / 2)


def open_night(data: Path, settings: Settings, speed: float) -> tuple[Program, Night]:
    """The program on an empty folder ``data``, at 18:00 UTC of 19 November 2024, running ``speed`` times as fast."""
    data.mkdir(parents=True, exist_ok=True)
    keys = Keys(data / "keys", "exercise")
    (data / settings.policy).write_bytes(POLICY)
    (data / f"{settings.policy}.sig").write_bytes(base64.b64encode(keys.sign(POLICY)))
    recording = night()
    # Two seconds of real time between two signs of life at least, however fast the night runs.
    speakers = sources(recording, max(30.0, 2.0 * speed))
    policy = load_policy(data, settings, {source.id: source for source in speakers}, keys)
    clock = EndingClock(START, speed)
    return Program(settings, data, clock, speakers, policy=policy), Night(clock, recording)


class EndingClock(ScaledClock):
    """A clock that runs fast through the night and at the pace of real life after its end, so that the last state holds."""

    def now(self) -> datetime:
        fast = super().now()
        return fast if fast <= END else END + timedelta(seconds=(fast - END).total_seconds() / self.speed)

    async def sleep(self, seconds: float) -> None:
        left = (END - self.now()).total_seconds()
        await asyncio.sleep(
            seconds / self.speed if left >= seconds else max(0.0, left) / self.speed + seconds - max(0.0, left)
        )


async def run(
    data: Path,
    settings: Settings,
    speed: float,
    once: bool,
    started: Callable[[str], object],
    reviewed: Callable[[str], object] = lambda page: None,
    invited: Callable[[str], object] = lambda link: None,
) -> Program:
    """Play the night and serve it; with ``once`` end when it ends, otherwise hold its last state.

    ``reviewed`` is given the review of the house's own event as a page, once the night has ended; ``invited`` a link into
    the console then, in every role: before, a fast clock would end a session within seconds.
    """
    receiver = Receiver()
    await receiver.open()
    gateway(data, receiver)
    program, night_ = open_night(data, settings, speed)
    house = Rehearsal(program, receiver)
    house.furnish()
    interval = program.sources[AIR].interval_s

    async def play() -> None:
        acting = asyncio.create_task(house.play())
        try:
            await night_.play(program.intake)
            await acting
        finally:
            acting.cancel()
        reviewed(await asyncio.to_thread(house.tell))
        if not once:
            invited(await asyncio.to_thread(lambda: invite(program.identity, tuple(Role), OPERATOR).address))
            await asyncio.Event().wait()
        await asyncio.sleep(0.2)

    async def speak() -> None:
        await night_.speak(program.intake, interval)

    try:
        await program.run(beside=(play, speak), started=started)
    finally:
        program.close()
        await receiver.close()
    return program
