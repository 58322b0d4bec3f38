"""The HTTP API of sessions and usage."""

import uuid
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field
from pydantic_core import to_json

from accounts.audit import EARLIEST, LATEST
from accounts.requests import Caller, Camel, authorize, read
from agents.kinds import AgentKind
from agents.progress import SessionFields
from agents.session_list import sessions
from agents.usage_sums import By, sums_of_agent, sums_of_workspace
from streams.protocol import clock
from streams.protocol.kinds import Access, Scope
from streams.protocol.messages import BIGINT, Code, ProtocolError

router = Router(tags=["usage"])

DAYS = 30  # summed up if no first day is given


class UsageOut(Camel):
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    estimated: bool | None = Field(None, description="some of it was not reported by the tool itself")


class SessionOut(SessionFields):
    first_seq: int = Field(description="of its first event on the agent's stream")
    last_seq: int = Field(description="of its last event so far")
    started_at: str
    number: int = Field(description="counted from the oldest session that is listed")
    ended_at: str | None = Field(None, description="omitted while the session is open, like outcome")
    outcome: str | None = Field(None, description="ended, replaced, completed, error, user_stopped or lost")
    usage: UsageOut


class SessionsOut(Camel):
    sessions: list[SessionOut] = Field(description="newest first")
    more: bool = Field(description="whether there are older ones, before the `firstSeq` of the last one")


class SummedOut(UsageOut):
    agent_id: uuid.UUID | None = None
    agent_name: str | None = None
    day: date | None = None
    model: str | None = Field(None, description="empty: not reported")


class WorkspaceUsageOut(Camel):
    from_: date = Field(alias="from")
    to: date
    usage: list[SummedOut] = Field(description="one entry per combination of what `by` names")
    more: bool = Field(description="whether some were omitted")


class SessionsQuery(Schema):
    before: int | None = Field(None, ge=1, le=BIGINT, description="only sessions that began before this seq")
    limit: int = Field(100, ge=1, le=1_000)


class UsageQuery(Schema):
    from_: date | None = Field(
        None, alias="from", ge=EARLIEST.date(), le=LATEST.date(), description="the first day, UTC"
    )
    to: date | None = Field(None, ge=EARLIEST.date(), le=LATEST.date(), description="the last day, UTC; omitted: today")
    by: list[By] = Field([By.WORKSPACE], max_length=4, description="what to group the sums by; may be repeated")


@router.get(
    "/agents/{uuid:agent_id}/sessions",
    response=SessionsOut,
    by_alias=True,
    summary="The agent's sessions and what they used",
    auth=Caller(AgentKind.readers),
)
async def list_sessions(request: HttpRequest, agent_id: uuid.UUID, query: Query[SessionsQuery]) -> HttpResponse:
    await authorize(request, "agent", agent_id, Access.READ)
    return await _answer(sessions, agent_id, query.before, query.limit)


@router.get(
    "/agents/{uuid:agent_id}/usage",
    response=UsageOut,
    by_alias=True,
    summary="What the agent has used in all its sessions",
    auth=Caller(AgentKind.readers),
)
async def agent_usage(request: HttpRequest, agent_id: uuid.UUID) -> HttpResponse:
    await authorize(request, "agent", agent_id, Access.READ)
    return await _answer(sums_of_agent, agent_id)


@router.get(
    "/workspaces/{uuid:workspace_id}/usage",
    response=WorkspaceUsageOut,
    by_alias=True,
    summary="What the workspace's agents have used",
    auth=Caller(Scope.WATCH),
)
async def workspace_usage(request: HttpRequest, workspace_id: uuid.UUID, query: Query[UsageQuery]) -> HttpResponse:
    await authorize(request, "workspace", workspace_id, Access.READ)
    last = query.to or clock.as_datetime(clock.now()).date()
    first = query.from_ or max(last - timedelta(days=DAYS - 1), EARLIEST.date())
    if first > last:
        raise ProtocolError(Code.INVALID_MESSAGE, f"from: expected a day not after {last}, got {first}")
    return await _answer(sums_of_workspace, workspace_id, first, last, query.by)


async def _answer(found: Any, *args: Any) -> HttpResponse:
    """The result of `found` as JSON, encoded in its thread because it may be large."""
    text = await read(lambda: to_json(found(*args)))
    return HttpResponse(text, content_type="application/json")
