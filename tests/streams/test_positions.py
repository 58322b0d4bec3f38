"""Where a subscription starts: from where the client asked or, if it is told so, from the oldest event."""

import pytest

from streams.protocol.clock import timestamp
from streams.protocol.messages import Subscribe
from streams.protocol.positions import Span, Start, start_at

TIME = 1_800_000_000_000
SPAN = Span(head=20, floor=10, time=TIME)  # events 11 to 20 are retained


def test_a_span_knows_its_oldest_event_and_when_the_newest_was_written() -> None:
    assert (SPAN.oldest, SPAN.at) == (11, timestamp(TIME))
    assert Span(head=20, floor=20).at is None


def test_without_a_position_only_new_events_follow() -> None:
    assert start_at(Subscribe(), SPAN, None) == Start(20, complete=True)


@pytest.mark.parametrize("since", [10, 11, 15, 20])
def test_a_retained_position_is_continued(since: int) -> None:
    assert start_at(Subscribe(since=since), SPAN, TIME) == Start(since, complete=True)


@pytest.mark.parametrize("since", [0, 9, 21, 1_000])
def test_a_position_not_retained_starts_at_the_oldest_event(since: int) -> None:
    assert start_at(Subscribe(since=since), SPAN, TIME) == Start(10, complete=False)


@pytest.mark.parametrize("time", [TIME + 1, None])
def test_an_event_written_at_another_time_is_another_event(time: int | None) -> None:
    wish = Subscribe(since=15, at=timestamp(TIME))
    assert start_at(wish, SPAN, TIME) == Start(15, complete=True)
    assert start_at(wish, SPAN, time) == Start(10, complete=False)


def test_the_time_of_an_event_that_was_trimmed_cannot_be_compared() -> None:
    """The event `since` itself is gone, but everything after it is there."""
    assert start_at(Subscribe(since=10, at=timestamp(TIME)), SPAN, None) == Start(10, complete=True)


def test_an_empty_stream_has_a_beginning() -> None:
    empty = Span(0, 0)
    assert start_at(Subscribe(), empty, None) == Start(0, complete=True)
    assert start_at(Subscribe(since=0), empty, None) == Start(0, complete=True)
    assert start_at(Subscribe(since=1), empty, None) == Start(0, complete=False)
