"""Letters: what a subscriber is told about the subscription itself: a test, an end, a channel that was lost.

- A letter goes by the channel's own way of sending, sealed and addressed as a warning is, so that a test that arrives
  proves that a warning would; it is marked as an exercise everywhere, because nobody is to act on it (F16).
- How it went is a fact. A channel that says the subscriber is gone ends the subscription, as with a warning.
- Nothing that a letter says is about anybody but whom it is sent to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any

from msgspec import Struct

from tocsin.clock import Clock
from tocsin.journal import EXERCISE, Journal, fact
from tocsin.place.language import best
from tocsin.reach.bulletin import Bulletin, body
from tocsin.reach.channel import Channel, Outcome, refused
from tocsin.reach.delivery import AddressBook, Delivery
from tocsin.reach.subscriber import Subscribers
from tocsin.reach.subscription import Subscription

SUBSCRIPTION_PROVED = "subscription:proved"
SUBSCRIPTION_REMINDED = "subscription:reminded"

TRIAL, OVER, SOON, LOST = "trial", "over", "soon", "lost"
HOLDS = timedelta(minutes=10)

WORDS: dict[str, dict[str, tuple[str, str]]] = {
    "en": {
        TRIAL: (
            "Test: warnings arrive here",
            "This is only a test. There is nothing to do. Warnings for {places} will come this way.",
        ),
        OVER: (
            "Your warnings have ended",
            "The last day that was given for {places} has come. No more warnings come this way. "
            "To be warned further, subscribe again.",
        ),
        SOON: (
            "Your warnings end tomorrow",
            "The last day that was given for {places} is near. To be warned further, subscribe again.",
        ),
        LOST: (
            "One of your ways to be warned no longer works",
            "Warnings do not reach you by {channel} any more. They still come this way. "
            "To be warned there again, subscribe there again.",
        ),
    },
    "uk": {
        TRIAL: (
            "Перевірка: попередження надходять сюди",
            "Це лише перевірка. Нічого робити не потрібно. Попередження для {places} надходитимуть цим шляхом.",
        ),
        OVER: (
            "Ваші попередження завершено",
            "Настав останній день, указаний для {places}. Цим шляхом попередження більше не надходять. "
            "Щоб отримувати їх далі, підпишіться знову.",
        ),
        SOON: (
            "Завтра ваші попередження завершаться",
            "Скоро настане останній день, указаний для {places}. Щоб отримувати їх далі, підпишіться знову.",
        ),
        LOST: (
            "Один зі способів попереджати вас більше не працює",
            "Попередження більше не надходять вам через {channel}. Цим шляхом вони надходять і далі. "
            "Щоб отримувати їх там, підпишіться там знову.",
        ),
    },
    "de": {
        TRIAL: (
            "Test: Warnungen kommen hier an",
            "Das ist nur ein Test. Sie müssen nichts tun. Warnungen für {places} kommen auf diesem Weg.",
        ),
        OVER: (
            "Ihre Warnungen sind beendet",
            "Der letzte Tag, der für {places} angegeben war, ist gekommen. Auf diesem Weg kommen keine Warnungen mehr. "
            "Um weiter gewarnt zu werden, melden Sie sich neu an.",
        ),
        SOON: (
            "Ihre Warnungen enden morgen",
            "Der letzte Tag, der für {places} angegeben war, ist nah. "
            "Um weiter gewarnt zu werden, melden Sie sich neu an.",
        ),
        LOST: (
            "Einer Ihrer Warnwege funktioniert nicht mehr",
            "Warnungen erreichen Sie nicht mehr über {channel}. Auf diesem Weg kommen sie weiterhin. "
            "Um dort wieder gewarnt zu werden, melden Sie sich dort neu an.",
        ),
    },
    "fr": {
        TRIAL: (
            "Essai : les alertes arrivent ici",
            "Ceci n'est qu'un essai. Vous n'avez rien à faire. Les alertes pour {places} arriveront par cette voie.",
        ),
        OVER: (
            "Vos alertes ont pris fin",
            "Le dernier jour indiqué pour {places} est arrivé. Plus aucune alerte n'arrive par cette voie. "
            "Pour continuer d'être alerté, abonnez-vous de nouveau.",
        ),
        SOON: (
            "Vos alertes prennent fin demain",
            "Le dernier jour indiqué pour {places} approche. Pour continuer d'être alerté, abonnez-vous de nouveau.",
        ),
        LOST: (
            "Une de vos voies d'alerte ne fonctionne plus",
            "Les alertes ne vous parviennent plus par {channel}. Elles arrivent toujours par cette voie. "
            "Pour y être alerté de nouveau, abonnez-vous-y de nouveau.",
        ),
    },
}
CALLED: dict[str, dict[str, str]] = {
    "webpush": {"en": "push notification", "uk": "push-сповіщення", "de": "Push-Nachricht", "fr": "notification push"},
    "mail": {"en": "e-mail", "uk": "електронну пошту", "de": "E-Mail", "fr": "e-mail"},
    "sms": {"en": "SMS", "uk": "SMS", "de": "SMS", "fr": "SMS"},
    "telegram": {"en": "Telegram", "uk": "Telegram", "de": "Telegram", "fr": "Telegram"},
    "webhook": {"en": "webhook", "uk": "webhook", "de": "Webhook", "fr": "webhook"},
}
"""What a channel is called in a sentence; one that is not here is called by its name."""

_log = logging.getLogger(__name__)

Naming = Callable[[Subscription, str], str]
"""The places of a subscription in words of a language."""


class Proved(Struct, frozen=True):
    """The body of ``subscription:proved``: how a test went; the subject is the subscription's id."""

    number: int
    channel: str
    outcome: str
    reason: str = ""


class Reminded(Struct, frozen=True):
    """The body of ``subscription:reminded``: that its end is near was said; the subject is the subscription's id."""

    number: int
    channel: str


class Letters:
    """Writes to subscribers, by the channels of one installation."""

    def __init__(
        self,
        subscribers: Subscribers,
        addresses: AddressBook,
        channels: Mapping[str, Channel],
        journal: Journal,
        clock: Clock,
        *,
        sender: str,
        public_url: str = "",
        naming: Naming = lambda one, language: ", ".join(one.areas[:5]),
    ) -> None:
        self.subscribers, self.addresses, self.channels = subscribers, addresses, channels
        self.journal, self.clock, self.sender, self.public_url = journal, clock, sender, public_url
        self.naming = naming
        self._under_way: set[asyncio.Task[Any]] = set()

    def begin(self, one: Subscription) -> None:
        """Send a test without waiting for how it goes."""
        task = asyncio.create_task(self._try(one))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _try(self, one: Subscription) -> None:
        try:
            await self.prove(one)
        except Exception:
            # That no test could be sent is no reason to take the subscription back; readiness knows of the store.
            _log.exception("a test by %s could not be sent", one.channel)

    async def prove(self, one: Subscription) -> Outcome:
        """Send a test and record how it went; who is gone is ended."""
        outcome = await self.write(TRIAL, one)
        proved = fact(
            SUBSCRIPTION_PROVED,
            one.id,
            Proved(one.number, one.channel, outcome.kind, outcome.reason),
            self.subscribers.realm,
        )
        await asyncio.to_thread(self.journal.append, [proved])
        if outcome.kind == "gone":
            await asyncio.to_thread(self.subscribers.end, one.id, "gone")
        return outcome

    async def write(self, kind: str, one: Subscription, lost: str = "") -> Outcome:
        """Send one letter to a subscription and say how it went; ``lost`` is the channel that a letter is about."""
        channel = self.channels.get(one.channel)
        found = await asyncio.to_thread(self.addresses.addresses, [one.number])
        if channel is None or one.number not in found:
            return refused("channel.none" if channel is None else "subscription.ended", tried=False)
        at = self.clock.now()
        name = f"{kind}-{token_urlsafe(9)}"
        headline, instruction = self._texts(kind, one, lost)
        told = Bulletin(
            identifier=name,
            event_id=name,
            version=1,
            supersedes="",
            phase="calm",
            realm=EXERCISE,
            as_of=at,
            sent=at,
            expires=at + HOLDS,
            next_update_by=None,
            cancel_reason=None,
            areas=one.areas,
            source=self.sender,
            headline=headline,
            instruction=instruction,
            url=self.public_url,
        )
        delivery = Delivery(name, name, 1, told.phase, EXERCISE, told.deadline, body(told), found[one.number])
        (outcome,) = await channel.send([delivery])
        return outcome

    def _texts(self, kind: str, one: Subscription, lost: str) -> tuple[dict[str, str], dict[str, str]]:
        headline, instruction = {}, {}
        for language in languages(one.languages):
            title, text = WORDS[language][kind]
            channel = CALLED.get(lost, {}).get(language, lost)
            headline[language] = title
            instruction[language] = text.format(places=self.naming(one, language), channel=channel)
        return headline, instruction


def languages(wanted: Sequence[str]) -> tuple[str, ...]:
    """The languages of a letter to somebody who reads ``wanted``; all there are when they say nothing.

    >>> languages(("uk-UA", "pl")), languages(("pl",))
    (('uk',), ('en',))
    """
    found = [tag for one in wanted if (tag := best((one,), tuple(WORDS))) is not None]
    return tuple(dict.fromkeys(found)) or (("en",) if wanted else tuple(WORDS))
