"""The HTTP API of a workspace's members and invitations."""

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
from streams.protocol.messages import Code, ProtocolError, brief
from workspaces import invitations
from workspaces.models import Invitation, Membership, Role
from workspaces.services import WorkspaceService, member_state

router = Router(tags=["people"])


class MemberOut(Camel):
    id: uuid.UUID
    user: str = Field(description="the user's name")
    role: Role


class MemberIn(Camel):
    user: str = Field(max_length=150, description="a user name, or the email address of an account")
    role: Role


class MemberPatch(Camel):
    role: Role


class InvitationOut(Camel):
    id: uuid.UUID
    role: Role
    hint: str = Field(description="the first characters of the link's secret, to tell invitations apart")
    user: str = Field(description="the user name or email address invited; empty: anyone with the link")
    created_by: str
    created_at: datetime
    expires_at: datetime


class InvitationToMe(InvitationOut):
    workspace_id: uuid.UUID
    workspace_name: str


class InvitationIn(Camel):
    role: Role
    days: int = Field(invitations.DAYS, ge=1, le=30, description="how many days it is valid")


class InvitationMade(Camel):
    id: uuid.UUID
    role: Role
    expires_at: datetime
    url: str = Field(description="the link to send; shown only this once")


def _invitation(invitation: Invitation) -> dict[str, Any]:
    return {
        "id": invitation.pk,
        "role": invitation.role,
        "hint": invitation.hint,
        "user": invitation.username,
        "created_by": invitation.created_by.get_username(),
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
    }


def _members(workspace_id: uuid.UUID) -> list[dict[str, Any]]:
    members = Membership.objects.filter(workspace=workspace_id).select_related("user").order_by("user__username")
    return [member_state(member) for member in members]


def _member_or_invitation(workspace_id: uuid.UUID, caller_id: int, name: str, role: str) -> tuple[int, dict[str, Any]]:
    if get_user_model()._default_manager.filter(pk=caller_id, is_superuser=True).exists():
        return 201, _set_member(workspace_id, name, role)
    member = Membership.objects.filter(workspace=workspace_id, user__username=name).first()
    if member is not None:
        return 201, _change_role(workspace_id, member.pk, role)
    return 202, _invitation(invitations.invite_by_name(workspace_id, caller_id, name, role))


def _addressed(invitation: Invitation) -> dict[str, Any]:
    workspace = invitation.workspace
    return {**_invitation(invitation), "workspace_id": workspace.pk, "workspace_name": workspace.name}


def _accept(invitation_id: uuid.UUID, user_id: int) -> dict[str, Any]:
    return member_state(invitations.accept_addressed(invitation_id, user_id))


def _user_id(name: str) -> int:
    active = get_user_model()._default_manager.filter(is_active=True)
    found = list(active.filter(username=name)[:1]) or list(active.exclude(email="").filter(email__iexact=name)[:2])
    if len(found) != 1:
        got = f"{brief(name)}, which {len(found)} accounts have" if found else brief(name)
        raise ProtocolError(Code.INVALID_MESSAGE, f"expected the user name or email address of one account, got {got}")
    return int(found[0].pk)


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
    response={201: MemberOut, 202: InvitationOut},
    by_alias=True,
    summary="Invite someone by name (202), or change a member's role (201); superusers add people directly (201)",
    auth=Caller(Scope.MANAGE),
)
async def add_member(request: HttpRequest, workspace_id: uuid.UUID, body: MemberIn) -> tuple[int, dict[str, Any]]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    return await write(_member_or_invitation, workspace_id, caller(request).id, body.user, body.role)


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
    summary="Remove a member, or leave the workspace",
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
    summary="Pending invitations",
    auth=Caller(Scope.MANAGE),
)
async def list_invitations(request: HttpRequest, workspace_id: uuid.UUID) -> list[dict[str, Any]]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    return [_invitation(one) for one in await read(invitations.pending, workspace_id)]


@router.post(
    "/workspaces/{uuid:workspace_id}/invitations",
    response={201: InvitationMade},
    by_alias=True,
    summary="Create an invitation link that works once",
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
    summary="Revoke an invitation",
    auth=Caller(Scope.MANAGE),
)
async def revoke(request: HttpRequest, workspace_id: uuid.UUID, invitation_id: uuid.UUID) -> tuple[int, None]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    await write(invitations.revoke, workspace_id, invitation_id)
    return 204, None


@router.get(
    "/invitations", response=list[InvitationToMe], by_alias=True, summary="Invitations addressed to the caller by name"
)
async def list_mine(request: HttpRequest) -> list[dict[str, Any]]:
    return [_addressed(one) for one in await read(invitations.addressed_to, caller(request).id)]


@router.post(
    "/invitations/{uuid:invitation_id}/accept",
    response={201: MemberOut},
    by_alias=True,
    summary="Accept an invitation addressed to the caller",
)
async def accept(request: HttpRequest, invitation_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    identity = caller(request)
    try:
        return 201, await write(_accept, invitation_id, identity.id)
    except ProtocolError as error:
        await write(invitations.note_failure, error, identity.address)
        raise


@router.delete("/invitations/{uuid:invitation_id}", response={204: None}, summary="Decline an invitation")
async def decline(request: HttpRequest, invitation_id: uuid.UUID) -> tuple[int, None]:
    await write(invitations.decline, invitation_id, caller(request).id)
    return 204, None
