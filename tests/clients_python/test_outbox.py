"""The outbox keeps order, bounds and numbers."""

import json
from typing import Any

from agentstream.messages import MAX_CONTENT, Message, Output, StatusChange
from agentstream.outbox import MAX_FRAME_BYTES, MAX_FRAME_EVENTS, Outbox


def outbox(*messages: Message) -> Outbox:
    box = Outbox()
    for message in messages:
        box.add(message)
    return box


def sent(box: Outbox) -> list[dict[str, Any]]:
    return [json.loads(entry.seal()) for entry in box.batch()]


def test_events_are_numbered_from_one_in_order() -> None:
    box = outbox(Output("a"), StatusChange("idle"), Output("b"))
    assert [(event["n"], event["type"]) for event in sent(box)] == [
        (1, "agent:output"),
        (2, "agent:status"),
        (3, "agent:output"),
    ]


def test_each_outbox_has_its_own_producer() -> None:
    assert Outbox().producer != Outbox().producer


def test_only_an_acknowledgement_removes() -> None:
    box = outbox(Output("a"), Output("b"), Output("c"))
    box.batch()
    assert [entry.n for entry in box.batch()] == [1, 2, 3]
    box.acknowledge(2)
    assert [entry.n for entry in box.batch()] == [3]
    assert (len(box), box.last, box.acknowledged) == (1, 3, 2)


def test_waiting_chunks_of_one_message_become_one_event() -> None:
    box = outbox(*(Output(letter, message_id="m", is_streaming=True) for letter in "abc"))
    box.add(Output("d", message_id="m", is_streaming=False))
    (event,) = sent(box)
    assert event["payload"] == {"content": "abcd", "role": "assistant", "messageId": "m", "isStreaming": False}


def test_an_event_that_may_have_been_sent_never_changes() -> None:
    box = outbox(Output("a", message_id="m"))
    before = sent(box)
    box.add(Output("b", message_id="m"))
    assert sent(box)[0] == before[0]
    assert [event["payload"]["content"] for event in sent(box)] == ["a", "b"]


def test_different_messages_stay_apart() -> None:
    box = outbox(
        Output("a"),
        Output("b"),
        Output("c", message_id="m"),
        Output("d", message_id="n"),
        Output("e", "tool", message_id="n"),
        StatusChange("idle"),
        Output("f", "tool", message_id="n"),
    )
    assert len(box) == 7


def test_joined_chunks_stay_small_enough() -> None:
    box = outbox(*(Output("\0" * 1000, message_id="m") for _ in range(200)))
    assert 1 < len(box) < 20
    assert all(len(entry.seal()) < 240 * 1024 for entry in box.batch())


def test_a_frame_is_bounded_in_events() -> None:
    assert len(outbox(*[Output("a")] * (MAX_FRAME_EVENTS + 1)).batch()) == MAX_FRAME_EVENTS


def test_a_frame_is_bounded_in_bytes() -> None:
    box = outbox(*[Output("x" * MAX_CONTENT)] * 20)
    batch = box.batch()
    assert 0 < sum(len(entry.seal()) for entry in batch) <= MAX_FRAME_BYTES
    assert len(batch) == 7


def test_it_is_full_by_count_and_free_again() -> None:
    box = Outbox(max_events=2)
    box.add(Output("a"))
    assert not box.full
    box.add(Output("b"))
    assert box.full
    box.acknowledge(1)
    assert not box.full


def test_it_is_full_by_bytes_and_free_again() -> None:
    box = Outbox(max_bytes=1000)
    box.add(Output("x" * 500, message_id="m"))
    box.add(Output("y" * 500, message_id="m"))
    assert box.full
    assert len(box) == 1
    box.batch()
    box.acknowledge(1)
    assert not box.full
