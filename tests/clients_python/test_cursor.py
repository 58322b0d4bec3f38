"""A cursor asks for the events after it, yields each event once, and reports gaps."""

import json

from agentstream.events import Cursor, Event, Gap

from .scripted import AGENT, TIME, output, subscribed


def cursor(since: int | None = None) -> Cursor:
    return Cursor("agent", AGENT, since)


def take(cursor: Cursor, *seqs: int) -> list[int]:
    events = [cursor.advance(json.loads(output(seq))) for seq in seqs]
    return [event.seq for event in events if event]


def test_it_asks_from_now_on() -> None:
    assert cursor().request() == {"type": "subscribe:agent", "id": f"agent.{AGENT}", "payload": {"agentId": AGENT}}


def test_it_asks_for_the_events_that_follow() -> None:
    assert cursor(0).request()["payload"] == {"agentId": AGENT, "since": 0}


def test_it_asks_with_the_timestamp_of_the_last_event_seen() -> None:
    at = cursor(0)
    take(at, 1, 2)
    assert at.request()["payload"] == {"agentId": AGENT, "since": 2, "at": TIME}


def test_from_now_on_becomes_a_position_with_the_answer() -> None:
    at = cursor()
    assert at.subscribed(json.loads(subscribed(seq=7))) is None
    assert at.request()["payload"] == {"agentId": AGENT, "since": 7}


def test_the_answer_does_not_move_a_position() -> None:
    at = cursor(3)
    at.subscribed(json.loads(subscribed(seq=7)))
    assert take(at, 4) == [4]


def test_each_event_is_yielded_once() -> None:
    assert take(cursor(3), 3, 4, 4, 6, 5, 7) == [4, 6, 7]


def test_an_event_is_typed() -> None:
    event = cursor().advance(json.loads(output(1, "hi")))
    assert event == Event(
        "agent:output", {"agentId": AGENT, "content": "hi", "role": "assistant"}, 1, TIME, f"agent.{AGENT}"
    )


def test_a_gap_moves_to_the_oldest_retained_event() -> None:
    at = cursor(3)
    gap = at.subscribed(json.loads(subscribed(seq=20, oldest=10, complete=False)))
    assert isinstance(gap, Gap)
    assert (gap.type, gap.seq, gap.state["status"]) == ("gap", 9, "idle")
    assert take(at, 10, 11) == [10, 11]


def test_a_log_that_was_reset_is_followed_from_its_start() -> None:
    at = cursor(30)
    at.subscribed(json.loads(subscribed(seq=0, oldest=0, complete=False)))
    assert at.request()["payload"] == {"agentId": AGENT, "since": 0}
    assert take(at, 1) == [1]
