"""The HTTP API of search."""

import asyncio
import uuid
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import AwareDatetime, Field, StringConstraints

from accounts.requests import Caller, Camel, caller, read
from agents.labels import MAX_LABELS
from agents.models import Agent
from search.find import Found, Results, SearchQuery, find
from streams.protocol.clock import timestamp
from streams.protocol.kinds import Scope
from streams.protocol.messages import BIGINT, Code, ProtocolError
from streams.runtime import Runtime

router = Router(tags=["search"])

AT_ONCE = 2  # concurrent searches in one process, because other reads need threads, too
WAITING = 20  # searches that may wait; more are refused


class SearchParameters(Schema):
    q: str = Field(max_length=200, description='words, "phrases", prefixes* and -exclusions')
    workspace: uuid.UUID | None = None
    agent: uuid.UUID | None = None
    label: list[str] = Field(
        [], max_length=MAX_LABELS, description="only agents with all of these labels, such as tool:claude"
    )
    type: list[Annotated[str, StringConstraints(max_length=64)]] = Field(
        [], max_length=20, description="only events of this type; may be repeated"
    )
    since: AwareDatetime | None = Field(None, alias="from", description="written at this time or later")
    until: AwareDatetime | None = Field(None, alias="to", description="written at this time or earlier")
    cursor: int | None = Field(None, ge=0, le=BIGINT, description="`next` of the previous page")
    limit: int = Field(20, ge=1, le=50)

    @property
    def wanted(self) -> SearchQuery:
        return SearchQuery(
            self.q, self.workspace, self.agent, self.label, self.type, self.since, self.until, self.cursor, self.limit
        )


class SnippetOut(Camel):
    text: str = Field(description="plain text, even if it looks like markup")
    matches: list[tuple[int, int]] = Field(description="start and end of each match, in code points")


class AgentFoundOut(Camel):
    agent_id: uuid.UUID
    workspace_id: uuid.UUID
    name: str
    labels: dict[str, str]
    archived: bool


class EntryOut(Camel):
    agent_id: uuid.UUID
    workspace_id: uuid.UUID
    name: str = Field(description="the agent's")
    seq: int = Field(description="of the event in the agent's stream, or of the first of a message in chunks")
    type: str
    time: str
    snippet: SnippetOut


class ResultsOut(Camel):
    agents: list[AgentFoundOut] = Field(description="agents whose names or labels match, at most 20")
    results: list[EntryOut] = Field(description="matching output, newest first")
    next: int | None = Field(description="the `cursor` of the next page; null on the last page")


class Searches:
    """The searches of one event loop: a few run at once, the others wait in line."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def run(self, request: HttpRequest, query: SearchQuery) -> Results:
        if self._waiting >= WAITING:
            raise ProtocolError(Code.RATE_LIMITED, "too many searches are waiting; try again soon", retry_after=1)
        self._waiting += 1
        try:
            async with self._turns:
                return await read(find, query, caller(request))
        finally:
            self._waiting -= 1


@router.get(
    "/search",
    response=ResultsOut,
    by_alias=True,
    summary="Search names, labels and retained output of all agents the caller may see",
    auth=Caller(Scope.WATCH),
)
async def search(request: HttpRequest, query: Query[SearchParameters]) -> ResultsOut:
    found = await Runtime.current().part(Searches).run(request, query.wanted)
    return ResultsOut(
        agents=[_agent(agent) for agent in found.agents],
        results=[_entry(entry) for entry in found.entries],
        next=found.next,
    )


def _agent(agent: Agent) -> AgentFoundOut:
    return AgentFoundOut(
        agent_id=agent.pk,
        workspace_id=agent.workspace_id,
        name=agent.name,
        labels=agent.labels,
        archived=agent.archived_at is not None,
    )


def _entry(found: Found) -> EntryOut:
    return EntryOut(
        agent_id=found.agent.pk,
        workspace_id=found.agent.workspace_id,
        name=found.agent.name,
        seq=found.seq,
        type=found.type,
        time=timestamp(found.time),
        snippet=SnippetOut(text=found.snippet.text, matches=found.snippet.matches),
    )
