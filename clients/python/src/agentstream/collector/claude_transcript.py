"""Translates the transcripts in which Claude Code records its sessions: `~/.claude/projects/*/<session>.jsonl`.

The translation is deterministic: the same line becomes the same messages under the same ids, wherever reading began.
Only the names of tools are missing from results whose calls were not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentstream.adapters.bounds import line, plain
from agentstream.adapters.builder import LABEL, Speaker, as_text, label
from agentstream.adapters.claude_blocks import block_text, result_text, revealed, type_of
from agentstream.adapters.tools import beside
from agentstream.collector.activity import Activity
from agentstream.messages import Failure, Message, Output, Session, Subagent

Record = Mapping[str, Any]

# Tools whose results are remembered by name, at most.
MAX_CALLS = 1_000

_INTERRUPTED = "[Request interrupted by user"
_COMMAND_NAME = re.compile(r"<command-name>(.*?)</command-name>", re.DOTALL)
_COMMAND_ARGUMENTS = re.compile(r"<command-args>(.*?)</command-args>", re.DOTALL)
_COMMAND_OUTPUT = re.compile(r"<local-command-std(?:out|err)>(.*)</local-command-std(?:out|err)>", re.DOTALL)
# Written by Claude Code for the model, not by or for people.
_FOR_THE_MODEL = ("<local-command-caveat>", "<system-reminder>")
# What it writes when something that ran in the background has ended.
_NOTIFICATION = "<task-notification>"
_ENDED_CALL = re.compile(r"<tool-use-id>(.{1,200}?)</tool-use-id>")
_ENDED_STATUS = re.compile(r"<status>(\w+)</status>")
_ENDED_AGENT = "<summary>Agent "
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class ClaudeTranscript:
    """Translates the lines of one transcript; `parent` is the tool call that started the sub-agent it belongs to."""

    parent: str | None = None
    _calls: dict[str, str] = field(default_factory=dict)

    def translate(self, record: Record, offset: int) -> Iterable[Message]:
        """The messages of the record at byte `offset`; none for records that mean nothing to people."""
        id_ = label(record.get("uuid")) or f"at-{offset}"
        if record.get("isSidechain") is True and self.parent is None:
            return ()  # sub-agents have transcripts of their own
        match record:
            case {"type": "assistant", "error": str(code), "message": {"content": [*blocks]}}:
                said = "\n".join(block_text(block) for block in blocks)
                return (Failure.brief(label(code) or "api_error", said),)
            case {"type": "assistant", "message": {"content": [*blocks]}}:
                return self._assistant(id_, blocks)
            case {"type": "user", "isCompactSummary": True}:
                return ()
            case {"type": "user", "isMeta": True}:
                return ()
            case {"type": "user", "message": {"content": str() | [*_] as content}}:
                return self._user(id_, content, record.get("toolUseResult"))
            case {"type": "system", "subtype": str(subtype)}:
                return self._system(id_, subtype, record)
            case _:
                return ()

    def activity(self, record: Record) -> Activity | None:
        """What the record says about the turn."""
        match record:
            case {"type": "system", "subtype": "turn_duration"}:
                return Activity.IDLE
            case {"type": "assistant", "error": str()}:
                return Activity.FAILED
            case {"type": "user", "isMeta": True}:
                return None
            case {"type": "assistant" | "user"}:
                return Activity.IDLE if _is_interruption(record) else Activity.RUNNING
            case _:
                return None

    def title(self, record: Record) -> str | None:
        """The session's title, if the record gives it one."""
        match record:
            case {"type": "ai-title", "aiTitle": str(title)} | {"type": "custom-title", "customTitle": str(title)}:
                return line(title, LABEL) or None
            case _:
                return None

    def _assistant(self, id_: str, blocks: list[Any]) -> Iterator[Message]:
        for number, block in enumerate(blocks):
            match block:
                case {"type": "text", "text": str(text)}:
                    yield from self._say(f"{id_}-{number}", text, self._voice("text"))
                case {"type": "thinking", "thinking": str(text)}:
                    yield from self._say(f"{id_}-{number}", text, self._voice("thinking"))
                case {"type": "tool_use", "id": call, "name": tool}:
                    yield from self._call(f"{id_}-{number}", call, tool, block.get("input", {}))
                case {"type": "redacted_thinking"}:
                    pass
                case _:
                    yield from self._say(f"{id_}-{number}", as_text(block), Speaker("system"))

    def _call(self, id_: str, call: object, tool: object, input_: object) -> Iterator[Message]:
        call, tool = label(call), label(tool)
        if call and tool:
            self._calls[call] = tool
            if len(self._calls) > MAX_CALLS:
                del self._calls[next(iter(self._calls))]
        voice = Speaker("tool", "tool_call", call, tool, self.parent)
        yield from self._say(id_, as_text(input_), voice, **beside(tool, input_))
        yield from revealed(call, tool, input_)

    def _user(self, id_: str, content: str | list[Any], outcome: object) -> Iterator[Message]:
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for number, block in enumerate(blocks):
            match block:
                case {"type": "tool_result", "tool_use_id": call}:
                    yield from self._result(f"{id_}-{number}", call, block, outcome)
                case {"type": "text", "text": str(text)}:
                    yield from self._typed(f"{id_}-{number}", text)
                case _:
                    yield from self._say(f"{id_}-{number}", f"({type_of(block)})", self._person())

    def _result(self, id_: str, call: object, block: Record, outcome: object) -> Iterator[Message]:
        call, failed = label(call), block.get("is_error") is True
        tool = self._calls.pop(call or "", None)
        voice = Speaker("tool", "tool_result", call, tool, self.parent)
        if isinstance(outcome, dict) and outcome.get("isAsync") is True:
            yield from self._say(id_, "Started in the background.", voice)
            return
        told = result_text(block.get("content")) or "(no output)"
        yield from self._say(id_, told, voice, is_error=failed or None)
        if tool in ("Task", "Agent") and call:
            yield Subagent(plain(call), "failed" if failed else "ended", "agent")

    def _typed(self, id_: str, text: str) -> Iterator[Message]:
        if text.startswith(_INTERRUPTED):
            yield from self._say(id_, "Interrupted by the user.", Speaker("system"))
        elif name := _COMMAND_NAME.search(text):
            arguments = _COMMAND_ARGUMENTS.search(text)
            told = f"{name[1].strip()} {arguments[1].strip() if arguments else ''}".strip()
            yield from self._say(id_, told, self._person())
        elif told_by_command := _COMMAND_OUTPUT.fullmatch(text.strip()):
            yield from self._say(id_, _COLOUR.sub("", told_by_command[1]).strip(), Speaker("system"))
        elif text.startswith(_NOTIFICATION):
            yield from _ended_in_background(text)
        elif not text.startswith(_FOR_THE_MODEL):
            yield from self._say(id_, text, self._person())

    def _system(self, id_: str, subtype: str, record: Record) -> Iterator[Message]:
        match subtype, record:
            case "compact_boundary", {"sessionId": str(session)}:
                if self.parent is None and (name := label(session)):
                    yield Session(name, "compacted")
            case "local_command", {"content": str(content)}:
                yield from self._typed(id_, content)
            case "informational" | "away_summary", {"content": str(content)}:
                yield from self._say(id_, content, Speaker("system"))
            case _:
                pass

    def _say(self, id_: str, text: str, voice: Speaker, **more: Any) -> Iterator[Output]:
        if text:
            yield Output(
                text, voice.role, id_, None, voice.kind, voice.call, voice.tool, parent_id=voice.parent, **more
            )

    def _voice(self, kind: Any) -> Speaker:
        parent = self.parent
        return Speaker(kind=kind) if parent is None else Speaker("tool", kind, parent, parent=parent)

    def _person(self) -> Speaker:
        # What a sub-agent is told comes from the agent.
        return Speaker("user") if self.parent is None else Speaker("tool", "text", self.parent, parent=self.parent)


def _ended_in_background(notification: str) -> Iterator[Subagent]:
    """The end of a sub-agent; other notifications are of commands."""
    call, status = _ENDED_CALL.search(notification), _ENDED_STATUS.search(notification)
    if call and status and _ENDED_AGENT in notification:
        yield Subagent(plain(call[1]), "ended" if status[1] == "completed" else "failed", "agent")


def _is_interruption(record: Record) -> bool:
    match record:
        case {"message": {"content": [{"type": "text", "text": str(text)}, *_]}} | {"message": {"content": str(text)}}:
            return text.startswith(_INTERRUPTED)
        case _:
            return False
