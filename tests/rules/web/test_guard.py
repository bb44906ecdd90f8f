"""Token buckets, whose bucket it is, and what every answer bears."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import RateLimitedError
from tocsin.web.guard import Buckets, Limits, harden, neighbour
from tocsin.web.problem import Refusal


@given(
    st.floats(0.1, 100),
    st.integers(1, 50),
    st.lists(st.floats(0, 5, allow_subnormal=False), min_size=1, max_size=60),
)
def test_nobody_gets_more_than_rate_and_burst(rate: float, burst: int, pauses: list[float]) -> None:
    """However requests are spread, those that pass are at most the burst and the rate times the time."""
    buckets, now, passed = Buckets(rate, burst), 0.0, 0
    for pause in pauses:
        now += pause
        passed += not buckets.take("a", now)
    assert passed <= burst + rate * sum(pauses[1:]) + 1e-6 * len(pauses)


@given(st.floats(0.1, 100), st.integers(1, 20))
def test_the_wait_that_is_told_is_long_enough(rate: float, burst: int) -> None:
    """Who comes back when told passes."""
    buckets = Buckets(rate, burst)
    while not (wait := buckets.take("a", 0.0)):
        pass
    assert not buckets.take("a", wait * (1 + 1e-9) + 1e-9)


def test_one_flood_does_not_stop_others_nor_fill_memory() -> None:
    """Keys are apart, and only so many are remembered."""
    buckets = Buckets(1, 1, keep=100)
    assert [buckets.take("a", 0) == 0 for _ in range(2)] == [True, False]
    assert buckets.take("b", 0) == 0
    for n in range(1000):
        buckets.take(str(n), 0)
    assert len(buckets) <= 100


def test_a_clock_that_steps_back_gives_nothing() -> None:
    """Time that goes backwards fills no bucket."""
    buckets = Buckets(10, 1)
    assert buckets.take("a", 100) == 0
    assert buckets.take("a", 50) > 0


@pytest.mark.parametrize(
    ("client", "key"),
    [
        (("192.0.2.1", 1), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::1", 1), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 1), "fe80::/64"),
        (("not:an:address", 1), "not:an:address"),
        (None, "unknown"),
    ],
)
def test_one_person_is_one_key(client: tuple[str, int] | None, key: str) -> None:
    """An IPv6 address counts as its /64, because one person has all of it."""
    assert neighbour(client) == key


def test_a_refusal_says_when_to_come_back() -> None:
    """Too much is a rate-limit error with whole seconds to wait, at least one."""
    limits = Limits(1, 0.05, steady=lambda: 0.0)
    limits.write("a")
    with pytest.raises(Refusal) as refused:
        limits.write("a")
    assert isinstance(refused.value.error, RateLimitedError)
    assert refused.value.retry_after == 20


def test_a_card_may_be_framed_and_nothing_else() -> None:
    """Only what is made to be embedded may stand in a frame of another page."""
    for path, framed in (
        ("/", False),
        ("/at/UA-30", False),
        ("/at/UA-30/card", True),
        ("/cards", False),
        ("/card/x", True),
    ):
        headers = dict(harden([], path))
        assert (b"frame-ancestors *" in headers[b"content-security-policy"]) is framed
        assert (b"x-frame-options" in headers) is not framed


def test_what_a_page_has_set_stays() -> None:
    """A page's own, stricter policy is not doubled."""
    headers = harden([(b"content-security-policy", b"default-src 'none'")], "/")
    assert [value for name, value in headers if name == b"content-security-policy"] == [b"default-src 'none'"]
