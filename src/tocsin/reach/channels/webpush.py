"""Web Push: the notice to a person's own browser or app, sealed so that the push service between cannot read it.

- Sealed with keys that were prepared in calm (:mod:`tocsin.reach.prekey`), with keys made on the spot where there are
  none; carried over HTTP/2 (:mod:`tocsin.reach.channels.courier`); UnifiedPush endpoints are the same thing.
- The topic is the event, so that a phone which was off gets the newest version only; urgency is high for what saves
  lives; what is sent lives until the alert ends and at least a second, since 0 would mean "only if it is awake now".
- 2xx is accepted; 404 and 410 mean that the subscription has ended, and nothing else does; 413 and other 4xx are
  refused; 408, 425, 429, 5xx and silence are for later, when the other side says.
- A subscription's address may lead to the open Internet by https only.

RFC 8030 (push), RFC 8291 (sealing), RFC 8292 (VAPID).
"""

from __future__ import annotations

import asyncio
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import msgspec

from tocsin.clock import Clock
from tocsin.errors import TooLargeError
from tocsin.reach.bulletin import Bulletin
from tocsin.reach.channel import ACCEPTED, GONE, Channel, Kit, Outcome, later, refused
from tocsin.reach.channels.courier import HELD, REFUSED, Answer, Courier, Manners, Parcel
from tocsin.reach.channels.destination import ForbiddenError, vet_url
from tocsin.reach.delivery import Delivery
from tocsin.reach.notice import URGENCY, notice, size
from tocsin.reach.prekey import Claim, PreKeys, aim, binding
from tocsin.reach.seal import Prepared, pad, prepare, seal, split
from tocsin.reach.vapid import Signer, Vapid

LATER = frozenset({408, 425, 429})
MOST_ASKED_S = 3600.0
MOST_TTL = 28 * 86_400
"""Seconds that push services keep a message at most."""

_ENDPOINT = re.compile(r"(https://[^/?#\\@\s]{1,260})(/[!-\[\]-~]*)")
_BULLETIN = msgspec.json.Decoder(Bulletin)


class Text:
    """One alert in one set of languages: padded, and named for the claim of keys."""

    __slots__ = ("name", "padded", "places", "until")

    def __init__(self, delivery: Delivery) -> None:
        languages = delivery.to.languages
        told = _BULLETIN.decode(delivery.body)
        self.padded = pad(notice(told, languages, delivery.loudness), size(languages))
        self.name = binding(delivery.alert, delivery.version, languages, self.padded)
        self.until = delivery.deadline


class Webpush:
    """The channel ``webpush``. Without a ``signer`` it is not set up, and what is given to it waits."""

    name = "webpush"
    stride = 250
    lanes = 8

    def __init__(
        self,
        clock: Clock,
        signer: Signer | None,
        prekeys: PreKeys | None = None,
        *,
        contact: str = "",
        loopback: bool = False,
        manners: Manners | None = None,
        authorities: Path | None = None,
        agent: str = "Tocsin",
    ) -> None:
        self.clock, self.prekeys, self.loopback = clock, prekeys, loopback
        self.vapid = Vapid(signer, contact) if signer is not None else None
        self.courier = Courier(manners, loopback=loopback, authorities=authorities, agent=agent)
        self.prepared = self.on_the_spot = 0
        self._texts: dict[tuple[bytes, tuple[str, ...], str], Text] = {}
        self._headers: dict[tuple[str, ...], list[str]] = {}
        self._vet = lru_cache(maxsize=10_000)(self._vetted)

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Seal and POST each of ``batch``; see :class:`tocsin.reach.channel.Channel`."""
        if self.vapid is None:
            return [later(60.0, "not set up", tried=False)] * len(batch)
        outcomes: list[Outcome] = [ACCEPTED] * len(batch)
        places, parcels = await asyncio.to_thread(self._pack, batch, outcomes, self.vapid)
        for place, answer in zip(places, await self.courier.carry(parcels), strict=True):
            if answer.status != 201:
                outcomes[place] = self._judge(answer, batch[place])
        return outcomes

    async def close(self) -> None:
        """Close the connections that are kept."""
        await self.courier.close()

    def carrier(self, address: str) -> str:
        """The push service that an endpoint is of."""
        found = _ENDPOINT.fullmatch(address) if len(address) <= 2048 else None
        return found[1].lower() if found is not None else self.name

    def resting(self) -> dict[str, str]:
        """The push services that are left alone now, with why."""
        return {name: f"circuit open, {rests} in a row" for name, rests in self.courier.resting().items()}

    # --- what leaves ------------------------------------------------------------------------------------------------

    def _pack(self, batch: Sequence[Delivery], outcomes: list[Outcome], vapid: Vapid) -> tuple[list[int], list[Parcel]]:
        """The parcels of a batch and their places in it; who cannot be sent to gets an outcome instead."""
        now = self.clock.now()
        origins = [""] * len(batch)
        groups: dict[int, tuple[Text, list[int]]] = {}
        for place, delivery in enumerate(batch):
            try:
                origins[place] = self._origin(delivery.to.address)
                text = self._text(delivery)
            except ForbiddenError as wrong:
                outcomes[place] = refused(wrong.reason, tried=False)
            except (TooLargeError, msgspec.DecodeError):
                outcomes[place] = refused("text", tried=False)
            else:
                groups.setdefault(id(text), (text, []))[1].append(place)
        keys = self._keys(batch, list(groups.values()), now)
        places: list[int] = []
        parcels: list[Parcel] = []
        for text, members in groups.values():
            padded, heads = text.padded, dict[str, list[str]]()
            for place in members:
                key = keys[place]
                if key is None:
                    outcomes[place] = refused("keys", tried=False)
                    continue
                origin = origins[place]
                headers = heads.get(origin)
                if headers is None:
                    # Who shares the text shares the alert, so at one origin they share the headers as well.
                    headers = heads[origin] = self._heads(batch[place], origin, vapid, now)
                places.append(place)
                parcels.append(Parcel(origin, batch[place].to.address, headers, seal(key, padded)))
        return places, parcels

    def _keys(
        self, batch: Sequence[Delivery], groups: list[tuple[Text, list[int]]], now: datetime
    ) -> list[Prepared | None]:
        """A key for each place of each group: a prepared one, or one made now."""
        keys: list[Prepared | None] = [None] * len(batch)
        if self.prekeys is not None and groups:
            claims = [Claim(text.name, [batch[place].to.number for place in one], text.until) for text, one in groups]
            for (_, members), found in zip(groups, self.prekeys.claim(claims, now), strict=True):
                for place, key in zip(members, found, strict=True):
                    keys[place] = key
        for _, members in groups:
            for place in members:
                if keys[place] is not None:
                    self.prepared += 1
                    continue
                device = aim(batch[place].to.secrets)
                keys[place] = split(prepare(device.point, device.auth)) if device is not None else None
                self.on_the_spot += device is not None
        return keys

    def _text(self, delivery: Delivery) -> Text:
        named = (delivery.body, delivery.to.languages, delivery.loudness)
        text = self._texts.get(named)
        if text is None:
            if len(self._texts) >= 1000:
                self._texts.clear()
            text = self._texts[named] = Text(delivery)
        return text

    def _origin(self, address: str) -> str:
        """The origin of an endpoint that may be sent to; :class:`ForbiddenError` for any other."""
        found = _ENDPOINT.fullmatch(address) if len(address) <= 2048 else None
        if found is None:
            raise ForbiddenError("address.malformed" if address.startswith("https://") else "address.scheme")
        reason, origin = self._vet(found[1])
        if reason:
            raise ForbiddenError(reason)
        return origin

    def _vetted(self, start: str) -> tuple[str, str]:
        try:
            return "", str(vet_url(start + "/", loopback=self.loopback).origin())
        except ForbiddenError as wrong:
            return wrong.reason, ""

    def _heads(self, delivery: Delivery, origin: str, vapid: Vapid, now: datetime) -> list[str]:
        ttl = str(min(MOST_TTL, max(1, (delivery.deadline - now) // timedelta(seconds=1))))
        urgency, topic = URGENCY.get(delivery.phase, "low"), topic_of(delivery.event_id, delivery.realm)
        named = (vapid.authorization(origin, now), ttl, urgency, topic)
        heads = self._headers.get(named)
        if heads is None:
            if len(self._headers) >= 1000:
                self._headers.clear()
            heads = self._headers[named] = [
                "Content-Type: application/octet-stream",
                "Content-Encoding: aes128gcm",
                f"Authorization: {named[0]}",
                f"TTL: {ttl}",
                f"Urgency: {urgency}",
                f"Topic: {topic}",
                "Accept:",
            ]
        return heads

    # --- what comes back --------------------------------------------------------------------------------------------

    def _judge(self, answer: Answer, delivery: Delivery) -> Outcome:
        status = answer.status
        if status == HELD:
            if answer.reason in REFUSED:
                return refused(answer.reason, tried=False)
            return later(answer.after_s, answer.reason, tried=answer.tried)
        if 200 <= status < 300:
            return ACCEPTED
        if status in (404, 410):
            return GONE
        if status in LATER or status >= 500:
            asked = None if answer.after_s is None else min(max(answer.after_s, 1.0), MOST_ASKED_S)
            return later(asked, str(status))
        if status in (401, 403) and self.vapid is not None:
            self.vapid.forget(self._origin(delivery.to.address))
        return refused(str(status))


@lru_cache(maxsize=1000)
def topic_of(event_id: str, realm: str) -> str:
    """The topic of an event (32 letters of base64url): a newer version takes the place of an older one not yet got."""
    return urlsafe_b64encode(sha256(f"{realm}\n{event_id}".encode()).digest()[:24]).decode()


def make(kit: Kit) -> Channel:
    """The channel for an installation."""
    settings = kit.settings
    url = settings.public_url
    return Webpush(
        kit.clock,
        kit.signer,
        kit.prekeys,
        contact=settings.webpush_contact or (url if url.startswith("https:") else ""),
        loopback=settings.webpush_loopback,
        manners=Manners(per_second=settings.webpush_per_second),
        agent=f"Tocsin (+{url})",
    )
