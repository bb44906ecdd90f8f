"""Tokens: what is kept of them, what opens what, and that nothing else is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import NotAllowedError, NotFoundError, NotSignedInError, SettingsError
from tocsin.journal import GENESIS, Entry, Fact, Head, link
from tocsin.web.token import SUBMIT, Tokens, issue, revoke

AT = datetime(2024, 11, 20, 12, tzinfo=UTC)


class Shelf:
    """A journal in a list."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, facts: Sequence[Fact]) -> list[Entry]:
        """Record facts."""
        for one in facts:
            prev = self.entries[-1].hash if self.entries else GENESIS
            self.entries.append(link(one, len(self.entries) + 1, AT, prev))
        return self.entries[-len(facts) :]

    def step(self, follower: str, upto: int, facts: Sequence[Fact]) -> list[Entry]:
        """Not needed for tokens."""
        raise NotImplementedError

    def read(self, after: int, limit: int = 1000, kinds: Iterable[str] | None = None) -> list[Entry]:
        """Entries above a number."""
        wanted = set(kinds) if kinds is not None else None
        return [e for e in self.entries if e.seq > after and (wanted is None or e.kind in wanted)][:limit]

    def cursor(self, follower: str) -> int:
        """No follower was here."""
        return 0

    def head(self) -> Head:
        """The newest entry."""
        return Head(self.entries[-1].seq, self.entries[-1].hash) if self.entries else Head(0, GENESIS)

    def on_append(self, call: Callable[[int], None]) -> Callable[[], None]:
        """Nobody is told."""
        return lambda: None


def made(shelf: Shelf, **given: object) -> tuple[str, Tokens]:
    """A token on the shelf, and what the shelf comes to."""
    text, _ = issue(
        shelf,
        AT,
        realm="actual",
        name="Partner",
        scopes=[SUBMIT],
        senders=("a@example.org",),
        **given,  # type: ignore[arg-type]
    )
    tokens = Tokens("actual")
    tokens.catch_up(shelf)
    return text, tokens


def test_a_token_opens_its_scope_and_nothing_of_it_is_kept() -> None:
    """What is recorded is a hash; the text opens the scope it was made for and no other."""
    shelf = Shelf()
    text, tokens = made(shelf)
    assert tokens.require(f"Bearer {text}", SUBMIT, AT).senders == ("a@example.org",)
    assert tokens.require(f"bearer  {text} ", SUBMIT, AT).source == "a@example.org"
    with pytest.raises(NotAllowedError):
        tokens.require(f"Bearer {text}", "people:admin", AT)
    recorded = b"".join(entry.body for entry in shelf.entries)
    assert text.encode() not in recorded
    assert text.rsplit("_", 1)[1].encode() not in recorded


@given(st.text(max_size=80))
def test_nothing_else_opens_anything(text: str) -> None:
    """Whatever stands in the header, it is one and the same refusal without a detail."""
    shelf = Shelf()
    good, tokens = made(shelf)
    for header in (text, f"Bearer {text}", f"Basic {good}", good, f"Bearer {good}{text or 'x'}", f"Bearer x{good}"):
        if header.strip() == f"Bearer {good}".strip():
            continue
        with pytest.raises(NotSignedInError) as refused:
            tokens.find(header, AT)
        assert refused.value.detail == ""


def test_a_revoked_or_ended_token_opens_nothing() -> None:
    """From the entry on, and from its last moment on."""
    shelf = Shelf()
    text, tokens = made(shelf, ends=AT + timedelta(hours=1))
    assert tokens.find(f"Bearer {text}", AT + timedelta(minutes=59))
    with pytest.raises(NotSignedInError):
        tokens.find(f"Bearer {text}", AT + timedelta(hours=1))
    revoke(shelf, AT, text.split("_")[1], realm="actual")
    revoke(shelf, AT, text.split("_")[1], realm="actual")
    tokens.catch_up(shelf)
    with pytest.raises(NotSignedInError):
        tokens.find(f"Bearer {text}", AT)
    assert len([entry for entry in shelf.entries if entry.kind == "token:revoked"]) == 1
    with pytest.raises(NotFoundError):
        revoke(shelf, AT, "nothing", realm="actual")


def test_a_token_of_an_exercise_opens_nothing_real() -> None:
    """A token is of one realm (F1)."""
    shelf = Shelf()
    text, _ = issue(shelf, AT, realm="exercise", name="Drill", scopes=[SUBMIT], senders=["a@example.org"])
    tokens = Tokens("actual")
    tokens.catch_up(shelf)
    with pytest.raises(NotSignedInError):
        tokens.find(f"Bearer {text}", AT)


def test_a_token_without_a_use_is_not_made() -> None:
    """No scope, an unknown scope, or submitting for nobody is refused before anything is recorded."""
    shelf = Shelf()
    for scopes, senders in (([], ["a"]), (["alerts:sumbit"], ["a"]), ([SUBMIT], [])):
        with pytest.raises(SettingsError):
            issue(shelf, AT, realm="actual", name="", scopes=scopes, senders=senders)
    assert shelf.entries == []
