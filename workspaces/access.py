"""Who may see a workspace, and what they may do in it."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import OuterRef, QuerySet, Subquery, Value

from accounts.scopes import Limits
from streams.protocol.kinds import Access
from workspaces.models import Membership, Role, Workspace


def access_of(role: str) -> Access:
    """What a role allows."""
    match Role(role):
        case Role.VIEWER:
            return Access.READ
        case Role.OPERATOR:
            return Access.WRITE
        case Role.OWNER:
            return Access.MANAGE


def workspace_access(queries: Sequence[tuple[int, uuid.UUID]], *, exist: bool = False) -> list[Access]:
    """What each (user id, workspace id) may do; NONE also if either doesn't exist. At most three queries, or two if the
    workspaces are known to `exist`."""
    users = {user_id for user_id, _ in queries}
    workspaces = {workspace_id for _, workspace_id in queries}
    active = get_user_model()._default_manager.filter(pk__in=users, is_active=True)
    superuser: dict[int, bool] = dict(active.values_list("pk", "is_superuser"))
    members = [user_id for user_id, is_superuser in superuser.items() if not is_superuser]
    roles: dict[tuple[int, uuid.UUID], str] = {}
    if members:
        rows = Membership.objects.filter(user__in=members, workspace__in=workspaces)
        roles = {(user, workspace): role for user, workspace, role in rows.values_list("user", "workspace", "role")}
    if not exist and len(members) < len(superuser):
        workspaces = set(Workspace.objects.filter(pk__in=workspaces).values_list("pk", flat=True))

    def one(user_id: int, workspace_id: uuid.UUID) -> Access:
        if superuser.get(user_id):
            return Access.MANAGE if workspace_id in workspaces else Access.NONE
        role = roles.get((user_id, workspace_id))
        return access_of(role) if role else Access.NONE

    return [one(user_id, workspace_id) for user_id, workspace_id in queries]


def visible_workspaces(user_id: int | None, limits: Limits | None = None) -> QuerySet[Any]:
    """The Workspaces the user can see, each with the user's `role`: those they are a member of, or all for a superuser.
    `limits` are a token's, which may be limited to one workspace."""
    user = get_user_model()._default_manager.filter(pk=user_id, is_active=True).first() if user_id else None
    if user is None:
        return Workspace.objects.none()
    known = Workspace.objects.all()
    if limits is not None and limits.workspace_id is not None:
        known = known.filter(pk=limits.workspace_id)
    mine = Membership.objects.filter(workspace=OuterRef("pk"), user=user.pk).values("role")
    if user.is_superuser:
        return known.annotate(role=Value(Role.OWNER.value))  # regardless of any membership
    return known.annotate(role=Subquery(mine)).filter(role__isnull=False)
