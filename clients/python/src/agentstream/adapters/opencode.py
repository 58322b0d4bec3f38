"""Translates the events of opencode: `opencode run --format json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from agentstream.adapters.builder import MessageBuilder, Speaker, append_line, as_text
from agentstream.adapters.json_lines import Event
from agentstream.adapters.progress import Sessions, plan, total, usage
from agentstream.messages import Message

Part = dict[str, Any]

# Reasons for which a step ends without being the last; after any other, opencode doesn't call the model again.
_GOES_ON = {"tool-calls", "unknown"}


class OpenCode:
    """Parts become messages, or tool calls with their results; steps become the status.

    There is no context level: opencode doesn't report the size of the model's context window.
    """

    # It would wait for the end of its input before it starts.
    accepts_input = False

    def __init__(self, run: str, resumed: bool = False) -> None:
        self._builder = MessageBuilder(run)
        self._sessions = Sessions(run, resumed)
        self._totals: Counter[str] = Counter()
        self._cost: float | None = None

    def translate(self, event: Event) -> Iterable[Message] | None:
        messages = self._translate(event)
        return None if messages is None else chain(self._sessions.enter(event.get("sessionID")), messages)

    def _translate(self, event: Event) -> Iterable[Message] | None:
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
            case {"type": "step_finish", "part": {"reason": str(reason)} as part} if reason not in _GOES_ON:
                return chain(self._used(part), speech.status("idle"))
            case {"type": "done"}:
                return speech.status("idle")
            case {"type": "step_finish"}:
                return self._used(event.get("part"))
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
            yield from self._builder.call(call, tool, as_text(state.get("input", {})), state.get("input"))
        match state:
            case {"status": "completed"}:
                failed, took = exit_code(state) not in (None, 0), duration(state)
                yield from self._builder.result(call, output(state), is_error=failed, duration_ms=took)
            case {"status": "error"}:
                told = as_text(state.get("error") or "(failed)")
                yield from self._builder.result(call, told, is_error=True, duration_ms=duration(state))
        match tool, state:
            case "todowrite", {"input": {"todos": [*steps]}}:
                yield plan((step.get("content"), step.get("status")) for step in steps if isinstance(step, dict))

    def _used(self, part: object) -> Iterator[Message]:
        """The session's usage: opencode reports each step, and this adds them up."""
        match part:
            case {"tokens": dict() as tokens, **rest}:
                cache = tokens.get("cache")
                read, written = (cache.get("read"), cache.get("write")) if isinstance(cache, dict) else (0, 0)
                self._totals["input"] += total(tokens.get("input"), read, written)
                self._totals["cached"] += total(read)
                self._totals["output"] += total(tokens.get("output"), tokens.get("reasoning"))
                self._totals["reasoning"] += total(tokens.get("reasoning"))
                cost = rest.get("cost")
                if isinstance(cost, (int, float)):
                    self._cost = (self._cost or 0.0) + cost
                yield usage(
                    self._sessions.counted,
                    None,
                    input_tokens=self._totals["input"],
                    cached_input_tokens=self._totals["cached"],
                    output_tokens=self._totals["output"],
                    reasoning_tokens=self._totals["reasoning"],
                    cost_usd=self._cost,
                )

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


def output(state: Part) -> str:
    """A tool's output, and how a command ended if worth mentioning."""
    text = as_text(state.get("output") or "")
    return append_line(text, f"(exit code {code})") if (code := exit_code(state)) else text


def exit_code(state: Part) -> int | None:
    match state:
        case {"metadata": {"exit": int(code)}}:
            return code
        case _:
            return None


def duration(state: Part) -> int | None:
    """How long the call took, in milliseconds."""
    match state:
        case {"time": {"start": int(start), "end": int(end)}} if 0 <= end - start < 10**12:
            return end - start
        case _:
            return None
