"""The HTTP API of what a user has seen, and of their inbox."""

import uuid
from typing import Annotated

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from accounts.requests import Caller, Camel, authorize, authorize_reading, caller, write
from agents.inbox import InboxKind
from agents.services import AgentService
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


add_own_stream_endpoints(router, InboxKind(), authorize_reading, caller, Caller(InboxKind.readers))
