"""Subscribers are told of the subscription itself: a test, its end, and a channel that was lost."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from tests.rules.reach.conftest import Room
from tests.rules.reach.stage import Notes
from tocsin.clock import TurnedClock
from tocsin.keeping import Keeping
from tocsin.reach.bulletin import Bulletin
from tocsin.reach.channel import ACCEPTED, GONE, Outcome, later, refused
from tocsin.reach.letter import SUBSCRIPTION_PROVED, WORDS, Letters, Proved
from tocsin.reach.subscription import SUBSCRIPTION_ENDED, Ended, Wish


class Post:
    """Letters and keeping in a room with two channels, and what was written to whom."""

    def __init__(self, room: Room) -> None:
        self.room, self.notes, self.paper = room, Notes("notes"), Notes("paper")
        channels = {"notes": self.notes, "paper": self.paper}
        self.letters = Letters(
            room.subscribers,
            room.book,
            channels,
            room.store,
            room.clock,
            sender="Civil Protection",
            public_url="https://x",
        )
        self.keeping = Keeping(room.store, room.subscribers, room.audience, self.letters, room.clock)

    def said(self, channel: Notes) -> list[tuple[str, Bulletin]]:
        return [(one.to.address, msgspec.json.decode(one.body, type=Bulletin)) for one in channel.sent]


@pytest.fixture
def post(room: Room) -> Post:
    return Post(room)


async def test_a_test_goes_the_way_of_a_warning_and_is_no_warning(post: Post) -> None:
    """It is sent by the channel itself, marked as an exercise, in the reader's language; that it was taken is a fact."""
    one = post.room.subscribers.make(Wish("notes", "olena", areas=("UA-30",), languages=("uk",)))
    assert await post.letters.prove(one) == ACCEPTED
    ((address, told),) = post.said(post.notes)
    assert address == "olena"
    assert (told.realm, told.phase) == ("exercise", "calm")
    assert told.headline == {"uk": WORDS["uk"]["trial"][0]}
    assert "UA-30" in told.instruction["uk"]
    assert told.expires == post.room.clock.now() + timedelta(minutes=10)
    (entry,) = post.room.store.about(SUBSCRIPTION_PROVED, one.id)
    assert entry.read(Proved) == Proved(one.number, "notes", "accepted")


@pytest.mark.parametrize(("outcome", "live"), [(GONE, 0), (refused("spam"), 1), (later(1.0), 1)])
async def test_a_test_that_does_not_arrive(post: Post, outcome: Outcome, live: int) -> None:
    """Who is gone is ended as with a warning; who could not be reached stays, and the record says how it went."""
    one = post.room.subscribers.make(Wish("notes", "olena", areas=("UA-30",)))
    post.notes.answer = lambda delivery: outcome
    await post.letters.prove(one)
    assert len(post.room.audience) == live
    assert post.room.store.about(SUBSCRIPTION_PROVED, one.id)[0].read(Proved).outcome == outcome.kind


async def test_who_lost_a_channel_is_told_by_the_next(post: Post) -> None:
    """When mail says that somebody is gone, the next channel in order that takes it tells them, once, also after a crash."""
    subscribers = post.room.subscribers
    lost, spare, last = (
        subscribers.make(Wish(channel, address, areas=("UA-30",), languages=("de",), person="p", order=order))
        for order, (channel, address) in enumerate([("mail", "a"), ("notes", "b"), ("paper", "c")])
    )
    stranger = subscribers.make(Wish("paper", "stranger", areas=("UA-30",)))
    subscribers.end(lost.id, "gone")
    post.notes.answer = lambda delivery: refused("full")
    while await post.keeping.farewells():
        pass
    assert [address for address, _ in post.said(post.paper)] == ["c"]
    told = post.said(post.paper)[0][1]
    assert "E-Mail" in told.instruction["de"]
    again = Post(post.room)
    assert not await again.keeping.farewells()
    assert again.paper.sent == []
    subscribers.end(spare.id, "owner")
    subscribers.end(stranger.id, "gone")
    subscribers.end(last.id, "gone")
    while await again.keeping.farewells():
        pass
    # Who ended it knows, and who has no other channel cannot be told.
    assert again.notes.sent == again.paper.sent == []


async def test_a_stay_is_announced_ended_and_said(post: Post, clock: TurnedClock) -> None:
    """A day before its end a stay is announced, once, also after a restart; at its end that is said and it is over."""
    start = clock.now()
    one = post.room.subscribers.make(
        Wish("notes", "traveller", areas=("UA-30",), languages=("en",), until=start + timedelta(days=7))
    )
    short = post.room.subscribers.make(Wish("notes", "day", areas=("UA-30",), until=start + timedelta(days=1)))
    assert await post.keeping.dates() == 0
    assert post.notes.sent == []
    clock.set(start + timedelta(days=1))
    assert await post.keeping.dates() == 1
    assert [address for address, _ in post.said(post.notes)] == ["day"]
    clock.set(start + timedelta(days=6, hours=1))
    for keeping in (post.keeping, post.keeping, Keeping(post.room.store, post.room.subscribers, post.room.audience, post.letters, clock)):  # fmt: skip # noqa: E501
        assert await keeping.dates() == 0
    assert [told.headline.get("en") for _, told in post.said(post.notes)[1:]] == [WORDS["en"]["soon"][0]]
    clock.set(start + timedelta(days=7))
    assert await post.keeping.dates() == 1
    assert post.said(post.notes)[-1][1].headline == {"en": WORDS["en"]["over"][0]}
    assert [entry.read(Ended).reason for entry in post.room.store.read(0, kinds=[SUBSCRIPTION_ENDED])] == [
        "date",
        "date",
    ]
    assert post.room.book.numbers() == set()
    assert (one.number, short.number) == (1, 2)


def test_every_letter_is_there_in_every_language() -> None:
    """The four letters have the same blanks in the four languages."""
    for kind in WORDS["en"]:
        for language in ("uk", "de", "fr"):
            for blank in ("{places}", "{channel}"):
                assert (blank in WORDS[language][kind][1]) == (blank in WORDS["en"][kind][1])
