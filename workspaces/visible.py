"""The workspaces somebody can see."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import OuterRef, QuerySet, Subquery, Value

from workspaces.models import Membership, Role, Workspace


def visible_workspaces(user_id: int | None) -> QuerySet[Any]:
    """Those the user is a member of, or all for a superuser: Workspaces, each with the user's `role`."""
    user = get_user_model()._default_manager.filter(pk=user_id, is_active=True).first() if user_id else None
    if user is None:
        return Workspace.objects.none()
    mine = Membership.objects.filter(workspace=OuterRef("pk"), user=user.pk).values("role")
    if user.is_superuser:
        return Workspace.objects.annotate(role=Value(Role.OWNER.value))  # whatever role a membership gives them
    return Workspace.objects.annotate(role=Subquery(mine)).filter(role__isnull=False)
