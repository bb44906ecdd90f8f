"""Measures: what Prometheus reads at ``/metrics``, about the answers given and about the house itself.

- Labels are bounded: a route is the pattern of the table and never an address somebody made up.
- The house is asked when it is read, so a measure cannot be older than the answer.
- Nothing here tells one reader from another.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tocsin.web.carrier import families

if TYPE_CHECKING:
    from tocsin.web.house import House

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Measures:
    """The measures of one house, in a registry of their own."""

    def __init__(self, house: House) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._answers = Counter(
            "tocsin_http_requests", "Answers given.", ("route", "method", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "tocsin_http_request_seconds",
            "Seconds until an answer was complete.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.ready = 0
        """Answers given from bytes that were kept ready: counted alone, since a histogram would cost more than they do."""
        self.registry.register(_Asked(house))

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """One answer was given."""
        if method not in ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"):
            method = "other"
        self._answers.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def render(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


class _Asked(Collector):
    """What the house itself can tell."""

    def __init__(self, house: House) -> None:
        self.house = house

    def collect(self) -> Iterable[Metric]:
        house, at = self.house, self.house.now()
        yield _gauge("tocsin_journal_seq", "Number of the newest entry.", house.store.head().seq)
        yield _gauge("tocsin_journal_behind", "Entries recorded and not shown yet.", house.behind())
        yield _gauge("tocsin_journal_broken", "1 when the chain was seen to break.", int(house.broken is not None))
        published = CounterMetricFamily("tocsin_alerts_published", "Alerts published for everybody.")
        published.add_metric([], len(house.register))
        yield published
        live = GaugeMetricFamily("tocsin_alerts_live", "Alerts in force by phase.", labels=["phase"])
        counts: dict[str, int] = {}
        for one in house.situation.live(at):
            counts[str(one.phase)] = counts.get(str(one.phase), 0) + 1
        for phase, count in counts.items():
            live.add_metric([phase], count)
        yield live
        silence = GaugeMetricFamily(
            "tocsin_source_silent_seconds", "Seconds since a source was heard; +Inf when never.", labels=["source"]
        )
        fresh = GaugeMetricFamily("tocsin_source_fresh", "1 while a source counts as heard.", labels=["source"])
        for source in house.sources.values():
            heard = house.last_heard(source.id)
            silence.add_metric([source.id], (at - heard).total_seconds() if heard else float("inf"))
            fresh.add_metric([source.id], int(source.fresh(heard, at, house.settings.stale_after_intervals)))
        yield silence
        yield fresh
        yield _gauge("tocsin_streams", "Open streams.", getattr(house.hub, "count", 0))
        cut = CounterMetricFamily("tocsin_streams_cut", "Streams that were ended because they did not read.")
        cut.add_metric([], getattr(house.hub, "cut_off", 0))
        yield cut
        if house.dispatch is not None:
            yield from families(house.dispatch, at)
        kept = CounterMetricFamily("tocsin_http_ready_answers", "Answers given from bytes that were kept ready.")
        kept.add_metric([], house.measures.ready)
        yield kept


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text)
    family.add_metric([], value)
    return family
