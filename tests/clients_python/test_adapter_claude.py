"""Claude Code's lines: whole and in deltas, turns, permissions, and a context level that is never a guess."""

import json
from typing import Any

import pytest
from agentstream.adapters import Adapter, Chunk
from agentstream.messages import Context, Message, Output

from .messages import failures, levels, made, said, statuses, tell, told


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def init(model: str) -> dict[str, Any]:
    return {"type": "system", "subtype": "init", "model": model}


def assistant(text: str, parent: str | None = None, id_: str = "m", **usage: int) -> dict[str, Any]:
    message = {"id": id_, "content": [{"type": "text", "text": text}], "usage": usage}
    return {"type": "assistant", "message": message, "parent_tool_use_id": parent}


def delta(text: str, index: int = 0) -> dict[str, Any]:
    inner = {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}
    return {"type": "stream_event", "event": inner, "parent_tool_use_id": None}


def claude(*events: dict[str, Any]) -> list[Message]:
    return tell(made("claude"), lines(*events))


def test_a_turn_with_a_sub_agent_whose_messages_are_passed_on() -> None:
    messages = told("claude-forwarded")
    assert said(messages) == [
        ("assistant thinking", "The test names the total; look there first."),
        ("assistant", "I'll look at the failing test. Größe: 3 €."),
        ("tool tool_call Bash", '{"command":"pytest -q","description":"Run the tests"}'),
        ("tool tool_result Bash", "1 failed, 41 passed\nE   assert 3 == 4"),
        (
            "tool tool_call Task",
            '{"description":"Find callers","prompt":"Who calls total()?","subagent_type":"Explore"}',
        ),
        ("system", "Find callers"),
        ("user", "Who calls total()?"),
        ("tool", "Only checkout.py does."),
        ("tool tool_result Task", "Only checkout.py does.\n(image)"),
        ("assistant", "Fixed: the total counts the last item now."),
    ]
    assert statuses(messages) == ["running", "idle"]
    calls = [(output.kind, output.tool_call_id) for output in messages if isinstance(output, Output)]
    assert calls[2:4] == [("tool_call", "toolu_01"), ("tool_result", "toolu_01")]


def test_the_level_counts_only_the_main_thread() -> None:
    assert levels(told("claude-forwarded"))[-1] == (16, 32_218, 200_000)
    assert max(level or 0 for level, _, _ in levels(told("claude-forwarded"))) == 16


def test_deltas_are_published_as_they_arrive() -> None:
    words = "I'll greet twice — größer als 3 €."
    outputs = [output for output in told("claude-partial") if isinstance(output, Output)]
    chunks = [output for output in outputs if output.content and output.content in words]
    assert [(chunk.content, chunk.is_streaming) for chunk in chunks] == [
        ("I'll greet ", True),
        ("twice — größer ", True),
        ("als 3 €.", True),
    ]
    assert len({chunk.message_id for chunk in chunks}) == 1


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [(["Hel", "lo"], ["Hello"]), (["Hel"], ["Hello"]), (["lo"], ["lo", "Hello"]), ([], ["Hello"])],
    ids=["all", "the last is lost", "the first is lost", "none"],
)
def test_the_complete_message_fills_in_missing_deltas(deltas: list[str], expected: list[str]) -> None:
    messages = claude(*(delta(text) for text in deltas), assistant("Hello"))
    assert [text for _, text in said(messages)] == expected


def ask(id_: str = "r1") -> dict[str, Any]:
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "ls"}, "tool_use_id": "t1"}
    return {"type": "control_request", "request_id": id_, "request": request}


def tell_on(adapter: Adapter, *events: dict[str, Any]) -> list[Message]:
    """The messages for events of a continuing run."""
    return [*adapter.feed(Chunk("stdout", lines(*events).decode(), 0.0))]


def test_text_answers_no_request() -> None:
    adapter = made("claude")
    tell_on(adapter, ask())
    assert json.loads(adapter.reply("yes")) == {"type": "user", "message": {"role": "user", "content": "yes"}}
    assert len(adapter.requests) == 1


def test_a_persons_input_is_not_repeated() -> None:
    adapter = made("claude")
    adapter.reply("hello")
    echo = {"type": "user", "message": {"role": "user", "content": "hello"}, "isReplay": True}
    assert said(tell(adapter, lines(echo, echo))) == [("user", "hello")]


def test_an_error_only_in_the_result_is_reported() -> None:
    result = {"type": "result", "subtype": "success", "is_error": True, "result": "API Error: 529 overloaded"}
    messages = claude(init("m"), result)
    assert failures(messages) == [("api_error", "API Error: 529 overloaded")]
    assert (said(messages), statuses(messages)) == ([], ["running", "error"])


def test_an_error_is_reported_in_each_turn_that_it_ends() -> None:
    error = assistant("API Error: 529 overloaded") | {"error": "server_error"}
    result = {"type": "result", "subtype": "success", "is_error": True, "result": "API Error: 529 overloaded"}
    messages = claude(*[init("m"), error, result] * 2)
    assert failures(messages) == [("server_error", "API Error: 529 overloaded")] * 2
    assert (said(messages), statuses(messages)) == ([], ["running", "error"] * 2)


def test_an_answer_only_in_the_result_is_published() -> None:
    result = {"type": "result", "subtype": "success", "is_error": False, "result": "Compacted."}
    assert said(claude(result)) == [("assistant", "Compacted.")]


def test_the_window_is_learned_from_the_result_and_compacting_empties_it() -> None:
    usage = {"claude-next": {"contextWindow": 400_000, "inputTokens": 900_000}, "claude-haiku": {"contextWindow": 1}}
    result = {"type": "result", "subtype": "success", "modelUsage": usage}
    compacted = {"type": "system", "subtype": "compact_boundary", "compact_metadata": {"post_tokens": 20_000}}
    messages = claude(init("claude-next"), assistant("x", input_tokens=160_000), result, compacted)
    assert levels(messages) == [(40, 160_000, 400_000), (5, 20_000, 400_000)]


def test_after_compacting_without_a_figure_the_level_is_unknown() -> None:
    compacted = {"type": "system", "subtype": "compact_boundary", "compact_metadata": {"trigger": "auto"}}
    messages = claude(init("claude-opus-4-1"), assistant("x", input_tokens=100_000), compacted, compacted)
    assert [message.level for message in messages if isinstance(message, Context)] == [50, None]


@pytest.mark.parametrize(
    ("model", "used", "level"),
    [
        ("claude-opus-4-1-20250805", 100_000, 50),
        ("claude-opus-4-6[1m]", 100_000, 10),
        ("claude-3-5-haiku-20241022", 100_000, 50),
        ("claude-opus-4-6", 100_000, None),
        ("claude-next", 100_000, None),
        ("claude-opus-4-1", 200_001, None),
    ],
)
def test_without_a_known_window_there_is_no_level(model: str, used: int, level: int | None) -> None:
    messages = claude(init(model), assistant("x", input_tokens=used))
    expected = [] if level is None else [(level, used)]
    assert [(item.level, item.tokens_used) for item in messages if isinstance(item, Context)] == expected


def test_counts_of_one_message_do_not_leak_into_the_next() -> None:
    model = init("claude-opus-4-1")
    first = assistant("x", input_tokens=1, cache_read_input_tokens=99_999)
    messages = claude(model, first, assistant("y", id_="n", input_tokens=2_000))
    assert [used for _, used, _ in levels(messages)] == [100_000, 2_000]


def test_strange_shapes_are_shown() -> None:
    strange: list[dict[str, Any]] = [
        {"type": "assistant", "message": None},
        {"type": "user", "message": {"content": 5}},
        {"type": "system", "subtype": "tomorrow"},
        {"type": "stream_event", "event": {"type": "content_block_delta", "index": "x", "delta": {}}},
        {"type": "hologram"},
        {"no": "type"},
    ]
    shown = "".join(text for _, text in said(claude(*strange)))
    assert shown == lines(*strange).decode()


def test_strange_values_do_no_harm() -> None:
    odd: list[Any] = [None, 5, "x", [], {}, {"type": 3}, {"type": "image"}]
    claude(
        init("m") | {"model": 7},
        {"type": "assistant", "message": {"content": odd, "usage": {"input_tokens": "many"}}},
        {"type": "user", "message": {"content": [*odd, {"type": "tool_result", "tool_use_id": None, "content": odd}]}},
        {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": 3, "name": None}], "usage": 3}},
        {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "i" * 999, "name": "n" * 999}]}},
        {"type": "result", "subtype": "success", "modelUsage": {"a": 3, "m": {"contextWindow": None}}, "result": 5},
        {"type": "result", "subtype": "e" * 999, "result": "x" * 1_000_000},
    )


def limit(**info: Any) -> dict[str, Any]:
    return {"type": "rate_limit_event", "rate_limit_info": info, "uuid": "u", "session_id": "s"}


def hook(**more: Any) -> dict[str, Any]:
    return {"type": "system", "subtype": "hook_response", "hook_id": "h", "hook_name": "SessionStart:startup", **more}


@pytest.mark.parametrize(
    "notice",
    [
        {"type": "system", "subtype": "hook_started", "hook_id": "h", "hook_name": "Stop", "hook_event": "Stop"},
        hook(output="OK\n", stdout="OK\n", stderr="", exit_code=0, outcome="success"),
        limit(status="allowed", resetsAt=1_786_027_800, rateLimitType="five_hour", isUsingOverage=False),
        {"type": "rate_limit_event", "rate_limit_info": None},
        {"type": "system", "subtype": "task_updated", "task_id": "b1", "patch": {"status": "completed"}},
        {"type": "system", "subtype": "task_summary", "detail": None},
        {"type": "system", "subtype": "task_notification", "task_id": "b1", "status": "completed", "output_file": ""},
        {"type": "tool_progress", "tool_use_id": "t", "tool_name": "Bash", "elapsed_time_seconds": 4},
    ],
    ids=["hook", "hook's end", "allowed", "no limit", "task", "no summary", "task's end", "progress"],
)
def test_a_notice_of_no_use_to_people_is_not_shown(notice: dict[str, Any]) -> None:
    assert said(claude(notice)) == []


@pytest.mark.parametrize(
    ("notice", "words"),
    [
        (
            limit(status="rejected", rateLimitType="five_hour", resetsAt=1_786_027_800),
            "The five-hour limit is reached; it resets at 2026-08-06 14:50 UTC",
        ),
        (
            limit(status="allowed_warning", rateLimitType="seven_day", utilization=0.94),
            "The seven-day limit is near: 94% used",
        ),
        (hook(exit_code=2, outcome="error", stderr="no node\n"), "Hook SessionStart:startup failed: no node"),
        ({"type": "system", "subtype": "task_summary", "detail": "Reading cart.py"}, "Reading cart.py"),
        (limit(status="rejected", resetsAt=10**30), "The usage limit is reached"),
        (
            {"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 10, "error_status": None},
            "The API doesn't respond; attempt 1 of 10",
        ),
        ({"type": "system", "subtype": "task_notification", "status": "failed", "summary": "It broke"}, "It broke"),
    ],
    ids=["limit reached", "limit near", "hook failed", "summary", "no moment", "retry", "task failed"],
)
def test_a_notice_that_matters_is_shown_as_a_sentence(notice: dict[str, Any], words: str) -> None:
    assert said(claude(notice)) == [("system", words)]
