"""The sessions of an agent, as the API lists them."""

import json
import uuid
from typing import Any

from agents.changes import agent_stream
from agents.models import Session
from agents.usage_sums import sums_of_sessions
from streams import log
from streams.protocol import clock
from streams.protocol.clock import timestamp
from streams.protocol.messages import BIGINT, Code, ProtocolError


def sessions(agent_id: uuid.UUID, before: int | None, limit: int) -> dict[str, Any]:
    """A page of an agent's sessions, newest first, that began before seq `before`. Raises ProtocolError (NOT_FOUND)."""
    name = agent_stream(agent_id)
    with log.snapshot():
        span = log.spans([name]).get(name)
        if span is None:
            raise ProtocolError(Code.NOT_FOUND, f"there is no agent {agent_id}")
        found = Session.objects.filter(agent=agent_id, first_seq__lt=before or BIGINT).order_by("-first_seq")
        rows = list(found[: limit + 1])
        usage = sums_of_sessions(agent_id, [row.name for row in rows])
        number = found.count()
    listed = [
        _state(row, span.head) | {"number": number - index, "usage": usage.get(row.name, {})}
        for index, row in enumerate(rows[:limit])
    ]
    return {"sessions": listed, "more": len(rows) > limit}


def _state(row: Session, head: int) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(row.payload)
    state |= {
        "firstSeq": row.first_seq,
        "lastSeq": head if row.last_seq is None else row.last_seq,
        "startedAt": timestamp(clock.as_milliseconds(row.started_at)),
    }
    if row.ended_at is not None:
        state |= {"endedAt": timestamp(clock.as_milliseconds(row.ended_at)), "outcome": row.outcome}
    return state
