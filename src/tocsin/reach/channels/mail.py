"""E-mail: the alert as plain text and simple HTML, rendered once a language and spliced for each recipient.

- Building a message takes two milliseconds, splicing it for a recipient microseconds: To, Message-ID and the way to
  unsubscribe differ and nothing else.
- All messages of one event are one thread; a Message-ID follows from the alert and the subscription alone, so a copy
  sent again after a crash is one message to the reader's program.
- One click unsubscribes (RFC 8058). Nothing answers by itself (RFC 3834). Urgent marks for act, hold and retracted: who
  was woken is told as loudly that it was a mistake (F2).
- 4xx is for later and 5xx refused; a subscription is gone only by the answers that the operator has named.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from urllib.parse import quote

from msgspec import Struct

from tocsin.clock import Clock
from tocsin.errors import ParameterError, SettingsError
from tocsin.place.language import direction
from tocsin.reach.channel import ACCEPTED, GONE, Channel, Kit, Outcome, later, refused
from tocsin.reach.channels.smtp import BrokenError, Envelope, Relay, Reply, Session
from tocsin.reach.channels.way import Saying, Unset, way
from tocsin.reach.delivery import Delivery
from tocsin.reach.wording import Told, Wording
from tocsin.recent import Recent

URGENT = frozenset({"act", "hold", "retracted"})
COLOURS = {"act": "#B3001B", "hold": "#B3001B", "prepare": "#FFD400", "all-clear": "#1B6E3C", "retracted": "#1B6E3C"}
UNSUBSCRIBE = {
    "en": "Unsubscribe: ",
    "uk": "Відписатися: ",
    "de": "Abbestellen: ",
    "fr": "Se désabonner : ",
}
_HERE = "tocsin-unsubscribe-here"
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{3,253}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
RENDERED = 256


class Rendered(Struct, frozen=True):
    """A message but for what differs by recipient: it stands before and between ``pieces``, which are 7-bit."""

    pieces: tuple[bytes, ...]


class Mail:
    """The channel ``mail``. ``kit`` is what every channel is made with."""

    name = "mail"
    stride = 100

    def __init__(self, kit: Kit, relay: Relay) -> None:
        if relay.user and relay.clear:
            raise SettingsError("mail: a password is not sent without TLS")
        self.clock: Clock = kit.clock
        self.relay, self.settings = relay, kit.settings
        self.lanes = relay.connections
        self.saying = Saying(kit)
        self._rendered: Recent[tuple[bytes, tuple[str, ...], bool], Rendered] = Recent(RENDERED)
        self._idle: list[Session] = []

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Hand each of ``batch`` to the relay; see :class:`tocsin.reach.channel.Channel`."""
        found: list[Outcome | None] = [None] * len(batch)
        envelopes, places = list[Envelope](), list[int]()
        for place, delivery in enumerate(batch):
            made = self._envelope(delivery)
            if isinstance(made, Outcome):
                found[place] = made
            else:
                envelopes.append(made)
                places.append(place)
        if envelopes:
            for place, outcome in zip(places, await self._hand_over(envelopes), strict=True):
                found[place] = outcome
        return [outcome or later(reason="none") for outcome in found]

    async def close(self) -> None:
        """Say goodbye to the relay."""
        idle, self._idle = self._idle, []
        for session in idle:
            await session.quit()

    def carrier(self, address: str) -> str:
        """The relay that it all goes to."""
        return f"smtp {self.relay.host}"

    async def tell(self, address: str, subject: str, text: str) -> Outcome:
        """Send one plain mail that is no alert: whether warnings are wanted there."""
        if _MAILBOX.fullmatch(address) is None:
            return refused("address.malformed", tried=False)
        message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
        user, _, domain = self.relay.sender.rpartition("@")
        message["From"] = Mailbox(self.settings.sender_name, user, domain)
        message["To"] = address
        message["Date"] = format_datetime(self.clock.now())
        message["Subject"] = " ".join(subject.split())
        message["Message-ID"] = f"<{_short('tell', address, text)}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text + "\n", cte="quoted-printable")
        content = message.as_bytes().replace(b"\r\n.", b"\r\n..")
        return (await self._hand_over([Envelope(self.relay.sender, address, content)]))[0]

    async def _hand_over(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        session = None
        try:
            session = await self._session()
            replies = await session.send(envelopes)
        except (OSError, TimeoutError, BrokenError, EOFError, ValueError) as wrong:
            reason = "timeout" if isinstance(wrong, TimeoutError) else type(wrong).__name__
            return [later(None, f"relay: {reason}", tried=False)] * len(envelopes)
        except BaseException:
            # Cancelled in the middle of a message: what stands on this connection belongs to nobody any more.
            if session is not None:
                session.drop()
            raise
        if all(reply.code for reply in replies):
            self._idle.append(session)
        return [self._judge(reply) for reply in replies]

    async def _session(self) -> Session:
        while self._idle:
            session = self._idle.pop()
            if not session.closed:
                return session
            session.drop()
        return await Session.open(self.relay)

    def _judge(self, reply: Reply) -> Outcome:
        if 200 <= reply.code < 300:
            return ACCEPTED
        said = f"{reply.code} {reply.text}"
        if any(said.startswith(code) for code in self.relay.gone):
            return GONE
        if reply.code == 0:
            return later(None, f"relay: {reply.text}", tried=reply.begun)
        if reply.code < 500:
            return later(None, said[:80])
        return refused(said[:80])

    def _envelope(self, delivery: Delivery) -> Envelope | Outcome:
        if _MAILBOX.fullmatch(delivery.to.address) is None:
            return refused("address.malformed", tried=False)
        told = self.saying.of(delivery)
        if isinstance(told, Outcome):
            return told
        key = delivery.body, delivery.to.languages, told.alert is not None
        rendered = self._rendered.made(key, lambda: self.render(told, told.all_for(delivery.to.languages)))
        return Envelope(self.relay.sender, delivery.to.address, self.splice(rendered, delivery))

    def render(self, told: Told, wordings: Sequence[Wording]) -> Rendered:
        """The message in these languages, without what differs by recipient."""
        bulletin, first = told.bulletin, wordings[0]
        message = EmailMessage(policy=SMTP.clone(cte_type="7bit", max_line_length=76))
        user, _, domain = self.relay.sender.rpartition("@")
        message["From"] = Mailbox(self.settings.sender_name, user, domain)
        message["Date"] = format_datetime(self.clock.now())
        message["Subject"] = " ".join(first.headline.split())[:300]
        root = f"<{_short('event', bulletin.event_id)}@{domain}>"
        message["References"] = root
        message["In-Reply-To"] = root
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        message["List-Id"] = f"<alerts.{domain}>"
        if bulletin.phase in URGENT:
            message["X-Priority"], message["Priority"], message["Importance"] = "1 (Highest)", "urgent", "high"
        message["X-Tocsin-Event"] = _short("event", bulletin.event_id)
        message["X-Tocsin-Version"] = str(bulletin.version)
        message["X-Tocsin-Phase"] = bulletin.phase
        message["X-Tocsin-Realm"] = bulletin.realm
        message.set_content(_text(told, wordings), cte="quoted-printable")
        message.add_alternative(_html(told, wordings), subtype="html", cte="quoted-printable")
        content = message.as_bytes().replace(b"\r\n.", b"\r\n..")
        if not content.endswith(b"\r\n"):
            content += b"\r\n"
        return Rendered(tuple(content.split(_HERE.encode())))

    def splice(self, rendered: Rendered, delivery: Delivery) -> bytes:
        """The message for one recipient."""
        to = delivery.to
        domain = self.relay.sender.rpartition("@")[2]
        name = _short(delivery.alert, to.subscription)
        head = f"To: {to.address}\r\nMessage-ID: <{name}@{domain}>\r\n"
        link = unsubscribe_url(self.settings.public_url, to.subscription, to.secrets[0]) if to.secrets else ""
        if link:
            head += f"List-Unsubscribe: <{link}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        return head.encode() + _quoted(link or self.settings.public_url.replace("=", "%3D")).join(rendered.pieces)


def unsubscribe_key(secret: str) -> str:
    """What proves that somebody was sent a mail of this subscription; it ends it and can do nothing else."""
    return urlsafe_b64encode(hmac.digest(secret.encode(), b"tocsin unsubscribe", "sha256")[:18]).decode()


def unsubscribe_url(public_url: str, subscription: str, secret: str) -> str:
    """Where one click ends a subscription (RFC 8058: POST; a person's GET asks first)."""
    return f"{public_url.rstrip('/')}/v1/unsubscribe/{quote(subscription, safe='')}/{unsubscribe_key(secret)}"


def address(text: str) -> str:
    """An e-mail address as we keep it; one that no mail can go to raises :class:`ParameterError`.

    >>> address(" Olena@Example.ORG ")
    'Olena@example.org'
    """
    user, _, domain = text.strip().rpartition("@")
    try:
        plain = domain.encode("idna").decode().lower()
    except UnicodeError:
        plain = ""
    found = f"{user}@{plain}"
    if _MAILBOX.fullmatch(found) is None:
        raise ParameterError("address: this is not an e-mail address")
    return found


def make(kit: Kit) -> Channel:
    """The channel for an installation."""
    relay = way(kit, "mail", Relay)
    return Unset("mail") if relay is None else Mail(kit, relay)


def _text(told: Told, wordings: Sequence[Wording]) -> str:
    parts = []
    for one in wordings:
        lines = [one.headline, "", one.description, *(f"- {line}" for line in one.instruction)]
        parts.append("\n".join(line for place, line in enumerate(lines) if line or place == 1).strip())
    sender = next((one.sender for one in wordings if one.sender), "")
    footer = "\n".join(part for part in (sender, told.bulletin.url, _word(wordings), _HERE) if part)
    return "\n\n-- \n\n".join([*parts, footer]) + "\n"


def _html(told: Told, wordings: Sequence[Wording]) -> str:
    colour = COLOURS.get(told.bulletin.phase, "#5A6068")
    ink = "#000" if told.bulletin.phase == "prepare" else "#fff"
    blocks = []
    for one in wordings:
        actions = "".join(f"<li>{escape(line)}</li>\n" for line in one.instruction)
        blocks.append(
            f'<div lang="{escape(one.language)}" dir="{direction(one.language)}">\n'
            f'<h1 style="background:{colour};color:{ink};padding:12px;font-size:22px">{escape(one.headline)}</h1>\n'
            + (f"<p>{escape(one.description)}</p>\n" if one.description else "")
            + (f"<ul>\n{actions}</ul>\n" if actions else "")
            + "</div>\n"
        )
    url = escape(told.bulletin.url)
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(wordings[0].language)}">\n<head><meta charset="utf-8">'
        f"<title>{escape(wordings[0].headline)}</title></head>\n"
        '<body style="font-family:sans-serif;font-size:17px;max-width:40em">\n'
        + "".join(blocks)
        + f'<p style="font-size:14px"><a href="{url}">{url}</a><br>\n{escape(_word(wordings))}<br>\n{_HERE}</p>\n'
        "</body>\n</html>\n"
    )


def _word(wordings: Sequence[Wording]) -> str:
    return next(
        (UNSUBSCRIBE[tag] for one in wordings if (tag := one.language.split("-")[0]) in UNSUBSCRIBE), ""
    ).strip()


def _quoted(text: str) -> bytes:
    """``text``, which is ASCII without ``=``, in lines as short as quoted-printable wants, their dots doubled."""
    lines = "=\r\n".join(text[start : start + 70] for start in range(0, len(text), 70))
    return lines.replace("\r\n.", "\r\n..").encode()


def _short(*parts: str) -> str:
    return urlsafe_b64encode(hashlib.sha256("\n".join(parts).encode()).digest()[:15]).decode()
