"""When readers are woken, on a clock that moves only where the test says so."""

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from streams.conf import conf
from streams.hub.feed import MAX_PAUSE_SECONDS, Feed, Flusher
from tests.engine.virtual import VirtualLoop

Arrival = tuple[float, str, int]  # when, in which feed, how many events


def flushes(arrivals: Sequence[Arrival], took: float) -> list[float]:
    """When flushes begin that take so long each."""
    loop = VirtualLoop()
    began: list[float] = []

    def flush(feeds: Iterable[Feed]) -> None:
        assert list(feeds)
        began.append(round(loop.time(), 6))
        loop._now += took

    async def scene() -> None:
        flusher = Flusher(flush)
        feeds = {name: Feed(name) for _, name, _ in arrivals}
        for at, name, events in arrivals:
            loop.call_at(at, flusher.add, feeds[name], events)
        await asyncio.sleep(10)

    try:
        loop.run_until_complete(scene())
    finally:
        loop.close()
    return began


@pytest.mark.parametrize("every", [0.02, 0.007])
def test_a_single_event_is_flushed_at_once_even_soon_after_the_last_one(every: float) -> None:
    due = [round(number * every, 6) for number in range(10)]
    assert flushes([(at, "a", 1) for at in due], took=0.004) == due


def test_under_load_the_next_flush_waits_as_long_as_the_last_took() -> None:
    assert flushes([(0, "a", 2), (0.001, "a", 1)], took=0.004) == pytest.approx([0, 0.004 + 0.004])


def test_after_a_long_flush_the_pause_is_short() -> None:
    assert flushes([(0, "a", 2), (0.001, "a", 1)], took=0.1) == pytest.approx([0, 0.1 + MAX_PAUSE_SECONDS])


def test_feeds_that_grow_at_the_same_time_do_not_count_as_load() -> None:
    began = flushes([(0, "a", 1), (0, "b", 1), (0.001, "a", 1)], took=0.004)
    assert began == pytest.approx([0, 0.004 + conf().FLUSH_MIN])
