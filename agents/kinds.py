"""Agents as a kind of stream, and as a section of their workspace."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import Raw

from accounts.actor import Actor
from accounts.identity import Identity
from accounts.scopes import Limits
from agents.changes import agent_stream
from agents.models import Agent, Status
from agents.publications import read_publication
from agents.rates import limit_rate
from agents.request_store import GivenAnswer, open_requests
from agents.requests import read_named_answer
from agents.services import AgentService
from agents.states import agent_state, whole_states
from streams.protocol.kinds import Access, Kind, Scope, State, Viewer
from streams.protocol.messages import encode
from workspaces.access import workspace_access
from workspaces.plugin import Section

# Those that need attention come first.
URGENCY: dict[str, int] = {
    status: rank
    for rank, status in enumerate(
        (Status.WAITING, Status.ERROR, Status.RUNNING, Status.FINISHED, Status.IDLE, Status.OFFLINE)
    )
}


class AgentKind(Kind):
    name = "agent"
    publishable = True
    answerable = True
    readers = Scope.WATCH | Scope.PUBLISH  # a runner receives what people send its agent

    def access(self, queries: Sequence[tuple[int, uuid.UUID]]) -> list[Access]:
        keys = {key for _, key in queries}
        homes: dict[uuid.UUID, uuid.UUID] = dict(Agent.objects.filter(pk__in=keys).values_list("pk", "workspace_id"))
        known = [(user_id, homes[key]) for user_id, key in queries if key in homes]
        granted = dict(zip(known, workspace_access(known, exist=True), strict=True))
        return [granted[user_id, homes[key]] if key in homes else Access.NONE for user_id, key in queries]

    def scopes(self, queries: Sequence[tuple[Limits, uuid.UUID]]) -> list[Scope]:
        rows = Agent.objects.filter(pk__in={key for _, key in queries}).values_list("pk", "workspace_id", "name")
        found = {pk: (workspace_id, name) for pk, workspace_id, name in rows}
        return [limits.for_agent(*found[key]) if key in found else Scope.NONE for limits, key in queries]

    def states(self, keys: Collection[uuid.UUID]) -> Mapping[uuid.UUID, State]:
        states = whole_states(list(Agent.objects.filter(pk__in=keys)))
        return {key: State(encode(state)) for key, state in states.items()}

    async def publish(self, key: uuid.UUID, publication: Raw, viewer: Viewer) -> dict[str, Any]:
        read = await read_publication(key, publication)
        limit_rate(key, viewer.credential, len(read.events), len(memoryview(publication)))
        published = await AgentService.apublish(read)
        answer: dict[str, Any] = {"agentId": str(key), "n": published.n, "seq": published.seq}
        return answer if published.lease is None else answer | {"lease": published.lease}

    async def answer(self, key: uuid.UUID, answer: Raw, viewer: Viewer) -> dict[str, Any]:
        assert isinstance(viewer, Identity)
        request_id, found = read_named_answer(answer)
        resolution = await AgentService.aanswer(GivenAnswer(key, request_id, found, Actor.of(viewer)))
        return {"agentId": str(key), "requestId": request_id, "resolution": resolution}


class AgentSection(Section):
    name = "agents"

    def states(self, workspace_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, list[str]]:
        found: defaultdict[uuid.UUID, list[str]] = defaultdict(list)
        asked = open_requests(agent__workspace__in=workspace_ids, agent__archived_at=None)
        listed = Agent.objects.filter(workspace__in=workspace_ids, archived_at=None)
        for agent in sorted(listed.iterator(), key=lambda agent: URGENCY[agent.status]):
            found[agent.workspace_id].append(encode(agent_state(agent, asked)))
        return found

    def streams(self, workspace_id: uuid.UUID) -> list[str]:
        return [agent_stream(pk) for pk in Agent.objects.filter(workspace=workspace_id).values_list("pk", flat=True)]
