"""Content is split by its size in UTF-8, never inside a character."""

import json
from typing import Any

import pytest
from agentstream.messages import MAX_CONTENT, Context, Failure, Output, StatusChange, Terminated
from agentstream.text import clean, size, split
from hypothesis import given
from hypothesis import strategies as st


@given(st.text(alphabet=st.sampled_from("aé€😀\n\0"), max_size=60), st.integers(min_value=4, max_value=16))
def test_pieces_are_the_text_and_fit(text: str, limit: int) -> None:
    pieces = list(split(text, limit))
    assert "".join(pieces) == text
    assert all(size(piece) <= limit for piece in pieces)
    assert len(pieces) == 1 or all(size(piece) > limit - 4 for piece in pieces[:-1])


@given(st.text())
def test_clean_text_can_be_encoded_and_proper_text_stays(text: str) -> None:
    assert clean(text) == text
    assert clean(text + "\ud83d") == text + "\ufffd"


def test_clean_joins_a_pair_of_surrogates() -> None:
    assert clean("\ud83d\ude00") == "😀"


def test_short_content_stays_one_event() -> None:
    (only,) = Output("x" * MAX_CONTENT).split()
    assert only == Output("x" * MAX_CONTENT)


def test_long_content_is_chunks_of_one_message() -> None:
    chunks = list(Output("€" * MAX_CONTENT, kind="thinking", is_streaming=False).split())
    assert "".join(chunk.content for chunk in chunks) == "€" * MAX_CONTENT
    assert all(size(chunk.content) <= MAX_CONTENT for chunk in chunks)
    assert chunks[0].message_id
    assert len({chunk.message_id for chunk in chunks}) == 1
    assert [chunk.is_streaming for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert {chunk.kind for chunk in chunks} == {"thinking"}


def test_long_content_keeps_the_message_id_it_has() -> None:
    assert {chunk.message_id for chunk in Output("x" * 200_000, message_id="m").split()} == {"m"}


def test_content_that_json_inflates_is_cut_smaller() -> None:
    chunks = list(Output("\0" * MAX_CONTENT).split())
    assert "".join(chunk.content for chunk in chunks) == "\0" * MAX_CONTENT
    assert all(len(json.dumps(chunk.payload())) < 240 * 1024 for chunk in chunks)


def test_payloads_follow_the_protocol() -> None:
    assert Output("a", "tool", "m", True, "tool_call", "c", "bash").payload() == {
        "content": "a",
        "role": "tool",
        "messageId": "m",
        "isStreaming": True,
        "kind": "tool_call",
        "toolCallId": "c",
        "toolName": "bash",
    }
    assert Output("a").payload() == {"content": "a", "role": "assistant"}
    assert StatusChange("waiting", "awaiting_input").payload() == {"status": "waiting", "reason": "awaiting_input"}
    assert Context(42, 84_000, 200_000).payload() == {
        "contextLevel": 42,
        "tokensUsed": 84_000,
        "tokensLimit": 200_000,
    }
    assert Failure("E", "it broke").payload() == {"error": {"code": "E", "message": "it broke"}}
    assert Terminated(137, "SIGKILL", "error").payload() == {"exitCode": 137, "signal": "SIGKILL", "reason": "error"}


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (Output, {"content": "a", "role": "robot"}, "role: expected one of assistant, user, system, tool; got 'robot'"),
        (Output, {"content": "a", "kind": "song"}, "kind: expected one of"),
        (StatusChange, {"status": "busy"}, "status: expected one of idle, running"),
        (Context, {"level": 101}, "from 0 to 100; got 101"),
        (Terminated, {"exit_code": 0, "reason": "bored"}, "reason: expected one of"),
    ],
)
def test_an_invalid_value_is_named_by_its_call(kind: type, values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        kind(**values)
