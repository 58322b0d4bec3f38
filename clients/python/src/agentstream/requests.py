"""Ask a person and wait for the answer, through restarts of the server and of the asking program."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, TypeVar

from agentstream.api import Api
from agentstream.errors import NotFound, TryLater, Unreachable
from agentstream.events import Cursor, Gap
from agentstream.reconnection import Backoff, Reconnector
from agentstream.watch import Watch

log = logging.getLogger("agentstream")

Result = TypeVar("Result")
Effect = Literal["allow", "allow_always", "deny", "other"]
RequestKind = Literal["permission", "question", "plan", "input"]
Outcome = Literal["answered", "answered_elsewhere", "expired", "withdrawn"]


@dataclass(frozen=True)
class Option:
    """One way to answer, and its `effect`."""

    id: str
    label: str
    effect: Effect = "other"

    def payload(self) -> dict[str, str]:
        """The JSON that the server expects."""
        return {"id": self.id, "label": self.label, "effect": self.effect}


@dataclass(frozen=True)
class Resolution:
    """How a request ended. `option`, `answers` and `text` are the answer, `by` the user who gave it."""

    outcome: Outcome
    option: str | None = None
    answers: dict[str, list[str]] | None = None
    text: str | None = None
    by: str | None = None

    @classmethod
    def of(cls, payload: dict[str, Any]) -> Resolution:
        """From the payload of `agent:request_resolved`, or a request's `resolution`."""
        return cls(*(payload.get(name) for name in ("outcome", "option", "answers", "text", "by")))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Request:
    """What to ask. Asking again with the same `id` doesn't ask twice; it waits for the answer to the first.

    `tool` is `{"name", "input", "changes"}`, the exact action; `questions` are those of the protocol. After
    `expires_in` seconds, by the server's clock, the request expires.
    """

    title: str
    options: Sequence[Option] = ()
    kind: RequestKind = "question"
    body: str | None = None
    tool: dict[str, Any] | None = None
    questions: Sequence[dict[str, Any]] | None = None
    expires_in: float | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def payload(self) -> dict[str, Any]:
        """The JSON that the server expects."""
        expires_at = None
        if self.expires_in is not None:
            expires_at = (datetime.now(timezone.utc) + timedelta(seconds=self.expires_in)).isoformat()
        asked: dict[str, Any] = {
            "requestId": self.id,
            "kind": self.kind,
            "title": self.title,
            "body": self.body,
            "tool": self.tool,
            "options": [option.payload() for option in self.options],
            "questions": None if self.questions is None else list(self.questions),
            "expiresAt": expires_at,
        }
        return {name: value for name, value in asked.items() if value is not None}


async def ask(api: Api, agent_id: str, request: Request) -> Resolution:
async def persistently(call: Callable[[], Awaitable[Result]]) -> Result:
    """What `call` returns, retried while the server is unreachable."""
