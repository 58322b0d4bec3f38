"""Plain text: roles by stream, messages by stream and pause, nothing lost."""

from agentstream.adapters import Chunk
from agentstream.adapters.text import MAX_MESSAGE_CHARACTERS, MESSAGE_PAUSE_SECONDS, TextAdapter
from agentstream.messages import Output


def feed(*chunks: Chunk) -> list[Output]:
    adapter = TextAdapter("run")
    return [output for chunk in chunks for output in adapter.feed(chunk)] + list(adapter.close())


def test_stdout_is_the_assistants_and_stderr_the_systems() -> None:
    assert feed(Chunk("stdout", "a\n", 0), Chunk("stderr", "b\n", 0)) == [
        Output("a\n", "assistant", "run-1", None, "text"),
        Output("b\n", "system", "run-2", None, "text"),
    ]


def test_lines_in_quick_succession_are_one_message() -> None:
    outputs = feed(*(Chunk("stdout", "a\n", at * MESSAGE_PAUSE_SECONDS / 2) for at in range(4)))
    assert {output.message_id for output in outputs} == {"run-1"}


def test_a_pause_begins_a_new_message() -> None:
    outputs = feed(Chunk("stdout", "a\n", 0), Chunk("stdout", "b\n", MESSAGE_PAUSE_SECONDS * 2))
    assert [output.message_id for output in outputs] == ["run-1", "run-2"]


def test_a_partial_line_streams_and_continues_after_any_pause() -> None:
    outputs = feed(Chunk("stdout", "50%", 0), Chunk("stdout", " done\n", MESSAGE_PAUSE_SECONDS * 9))
    assert [(output.message_id, output.is_streaming) for output in outputs] == [("run-1", True), ("run-1", None)]


def test_a_last_line_without_end_is_ended() -> None:
    assert feed(Chunk("stdout", "hi", 0)) == [
        Output("hi", "assistant", "run-1", True, "text"),
        Output("", "assistant", "run-1", False, "text"),
    ]


def test_a_long_message_ends_at_a_line() -> None:
    long = "x" * MAX_MESSAGE_CHARACTERS
    outputs = feed(Chunk("stdout", long, 0), Chunk("stdout", "y\n", 0), Chunk("stdout", "z\n", 0))
    assert [output.message_id for output in outputs] == ["run-1", "run-1", "run-2"]


def test_a_silent_command_publishes_nothing() -> None:
    assert feed() == []
