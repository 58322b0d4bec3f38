"""Pauses double to 20 s with full jitter, and only a stable connection resets them."""

from agentstream.reconnection import Backoff


def test_the_ceiling_doubles_from_half_a_second_to_twenty() -> None:
    backoff = Backoff()
    ceilings = []
    for _ in range(8):
        ceilings.append(backoff.ceiling)
        backoff.delay()
    assert ceilings == [0.5, 1, 2, 4, 8, 16, 20, 20]


def test_a_pause_is_anywhere_below_the_ceiling() -> None:
    delays = [Backoff(attempt=6).delay() for _ in range(400)]
    assert all(0 <= delay <= 20 for delay in delays)
    assert min(delays) < 2
    assert max(delays) > 18


def test_many_failures_do_not_overflow() -> None:
    assert Backoff(attempt=100_000).ceiling == 20


def test_a_short_connection_does_not_reset_the_backoff() -> None:
    backoff = Backoff(attempt=5)
    backoff.delay(lasted=19)
    assert backoff.attempt == 6


def test_a_stable_connection_resets_the_backoff() -> None:
    backoff = Backoff(attempt=5)
    assert backoff.delay(lasted=20) <= 0.5
    assert backoff.attempt == 1
