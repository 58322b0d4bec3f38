"""The HTTP API of what a user has seen, and of their inbox."""

import uuid
from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from accounts.requests import Caller, Camel, authorize, authorize_reading, caller, read, write
from agents.inbox import InboxKind
from agents.needs import Need
from agents.services import AgentService
from agents.waiting_list import waiting_for
from streams.protocol.kinds import Access, Scope
from streams.protocol.messages import BIGINT
from streams.transports.http import add_own_stream_endpoints

router = Router(tags=["inbox"])


class SeenIn(Camel):
    seq: Annotated[int, Field(ge=0, le=BIGINT, strict=True, description="of the last event they have seen")]


class SeenOut(Camel):
    agent_id: uuid.UUID
    seq: int = Field(description="how far the caller has now seen the agent; never decreases")


@router.post(
    "/agents/{uuid:agent_id}/seen",
    response=SeenOut,
    by_alias=True,
    summary="Record how far the caller has seen an agent",
    auth=Caller(Scope.WATCH),
)
async def mark_seen(request: HttpRequest, agent_id: uuid.UUID, body: SeenIn) -> SeenOut:
    await authorize(request, "agent", agent_id, Access.READ)
    return SeenOut(agent_id=agent_id, seq=await write(AgentService.mark_seen, caller(request).id, agent_id, body.seq))


class DismissedIn(Camel):
    seq: Annotated[int, Field(ge=0, le=BIGINT, strict=True, description="the agent's `statusSeq`, as it was shown")]


class DismissedOut(Camel):
    agent_id: uuid.UUID
    seq: int = Field(description="of the newest status that the caller has dismissed")


@router.post(
    "/agents/{uuid:agent_id}/dismiss",
    response=DismissedOut,
    by_alias=True,
    summary="Dismiss a failure or a lost runner, for the caller, until the status changes",
    auth=Caller(Scope.WATCH),
)
async def dismiss(request: HttpRequest, agent_id: uuid.UUID, body: DismissedIn) -> DismissedOut:
    await authorize(request, "agent", agent_id, Access.READ)
    seq = await write(AgentService.dismiss, caller(request).id, agent_id, body.seq)
    return DismissedOut(agent_id=agent_id, seq=seq)


class WaitingOut(Camel):
    agent_id: uuid.UUID
    name: str
    workspace_id: uuid.UUID
    workspace_name: str
    needs: Need
    status_seq: int
    since: datetime = Field(description="when it asked, or last changed")
    asks: str = Field(description="the title of its oldest open request; empty: none is open")


class NeedsOut(Camel):
    count: int
    agents: list[WaitingOut] = Field(description="at most 50, those that have waited longest first, failed ones last")


@router.get(
    "/needs",
    response=NeedsOut,
    by_alias=True,
    summary="The agents that need the caller to do something, in all workspaces",
    auth=Caller(Scope.WATCH),
)
async def list_needs(request: HttpRequest) -> NeedsOut:
    count, agents = await read(waiting_for, caller(request).id, caller(request).limits)
    return NeedsOut(count=count, agents=[WaitingOut.from_orm(agent) for agent in agents])


add_own_stream_endpoints(router, InboxKind(), authorize_reading, caller, Caller(InboxKind.readers))
