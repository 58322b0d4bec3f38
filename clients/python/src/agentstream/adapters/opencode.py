"""opencode, as `opencode run --format json` tells what it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from agentstream.adapters.builder import MessageBuilder, Speaker, append_line, as_text
from agentstream.adapters.json_lines import Event
from agentstream.messages import Message

Part = dict[str, Any]

# Why a step may end without being the last; after any other reason opencode asks the model no more.
_GOES_ON = {"tool-calls", "unknown"}


class OpenCode:
    """Parts become messages, and calls of tools with their results; steps become the status.

    There is no context level: the lines do not say how many tokens the model's window holds.
    """

    # It would wait for the end of its input before it begins.
    accepts_input = False

    def __init__(self, run: str) -> None:
        self._builder = MessageBuilder(run)

    def translate(self, event: Event) -> Iterable[Message] | None:
        speech = self._builder
        match event:
            case {"type": "step_start"}:
                return speech.status("running")
            case {"type": "text", "part": {"text": str(text)}}:
                return speech.say(text)
            case {"type": "reasoning", "part": {"text": str(text)}}:
                return speech.say(text, Speaker(kind="thinking"))
            case {"type": "tool_use", "part": {"tool": str(tool), "state": {"status": _}} as part}:
                return self._tool(tool, part)
            case {"type": "step_finish", "part": {"reason": str(reason)}} if reason not in _GOES_ON:
                return speech.status("idle")
            case {"type": "done"}:
                return speech.status("idle")
            case {"type": "step_finish"}:
                return ()
            case {"type": "error", "error": error}:
                return self._fail(error)
            case _:
                return None

    def close(self) -> Iterable[Message]:
        return self._builder.end()

    def reply(self, content: str) -> str:
        return content + "\n"

    def _tool(self, tool: str, part: Part) -> Iterator[Message]:
        call, state = part.get("callID"), part["state"]
        if not self._builder.called(call):
            yield from self._builder.call(call, tool, as_text(state.get("input", {})))
        match state:
            case {"status": "completed"}:
                yield from self._builder.result(call, _output(state))
            case {"status": "error"}:
                yield from self._builder.result(call, as_text(state.get("error") or "(failed)"))

    def _fail(self, error: object) -> Iterator[Message]:
        match error:
            case {"name": str(name), "data": {"message": str(message)}} | {
                "name": str(name),
                "message": str(message),
            }:
                yield from self._builder.failed(name, message)
            case _:
                yield from self._builder.failed("opencode", error)
        yield from self._builder.status("error")


def _output(state: Part) -> str:
    """What a tool has given, and how a command ended where that is worth a line."""
    text = as_text(state.get("output") or "")
    match state:
        case {"metadata": {"exit": int(code)}} if code:
            return append_line(text, f"(exit code {code})")
        case _:
            return text
