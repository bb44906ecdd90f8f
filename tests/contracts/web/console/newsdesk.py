"""A newsroom for the house of the tests, which reads what is recorded at once, and the news of one night to read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tests.contracts.web.console.conftest import Office
from tocsin.assess.newsroom import Newsroom
from tocsin.demo import ITEMS, Item
from tocsin.journal import fact, follow
from tocsin.sense.news import News, news_report
from tocsin.sense.report import REPORT_RECEIVED, Report

LAST = ITEMS[-1].at + timedelta(minutes=20)


class NewsDesk:
    """The newsroom of an office, and what it hears."""

    def __init__(self, office: Office) -> None:
        self.building = office.building
        self.room = self.building.house.newsroom = Newsroom(self.building.house.gazetteer)
        self.stop = self.building.store.on_append(lambda _: self.read())

    def read(self) -> None:
        """Take in what was recorded."""
        for entry in follow(self.building.store, self.room.seq, Newsroom.KINDS):
            self.room.apply(entry)
        self.room.refresh()

    def hear(self, report: Report) -> Report:
        """A report comes in at the moment at which it was received."""
        self.building.clock.set(report.received)
        self.building.store.append([fact(REPORT_RECEIVED, report.id, report, self.building.settings.realm)])
        self.read()
        return report

    def night(self, items: Sequence[Item] = ITEMS) -> None:
        """The outlets tell the night, and it is morning."""
        for item in items:
            self.hear(item.report())
        self.building.clock.set(LAST)

    def say(self, text: str, *, headline: str = "Report", url: str = "https://c.example/1", language: str = "en",
            source: str = "courier", outlet: str = "The Courier", before: str = "") -> Report:  # fmt: skip
        """An outlet says something now."""
        at = self.building.clock.now()
        return self.hear(news_report(source, News(headline, text, at, language, outlet, url, before), at))
