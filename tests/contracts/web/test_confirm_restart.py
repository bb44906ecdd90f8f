"""What somebody was asked at their address outlives a restart, and a yes is one subscription whatever falls in between."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from types import SimpleNamespace

from tests.contracts.web.conftest import Server
from tocsin.reach.channel import ACCEPTED, Outcome
from tocsin.reach.subscription import SUBSCRIPTION_MADE, Wish
from tocsin.web.confirm import HOLDS, WORDS, Confirmations

ADDRESS = "olena@example.org"


class Said:
    """A channel that keeps what it was told to say."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def tell(self, address: str, subject: str, text: str) -> Outcome:
        self.texts.append(text)
        return ACCEPTED


async def link(server: Server, said: Said) -> str:
    """Ask, and take the token out of what was sent."""
    server.house.dispatch = SimpleNamespace(lanes={"mail": SimpleNamespace(channel=said)})
    before = Confirmations(server.house)
    await before.ask("mail", ADDRESS, Wish("mail", "", areas=("UA-30",)), 10)
    await asyncio.gather(*before._telling)
    found = re.search(r"/v1/confirm/(\S+)", said.texts[-1])
    assert found is not None
    return found[1]


async def test_a_yes_after_a_restart(server: Server) -> None:
    """The link that was sent before a restart begins the subscription after it, once, also after another restart."""
    token = await link(server, Said())
    after = Confirmations(server.house)
    assert after.page(token, "en").button == WORDS["en"][3]
    assert (await after.confirm(token, "en")).title == WORDS["en"][4]
    again = Confirmations(server.house)
    assert (await again.confirm(token, "en")).title == WORDS["en"][4]
    assert len(server.building.entries(SUBSCRIPTION_MADE)) == 1


async def test_what_is_asked_is_sealed_and_goes(server: Server) -> None:
    """Neither the address nor the link stands in the store; after a day, as after the yes, nothing of it is left."""
    token = await link(server, Said())
    store, book = server.building.store, server.house.subscriptions.book
    data = b"".join(file.read_bytes() for file in store.path.parent.glob("tocsin.db*"))
    assert ADDRESS.encode() not in data
    assert token.encode() not in data
    server.building.clock.turn((HOLDS + timedelta(minutes=1)).total_seconds())
    assert Confirmations(server.house).page(token, "en").said == WORDS["en"][5]
    other = await link(server, Said())
    with store.reader() as connection:
        assert connection.execute("SELECT count(*), count(box) FROM confirmations").fetchone() == (1, 1)
    await Confirmations(server.house).confirm(other, "en")
    with store.reader() as connection:
        assert connection.execute("SELECT count(*), count(box) FROM confirmations").fetchone() == (1, 0)
    assert book.asked(server.house.now() - HOLDS)[0][2] is None
