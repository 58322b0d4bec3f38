"""The HTTP API of workspaces, and the tickets for the WebSocket."""

import uuid
from datetime import datetime

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router, Schema
from pydantic import Field
from pydantic.alias_generators import to_camel

from accounts.credentials import TICKET_SECONDS, issue_ticket
from accounts.requests import authorize, caller, history_page, read, stream, write
from streams.log import history
from streams.protocol.kinds import Access
from streams.protocol.messages import BIGINT
from workspaces.models import Workspace
from workspaces.services import WorkspaceService
from workspaces.visible import visible_workspaces

router = Router(tags=["workspaces"])


class Camel(Schema):
    model_config = {"alias_generator": to_camel, "populate_by_name": True}


class WorkspaceOut(Camel):
    id: uuid.UUID
    name: str
    slug: str
    role: str = Field(description="the caller's: viewer, operator or owner")
    created_at: datetime


class WorkspaceIn(Camel):
    name: str
    slug: str = ""


class WorkspacePatch(Camel):
    name: str | None = None
    slug: str | None = None


class TicketOut(Camel):
    ticket: str = Field(description="for the query of one WebSocket handshake: /ws/?ticket=…")
    expires_in: int = Field(description="seconds")


class HistoryQuery(Schema):
    since: int = Field(0, ge=0, le=BIGINT, description="the seq after which to begin")
    limit: int = Field(500, ge=1, le=history.PAGE_LIMIT)
    type: list[str] = Field([], max_length=20, description="only events of this type; may be given several times")


class StreamQuery(Schema):
    since: int | None = Field(None, ge=0, le=BIGINT, description="the seq after which to begin; left out: from now on")


def _one(user_id: int, workspace_id: uuid.UUID) -> Workspace:
    found: Workspace = visible_workspaces(user_id).get(pk=workspace_id)
    return found


@router.get("/workspaces", response=list[WorkspaceOut], by_alias=True, summary="Workspaces the caller can see")
async def list_workspaces(request: HttpRequest) -> list[Workspace]:
    return await read(lambda: list(visible_workspaces(caller(request).id)))


@router.post(
    "/workspaces", response={201: WorkspaceOut}, by_alias=True, summary="Make a workspace, owned by the caller"
)
async def create_workspace(request: HttpRequest, body: WorkspaceIn) -> tuple[int, Workspace]:
    user_id = caller(request).id
    workspace = await write(WorkspaceService.create, body.name, body.slug, owner_id=user_id)
    return 201, await read(_one, user_id, workspace.pk)


@router.get("/workspaces/{uuid:workspace_id}", response=WorkspaceOut, by_alias=True, summary="One workspace")
async def get_workspace(request: HttpRequest, workspace_id: uuid.UUID) -> Workspace:
    await authorize(request, "workspace", workspace_id, Access.READ)
    return await read(_one, caller(request).id, workspace_id)


@router.patch("/workspaces/{uuid:workspace_id}", response=WorkspaceOut, by_alias=True, summary="Rename a workspace")
async def update_workspace(request: HttpRequest, workspace_id: uuid.UUID, body: WorkspacePatch) -> Workspace:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    await write(WorkspaceService.update, workspace_id, body.name, body.slug)
    return await read(_one, caller(request).id, workspace_id)


@router.delete("/workspaces/{uuid:workspace_id}", response={204: None}, summary="Delete a workspace with all it holds")
async def delete_workspace(request: HttpRequest, workspace_id: uuid.UUID) -> tuple[int, None]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    await write(WorkspaceService.delete, workspace_id)
    return 204, None


@router.get("/workspaces/{uuid:workspace_id}/events", summary="A page of the workspace's history")
async def workspace_events(request: HttpRequest, workspace_id: uuid.UUID, query: Query[HistoryQuery]) -> HttpResponse:
    return await history_page(
        request, "workspace", workspace_id, since=query.since, limit=query.limit, types=query.type
    )


@router.get("/workspaces/{uuid:workspace_id}/stream", summary="The workspace's stream as server-sent events")
async def workspace_stream_events(
    request: HttpRequest, workspace_id: uuid.UUID, query: Query[StreamQuery]
) -> StreamingHttpResponse:
    return await stream(request, "workspace", workspace_id, query.since)


@router.post("/tickets", response={201: TicketOut}, by_alias=True, summary="A single-use WebSocket ticket")
async def create_ticket(request: HttpRequest) -> tuple[int, TicketOut]:
    ticket = await write(issue_ticket, caller(request))
    return 201, TicketOut(ticket=ticket, expires_in=TICKET_SECONDS)
