"""A clock that jumps ahead deletes no history."""

import logging
from types import SimpleNamespace

import pytest

from streams.log import open_stream, retention, spans, writing
from streams.log.retention import AGE_SHARE, STEP_EVENTS, Retention, trim
from streams.protocol import clock

pytestmark = pytest.mark.django_db

DAY = 86_400_000
EVENTS = 20_000


class Clocks:
    """The wall clock, in milliseconds, and the monotonic one, in seconds; both stand still."""

    def __init__(self) -> None:
        self.wall = clock.now()
        self.monotonic = 1_000.0

    def pass_(self, seconds: float) -> None:
        self.wall += int(seconds * 1000)
        self.monotonic += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(retention, "now", lambda: clocks.wall)
    monkeypatch.setattr(retention, "time", SimpleNamespace(monotonic=lambda: clocks.monotonic, sleep=lambda _: None))
    return clocks


@pytest.fixture
def stream() -> str:
    open_stream("agent.1")
    with writing(["agent.1"]) as writer:
        for _ in range(EVENTS):
            writer.append("agent.1", "agent:output", "{}")
    return "agent.1"


def held(stream: str) -> int:
    span = spans([stream])[stream]
    return span.head - span.floor


def test_a_clock_31_days_ahead_for_a_round_deletes_nothing_and_is_logged(
    clocks: Clocks, stream: str, caplog: pytest.LogCaptureFixture
) -> None:
    rounds = Retention()
    clocks.pass_(30)
    clocks.wall += 31 * DAY
    with caplog.at_level(logging.WARNING):
        assert rounds.run() == 0
    assert "the clock has jumped ahead by 744.0 hours; not removing anything by age" in caplog.text
    clocks.wall -= 31 * DAY
    clocks.pass_(30)
    assert rounds.run() == 0
    assert held(stream) == EVENTS


def test_a_clock_that_stays_ahead_is_believed_after_an_hour(clocks: Clocks, stream: str) -> None:
    rounds = Retention()
    clocks.wall += 31 * DAY
    for _ in range(119):
        assert rounds.run() == 0
        clocks.pass_(30)
    clocks.pass_(60)
    assert rounds.run() > 0


def test_a_round_removes_a_bounded_share_by_age(clocks: Clocks, stream: str) -> None:
    clocks.wall += 31 * DAY  # from the start, so that there is nothing to compare it with
    rounds = Retention()
    assert rounds.run() == max(int(EVENTS * AGE_SHARE), STEP_EVENTS)
    assert rounds.run() < EVENTS / 10
    assert held(stream) > EVENTS * 0.8


def test_passing_time_is_not_a_jump(clocks: Clocks, stream: str) -> None:
    rounds = Retention()
    clocks.pass_(31 * DAY / 1000)
    assert rounds.run() > 0


def test_the_command_removes_everything_that_is_too_old(clocks: Clocks, stream: str) -> None:
    clocks.wall += 31 * DAY
    assert trim(pause=0) == EVENTS
