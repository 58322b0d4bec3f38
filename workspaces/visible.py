"""The workspaces a user can see."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import OuterRef, QuerySet, Subquery, Value

from accounts.scopes import Limits
from workspaces.models import Membership, Role, Workspace


def visible_workspaces(user_id: int | None, limits: Limits | None = None) -> QuerySet[Any]:
    """Those the user is a member of, or all for a superuser: Workspaces, each with the user's `role`. With the `limits`
    of a token, those that it is for."""
    user = get_user_model()._default_manager.filter(pk=user_id, is_active=True).first() if user_id else None
    if user is None:
        return Workspace.objects.none()
    known = Workspace.objects.all()
    if limits is not None and limits.workspace_id is not None:
        known = known.filter(pk=limits.workspace_id)
    mine = Membership.objects.filter(workspace=OuterRef("pk"), user=user.pk).values("role")
    if user.is_superuser:
        return known.annotate(role=Value(Role.OWNER.value))  # whatever role a membership gives them
    return known.annotate(role=Subquery(mine)).filter(role__isnull=False)
