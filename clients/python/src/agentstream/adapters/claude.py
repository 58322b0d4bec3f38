"""Translates the events of Claude Code: `claude -p --output-format stream-json --verbose`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any

from agentstream.adapters.builder import MessageBuilder, Speaker, StreamedMessage, as_text, label
from agentstream.adapters.claude_blocks import block_text, listed, result_text, revealed, type_of
from agentstream.adapters.claude_requests import Decision, asked
from agentstream.adapters.context_window import ContextWindow
from agentstream.adapters.json_lines import Event
from agentstream.adapters.notices import Notices, limit
from agentstream.adapters.open_requests import OpenRequests
from agentstream.adapters.progress import MAX_LIMITS, Sessions, allowance, total, usage
from agentstream.messages import Kind, Message, Role, Subagent, UsageLimit, encode

# Parts of a streamed message that mean nothing to people or are repeated by a later line.
_SILENT = {"content_block_start", "content_block_stop", "message_stop", "ping"}
_SILENT_DELTAS = {"input_json_delta", "signature_delta", "citations_delta"}

# Claude Code's placeholder for an empty answer, for example after /clear.
_NOTHING = {"type": "text", "text": "(no content)"}

# Input tokens that were not in the cache.
_READ = ("inputTokens", "cacheCreationInputTokens")

# How Claude Code marks the output of its own commands, such as /compact.
_COMMAND = re.compile(r"<local-command-std(?:out|err)>(.*)</local-command-std(?:out|err)>", re.DOTALL)


@dataclass
class Thread:
    """The blocks that the main thread or a sub-agent is streaming, in order."""

    blocks: dict[int, StreamedMessage] = field(default_factory=dict)

    def take(self, kind: Kind) -> StreamedMessage | None:
        """Remove and return the first streamed block of that kind that hasn't arrived in full."""
        for index, block in self.blocks.items():
            if block.voice.kind == kind:
                return self.blocks.pop(index)
        return None


class Claude:
    """Translates messages with or without deltas, tool calls, turns, permissions and the context level.

    `interactive` is whether Claude was started with `--input-format stream-json` and so accepts input.
    """

    def __init__(self, run: str, interactive: bool, resumed: bool = False) -> None:
        self.accepts_input = interactive
        self._builder = MessageBuilder(run)
        self._context = ContextWindow()
        self.requests = OpenRequests(self._builder)
        self._threads: dict[str | None, Thread] = {}
        self._spoken = False
        self._sent: list[str] = []
        self._notices = Notices()
        self._sessions = Sessions(run, resumed)
        self._subagents: dict[str, Subagent] = {}
        self._background: set[str] = set()
        self._limits: dict[str, UsageLimit] = {}

    def translate(self, event: Event) -> Iterable[Message] | None:
        match event:
            case {"type": "system", "subtype": str(subtype)}:
                return self._system(subtype, event)
            case {"type": "stream_event", "event": {"type": str(type_)} as inner}:
                return self._stream(type_, inner, _parent(event))
            case {"type": "assistant", "error": str(code), "message": {"content": [*blocks]}} if not _parent(event):
                return self._refused(code, blocks)
            case {"type": "assistant", "message": {"content": [*blocks]} as message}:
                return self._assistant(blocks, message, _parent(event))
            case {"type": "user", "message": {"content": str() | [*_] as content}}:
                # Messages that Claude writes to itself, such as a summary, aren't a person's.
                role: Role = "system" if event.get("isSynthetic") is True else "user"
                return self._user(content, Speaker(role, call=label(_parent(event)), parent=label(_parent(event))))
            case {"type": "result", "subtype": str(subtype)}:
                return self._result(subtype, event)
            case {
                "type": "control_request",
                "request_id": str(id_),
                "request": {"subtype": "can_use_tool"} as wish,
            }:
                return self._ask(id_, wish)
            case {"type": "control_cancel_request", "request_id": str(id_)}:
                return self.requests.settle(id_, "withdrawn")
            case {"type": "rate_limit_event", "rate_limit_info": dict() as info}:
                return self._limit(info)
            case {"type": "control_response" | "keep_alive" | "tool_progress" | "rate_limit_event"}:
                return ()
            case _:
                return None

    def close(self) -> Iterable[Message]:
        yield from self._builder.end()
        yield from self.requests.close()

    def reply(self, content: str) -> str:
        """A user message. It never answers a request, whatever it says."""
        self._sent = [*self._sent[-20:], content]
        return encode({"type": "user", "message": {"role": "user", "content": content}}) + "\n"

    # The session

    def _system(self, subtype: str, event: Event) -> Iterable[Message] | None:
        match subtype, event:
            case "init", _:
                return self._init(event)
            case "session_state_changed", {"state": "running"}:
                return () if self.requests else self._builder.status("running")
            case "session_state_changed", {"state": "requires_action"}:
                return self._builder.status("waiting", "awaiting_approval")
            case "session_state_changed", {"state": "idle"}:
                return ()  # the result reports it, and whether it is an error
            case "compact_boundary", _:
                compacted = self._context.compacted(event.get("compact_metadata"))
                return chain(compacted, self._sessions.compacted())
            case "task_notification", {"tool_use_id": str(id_), "status": str(status)} if id_ in self._subagents:
                said = self._builder.say(self._notices.told(subtype, event) or "", Speaker("system"))
                return chain(said, self._subagent_ended(id_, status != "completed"))
            case _:
                notice = self._notices.told(subtype, event)
                return None if notice is None else self._builder.say(notice, Speaker("system"))

    def _init(self, event: Event) -> Iterator[Message]:
        """A turn begins; after /clear, in a new session."""
        self._context.use_model(event.get("model"))
        for session in self._sessions.enter(event.get("session_id"), event.get("model"), event.get("cwd")):
            yield session
            if session.change == "cleared":
                yield from self._context.emptied()
        yield from self._builder.status("running")

    def _ask(self, id_: str, wish: dict[str, Any]) -> Iterable[Message]:
        if self.accepts_input:
            return self.requests.ask(asked(id_, wish, partial(_response, id_)))
        return chain(
            self._builder.say(
                f"{wish.get('tool_name')} needs a permission, which nobody can grant: Claude was started without"
                " --input-format stream-json.",
                Speaker("system"),
            ),
            self._builder.status("waiting", "awaiting_approval"),
        )

    def _result(self, subtype: str, event: Event) -> Iterator[Message]:
        self._threads.clear()
        yield from self._builder.end()
        text = event.get("result")
        failed = _failed(subtype, event)
        if failed:
            said = text or listed(event.get("errors")) or subtype
            yield from self._builder.failed(subtype if subtype != "success" else "api_error", said)
        elif isinstance(text, str) and not self._spoken:
            yield from self._builder.say(text)
        self._spoken = False
        yield from self._context.learn(event.get("modelUsage"))
        yield from self._used(event)
        if failed or not self.requests:
            yield from self._builder.status("error" if failed else "idle")

    def _limit(self, info: dict[str, Any]) -> Iterable[Message]:
        if (allowed := allowance(info)) and len(self._limits | {allowed.name: allowed}) <= MAX_LIMITS:
            self._limits[allowed.name] = allowed
        return self._builder.say(limit(info), Speaker("system"))

    def _used(self, result: Event) -> Iterator[Message]:
        """The session's usage, including sub-agents."""
        match result.get("modelUsage"):
            case dict() as models if models:
                used = [entry for entry in models.values() if isinstance(entry, dict)]
                cached = total(*(entry.get("cacheReadInputTokens") for entry in used))
                read = total(*(entry.get(name) for entry in used for name in _READ))
                told = usage(
                    self._sessions.counted,
                    self._context.model,
                    input_tokens=read + cached,
                    cached_input_tokens=cached,
                    output_tokens=total(*(entry.get("outputTokens") for entry in used)),
                    cost_usd=result.get("total_cost_usd"),
                )
                yield replace(told, limits=tuple(self._limits.values()) or None)

    # Messages

    def _stream(self, type_: str, inner: Event, parent: str | None) -> Iterable[Message] | None:
        thread = self._threads.setdefault(parent, Thread())
        match inner:
            case {"type": "message_start"}:
                return self._message_start(inner, parent)
            case {
                "type": "content_block_delta",
                "index": int(index),
                "delta": {"type": "text_delta", "text": str(text)},
            }:
                return self._delta(thread, index, text, _voice("text", parent))
            case {
                "type": "content_block_delta",
                "index": int(index),
                "delta": {"type": "thinking_delta", "thinking": str(text)},
            }:
                return self._delta(thread, index, text, _voice("thinking", parent))
            case {"type": "content_block_delta", "delta": {"type": str(delta)}} if delta in _SILENT_DELTAS:
                return ()
            case {"type": "content_block_stop", "index": int(index)} if index in thread.blocks:
                return thread.blocks[index].end()
            case {"type": "message_delta"}:
                return self._context.grew(inner.get("usage")) if parent is None else ()
            case _:
                return () if type_ in _SILENT else None

    def _message_start(self, inner: Event, parent: str | None) -> Iterator[Message]:
        thread, self._threads[parent] = self._threads[parent], Thread()
        for block in thread.blocks.values():
            yield from block.end()
        if parent is None:
            if not self.requests:
                yield from self._builder.status("running")
            match inner:
                case {"message": {"id": id_, "usage": usage}}:
                    yield from self._context.used(id_, usage)

    def _delta(self, thread: Thread, index: int, text: str, voice: Speaker) -> Iterator[Message]:
        if index not in thread.blocks or thread.blocks[index].over:
            thread.blocks[index] = self._builder.begin(voice)
        self._spoken |= voice.role == "assistant" and voice.kind == "text"
        yield from thread.blocks[index].add(text)

    def _assistant(self, blocks: list[Any], message: dict[str, Any], parent: str | None) -> Iterator[Message]:
        if parent is None and not self.requests:
            yield from self._builder.status("running")
        for block in blocks:
            if block != _NOTHING:
                yield from self._block(block, parent)
        if parent is None:
            yield from self._context.used(message.get("id"), message.get("usage"))

    def _refused(self, code: str, blocks: list[Any]) -> Iterator[Message]:
        """An API error, which Claude Code prints as the assistant's message; the result repeats it."""
        self._spoken = True
        yield from self._builder.status("running")
        said = "\n".join(block_text(block) for block in blocks)
        yield from self._builder.failed(code if code != "unknown" else "api_error", said)

    def _block(self, block: Any, parent: str | None) -> Iterator[Message]:
        match block:
            case {"type": "text", "text": str(text)}:
                yield from self._whole(text, _voice("text", parent), parent)
            case {"type": "thinking", "thinking": str(text)}:
                yield from self._whole(text, _voice("thinking", parent), parent)
            case {"type": "tool_use", "id": id_, "name": name}:
                input_ = block.get("input", {})
                yield from self._builder.call(id_, name, as_text(input_), input_, label(parent))
                yield from self._revealed(id_, name, input_)
            case {"type": "redacted_thinking"}:
                pass
            case _:
                yield from self._builder.say(as_text(block), Speaker("system"))

    def _revealed(self, call: object, tool: object, input_: Any) -> Iterator[Message]:
        for message in revealed(call, tool, input_):
            if isinstance(message, Subagent):
                if message.parent_id in self._subagents:
                    continue
                self._subagents[message.parent_id] = message
                if input_.get("run_in_background") is True:
                    self._background.add(message.parent_id)
            yield message

    def _subagent_ended(self, call: object, failed: bool) -> Iterator[Message]:
        if started := self._subagents.pop(label(call) or "", None):
            yield replace(started, change="failed" if failed else "ended")

    def _tool_result(self, block: dict[str, Any], parent: str | None) -> Iterator[Message]:
        id_, failed = block["tool_use_id"], block.get("is_error") is True
        told = result_text(block.get("content"))
        yield from self._builder.result(id_, told, is_error=failed, parent=label(parent))
        # A background sub-agent has only started by then.
        if failed or label(id_) not in self._background:
            yield from self._subagent_ended(id_, failed)
        yield from self.requests.settle_call(id_)

    def _whole(self, text: str, voice: Speaker, parent: str | None) -> Iterator[Message]:
        """A complete block: the part that its deltas haven't published, usually all of it or nothing."""
        self._spoken |= voice.role == "assistant" and voice.kind == "text"
        thread = self._threads.get(parent)
        streamed = thread.take(voice.kind) if thread else None
        if streamed is None:
            yield from self._builder.say(text, voice)
            return
        if text.startswith(streamed.said) and not streamed.over:
            yield from streamed.add(text[len(streamed.said) :])
            text = streamed.said
        yield from streamed.end()
        if text != streamed.said:
            # Deltas were lost: better to show it twice than not at all.
            yield from self._builder.say(text, voice)

    def _user(self, content: str | list[Any], voice: Speaker) -> Iterator[Message]:
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        for block in content:
            match block:
                case {"type": "tool_result", "tool_use_id": _}:
                    yield from self._tool_result(block, voice.parent)
                case {"type": "text", "text": str(text)} if text in self._sent:
                    self._sent.remove(text)  # already in the transcript as a person's input
                case {"type": "text", "text": str(text)} if told := _COMMAND.fullmatch(text):
                    yield from self._builder.say(told[1].strip(), Speaker("system"))
                case {"type": "text", "text": str(text)}:
                    yield from self._builder.say(text, voice)
                case _:
                    yield from self._builder.say(f"({type_of(block)})", voice)


def _response(id_: str, decision: Decision) -> str:
    response = {"subtype": "success", "request_id": id_, "response": decision}
    return encode({"type": "control_response", "response": response}) + "\n"


def _parent(event: Event) -> str | None:
    parent = event.get("parent_tool_use_id")
    return parent if isinstance(parent, str) else None


def _voice(kind: Kind, parent: str | None) -> Speaker:
    # A sub-agent's messages belong to the call that started it.
    return Speaker(kind=kind) if parent is None else Speaker("tool", kind, parent[:200], parent=parent[:200])


def _failed(subtype: str, result: Event) -> bool:
    """Whether a turn ended with an error; an interruption by a person isn't one."""
    aborted = as_text(result.get("terminal_reason")).startswith("aborted")
    return not aborted and (subtype != "success" or result.get("is_error") is True)
