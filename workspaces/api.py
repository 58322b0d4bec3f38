"""The HTTP API of workspaces."""

import uuid
from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from accounts.requests import (
    ANY_SCOPE,
    Caller,
    Camel,
    authorize,
    authorize_everywhere,
    authorize_reading,
    authorize_seeing,
    caller,
    read,
    write,
)
from streams.protocol.kinds import Access, Scope
from streams.transports.http import add_stream_endpoints
from workspaces import quotas
from workspaces.access import visible_workspaces
from workspaces.models import Workspace
from workspaces.services import WorkspaceService

router = Router(tags=["workspaces"])


class WorkspaceOut(Camel):
    id: uuid.UUID
    name: str
    slug: str
    role: str = Field(description="the caller's role: viewer, operator or owner")
    created_at: datetime


class WorkspaceIn(Camel):
    name: str
    slug: str = ""


class WorkspacePatch(Camel):
    name: str | None = None
    slug: str | None = None


def _one(user_id: int, workspace_id: uuid.UUID) -> Workspace:
    found: Workspace = visible_workspaces(user_id).get(pk=workspace_id)
    return found


@router.get(
    "/workspaces",
    response=list[WorkspaceOut],
    by_alias=True,
    summary="Workspaces the caller has access to",
    auth=Caller(ANY_SCOPE),
)
async def list_workspaces(request: HttpRequest) -> list[Workspace]:
    identity = caller(request)
    return await read(lambda: list(visible_workspaces(identity.id, identity.limits)))


@router.post(
    "/workspaces",
    response={201: WorkspaceOut},
    by_alias=True,
    summary="Create a workspace owned by the caller",
    auth=Caller(Scope.MANAGE),
)
async def create_workspace(request: HttpRequest, body: WorkspaceIn) -> tuple[int, Workspace]:
    authorize_everywhere(request)
    user_id = caller(request).id
    workspace = await write(WorkspaceService.create, body.name, body.slug, owner_id=user_id)
    return 201, await read(_one, user_id, workspace.pk)


@router.get(
    "/workspaces/{uuid:workspace_id}",
    response=WorkspaceOut,
    by_alias=True,
    summary="One workspace",
    auth=Caller(ANY_SCOPE),
)
async def get_workspace(request: HttpRequest, workspace_id: uuid.UUID) -> Workspace:
    await authorize_seeing(request, "workspace", workspace_id)
    return await read(_one, caller(request).id, workspace_id)


@router.patch(
    "/workspaces/{uuid:workspace_id}",
    response=WorkspaceOut,
    by_alias=True,
    summary="Rename a workspace",
    auth=Caller(Scope.MANAGE),
)
async def update_workspace(request: HttpRequest, workspace_id: uuid.UUID, body: WorkspacePatch) -> Workspace:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    await write(WorkspaceService.update, workspace_id, body.name, body.slug)
    return await read(_one, caller(request).id, workspace_id)


@router.delete(
    "/workspaces/{uuid:workspace_id}",
    response={204: None},
    summary="Delete a workspace and everything in it",
    auth=Caller(Scope.MANAGE),
)
async def delete_workspace(request: HttpRequest, workspace_id: uuid.UUID) -> tuple[int, None]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    await write(WorkspaceService.delete, workspace_id)
    return 204, None


class UsedOut(Camel):
    used: int
    limit: int | None = Field(description="null: no limit")


class VolumeOut(Camel):
    day: date
    events: int
    bytes: int


class QuotaOut(Camel):
    day: date
    resets_at: datetime
    events: UsedOut
    bytes: UsedOut
    days: list[VolumeOut] = Field(description="the last 30 days on which something was published, newest first")


@router.get(
    "/workspaces/{uuid:workspace_id}/quota",
    response=QuotaOut,
    by_alias=True,
    summary="What the workspace has published today and recently, and its limits",
    auth=Caller(Scope.MANAGE),
)
async def get_quota(request: HttpRequest, workspace_id: uuid.UUID) -> dict[str, Any]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    return await read(quotas.quota, workspace_id)


add_stream_endpoints(router, "workspace", authorize_reading, caller, Caller(Scope.WATCH))
