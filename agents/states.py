"""Agents as the API and subscriptions return them."""

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from agents.models import Agent
from agents.progress_store import progress_of
from agents.request_store import open_requests
from streams.protocol import clock
from streams.protocol.clock import timestamp

Asked = Mapping[uuid.UUID, dict[str, Any]]


def agent_states(agents: Collection[Agent]) -> dict[uuid.UUID, dict[str, Any]]:
    """Agents with their open requests, read in one query for all."""
    asked = open_requests(agent__in=[agent.pk for agent in agents]) if agents else {}
    return {agent.pk: agent_state(agent, asked) for agent in agents}


def whole_states(agents: Collection[Agent]) -> dict[uuid.UUID, dict[str, Any]]:
    """Agents as subscriptions to them return them: with sessions, plans and usage."""
    progress = progress_of([agent.pk for agent in agents]) if agents else {}
    return {pk: state | progress.get(pk, {}) for pk, state in agent_states(agents).items()}


def whole_state(agent: Agent) -> dict[str, Any]:
    return whole_states([agent])[agent.pk]


def agent_state(agent: Agent, asked: Asked | None = None) -> dict[str, Any]:
    """One agent as in lists. `asked` is the result of `open_requests`, if already read."""
    if asked is None:
        asked = open_requests(agent=agent)
    state: dict[str, Any] = {
        "id": str(agent.pk),
        "workspaceId": str(agent.workspace_id),
        "name": agent.name,
        "labels": agent.labels,
        "status": agent.status,
        "statusSeq": agent.status_seq,
        "contextLevel": agent.context_level,
        "createdAt": timestamp(clock.as_milliseconds(agent.created_at)),
        "updatedAt": timestamp(clock.as_milliseconds(agent.updated_at)),
    }
    optional = {
        "key": agent.key,
        "reason": agent.reason or None,
        "tokensUsed": agent.tokens_used,
        "tokensLimit": agent.tokens_limit,
    }
    state |= {key: value for key, value in optional.items() if value is not None}
    return state | (asked.get(agent.pk) or {"requests": []})
