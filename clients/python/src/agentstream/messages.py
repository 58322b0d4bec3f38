"""The events that a producer can publish, as defined by the protocol."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol, get_args
from uuid import uuid4

from agentstream import text

Role = Literal["assistant", "user", "system", "tool"]
Kind = Literal["text", "thinking", "tool_call", "tool_result"]
Status = Literal["idle", "running", "waiting", "error", "finished", "offline"]
Ending = Literal["completed", "error", "user_stopped", "lost"]
ToolKind = Literal["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"]
SessionChanged = Literal["started", "resumed", "cleared", "compacted", "ended"]
SubagentChanged = Literal["started", "ended", "failed"]
EntryStatus = Literal["pending", "in_progress", "completed"]

MAX_CONTENT = 64 * 1024
# The server also limits an event's size as JSON, where a control character takes six bytes. Half of MAX_CONTENT fits
# whatever it contains, and leaves room for the other fields.
MAX_ENCODED = 6 * MAX_CONTENT // 2
# Sizes as JSON of an output's fields beside its content. If they are more than small, they are sent before the content.
MAX_BESIDE = 200 * 1024
LITTLE_BESIDE = 32 * 1024
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # a NUL in JSON, but not an escaped backslash followed by u0000


class Message(Protocol):
    """One event that has no number yet: its `type` and, from `payload()`, its JSON object."""

    type: ClassVar[str]

    def payload(self) -> dict[str, Any]: ...


def one_of(name: str, value: str | None, allowed: Any) -> None:
    """Raises ValueError unless `value` is None or one of the Literal `allowed`."""
    if value is not None and value not in get_args(allowed):
        raise ValueError(f"{name}: expected one of {', '.join(get_args(allowed))}; got {value!r}")


def _present(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def encode(value: Any) -> str:
    """`value` as compact JSON that UTF-8 can carry."""
    return text.clean(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def without_nul(value: dict[str, Any]) -> dict[str, Any]:
    """`value` with ␀ in place of NUL in texts; the server accepts NUL only in an output's content."""
    shown = _NUL.sub(r"\1␀", encode(value))
    found: dict[str, Any] = json.loads(shown)
    return found


def _pieces(content: str) -> Iterator[str]:
    for piece in text.split(content, MAX_CONTENT):
        fits = text.size(encode(piece)) <= MAX_ENCODED
        yield from (piece,) if fits else text.split(piece, MAX_CONTENT // 2)


@dataclass(frozen=True)
class FileChange:
    """What a tool does to a file, as a unified diff."""

    path: str
    patch: str

    def payload(self) -> dict[str, str]:
        """The JSON that the server expects."""
        return {"path": self.path, "patch": self.patch}


@dataclass(frozen=True)
class Attachment:
    """A file that belongs to an output. `Publisher.attach` makes one."""

    id: str
    name: str
    media_type: str
    size: int

    def payload(self) -> dict[str, Any]:
        """The JSON that the server expects."""
        return {"id": self.id, "name": self.name, "mediaType": self.media_type, "size": self.size}


@dataclass(frozen=True)
class Output:
    """`agent:output`: text the agent or one of its tools produced.

    On a tool call, `tool_input` is the tool's exact input; on its result, `is_error` and `duration_ms` say how it went.
    `parent_id` is the `tool_call_id` of the call that started the sub-agent this belongs to. Raises ValueError if
    `tool_input`, `changes` and `attachments` together exceed 200 KiB as JSON or can't be encoded. NUL in them becomes
    ␀.
    """

    type: ClassVar[str] = "agent:output"
    content: str
    role: Role = "assistant"
    message_id: str | None = None
    is_streaming: bool | None = None
    kind: Kind | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None
    tool_kind: ToolKind | None = None
    tool_input: Mapping[str, Any] | None = None
    is_error: bool | None = None
    duration_ms: int | None = None
    changes: Sequence[FileChange] | None = None
    parent_id: str | None = None
    attachments: Sequence[Attachment] | None = None

    def __post_init__(self) -> None:
        one_of("role", self.role, Role)
        one_of("kind", self.kind, Kind)
        one_of("tool_kind", self.tool_kind, ToolKind)
        if (size := self.size_beside) > MAX_BESIDE:
            raise ValueError(
                f"tool_input, changes and attachments: expected at most {MAX_BESIDE} bytes as JSON; got {size}"
            )

    def _beside(self) -> dict[str, Any]:
        """The fields beside the content that may be large."""
        if self.tool_input is None and self.changes is None and self.attachments is None:
            return {}
        beside = _present(
            toolInput=None if self.tool_input is None else dict(self.tool_input),
            changes=None if self.changes is None else [change.payload() for change in self.changes],
            attachments=None if self.attachments is None else [file.payload() for file in self.attachments],
        )
        return without_nul(beside)

    @property
    def size_beside(self) -> int:
        """The bytes of the fields beside the content as JSON."""
        beside = self._beside()
        return text.size(encode(beside)) if beside else 0

    def payload(self) -> dict[str, Any]:
        return {
            "content": self.content,
            "role": self.role,
            **_present(
                messageId=self.message_id,
                isStreaming=self.is_streaming,
                kind=self.kind,
                toolCallId=self.tool_call_id,
                toolName=self.tool_name,
                toolKind=self.tool_kind,
                isError=self.is_error,
                durationMs=self.duration_ms,
                parentId=self.parent_id,
            ),
            **self._beside(),
        }

    def split(self) -> Iterator[Output]:
        """Itself or, over 64 KiB, several chunks of one message, the first with the fields beside the content."""
        pieces = list(_pieces(text.clean(self.content)))
        if self.size_beside > LITTLE_BESIDE and self.content:
            pieces.insert(0, "")
        if len(pieces) == 1:
            yield replace(self, content=pieces[0])
            return
        message_id = self.message_id or str(uuid4())
        first, *others, last = pieces
        yield replace(self, content=first, message_id=message_id, is_streaming=True)
        rest = replace(self, message_id=message_id, tool_input=None, changes=None, attachments=None)
        for piece in others:
            yield replace(rest, content=piece, is_streaming=True)
        yield replace(rest, content=last)

    def is_continued_by(self, other: Message) -> bool:
        """Whether `other` is the next chunk of the same message."""
        return (
            isinstance(other, Output)
            and self.message_id is not None
            and self == replace(other, content=self.content, is_streaming=self.is_streaming)
        )

    def joined(self, other: Output) -> Output:
        """Both chunks as one."""
        return replace(other, content=self.content + other.content)


@dataclass(frozen=True)
class StatusChange:
    """`agent:status`: what the agent is doing now."""

    type: ClassVar[str] = "agent:status"
    status: Status
    reason: str | None = None

    def __post_init__(self) -> None:
        one_of("status", self.status, Status)

    def payload(self) -> dict[str, Any]:
        return {"status": self.status, **_present(reason=self.reason)}


@dataclass(frozen=True)
class Context:
    """`agent:context`: how full the agent's context window is, in whole percent. None: no longer known."""

    type: ClassVar[str] = "agent:context"
    level: int | None
    tokens_used: int | None = None
    tokens_limit: int | None = None

    def __post_init__(self) -> None:
        if self.level is not None and not 0 <= self.level <= 100:
            raise ValueError(f"context level: expected whole percent from 0 to 100; got {self.level!r}")

    def payload(self) -> dict[str, Any]:
        return {
            "contextLevel": self.level,
            **_present(tokensUsed=self.tokens_used, tokensLimit=self.tokens_limit),
        }


@dataclass(frozen=True)
class Failure:
    """`agent:error`: something went wrong inside the agent."""

    type: ClassVar[str] = "agent:error"
    code: str
    message: str

    @classmethod
    def brief(cls, code: str, message: str) -> Failure:
        """A failure with the message truncated to 32 KiB, which always fits an event."""
        return cls(code, next(text.split(text.clean(message), MAX_CONTENT // 2)))

    def payload(self) -> dict[str, Any]:
        return {"error": {"code": self.code, "message": self.message}}


@dataclass(frozen=True)
class Terminated:
    """`agent:terminated`: the agent's process has ended; `exit_code` is None if nobody knows it."""

    type: ClassVar[str] = "agent:terminated"
    exit_code: int | None
    signal: str | None = None
    reason: Ending = "completed"

    def __post_init__(self) -> None:
        one_of("reason", self.reason, Ending)

    def payload(self) -> dict[str, Any]:
        return {"exitCode": self.exit_code, "reason": self.reason, **_present(signal=self.signal)}


@dataclass(frozen=True)
class Session:
    """`agent:session`: a session of the agent's tool starts, continues or ends; `session` is the tool's id for it."""

    type: ClassVar[str] = "agent:session"
    session: str
    change: SessionChanged
    title: str | None = None
    model: str | None = None
    cwd: str | None = None
    branch: str | None = None

    def __post_init__(self) -> None:
        one_of("change", self.change, SessionChanged)

    def payload(self) -> dict[str, Any]:
        more = _present(title=self.title, model=self.model, cwd=self.cwd, branch=self.branch)
        return {"session": self.session, "change": self.change, **more}


@dataclass(frozen=True)
class PlanEntry:
    """A step of a plan."""

    content: str
    status: EntryStatus = "pending"

    def __post_init__(self) -> None:
        one_of("status", self.status, EntryStatus)

    def payload(self) -> dict[str, str]:
        """The JSON that the server expects."""
        return {"content": self.content, "status": self.status}


@dataclass(frozen=True)
class Plan:
    """`agent:plan`: the agent's whole plan each time."""

    type: ClassVar[str] = "agent:plan"
    entries: Sequence[PlanEntry]

    def payload(self) -> dict[str, Any]:
        return {"entries": [entry.payload() for entry in self.entries]}


@dataclass(frozen=True)
class Subagent:
    """`agent:subagent`: a sub-agent, started by the tool call `parent_id`, starts or ends."""

    type: ClassVar[str] = "agent:subagent"
    parent_id: str
    change: SubagentChanged
    name: str
    description: str | None = None

    def __post_init__(self) -> None:
        one_of("change", self.change, SubagentChanged)

    def payload(self) -> dict[str, Any]:
        told = {"parentId": self.parent_id, "change": self.change, "name": self.name}
        return {**told, **_present(description=self.description)}


@dataclass(frozen=True)
class UsageLimit:
    """How much of an allowance is used, in percent. `resets_at` has an offset from UTC."""

    name: str
    used_percent: float
    resets_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.resets_at is not None and self.resets_at.tzinfo is None:
            raise ValueError(f"resets_at: expected a time with an offset; got {self.resets_at}")

    def payload(self) -> dict[str, Any]:
        """The JSON that the server expects."""
        resets_at = self.resets_at and self.resets_at.isoformat()
        return {"name": self.name, "usedPercent": self.used_percent, **_present(resetsAt=resets_at)}


@dataclass(frozen=True)
class Usage:
    """`agent:usage`: the totals of a session so far, as reported by its tool.

    A later report for the same session replaces this one. Set `estimated` if the tool didn't report them itself.
    """

    type: ClassVar[str] = "agent:usage"
    session: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    limits: Sequence[UsageLimit] | None = None
    estimated: bool | None = None

    def payload(self) -> dict[str, Any]:
        return _present(
            session=self.session,
            model=self.model,
            inputTokens=self.input_tokens,
            cachedInputTokens=self.cached_input_tokens,
            outputTokens=self.output_tokens,
            reasoningTokens=self.reasoning_tokens,
            costUsd=self.cost_usd,
            limits=None if self.limits is None else [limit.payload() for limit in self.limits],
            estimated=self.estimated,
        )
