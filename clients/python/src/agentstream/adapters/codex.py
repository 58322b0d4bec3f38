"""Translates the events of Codex: `codex exec --json`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from agentstream.adapters.builder import MessageBuilder, Speaker, append_line, as_text
from agentstream.adapters.json_lines import Event
from agentstream.adapters.progress import Sessions, plan, usage
from agentstream.messages import Message, Plan

Item = dict[str, Any]


class Codex:
    """Items become messages, or tool calls with their results; turns become the status.

    There is no context level: Codex reports a thread's total tokens, but not the size of the context window.
    """

    # It would wait for the end of its input before it starts.
    accepts_input = False

    def __init__(self, run: str, resumed: bool = False) -> None:
        self._builder = MessageBuilder(run)
        self._sessions = Sessions(run, resumed)

    def translate(self, event: Event) -> Iterable[Message] | None:
        match event:
            case {"type": "thread.started"}:
                return self._sessions.enter(event.get("thread_id"))
            case {"type": "turn.started"}:
                return self._builder.status("running")
            case {"type": "turn.completed"}:
                return chain(self._builder.end(), self._used(event.get("usage")), self._builder.status("idle"))
            case {"type": "turn.failed", "error": {"message": message}}:
                return self._fail(message)
            case {"type": "error", "message": str(message)} if message.startswith("Reconnecting"):
                return self._builder.say(message, Speaker("system"))  # not fatal
            case {"type": "error", "message": message}:
                return self._builder.failed("codex", message)
            case {
                "type": "item.started" | "item.updated" | "item.completed" as stage,
                "item": {"id": str()} as item,
            }:
                return self._item(item, stage == "item.completed")
            case _:
                return None

    def close(self) -> Iterable[Message]:
        return self._builder.end()

    def reply(self, content: str) -> str:
        return content + "\n"

    def _fail(self, message: object) -> Iterator[Message]:
        yield from self._builder.end()
        yield from self._builder.failed("turn_failed", message)
        yield from self._builder.status("error")

    def _used(self, told: object) -> Iterator[Message]:
        """The thread's total usage."""
        if isinstance(told, dict):
            yield usage(
                self._sessions.current,
                None,
                input_tokens=told.get("input_tokens"),
                cached_input_tokens=told.get("cached_input_tokens"),
                output_tokens=told.get("output_tokens"),
                reasoning_tokens=told.get("reasoning_output_tokens"),
            )

    def _item(self, item: Item, over: bool) -> Iterable[Message] | None:
        speech = self._builder
        match item:
            case {"type": "agent_message", "text": str(text)}:
                return speech.grow(item["id"], text, Speaker(), over)
            case {"type": "reasoning", "text": str(text)}:
                return speech.grow(item["id"], text, Speaker(kind="thinking"), over)
            case {"type": "command_execution", "command": command}:
                return self._command(item, as_text(command), over)
            case {"type": "mcp_tool_call", "server": server, "tool": tool}:
                name = f"{server}.{tool}"
                return self._call(item, name, as_text(item.get("arguments")), _mcp_result(item), over)
            case {"type": "collab_tool_call", "tool": tool}:
                return self._call(
                    item, as_text(tool), as_text(item.get("prompt") or ""), as_text(item.get("status", "")), over
                )
            case {"type": "file_change", "changes": [*changes]}:
                return self._call(item, "file_change", _changes(changes), as_text(item.get("status", "")), over)
            case {"type": "web_search", "query": query}:
                return self._call(item, "web_search", as_text(query), "", over)
            case {"type": "todo_list", "items": [*items]}:
                told = speech.grow(item["id"], _todos(items), Speaker("tool", "tool_result", tool="todo_list"), over)
                return chain([_plan(items)], told)
            case {"type": "error", "message": message}:
                return speech.failed("codex", message)
            case _:
                return None

    def _command(self, item: Item, command: str, over: bool) -> Iterator[Message]:
        yield from self._begin(item, "command", command, {"command": command})
        text = as_text(item.get("aggregated_output") or "")
        if over and (ending := _ending(item, text)):
            text = append_line(text, ending)
        if over and text and not self._builder.growing(item["id"]):
            yield from self._builder.result(item["id"], text, is_error=_failed(item))
        elif text:
            yield from self._builder.grow(item["id"], text, self._builder.result_of(item["id"]), over)
        if over:
            self._builder.ended(item["id"])

    def _call(self, item: Item, tool: str, content: str, result: str, over: bool) -> Iterator[Message]:
        yield from self._begin(item, tool, content, item.get("arguments"))
        if over and result:
            yield from self._builder.result(item["id"], result, is_error=_failed(item))
        elif over:
            self._builder.ended(item["id"])

    def _begin(self, item: Item, tool: str, content: str, input_: object) -> Iterator[Message]:
        if not self._builder.called(item["id"]):
            yield from self._builder.call(item["id"], tool, content, input_)


def _failed(item: Item) -> bool:
    return item.get("status") in ("failed", "declined") or item.get("exit_code") not in (None, 0)


def _ending(item: Item, text: str) -> str:
    """How a command ended, if worth mentioning."""
    match item:
        case {"status": "declined"}:
            return "(declined)"
        case {"exit_code": int(code)} if code:
            return f"(exit code {code})"
        case {"status": "failed"}:
            return "(failed)"
        case _:
            return "" if text else "(no output)"


def _mcp_result(item: Item) -> str:
    match item:
        case {"error": {"message": message}}:
            return as_text(message)
        case {"result": {"content": [*blocks]}} if all(isinstance(block, dict) for block in blocks):
            return "\n".join(as_text(block.get("text", block)) for block in blocks)
        case {"result": result} if result is not None:
            return as_text(result)
        case _:
            return "(no output)"


def _changes(changes: list[Any]) -> str:
    return "\n".join(
        f"{change.get('kind')} {change.get('path')}" if isinstance(change, dict) else as_text(change)
        for change in changes
    )


def _plan(items: list[Any]) -> Plan:
    steps = (item for item in items if isinstance(item, dict))
    return plan((step.get("text"), "completed" if step.get("completed") is True else "pending") for step in steps)


def _todos(items: list[Any]) -> str:
    return "\n".join(
        f"[{'x' if item.get('completed') else ' '}] {item.get('text')}" if isinstance(item, dict) else as_text(item)
        for item in items
    )
