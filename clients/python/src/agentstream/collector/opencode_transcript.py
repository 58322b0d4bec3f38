"""Translates the events that opencode's plugin has written down. The same line always becomes the same messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agentstream.adapters.bounds import line, plain
from agentstream.adapters.builder import LABEL, as_text, label
from agentstream.adapters.opencode import duration, exit_code, output
from agentstream.adapters.progress import plan
from agentstream.adapters.tools import beside
from agentstream.messages import Failure, Message, Output, Session, Subagent

Record = Mapping[str, Any]
Part = dict[str, Any]

# An interruption by a person isn't a failure.
_ABORTED = "MessageAbortedError"


class OpencodeTranscript:
    """Translates lines of one process; those of a sub-agent have the call that started it as `parent`."""

    def translate(self, record: Record, offset: int) -> Iterable[Message]:
        parent = label(record.get("parent"))
        match record:
            case {"type": "message.part.updated", "properties": {"part": {"type": str(), "id": str(id_)} as part}}:
                return _part(id_[:LABEL], part, parent)
            case {"type": "session.error", "properties": {"error": {"name": str(name)} as error}} if name != _ABORTED:
                return _failed(name, error)
            case {"type": "session.compacted", "properties": {"sessionID": str(session)}} if parent is None and session:
                return (Session(plain(session[:LABEL]), "compacted"),)
            case _:
                return ()


def _part(id_: str, part: Part, parent: str | None) -> Iterable[Message]:
    match part:
        case {"type": "text", "text": str(text), "time": {}}:
            return _say(id_, text, "assistant", parent)
        case {"type": "text", "text": str(text)} if parent is None:
            return _say(id_, text, "user", None)
        case {"type": "reasoning", "text": str(text)} if text:
            role = "tool" if parent else "assistant"
            return (Output(text, role, plain(id_), kind="thinking", tool_call_id=parent, parent_id=parent),)  # type: ignore[arg-type]
        case {"type": "tool", "tool": str(tool), "callID": str(call), "state": {"status": str(status)} as state}:
            return _tool(id_, tool, call, status, state, parent)
        case _:
            return ()


def _say(id_: str, text: str, role: Any, parent: str | None) -> Iterator[Output]:
    if text:
        yield Output(text, "tool" if parent else role, plain(id_), kind="text", tool_call_id=parent, parent_id=parent)


def _tool(id_: str, tool: str, call: str, status: str, state: Part, parent: str | None) -> Iterator[Message]:
    """A call once it runs, with its result once it has ended."""
    name, call = label(tool), plain(call[:LABEL])
    input_ = state.get("input", {})
    if status == "running":
        content = as_text(input_)
        yield Output(
            content, "tool", f"{id_}-call", None, "tool_call", call, name, parent_id=parent, **beside(tool, input_)
        )
        if tool == "task" and isinstance(input_, dict):
            yield _subagent(call, "started", input_)
        return
    failed = status == "error" or exit_code(state) not in (None, 0)
    said = as_text(state.get("error") or "(failed)") if status == "error" else output(state)
    yield Output(
        said or "(no output)",
        "tool",
        f"{id_}-result",
        None,
        "tool_result",
        call,
        name,
        is_error=failed,
        duration_ms=duration(state),
        parent_id=parent,
    )
    match tool, input_:
        case "task", dict():
            yield _subagent(call, "failed" if failed else "ended", input_)
        case "todowrite", {"todos": [*steps]}:
            yield plan((step.get("content"), step.get("status")) for step in steps if isinstance(step, dict))


def _subagent(call: str, change: Any, input_: Part) -> Subagent:
    name = line(as_text(input_.get("subagent_type") or "agent"), LABEL) or "agent"
    about = input_.get("description")
    return Subagent(call, change, name, line(about) if isinstance(about, str) else None)


def _failed(name: str, error: Part) -> Iterator[Message]:
    match error:
        case {"data": {"message": str(said)}} | {"message": str(said)}:
            yield Failure.brief(label(name) or "error", said)
        case _:
            yield Failure.brief(label(name) or "error", as_text(error))
