"""The dashboard's pages of workspaces."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from workspaces.access import visible_workspaces
from workspaces.invitations import addressed_to
from workspaces.models import Role
from workspaces.quotas import quota
from workspaces.services import may_create


def visible_workspace(request: HttpRequest, slug: str) -> Any:
    """The workspace of a page, with the user's `role`. Raises Http404 if they can't see it."""
    return get_object_or_404(visible_workspaces(request.user.pk), slug=slug)


def owned_workspace(request: HttpRequest, slug: str) -> Any:
    """The workspace of a page for its owners. Raises Http404, and PermissionDenied for others who can see it."""
    found = visible_workspace(request, slug)
    if found.role != Role.OWNER:
        raise PermissionDenied
    return found


@login_required
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html", _home(request.user))


def _home(user: Any) -> dict[str, Any]:
    visible = visible_workspaces(user.pk)
    return {"workspaces": visible, "invitations": addressed_to(user.pk), "may_create": may_create(user)}


@login_required
def pinned(request: HttpRequest) -> HttpResponse:
    """Several agents side by side. The page's script reads which ones from the query."""
    return render(request, "pinned.html", {"workspaces": visible_workspaces(request.user.pk)})


@login_required
def workspace(request: HttpRequest, slug: str) -> HttpResponse:
    found = visible_workspace(request, slug)
    return render(request, "workspace.html", {"workspace": found, "role": found.role})


@login_required
def settings(request: HttpRequest, slug: str) -> HttpResponse:
    """Renames and deletes a workspace, for its owners."""
    found = owned_workspace(request, slug)
    return render(request, "workspace_settings.html", {"workspace": found, "role": found.role})


@login_required
def limits(request: HttpRequest, slug: str) -> HttpResponse:
    """A workspace's usage and limits, for its owners."""
    found = owned_workspace(request, slug)
    return render(request, "limits.html", {"workspace": found, "role": found.role, "quota": quota(found.pk)})
