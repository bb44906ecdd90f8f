"""Confirming: who is to be warned at an address is asked there first, and a subscription begins with their yes.

- The link goes to the address itself, so nobody is subscribed by another; opening it only asks, because programs that
  look into mails open every link, and the button is what counts.
- The answer to whoever asks is the same whether the address is known, confirmed or asked too often.
- The same link once more is the same subscription: the yes and the subscription are one commit. It holds for a day, also
  over a restart: what is asked is kept sealed, by a keyed hash of the link, before the link is sent.
- Ending needs one click (RFC 8058) with the key that stands in each mail, and says nothing of whether there was one.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from tocsin.errors import NotReadyError, ParameterError
from tocsin.place.language import negotiate
from tocsin.reach.channels import mail, sms, telegram
from tocsin.reach.channels.mail import unsubscribe_key
from tocsin.reach.channels.webhook import new_secret
from tocsin.reach.subscription import Wish, wanted
from tocsin.reach.wording import exercise_mark
from tocsin.web.subscribe import owned
from tocsin.web.wish import named

if TYPE_CHECKING:
    from tocsin.web.house import House

ADDRESSES: Mapping[str, Callable[[str], str]] = {
    "mail": mail.address,
    "sms": sms.address,
    "telegram": telegram.address,
}
"""The channels by which a person can be warned after a yes, and what reads their addresses."""
HOLDS = timedelta(hours=24)
WAITING = 20_000
ASKED_MOST = 3

WORDS = {
    "en": (
        "Confirm your warnings",
        "Somebody asked for warnings for {places} to be sent here. If it was you, open this and confirm:",
        "If it was not you, do nothing.",
        "Yes, warn me here",
        "You will be warned here.",
        "This link no longer holds. Please ask again.",
        "Stop these warnings",
        "Nothing more is sent by this subscription.",
        "After this no warning comes here any more. You can ask for them again at any time.",
        "Ask for warnings again",
    ),
    "uk": (
        "Підтвердьте попередження",
        "Хтось попросив надсилати сюди попередження для: {places}. Якщо це ви, відкрийте й підтвердьте:",
        "Якщо це не ви, нічого не робіть.",
        "Так, попереджайте мене тут",
        "Вас попереджатимуть тут.",
        "Це посилання вже не діє. Попросіть ще раз.",
        "Більше не надсилати",
        "За цією підпискою більше нічого не надсилається.",
        "Після цього попередження сюди не надходитимуть. Ви можете підписатися знову будь-коли.",
        "Підписатися знову",
    ),
    "de": (
        "Bestätigen Sie Ihre Warnungen",
        "Jemand hat gebeten, Warnungen für {places} hierher zu senden. Wenn Sie das waren, öffnen und bestätigen Sie:",
        "Wenn Sie es nicht waren, tun Sie nichts.",
        "Ja, warnen Sie mich hier",
        "Sie werden hier gewarnt.",
        "Dieser Link gilt nicht mehr. Bitte fragen Sie erneut an.",
        "Diese Warnungen beenden",
        "Über dieses Abonnement wird nichts mehr gesendet.",
        "Danach kommt hier keine Warnung mehr an. Sie können jederzeit wieder darum bitten.",
        "Wieder Warnungen bekommen",
    ),
    "fr": (
        "Confirmez vos alertes",
        "Quelqu'un a demandé l'envoi ici des alertes pour {places}. Si c'est vous, ouvrez et confirmez :",
        "Si ce n'est pas vous, ne faites rien.",
        "Oui, alertez-moi ici",
        "Vous serez alerté ici.",
        "Ce lien n'est plus valable. Veuillez refaire la demande.",
        "Arrêter ces alertes",
        "Plus rien n'est envoyé par cet abonnement.",
        "Ensuite, plus aucune alerte n’arrivera ici. Vous pouvez en redemander à tout moment.",
        "Redemander des alertes",
    ),
}
_TITLE, _ASKS, _OTHERWISE, _YES, _DONE, _OVER, _STOP, _STOPPED, _ENDS, _AGAIN = range(10)


class Word(Struct, frozen=True):
    """A page with one thing to say or to ask: ``button`` empty where nothing is asked, ``again`` what leads to the app."""

    title: str
    said: str = ""
    button: str = ""
    done: bool = False
    again: str = ""


class _Asked(Struct):
    wish: Wish | None
    at: datetime
    done: bool = False

    def at_address(self, channel: str, address: str) -> bool:
        return self.wish is not None and (self.wish.channel, self.wish.address) == (channel, address)


class Confirmations:
    """What was asked at addresses and is not answered yet."""

    def __init__(self, house: House) -> None:
        self.house = house
        # By the name of each link, which is not the link itself.
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        if house.subscriptions is not None:
            for name, at, wish in house.subscriptions.book.asked(house.now() - HOLDS):
                self._asked[name] = _Asked(wish, at, wish is None)
        self._lock = asyncio.Lock()
        self._telling: set[asyncio.Task[Any]] = set()

    async def ask(self, channel: str, text: str, wish: Wish, live_most: int) -> None:
        """Ask at an address whether it is to be warned. An address that cannot be one raises ParameterError."""
        house = self.house
        address = ADDRESSES[channel](text)
        tell = getattr(_channel(house, channel), "tell", None)
        if house.subscriptions is None or tell is None:
            raise NotReadyError(f"nothing is sent by {channel} here")
        now = house.now()
        while self._asked and (len(self._asked) >= WAITING or next(iter(self._asked.values())).at + HOLDS < now):
            self._asked.popitem(last=False)
        same = sum(one.at_address(channel, address) for one in self._asked.values())
        known = await asyncio.to_thread(house.subscriptions.book.find, channel, address)
        if same >= ASKED_MOST or len(known) >= live_most:
            return
        token = token_urlsafe(16)
        asked = structs.replace(wish, address=address, kept=(new_secret(),))
        self._asked[self._name(token)] = _Asked(asked, now)
        await asyncio.to_thread(house.subscriptions.book.ask, self._name(token), asked, now, now - HOLDS)
        tag = negotiate(", ".join(wish.languages), tuple(WORDS))
        words, mark = WORDS[tag], exercise_mark(house.settings.realm, tag)
        places = named(house, wanted(wish), tag)
        link = f"{house.settings.public_url.rstrip('/')}/v1/confirm/{token}"
        lines = (mark + words[_ASKS].format(places=places), link, words[_OTHERWISE])
        # It is not waited for: how long it takes would tell whether the address is known.
        task = asyncio.create_task(tell(address, mark + words[_TITLE], "\n\n".join(lines)))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def page(self, token: str, tag: str) -> Word:
        """The page that a link leads to: it asks."""
        asked, words = self._live(token), WORDS[tag]
        if asked is None:
            return Word(words[_TITLE], words[_OVER], again=words[_AGAIN])
        return Word(words[_TITLE], button=words[_YES])

    async def confirm(self, token: str, tag: str) -> Word:
        """Begin the subscription that a link stands for; the page that says so."""
        words = WORDS[tag]
        async with self._lock:
            asked = self._live(token)
            if asked is None:
                return Word(words[_TITLE], words[_OVER], again=words[_AGAIN])
            if not asked.done:
                assert asked.wish is not None
                one = await asyncio.to_thread(self.house.subscriptions.make, asked.wish, self._name(token))
                asked.done = True
                if self.house.letters is not None:
                    self.house.letters.begin(one)
        return Word(words[_DONE], done=True)

    def _name(self, token: str) -> str:
        found: str = self.house.subscriptions.book.mark("confirmation", token)
        return found

    def _live(self, token: str) -> _Asked | None:
        asked = self._asked.get(self._name(token)) if self.house.subscriptions is not None else None
        return asked if asked is not None and asked.at + HOLDS >= self.house.now() else None


def stop_page(tag: str) -> Word:
    """The page that a person's click on unsubscribe leads to."""
    words = WORDS[tag]
    return Word(words[_STOP], words[_ENDS], words[_STOP])


async def stop(house: House, subscription: str, key: str, tag: str) -> Word:
    """End a subscription if this is its key; the page is the same either way."""
    if await owned(house, subscription, key, unsubscribe_key) is not None:
        await asyncio.to_thread(house.subscriptions.end, subscription, "owner")
    words = WORDS[tag]
    return Word(words[_STOPPED], done=True, again=words[_AGAIN])


def _channel(house: House, name: str) -> Any:
    lanes = getattr(house.dispatch, "lanes", {})
    if name not in ADDRESSES:
        raise ParameterError(f"channel: nobody is warned by {name} here")
    return lanes[name].channel if name in lanes else None
