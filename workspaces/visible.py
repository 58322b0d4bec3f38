"""The workspaces somebody can see."""

from django.contrib.auth import get_user_model
from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from workspaces.models import Membership, Role, Workspace


def visible_workspaces(user_id: int) -> QuerySet[Workspace]:
    """Those the user is a member of, or all for a superuser; each with the user's `role`."""
    mine = Membership.objects.filter(workspace=OuterRef("pk"), user=user_id).values("role")
    user = get_user_model()._default_manager.filter(pk=user_id, is_active=True).first()
    if user is None:
        return Workspace.objects.none()
    if user.is_superuser:
        return Workspace.objects.annotate(role=Coalesce(Subquery(mine), Value(Role.OWNER.value)))
    return Workspace.objects.annotate(role=Subquery(mine)).filter(role__isnull=False)
