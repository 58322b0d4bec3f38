"""Requests to people, and their resolutions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal

Effect = Literal["allow", "allow_always", "deny", "other"]
RequestKind = Literal["permission", "question", "plan", "input"]
Outcome = Literal["answered", "answered_elsewhere", "expired", "withdrawn"]
SettledOutcome = Literal["answered_elsewhere", "withdrawn"]


@dataclass(frozen=True)
class Option:
    """One way to answer a request, and its `effect`."""

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
            expires_at = (datetime.now(UTC) + timedelta(seconds=self.expires_in)).isoformat()
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


@dataclass(frozen=True)
class Ask:
    """`agent:request`: a person is asked."""

    type: ClassVar[str] = "agent:request"
    request: Request

    def payload(self) -> dict[str, Any]:
        return self.request.payload()


@dataclass(frozen=True)
class Settle:
    """`agent:request_resolved` from a producer: answered elsewhere, such as at the terminal, or withdrawn."""

    type: ClassVar[str] = "agent:request_resolved"
    request_id: str
    outcome: SettledOutcome

    def payload(self) -> dict[str, Any]:
        return {"requestId": self.request_id, "outcome": self.outcome}
