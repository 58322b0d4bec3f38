"""The HTTP API of agents."""

import uuid
from functools import partial
from typing import Any, Literal

import msgspec
from django.http import HttpRequest, HttpResponse
from msgspec import Raw
from ninja import Query, Router
from pydantic import Field

from accounts.actor import Actor
from accounts.requests import (
    Caller,
    Camel,
    authorize,
    authorize_reading,
    authorize_seeing,
    caller,
    check_body,
    read,
    write,
)
from agents.changes import agent_stream
from agents.events import AgentEvent, Context, Input, Output, Signal, StatusReport
from agents.inbox import with_needs
from agents.kinds import AgentKind
from agents.models import Agent
from agents.needs import Need
from agents.publications import Publication, PublishPayload, read_lines, read_publication
from agents.rates import limit_rate
from agents.search import AgentQuery, search
from agents.services import AgentService, Changes
from agents.states import whole_state
from streams.conf import conf
from streams.protocol.kinds import Access, Scope
from streams.protocol.messages import Code, ProtocolError
from streams.runtime import Runtime
from streams.transports.http import add_stream_endpoints

router = Router(tags=["agents"])

LISTING = Scope.WATCH | Scope.PUBLISH | Scope.MANAGE  # a token with any of these sees its agents' state


class AgentOut(Camel):
    id: uuid.UUID
    workspace_id: uuid.UUID
    name: str
    key: str | None = Field(None, description="the producer's own identifier for the agent")
    labels: dict[str, str]
    status: str
    reason: str | None = None
    context_level: int | None = Field(description="percent of the context window in use; null: not reported")
    tokens_used: int | None = None
    tokens_limit: int | None = None
    created_at: str
    updated_at: str
    status_seq: int = Field(description="of the event that set the status; 0: none did")
    requests: list[dict[str, Any]] = Field(description="the open requests, oldest first")
    more_requests: int | None = Field(None, description="how many more open requests there are")
    session: dict[str, Any] | None = Field(
        None, description="the current session; omitted in lists, like plan and usage"
    )
    plan: dict[str, Any] | None = Field(None, description="the plan it last reported")
    usage: dict[str, Any] | None = Field(None, description="the usage it last reported")
    seen: int | None = Field(None, description="the seq up to which the caller has seen the agent")
    dismissed: int | None = Field(None, description="the seq of the newest status that the caller has dismissed")
    needs: Need | None = Field(None, description="why it needs the caller; null: it doesn't")


class AgentIn(Camel):
    name: str | None = Field(None, description="required unless there is a key")
    key: str | None = Field(
        None, description="the producer's own identifier for the agent; an existing key returns the existing agent"
    )
    labels: dict[str, str | None] = {}


class AgentPatch(Camel):
    name: str | None = None
    labels: dict[str, str | None] = Field({}, description="merged into the agent's; null removes one")


class InputIn(Camel):
    content: str


class SignalIn(Camel):
    signal: Literal["interrupt", "stop"]


class ViewerOut(Camel):
    user: str


class RecordedOut(Camel):
    agent_id: uuid.UUID
    seq: int = Field(description="the event's seq in the agent's stream")


class PublishedOut(RecordedOut):
    n: int = Field(description="the highest number stored for this producer")
    lease: float | None = Field(None, description="seconds until the lease expires, if one was requested")


def _require_name(request: HttpRequest, workspace_id: uuid.UUID, name: str) -> None:
    """Raise ProtocolError (FORBIDDEN) if the caller's token doesn't allow an agent of this name."""
    limits = caller(request).limits
    if limits is not None and not limits.for_agent(workspace_id, name.strip()):
        raise ProtocolError(Code.FORBIDDEN, f"your token only allows agents whose names match {limits.agents!r}")


def _state(agent_id: uuid.UUID) -> dict[str, Any]:
    agent = Agent.objects.filter(pk=agent_id).first()
    if agent is None:
        raise ProtocolError(Code.NOT_FOUND, f"there is no agent {agent_id}")
    return whole_state(agent)


def _state_for(user_id: int, agent_id: uuid.UUID) -> dict[str, Any]:
    return with_needs([_state(agent_id)], user_id)[0]


def _created(workspace_id: uuid.UUID, name: str, labels: Changes) -> dict[str, Any]:
    return whole_state(AgentService.create(workspace_id, name, labels))


def _registered(*wanted: Any) -> tuple[dict[str, Any], bool]:
    agent, created = AgentService.register(*wanted)
    return whole_state(agent), created


def _updated(agent_id: uuid.UUID, name: str | None, labels: Changes) -> dict[str, Any]:
    return whole_state(AgentService.update(agent_id, name, labels))


@router.get(
    "/workspaces/{uuid:workspace_id}/agents",
    response=list[AgentOut],
    by_alias=True,
    summary="The workspace's agents, by name; the Link header has the next page",
    auth=Caller(LISTING),
)
async def list_agents(request: HttpRequest, workspace_id: uuid.UUID, query: Query[AgentQuery]) -> HttpResponse:
    await authorize_seeing(request, "workspace", workspace_id)
    page = await read(search, workspace_id, query, caller(request).id, caller(request).limits)
    response = HttpResponse(page.text, content_type="application/json; charset=utf-8")
    if page.cursor is not None:
        parameters = request.GET.copy()
        parameters["cursor"] = page.cursor
        response["Link"] = f'<{request.path}?{parameters.urlencode()}>; rel="next"'
    return response


@router.post(
    "/workspaces/{uuid:workspace_id}/agents",
    response={200: AgentOut, 201: AgentOut},
    by_alias=True,
    exclude_unset=True,
    summary="Add an agent, or find the one with this key",
    auth=Caller(Scope.PUBLISH | Scope.MANAGE),
)
async def create_agent(request: HttpRequest, workspace_id: uuid.UUID, body: AgentIn) -> tuple[int, dict[str, Any]]:
    await authorize_seeing(request, "workspace", workspace_id, Access.WRITE)
    permit = partial(_require_name, request, workspace_id)
    if body.key is not None:
        state, created = await write(_registered, workspace_id, body.key, body.name, body.labels, permit)
        return 201 if created else 200, state
    if body.name is None:
        raise ProtocolError(Code.INVALID_MESSAGE, "expected a name, a key or both, got neither")
    permit(body.name)
    return 201, await write(_created, workspace_id, body.name, body.labels)


@router.get(
    "/agents/{uuid:agent_id}",
    response=AgentOut,
    by_alias=True,
    exclude_unset=True,
    summary="One agent",
    auth=Caller(LISTING),
)
async def get_agent(request: HttpRequest, agent_id: uuid.UUID) -> dict[str, Any]:
    await authorize(request, "agent", agent_id, Access.READ)
    return await read(_state_for, caller(request).id, agent_id)


@router.patch(
    "/agents/{uuid:agent_id}",
    response=AgentOut,
    by_alias=True,
    exclude_unset=True,
    summary="Rename or label an agent",
    auth=Caller(Scope.MANAGE),
)
async def update_agent(request: HttpRequest, agent_id: uuid.UUID, body: AgentPatch) -> dict[str, Any]:
    await authorize(request, "agent", agent_id, Access.WRITE)
    if caller(request).limits is not None and body.name is not None:
        # Otherwise a rename could move an agent into or out of the token's limits.
        _require_name(request, uuid.UUID((await read(_state, agent_id))["workspaceId"]), body.name)
    return await write(_updated, agent_id, body.name, body.labels)


@router.delete(
    "/agents/{uuid:agent_id}",
    response={204: None},
    summary="Delete an agent and its history",
    auth=Caller(Scope.MANAGE),
)
async def delete_agent(request: HttpRequest, agent_id: uuid.UUID) -> tuple[int, None]:
    await authorize(request, "agent", agent_id, Access.MANAGE)
    await write(AgentService.delete, agent_id)
    return 204, None


@router.post(
    "/agents/{uuid:agent_id}/output",
    response={201: RecordedOut},
    by_alias=True,
    summary="Report a piece of output",
    auth=Caller(Scope.PUBLISH),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Output.model_json_schema()}}}
    },
)
async def report_output(request: HttpRequest, agent_id: uuid.UUID) -> tuple[int, RecordedOut]:
    # Not a parameter: output, and only that, may hold NUL, which the API's parser refuses everywhere.
    check_body(request, conf().EVENT_BYTES * 2)
    return await _report(request, agent_id, Output.read(Raw(request.body), "body"))


@router.post(
    "/agents/{uuid:agent_id}/status",
    response={201: RecordedOut},
    by_alias=True,
    summary="Report the status",
    auth=Caller(Scope.PUBLISH),
)
async def report_status(request: HttpRequest, agent_id: uuid.UUID, body: StatusReport) -> tuple[int, RecordedOut]:
    return await _report(request, agent_id, body)


@router.post(
    "/agents/{uuid:agent_id}/context",
    response={201: RecordedOut},
    by_alias=True,
    summary="Report the context level",
    auth=Caller(Scope.PUBLISH),
)
async def report_context(request: HttpRequest, agent_id: uuid.UUID, body: Context) -> tuple[int, RecordedOut]:
    return await _report(request, agent_id, body)


@router.post(
    "/agents/{uuid:agent_id}/input",
    response={201: RecordedOut},
    by_alias=True,
    summary="Send input to the agent",
    auth=Caller(Scope.ANSWER),
)
async def send_input(request: HttpRequest, agent_id: uuid.UUID, body: InputIn) -> tuple[int, RecordedOut]:
    return await _report(request, agent_id, Input(content=body.content, sender=caller(request).name))


@router.post(
    "/agents/{uuid:agent_id}/signal",
    response={201: RecordedOut},
    by_alias=True,
    summary="Interrupt or stop the agent's process",
    auth=Caller(Scope.ANSWER),
)
async def send_signal(request: HttpRequest, agent_id: uuid.UUID, body: SignalIn) -> tuple[int, RecordedOut]:
    return await _report(request, agent_id, Signal(signal=body.signal, sender=caller(request).name))


async def _report(request: HttpRequest, agent_id: uuid.UUID, event: AgentEvent) -> tuple[int, RecordedOut]:
    await authorize(request, "agent", agent_id, Access.WRITE)
    event.check_size()
    if not isinstance(event, Signal):  # signals are never limited: one may stop the agent
        limit_rate(agent_id, caller(request).credential, 1, event.size)
    published = await AgentService.areport(agent_id, event, actor=Actor.of(caller(request)))
    return 201, RecordedOut(agent_id=agent_id, seq=published.seq)


@router.post(
    "/agents/{uuid:agent_id}/events",
    response=PublishedOut,
    by_alias=True,
    exclude_none=True,
    summary="Report many events, exactly once",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": msgspec.json.schema(PublishPayload)},
                "application/x-ndjson": {"schema": {"type": "string", "description": "a line per event; X-Producer"}},
            },
        }
    },
    auth=Caller(Scope.PUBLISH),
)
async def publish_events(request: HttpRequest, agent_id: uuid.UUID) -> PublishedOut:
    await authorize(request, "agent", agent_id, Access.WRITE)
    publication = await _publication(request, agent_id)
    limit_rate(agent_id, caller(request).credential, len(publication.events), len(request.body))
    published = await AgentService.apublish(publication)
    return PublishedOut(agent_id=agent_id, n=published.n, seq=published.seq, lease=published.lease)


async def _publication(request: HttpRequest, agent_id: uuid.UUID) -> Publication:
    """The publication in the request's body: JSON, or NDJSON with the header X-Producer."""
    check_body(request, conf().PUBLISH_BYTES)
    producer = request.headers.get("X-Producer", "")
    if request.content_type == "application/x-ndjson" or producer:
        return await read_lines(agent_id, producer, request.body)
    return await read_publication(agent_id, request.body)


add_stream_endpoints(router, "agent", authorize_reading, caller, Caller(AgentKind.readers))


@router.get(
    "/agents/{uuid:agent_id}/viewers",
    response=list[ViewerOut],
    by_alias=True,
    summary="Who is watching the agent right now",
    auth=Caller(Scope.WATCH),
)
async def agent_viewers(request: HttpRequest, agent_id: uuid.UUID) -> list[ViewerOut]:
    await authorize(request, "agent", agent_id, Access.READ)
    found = await Runtime.current().hub.presence.viewers(agent_stream(agent_id))
    return [ViewerOut(user=name) for name in sorted(found.values(), key=str.lower)]
