"""The HTTP API of requests: ask a person, wait for the answer, answer."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from msgspec import Raw
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import to_json

from accounts.actor import Actor
from accounts.requests import Caller, authorize, caller, check_body, read
from agents.events import Request
from agents.fields import read_object
from agents.kinds import AgentKind
from agents.models import Request as StoredRequest
from agents.request_store import GivenAnswer, request_state
from agents.request_waiting import MAX_SECONDS, wait_for_resolution
from agents.requests import Answer, RequestFields, ResolutionOutcome
from agents.services import AgentService
from streams.conf import conf
from streams.protocol.kinds import Access, Scope
from streams.protocol.messages import BIGINT, parse
from streams.protocol.text import without_nul

router = Router(tags=["requests"])

PAGE_BYTES = 1_048_576  # of requests in one response, which contains at least one request

_camel = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class ResolutionOut(Answer):
    request_id: str
    outcome: ResolutionOutcome
    by: str | None = Field(None, description="the user who answered here")
    resolved_at: str


class RequestOut(RequestFields):
    created_at: str
    resolution: ResolutionOut | None = Field(None, description="omitted while the request is open")


class RequestsOut(Schema):
    model_config = _camel
    requests: list[RequestOut]
    more: bool = Field(description="whether there are more after the `seq` of the last one")


class AnsweredOut(Schema):
    model_config = _camel
    agent_id: uuid.UUID
    request_id: str
    resolution: ResolutionOut


class WaitQuery(Schema):
    wait: float = Field(0, ge=0, le=MAX_SECONDS, description="seconds to wait for the resolution")


class RequestsQuery(Schema):
    open: bool = Field(True, description="only requests that are waiting for an answer")
    since: int = Field(0, ge=0, le=BIGINT, description="the seq to start after")
    limit: int = Field(100, ge=1, le=100)


def _answer(data: object, status: int = 200) -> HttpResponse:
    return HttpResponse(to_json(data), status=status, content_type="application/json")


def _page(agent_id: uuid.UUID, query: RequestsQuery) -> bytes:
    rows = StoredRequest.objects.filter(agent=agent_id, seq__gt=query.since).order_by("seq")
    rows = rows.filter(outcome="") if query.open else rows
    found: list[dict[str, Any]] = []
    size = 0
    more = False
    for row in rows[: query.limit + 1].iterator(chunk_size=10):
        size += len(row.payload) + len(row.resolution)
        more = len(found) == query.limit or (size > PAGE_BYTES and bool(found))
        if more:
            break
        found.append(request_state(row) | {"seq": row.seq})
    return to_json({"requests": found, "more": more})


def _body(model: type[Any]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post(
    "/agents/{uuid:agent_id}/requests",
    response={201: RequestOut},
    by_alias=True,
    summary="Ask a person, and optionally wait for the answer",
    auth=Caller(Scope.PUBLISH),
    openapi_extra=_body(Request),
)
async def ask(request: HttpRequest, agent_id: uuid.UUID, query: Query[WaitQuery]) -> HttpResponse:
    await authorize(request, "agent", agent_id, Access.WRITE)
    check_body(request, conf().EVENT_BYTES * 2)
    fields = read_object(Raw(request.body), "body")
    asked = parse(Request, {"requestId": str(uuid.uuid4()), **fields}, "body")
    asked.check_size()
    await AgentService.areport(agent_id, asked)
    return _answer(await wait_for_resolution(caller(request), agent_id, asked.request_id, query.wait), 201)


@router.get(
    "/agents/{uuid:agent_id}/requests",
    response=RequestsOut,
    by_alias=True,
    summary="The agent's requests",
    auth=Caller(AgentKind.readers),
)
async def list_requests(request: HttpRequest, agent_id: uuid.UUID, query: Query[RequestsQuery]) -> HttpResponse:
    await authorize(request, "agent", agent_id, Access.READ)
    return HttpResponse(await read(_page, agent_id, query), content_type="application/json")


# Before the route of one request, whose path would take this for the end of an id.
@router.post(
    "/agents/{uuid:agent_id}/requests/{path:request_id}/answer",
    response=AnsweredOut,
    by_alias=True,
    exclude_none=True,
    summary="Answer a request; the first answer wins",
    auth=Caller(Scope.ANSWER),
)
async def answer(request: HttpRequest, agent_id: uuid.UUID, request_id: str, body: Answer) -> HttpResponse:
    await authorize(request, "agent", agent_id, Access.WRITE)
    without_nul(request_id)
    given = GivenAnswer(agent_id, request_id, body, Actor.of(caller(request)))
    resolution = await AgentService.aanswer(given)
    return _answer({"agentId": agent_id, "requestId": request_id, "resolution": resolution})


@router.get(
    "/agents/{uuid:agent_id}/requests/{path:request_id}",
    response=RequestOut,
    by_alias=True,
    summary="One request; optionally waits for its answer",
    auth=Caller(AgentKind.readers),
)
async def get_request(
    request: HttpRequest, agent_id: uuid.UUID, request_id: str, query: Query[WaitQuery]
) -> HttpResponse:
    await authorize(request, "agent", agent_id, Access.READ)
    without_nul(request_id)
    return _answer(await wait_for_resolution(caller(request), agent_id, request_id, query.wait))
