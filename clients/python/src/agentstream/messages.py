"""What a producer can say about its agent, as the contract spells it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol, get_args
from uuid import uuid4

from agentstream import text

Role = Literal["assistant", "user", "system", "tool"]
Kind = Literal["text", "thinking", "tool_call", "tool_result"]
Status = Literal["idle", "running", "waiting", "error", "finished", "offline"]
Ending = Literal["completed", "error", "user_stopped", "lost"]

MAX_CONTENT = 64 * 1024
# The server also bounds an event as encoded in JSON, where a control character takes six bytes. Half of
# MAX_CONTENT fits whatever it holds, and leaves room for the other keys.
MAX_ENCODED = 6 * MAX_CONTENT // 2


class Message(Protocol):
    """One event before it has a number: its `type` and, from `payload()`, its JSON object."""

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
    return text.clean(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _pieces(content: str) -> Iterator[str]:
    for piece in text.split(content, MAX_CONTENT):
        fits = text.size(encode(piece)) <= MAX_ENCODED
        yield from (piece,) if fits else text.split(piece, MAX_CONTENT // 2)


@dataclass(frozen=True)
class Output:
    """`agent:output`: text the agent or one of its tools produced."""

    type: ClassVar[str] = "agent:output"
    content: str
    role: Role = "assistant"
    message_id: str | None = None
    is_streaming: bool | None = None
    kind: Kind | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None

    def __post_init__(self) -> None:
        one_of("role", self.role, Role)
        one_of("kind", self.kind, Kind)

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
            ),
        }

    def split(self) -> Iterator[Output]:
        """Itself, or where it is over 64 KiB several chunks of one message."""
        pieces = list(_pieces(text.clean(self.content)))
        if len(pieces) == 1:
            yield replace(self, content=pieces[0])
            return
        message_id = self.message_id or str(uuid4())
        for piece in pieces[:-1]:
            yield replace(self, content=piece, message_id=message_id, is_streaming=True)
        yield replace(self, content=pieces[-1], message_id=message_id)

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
    """`agent:context`: how full the agent's context window is, in whole percent."""

    type: ClassVar[str] = "agent:context"
    level: int
    tokens_used: int | None = None
    tokens_limit: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.level <= 100:
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
        """Of the message no more than surely fits an event: 32 KiB."""
        return cls(code, next(text.split(text.clean(message), MAX_CONTENT // 2)))

    def payload(self) -> dict[str, Any]:
        return {"error": {"code": self.code, "message": self.message}}


@dataclass(frozen=True)
class Terminated:
    """`agent:terminated`: the agent's process is over."""

    type: ClassVar[str] = "agent:terminated"
    exit_code: int
    signal: str | None = None
    reason: Ending = "completed"

    def __post_init__(self) -> None:
        one_of("reason", self.reason, Ending)

    def payload(self) -> dict[str, Any]:
        return {"exitCode": self.exit_code, "reason": self.reason, **_present(signal=self.signal)}
