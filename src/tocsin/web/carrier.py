"""Carriers as readiness and Prometheus see them: who takes what we send, who is silent, what is stopped, what waits.

- A carrier that has answered nothing for a minute stands in the way of a warning, and so does a channel that somebody
  stopped: each is one sentence that says what to do first (F7).
- Labels are bounded: a channel, a mark, a carrier's name; never an address, an alert or a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from tocsin.clock import spell
from tocsin.web.health import Ailment

if TYPE_CHECKING:
    from tocsin.reach.dispatch import Dispatch
    from tocsin.reach.subscriber import Subscribers


class Drill(Protocol):
    """What is asked of the self-drill here."""

    def failed(self) -> list[tuple[str, str]]: ...

    def overdue(self, at: datetime) -> bool: ...

    def unsigned(self) -> list[str]: ...


MOST = 50
"""Carriers that are measured each by itself: push services and gateways are few, and the busiest come first."""


def carriers_answer(dispatch: Dispatch) -> Callable[[datetime], Iterable[Ailment]]:
    """A check for :attr:`House.checks`: every carrier answers what it was given, and no channel is stopped."""

    def channels(at: datetime) -> Iterable[Ailment]:
        waiting = dispatch.standing()
        for one in dispatch.carriers.silent(at):
            seconds, open_here = one.silent_for(at).total_seconds(), waiting.get(one.channel, {}).get("open", 0)
            why = f" ({one.reason})" if one.reason else ""
            yield Ailment(
                "channel.silent",
                f"{one.channel}: {one.name} has answered nothing for {seconds:,.0f} s{why}, {open_here:,} wait: "
                f"call whoever runs it, and warn by another channel meanwhile.",
            )
        for channel, stop in sorted(dispatch.stops.items()):
            yield Ailment(
                "channel.stopped",
                f"{channel} was stopped at {spell(stop.since)}: start it again on the channels page when its cause is gone.",
            )

    return channels


def drill_passed(drill: Drill) -> Callable[[datetime], Iterable[Ailment]]:
    """A check for :attr:`House.checks`: every channel that has a canary was proven by the last self-drill, lately."""

    def selfdrill(at: datetime) -> Iterable[Ailment]:
        for channel, reason in drill.failed():
            yield Ailment(
                "selfdrill.failed",
                f"{channel} did not pass the last self-drill ({reason}): test it on the channels page and mend it.",
            )
        for channel in drill.unsigned():
            yield Ailment(
                "selfdrill.unsigned",
                f"{channel} has a canary, and the signed policy does not allow the self-drill to tell it: name it in "
                "selfdrill and sign with: tocsin policy sign",
            )
        if drill.overdue(at):
            yield Ailment(
                "selfdrill.overdue", "No self-drill was made for more than a day: run it on the channels page."
            )

    return selfdrill


def subscriptions_read(subscribers: Subscribers) -> Callable[[datetime], Iterable[Ailment]]:
    """A check for :attr:`House.checks`: it is known who is subscribed, without which nobody is sent anything."""

    def subscriptions(at: datetime) -> Iterable[Ailment]:
        if not subscribers.loaded.is_set():
            yield Ailment(
                "subscriptions.loading",
                "It is being read who is subscribed: warnings are published at once and sent when that is done.",
            )

    return subscriptions


def families(dispatch: Dispatch, at: datetime) -> Iterable[Metric]:
    """What Prometheus reads about sending."""
    marks = GaugeMetricFamily(
        "tocsin_deliveries", "Deliveries since the start by channel and how they stand now.", labels=["channel", "mark"]
    )
    for channel, counts in dispatch.standing().items():
        for mark, number in counts.items():
            marks.add_metric([channel, mark], number)
    yield marks
    lanes = GaugeMetricFamily("tocsin_channel_stopped", "1 while a channel is stopped.", labels=["channel"])
    running = GaugeMetricFamily("tocsin_channel_sends", "Sends under way.", labels=["channel"])
    retries = GaugeMetricFamily("tocsin_channel_retries", "Deliveries that wait for a retry.", labels=["channel"])
    for name, lane in dispatch.lanes.items():
        lanes.add_metric([name], int(lane.paused))
        running.add_metric([name], lane.running)
        retries.add_metric([name], len(lane.retries))
    yield from (lanes, running, retries)
    silent = GaugeMetricFamily(
        "tocsin_carrier_silent_seconds",
        "Seconds for which a carrier has answered nothing to what it was given; 0 when it has.",
        labels=["channel", "carrier"],
    )
    given = CounterMetricFamily(
        "tocsin_carrier_deliveries", "Deliveries given to a carrier.", labels=["channel", "carrier", "outcome"]
    )
    busiest = sorted(dispatch.carriers, key=lambda one: (not one.silent(at), -one.asked))[:MOST]
    for one in busiest:
        silent.add_metric([one.channel, one.name], one.silent_for(at).total_seconds())
        for outcome, number in (("accepted", one.accepted), ("failed", one.failed), ("later", one.later)):
            given.add_metric([one.channel, one.name, outcome], number)
    yield from (silent, given)
    courses = GaugeMetricFamily("tocsin_alerts_under_way", "Alerts of which a delivery is open.")
    courses.add_metric([], dispatch.open_alerts())
    yield courses
