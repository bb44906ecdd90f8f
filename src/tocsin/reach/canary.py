"""Canaries: an address of the operator's own for each channel, so that each is proven to the end without waking anybody.

- The file names them (``[canary.mail]`` in ``channels.toml``), and a signed line of the policy allows them.
- Each is kept as a subscription like any other, sealed, of an audience that nobody can subscribe to: the file makes and
  ends it.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from tocsin.errors import TocsinError
from tocsin.reach.channel import Kit
from tocsin.reach.channels.way import way
from tocsin.reach.delivery import AddressBook
from tocsin.reach.register import CANARY
from tocsin.reach.subscriber import Subscribers
from tocsin.reach.subscription import Subscription, Wish
from tocsin.warn.canary import area

PERSON = "canary:"
"""What the name of every canary begins with, where people of lists have theirs."""
WITHOUT = frozenset({"broadcast"})
"""Channels that have no canary: what a broadcast centre takes, everybody under its masts gets."""


class Canary(Struct, frozen=True, forbid_unknown_fields=True):
    """A channel's canary in ``channels.toml``: an address of our own, and the secrets that the channel needs for it.

    ``shown`` says that a receipt of that level comes back from it, so that accepted alone is not enough.
    """

    address: str
    secrets: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    shown: bool = False


class Canaries:
    """The canaries that the file names, and their subscriptions; ``allowed`` are the channels of the signed policy."""

    def __init__(self, kit: Kit, subscribers: Subscribers, book: AddressBook, allowed: Collection[str]) -> None:
        self.kit, self.subscribers, self.book, self.allowed = kit, subscribers, book, allowed

    def named(self) -> dict[str, Canary]:
        """The canary of each channel that has one, as the file says now."""
        named = way(self.kit, "canary", dict[str, Canary]) or {}
        return {name: one for name, one in named.items() if name not in WITHOUT}

    def wanted(self) -> dict[str, Canary]:
        """Those of them that the signed policy allows."""
        return {name: one for name, one in self.named().items() if name in self.allowed}

    def unsigned(self) -> list[str]:
        """The channels with a canary that no signed line of the policy names."""
        return sorted(self.named().keys() - set(self.allowed))

    def any(self) -> bool:
        """Whether there is something to prove; a file that cannot be read is."""
        try:
            return bool(self.wanted())
        except TocsinError:
            return True

    def keep(self) -> dict[str, Subscription]:
        """The subscription of each canary, made now where there is none; what the file no longer names is ended."""
        wanted, held, over = self.wanted(), dict[str, Subscription](), list[str]()
        roll = self.subscribers.roll
        found = [roll.subscription(number) for person in roll.persons(PERSON) for number in roll.of_person(person)]
        for one in (one for one in found if one is not None and one.audience == CANARY):
            named, kept = wanted.get(one.channel), self.book.addresses([one.number]).get(one.number)
            same = (
                named is not None
                and kept is not None
                and (kept.address, kept.secrets, kept.languages) == (named.address, named.secrets, named.languages)
                and one.areas == (area(one.channel),)
            )
            if same and one.channel not in held:
                held[one.channel] = one
            else:
                over.append(one.id)
        if over:
            self.subscribers.end_all(over, "operator")
        missing = [
            Wish(
                channel,
                one.address,
                one.secrets,
                areas=(area(channel),),
                languages=one.languages,
                audience=CANARY,
                person=PERSON + channel,
            )
            for channel, one in sorted(wanted.items())
            if channel not in held
        ]
        if missing:
            held.update((one.channel, one) for one in self.subscribers.make_all(missing))
        return held
