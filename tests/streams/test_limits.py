"""A bucket allows a burst and then a steady rate; a turn on the event loop ends."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.protocol.limits import TURN_SECONDS, Bucket, Turn


class Clock:
    """`time.monotonic` and `time.perf_counter`, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


def taken(bucket: Bucket, wanted: int) -> int:
    return sum(bucket.take() for _ in range(wanted))


def test_a_burst_is_allowed_and_no_more(clock: Clock) -> None:
    assert taken(Bucket(5, 1), 10) == 5


def test_a_bucket_refills_at_its_rate(clock: Clock) -> None:
    bucket = Bucket(5, 2)
    taken(bucket, 5)
    clock.now += 1.5
    assert taken(bucket, 10) == 3
    clock.now += 0.4
    assert taken(bucket, 10) == 0  # what was gained so far is kept
    clock.now += 0.1
    assert taken(bucket, 10) == 1


def test_a_bucket_never_holds_more_than_its_size(clock: Clock) -> None:
    bucket = Bucket(5, 100)
    clock.now += 3_600
    assert taken(bucket, 100) == 5


def test_refusals_cost_nothing(clock: Clock) -> None:
    bucket = Bucket(1, 1)
    taken(bucket, 1_000)
    clock.now += 1
    assert bucket.take()


@given(st.lists(st.floats(0, 2), max_size=50), st.integers(1, 10), st.integers(1, 10))
def test_no_call_pattern_gets_more_than_the_burst_and_the_rate(pauses: list[float], size: int, rate: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(time, "monotonic", clock)
        bucket, got = Bucket(size, rate), 0
        for pause in pauses:
            clock.now += pause
            got += taken(bucket, 3)
        assert got <= size + rate * sum(pauses) + 1e-6


def test_a_long_turn_yields_and_a_short_one_does_not(clock: Clock) -> None:
    async def scenario() -> list[str]:
        seen: list[str] = []
        turn = Turn()
        asyncio.get_running_loop().call_soon(seen.append, "another")
        await turn.passed_on()
        seen.append("short")
        clock.now += TURN_SECONDS * 1.1
        await turn.passed_on()
        seen.append("long")
        return seen

    assert asyncio.run(scenario()) == ["short", "another", "long"]
