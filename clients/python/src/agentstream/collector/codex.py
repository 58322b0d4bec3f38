"""Translates the rollout files in which Codex records its sessions, interactive ones too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentstream.adapters.bounds import line
from agentstream.adapters.builder import Speaker, label
from agentstream.adapters.progress import plan
from agentstream.adapters.tools import beside
from agentstream.collector.activity import Activity
from agentstream.collector.codex_calls import Call, call_of, plan_of, result_of
from agentstream.collector.codex_usage import counted
from agentstream.messages import Failure, Message, Output, Session, Subagent

Record = Mapping[str, Any]
Payload = Mapping[Any, Any]

# The server's limit for a label, in characters.
MAX_LABEL = 300
MAX_DESCRIPTION = 500
# Tools whose results are remembered by name, at most.
MAX_CALLS = 1_000
_NOTIFICATION = "<subagent_notification>"
_ASSISTANT = Speaker()


@dataclass
class CodexRollout:
    """Translates the lines of one rollout file, each by itself: what people said and read from the events, tool calls
    and results from the items of the model's history. Both of Codex's forms of history have these.

    `session` is the session's id, as in the file's name. Message ids consist of it and the line's byte offset, so that
    a line has the same messages whenever it is read. Only names that earlier lines gave to a call or a sub-agent are
    missing after a restart. `parent` is for the file of a sub-agent: what it says belongs to the call of that id. The
    file of its parent calls a sub-agent by its session's id, because its own file knows no other.
    """

    session: str
    parent: str | None = None
    _tools: dict[str, str] = field(default_factory=dict)
    _agents: dict[str, str] = field(default_factory=dict)

    def translate(self, record: Record, offset: int) -> Iterator[Message]:
        """The messages of the line at that byte offset."""
        match record:
            case {"type": "compacted"} if self.parent is None:
                yield Session(self._session, "compacted")
            case {"type": "event_msg", "payload": {"type": str(type_), **event}}:
                yield from self._event(type_, event, offset)
            case {"type": "response_item", "payload": {"type": str()} as item}:
                yield from self._item(item, offset)

    def activity(self, record: Record) -> Activity | None:
        """What the line says about the turn; None if nothing.

        Codex doesn't record that it waits for an approval, only that it waits for an answer to a question.
        """
        match record:
            case {"type": "event_msg", "payload": {"type": str(type_), **event}}:
                return _turn(type_, event)
            case {"type": "response_item", "payload": {"type": "function_call", "name": "request_user_input"}}:
                return Activity.WAITING
            case {"type": "response_item", "payload": {"type": "function_call_output" | "custom_tool_call_output"}}:
                return Activity.RUNNING
            case _:
                return None

    def labels(self, record: Record) -> dict[str, str]:
        """The labels that the line gives."""
        match record:
            case {"type": "session_meta", "payload": {"id": self.session, **meta}}:
                found = {"toolVersion": meta.get("cli_version"), "cwd": meta.get("cwd"), "branch": _branch(meta)}
            case {"type": "turn_context", "payload": {**turn}}:
                found = {"cwd": turn.get("cwd"), "model": turn.get("model")}
            case _:
                return {}
        return {name: line(value, MAX_LABEL) for name, value in found.items() if isinstance(value, str) and value}

    @property
    def _session(self) -> str:
        return label(self.session) or "?"

    def _event(self, type_: str, event: Payload, offset: int) -> Iterable[Message]:
        match type_, event:
            case "user_message", {"message": str(said)}:
                return self._say(said, offset, Speaker("user"))
            case "agent_message", {"message": str(said)}:
                return self._say(said, offset)
            case "agent_reasoning", {"text": str(thought)}:
                return self._say(thought, offset, Speaker(kind="thinking"))
            case "token_count", _:
                return counted(self._session, event, with_level=self.parent is None)
            case "task_complete" | "turn_complete", {"error": {"message": str(message)}}:
                return (Failure.brief("turn_failed", message),)
            case "turn_aborted", _:
                return self._say(_aborted(event.get("reason")), offset, Speaker("system"))
            case "exec_command_end", {"source": "user_shell", "command": [*command]}:
                return self._typed(command, event, offset)
            case "item_completed", {"item": {"type": str(kind), **item}}:
                return self._completed(kind, item, offset)
            case "error", {"message": str(message)}:
                return (Failure.brief("codex", message),)
            case _, {"message": str(message)}:
                return self._say(message, offset, Speaker("system"))
            case _:
                return ()

    def _completed(self, kind: str, item: Payload, offset: int) -> Iterable[Message]:
        """Codex's newer form of history has items where the older one has events."""
        match kind, item:
            case "UserMessage", {"content": [*content]}:
                return self._say(_words(content), offset, Speaker("user"))
            case "AgentMessage", {"content": [*content]}:
                return self._say(_words(content), offset)
            case "Reasoning", _:
                thought = _thought(item.get("summary_text")) or _thought(item.get("raw_content"))
                return self._say(thought, offset, Speaker(kind="thinking"))
            case "Plan", {"text": str(proposed)}:
                return self._say(proposed, offset)
            case "CommandExecution", {"source": "user_shell", "command": [*command]}:
                return self._typed(command, item, offset)
            case "CollabAgentToolCall", {"tool": "spawn_agent", "receiver_agents": [*agents]}:
                return self._spawned(agents, item.get("prompt"))
            case _, {"text": str(text)}:
                return self._say(text, offset, Speaker("system"))
            case _:
                return ()

    def _item(self, item: Payload, offset: int) -> Iterator[Message]:
        if (steps := plan_of(item)) is not None:
            yield plan(steps)
        if call := call_of(item):
            yield from self._call(call, offset)
        elif result := result_of(item):
            key = label(result.call)
            voice = Speaker("tool", "tool_result", key, self._tools.pop(key or "", None))
            content = result.content or "(no output)"
            yield from self._say(content, offset, voice, is_error=result.is_error, duration_ms=result.duration_ms)
        else:
            yield from self._notified(item)

    def _call(self, call: Call, offset: int) -> Iterator[Output]:
        key, tool = label(call.id), label(call.tool)
        if key and tool:
            self._tools[key] = tool
            if len(self._tools) > MAX_CALLS:
                del self._tools[next(iter(self._tools))]
        fields = beside(tool, call.given)
        if tool == "apply_patch":
            # The content has it.
            fields.pop("tool_input", None)
        yield from self._say(call.content, offset, Speaker("tool", "tool_call", key, tool), **fields)

    def _typed(self, command: list[Any], item: Payload, offset: int) -> Iterator[Output]:
        """A command that the person has run, and its result."""
        key = label(item.get("id") or item.get("call_id"))
        words = " ".join(word for word in command[2:] or command if isinstance(word, str))
        code, printed = item.get("exit_code"), item.get("aggregated_output")
        yield from self._say(words, offset, Speaker("tool", "tool_call", key, "shell"), tool_kind="execute")
        text = printed if isinstance(printed, str) and printed else "(no output)"
        failed = code != 0 if type(code) is int else None
        voice = Speaker("tool", "tool_result", key, "shell")
        yield from self._say(text, offset, voice, suffix="-result", is_error=failed)

    def _spawned(self, agents: list[Any], prompt: object) -> Iterator[Subagent]:
        asked = line(prompt, MAX_DESCRIPTION) if isinstance(prompt, str) and prompt else None
        for agent in agents:
            match agent:
                case {"thread_id": thread, **more} if id_ := label(thread):
                    name = label(more.get("agent_nickname")) or "agent"
                    self._agents[id_] = name
                    yield Subagent(id_, "started", name, asked)

    def _notified(self, item: Payload) -> Iterator[Subagent]:
        """The end of a sub-agent, which Codex tells its parent in a message."""
        match item:
            case {"type": "message", "role": "user", "content": [{"text": str(text)}]}:
                if text.startswith(_NOTIFICATION):
                    yield from self._ended(text)

    def _ended(self, text: str) -> Iterator[Subagent]:
        match _parsed(text.partition(">")[2].rpartition("<")[0]):
            case {"agent_path": path, "status": {**status}} if id_ := label(path):
                change: Any = "ended" if "completed" in status else "failed"
                yield Subagent(id_, change, self._agents.pop(id_, "agent"))

    def _say(
        self, text: str, offset: int, voice: Speaker = _ASSISTANT, suffix: str = "", **more: Any
    ) -> Iterator[Output]:
        """A complete message; nothing if it is blank. `suffix` tells apart several messages of one line."""
        if self.parent is not None and voice.role in ("assistant", "user"):
            voice = Speaker("tool", voice.kind, self.parent)
        if text.strip():
            id_ = f"{self._session}-{offset}{suffix}"
            yield Output(text, voice.role, id_, None, voice.kind, voice.call, voice.tool, parent_id=self.parent, **more)


def _turn(type_: str, event: Payload) -> Activity | None:
    match type_, event:
        case "task_started" | "turn_started", _:
            return Activity.RUNNING
        case "task_complete" | "turn_complete", {"error": {**_error}}:
            return Activity.FAILED
        case "task_complete" | "turn_complete" | "turn_aborted", _:
            return Activity.IDLE
        case _:
            return None


def _aborted(reason: object) -> str:
    match reason:
        case str() if reason and reason != "interrupted":
            return f"The turn was aborted: {reason}."
        case _:
            return "The turn was interrupted."


def _words(content: list[Any]) -> str:
    """The words of a message; images are only mentioned."""
    return "\n".join(filter(None, map(_block, content)))


def _block(block: object) -> str:
    match block:
        case {"text": str(text)}:
            return text
        case {"type": "image" | "local_image"}:
            return "(image)"
        case _:
            return ""


def _thought(pieces: object) -> str:
    return "\n\n".join(piece for piece in pieces if isinstance(piece, str)) if isinstance(pieces, list) else ""


def _branch(meta: Payload) -> object:
    match meta:
        case {"git": {"branch": branch}}:
            return branch
        case _:
            return None


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
