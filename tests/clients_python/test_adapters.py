"""Codex and opencode; which adapter a command gets; and for all of them: damage is shown, never lost."""

import json

import pytest
from agentstream.adapters import Adapter, Chunk, json_lines
from agentstream.adapters.registry import program, select_adapter
from agentstream.adapters.text import TextAdapter
from agentstream.messages import Message, Output, encode

from .messages import TRANSCRIPTS, cuts, failures, levels, made, said, statuses, tell, told, transcript

NAMES = sorted(path.stem for path in TRANSCRIPTS.glob("*/*.jsonl"))


def adapter_of(name: str) -> Adapter:
    return made(name.partition("-")[0])


def test_shapes_that_codex_was_not_recorded_with() -> None:
    messages = told("codex-lists")
    assert said(messages) == [
        ("tool tool_call command", "bash -lc 'ls && pytest -q'"),
        ("tool tool_result command", "cart.py\n1 failed\n(exit code 1)"),
        ("tool tool_result todo_list", "[ ] Fix total()\n[ ] Run tests"),
        ("tool tool_call command", "git push"),
        ("tool tool_result command", "(declined)"),
        ("tool tool_result todo_list", "[x] Fix total()\n[ ] Run tests"),
        ("assistant", "`total()` now counts the last item."),
    ]
    assert (statuses(messages), levels(messages)) == (["running", "idle"], [])


def test_the_end_of_a_turn_is_reported_once() -> None:
    broken = {"type": "error", "message": "no answer"}
    turn = [{"type": "turn.started"}, broken, {"type": "turn.failed", "error": {"message": "no answer"}}]
    messages = tell(made("codex"), b"".join(encode(event).encode() + b"\n" for event in [*turn, *turn]))
    assert failures(messages) == [("codex", "no answer")] * 2
    assert statuses(messages) == ["running", "error"] * 2


@pytest.mark.parametrize(
    ("reason", "expected"), [("stop", ["idle"]), ("length", ["idle"]), ("tool-calls", []), ("unknown", [])]
)
def test_opencode_is_idle_after_its_last_step(reason: str, expected: list[str]) -> None:
    event = {"type": "step_finish", "part": {"type": "step-finish", "reason": reason}}
    assert statuses(tell(made("opencode"), encode(event).encode() + b"\n")) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("claude -p hi --output-format stream-json --verbose", "Claude"),
        ("/opt/bin/claude --output-format=stream-json -p hi", "Claude"),
        ("npx -y @anthropic-ai/claude-code@2.1.0 -p hi --output-format stream-json", "Claude"),
        ("env -u X DEBUG=1 claude -p hi --output-format stream-json", "text"),
        ("env DEBUG=1 claude -p hi --output-format stream-json", "Claude"),
        ("timeout 600 codex exec --json fix", "Codex"),
        ("npx @openai/codex exec --json fix", "Codex"),
        ("opencode run --format json hi", "OpenCode"),
        ("opencode run hi", "text"),
        ("gemini --experimental-acp", "AcpClient"),
        ("npx -y @google/gemini-cli@0.61.0 --acp", "AcpClient"),
        ("npx @agentclientprotocol/claude-agent-acp@0.49.0", "AcpClient"),
        ("opencode acp", "AcpClient"),
        ("claude -p hi", "text"),
        ("codex fix", "text"),
        ("echo claude --output-format stream-json", "text"),
        ("make -j4", "text"),
    ],
)
def test_the_adapter_is_found_by_the_command(command: str, expected: str) -> None:
    chosen = select_adapter("auto", command.split(), "run")
    translator = getattr(chosen, "_translator", None)
    assert type(translator).__name__ == expected if translator else expected == "text"
    assert chosen.terminal is (expected == "text")


def test_only_tools_that_read_events_accept_input() -> None:
    claude = ["claude", "-p", "--output-format", "stream-json"]
    assert not select_adapter("claude", claude, "run").accepts_input
    assert select_adapter("claude", [*claude, "--input-format", "stream-json"], "run").accepts_input
    assert not select_adapter("codex", ["codex"], "run").accepts_input
    assert select_adapter("text", ["sh"], "run").accepts_input


def test_an_unknown_adapter_is_explained() -> None:
    with pytest.raises(ValueError, match="auto, text, claude, codex, opencode, acp; got 'cobol'"):
        select_adapter("cobol", ["x"], "run")


def test_the_program_behind_wrappers() -> None:
    assert program(["/usr/bin/env", "A=b", "nice", "-n", "5", "./build.sh", "x"]) == "build.sh"
    assert program([]) == ""


def merged(messages: list[Message]) -> list[Message]:
    """The same with plain text joined, which comes in pieces as it is read."""
    plain = [message for message in messages if isinstance(message, Output) and "-text-" in str(message.message_id)]
    others = [message for message in messages if message not in plain]
    return [*others, Output("".join(message.content for message in plain))]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_reads_may_end_anywhere(name: str, step: int) -> None:
    assert tell(adapter_of(name), transcript(name), step) == told(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_transcript_cut_anywhere_shows_the_cut_line(name: str) -> None:
    for data in cuts(transcript(name)):
        messages = tell(adapter_of(name), data)
        said(messages)
        whole, _, rest = data.rpartition(b"\n")
        try:
            json.loads(rest)
        except ValueError:
            plain = merged(messages)[-1]
            assert isinstance(plain, Output)
            assert plain.content.endswith(rest.decode(errors="replace")), whole[-20:]


@pytest.mark.parametrize("name", NAMES)
def test_damaged_lines_are_shown_and_the_others_translated(name: str) -> None:
    *lines, _ = transcript(name).split(b"\n")
    for index, line in enumerate(lines):
        damaged = line[: len(line) // 2]
        messages = tell(adapter_of(name), b"\n".join([*lines[:index], damaged, *lines[index + 1 :], b""]))
        shown = "".join(text for who, text in said(messages) if who == "system")
        assert damaged.decode(errors="replace") in shown


@pytest.mark.parametrize("name", NAMES)
def test_bytes_that_are_not_utf8_are_replaced(name: str) -> None:
    data = transcript(name).replace(b"total", b"t\xfftal").replace(b"\n", b"\n\xc3(\n")
    messages = tell(adapter_of(name), data, 100)
    assert "\ufffd(\n" in "".join(text for who, text in said(messages) if who == "system")
    assert statuses(messages) == statuses(told(name))


@pytest.mark.parametrize("name", NAMES)
def test_stderr_and_stray_text_in_between(name: str) -> None:
    adapter = adapter_of(name)
    messages: list[Message] = []
    for line in transcript(name).decode().splitlines(keepends=True):
        for stream, text in [("stdout", line[:9]), ("stderr", "warning"), ("stdout", line[9:]), ("stdout", "oops\n")]:
            messages += adapter.feed(Chunk(stream, text, 0.0))  # type: ignore[arg-type]
    messages += adapter.close()
    clean = told(name)
    assert [message for message in messages if "-text-" not in str(getattr(message, "message_id", ""))] == clean
    shown = "".join(message.content for message in messages if isinstance(message, Output) and message not in clean)
    assert shown.count("warning") == shown.count("oops\n") == len(transcript(name).splitlines())


def test_a_line_of_10_mib_is_an_event_like_any_other() -> None:
    text = "x" * (10 * 1024 * 1024)
    event = {"type": "item.completed", "item": {"id": "i", "type": "agent_message", "text": text}}
    messages = tell(made("codex"), encode(event).encode() + b"\n" + transcript("codex-tools"), 64 * 1024)
    assert said(messages)[0] == ("assistant", text)
    assert said(messages)[1:] == said(told("codex-tools"))


def test_an_endless_line_is_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "MAX_EVENT_CHARACTERS", 1000)
    data = b'{"type": "' + b"x" * 5000
    adapter = made("codex")
    shown = [message for start in range(0, 5000, 100) for message in adapter.feed(_chunk(data[start : start + 100]))]
    assert len(shown) > 10
    rest = [*adapter.feed(_chunk(data[5000:] + b"\n" + transcript("codex-tools"))), *adapter.close()]
    assert said(shown + rest)[0] == ("system", data.decode() + "\n")
    assert said(rest)[1:] == said(told("codex-tools"))


def _chunk(data: bytes) -> Chunk:
    return Chunk("stdout", data.decode(), 0.0)


def test_a_prompt_without_end_is_shown_at_once() -> None:
    adapter = made("claude")
    [output] = adapter.feed(Chunk("stdout", "Trust this folder? ", 0.0))
    assert output == Output("Trust this folder? ", "system", "run-text-1", True, "text")


@pytest.mark.parametrize(
    "line", ["[" * 100_000, '{"a":' * 100_000, "null", '"text"', "{}", "9" * 5000, '{"a": NaN}', '{"a": 1e999}']
)
def test_json_that_is_not_an_event_is_shown(line: str) -> None:
    assert said(tell(made("codex"), line.encode() + b"\n")) == [("system", line + "\n")]


def test_characters_that_look_like_line_ends_do_not_split_lines() -> None:
    event = {"type": "text", "part": {"text": "a\u2028b\x0cc\x85d"}}
    assert said(tell(made("opencode"), encode(event).encode() + b"\r\n\n")) == [("assistant", "a\u2028b\x0cc\x85d")]


def test_message_ids_belong_to_this_run() -> None:
    for name in NAMES:
        ids = [message.message_id for message in told(name) if isinstance(message, Output)]
        assert all(str(message_id).startswith("run-") for message_id in ids)


def test_a_line_for_text() -> None:
    assert TextAdapter("run").reply("yes") == TextAdapter("run").reply("yes\n") == "yes\n"
