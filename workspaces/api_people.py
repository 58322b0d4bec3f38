"""The HTTP API of a workspace's members, and of the invitations to become one."""

import uuid
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.urls import reverse
from ninja import Router
from pydantic import Field

from accounts.requests import Caller, Camel, authorize, caller, read, write
from streams.protocol.kinds import Access, Scope
from streams.protocol.messages import Code, ProtocolError
from workspaces import invitations
from workspaces.models import Invitation, Membership, Role
from workspaces.services import WorkspaceService, member_state

router = Router(tags=["people"])


class MemberOut(Camel):
    id: uuid.UUID
    user: str = Field(description="the user's name")
    role: Role


class MemberIn(Camel):
    user: str = Field(description="the name of somebody who has an account")
    role: Role


class MemberPatch(Camel):
    role: Role


class InvitationOut(Camel):
    id: uuid.UUID
    role: Role
    hint: str = Field(description="the beginning of the link's secret, to tell invitations apart")
    created_by: str
    created_at: datetime
    expires_at: datetime


class InvitationIn(Camel):
    role: Role
    days: int = Field(invitations.DAYS, ge=1, le=30, description="for which it holds")


class InvitationMade(Camel):
    id: uuid.UUID
    role: Role
    expires_at: datetime
    url: str = Field(description="the link to send; it is shown this once")


def _invitation(invitation: Invitation) -> dict[str, Any]:
    return {
        "id": invitation.pk,
        "role": invitation.role,
        "hint": invitation.hint,
        "created_by": invitation.created_by.get_username(),
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
    }


def _members(workspace_id: uuid.UUID) -> list[dict[str, Any]]:
    members = Membership.objects.filter(workspace=workspace_id).select_related("user").order_by("user__username")
    return [member_state(member) for member in members]


def _user_id(name: str) -> int:
    user = get_user_model()._default_manager.filter(username=name, is_active=True).first()
    if user is None:
        raise ProtocolError(Code.INVALID_MESSAGE, f"expected the name of an account, got {name[:150]!r}")
    return int(user.pk)


def _set_member(workspace_id: uuid.UUID, name: str, role: str) -> dict[str, Any]:
    return member_state(WorkspaceService.set_member(workspace_id, _user_id(name), role))


def _change_role(workspace_id: uuid.UUID, member_id: uuid.UUID, role: str) -> dict[str, Any]:
    return member_state(WorkspaceService.change_role(workspace_id, member_id, role))


def _user_of(workspace_id: uuid.UUID, member_id: uuid.UUID) -> int | None:
    return Membership.objects.filter(workspace=workspace_id, pk=member_id).values_list("user", flat=True).first()


@router.get(
    "/workspaces/{uuid:workspace_id}/members",
    response=list[MemberOut],
    by_alias=True,
    summary="Members",
    auth=Caller(Scope.WATCH | Scope.MANAGE),
)
async def list_members(request: HttpRequest, workspace_id: uuid.UUID) -> list[dict[str, Any]]:
    await authorize(request, "workspace", workspace_id, Access.READ)
    return await read(_members, workspace_id)


@router.post(
    "/workspaces/{uuid:workspace_id}/members",
    response={201: MemberOut},
    by_alias=True,
    summary="Make somebody who has an account a member, or change the role of one who is",
    auth=Caller(Scope.MANAGE),
)
async def add_member(request: HttpRequest, workspace_id: uuid.UUID, body: MemberIn) -> tuple[int, dict[str, Any]]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    return 201, await write(_set_member, workspace_id, body.user, body.role)


@router.patch(
    "/workspaces/{uuid:workspace_id}/members/{uuid:member_id}",
    response=MemberOut,
    by_alias=True,
    summary="Change a member's role",
    auth=Caller(Scope.MANAGE),
)
async def change_role(
    request: HttpRequest, workspace_id: uuid.UUID, member_id: uuid.UUID, body: MemberPatch
) -> dict[str, Any]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    return await write(_change_role, workspace_id, member_id, body.role)


@router.delete(
    "/workspaces/{uuid:workspace_id}/members/{uuid:member_id}",
    response={204: None},
    summary="Remove a member; whoever removes themselves leaves",
    auth=Caller(Scope.MANAGE),
)
async def remove_member(request: HttpRequest, workspace_id: uuid.UUID, member_id: uuid.UUID) -> tuple[int, None]:
    user_id = await read(_user_of, workspace_id, member_id)
    needed = Access.READ if user_id == caller(request).id else Access.MANAGE
    await authorize(request, "workspace", workspace_id, needed)
    if user_id is None:
        raise ProtocolError(Code.NOT_FOUND, "expected a member of the workspace")
    await write(WorkspaceService.remove_member, workspace_id, user_id)
    return 204, None


@router.get(
    "/workspaces/{uuid:workspace_id}/invitations",
    response=list[InvitationOut],
    by_alias=True,
    summary="Invitations that can still be accepted",
    auth=Caller(Scope.MANAGE),
)
async def list_invitations(request: HttpRequest, workspace_id: uuid.UUID) -> list[dict[str, Any]]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    return [_invitation(one) for one in await read(invitations.pending, workspace_id)]


@router.post(
    "/workspaces/{uuid:workspace_id}/invitations",
    response={201: InvitationMade},
    by_alias=True,
    summary="Make a link that lets somebody in, once",
    auth=Caller(Scope.MANAGE),
)
async def invite(request: HttpRequest, workspace_id: uuid.UUID, body: InvitationIn) -> tuple[int, InvitationMade]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    made, secret = await write(invitations.invite, workspace_id, caller(request).id, body.role, body.days)
    url = request.build_absolute_uri(reverse("invitation", args=[secret]))
    return 201, InvitationMade(id=made.pk, role=Role(made.role), expires_at=made.expires_at, url=url)


@router.delete(
    "/workspaces/{uuid:workspace_id}/invitations/{uuid:invitation_id}",
    response={204: None},
    summary="Take an invitation back",
    auth=Caller(Scope.MANAGE),
)
async def revoke(request: HttpRequest, workspace_id: uuid.UUID, invitation_id: uuid.UUID) -> tuple[int, None]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    await write(invitations.revoke, workspace_id, invitation_id)
    return 204, None
