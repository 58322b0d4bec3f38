"""The dashboard's pages of workspaces, and signing in and out."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from sesame.views import LoginView as LinkView

from workspaces.models import Role
from workspaces.quotas import quota
from workspaces.visible import visible_workspaces


@login_required
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html", {"workspaces": visible_workspaces(request.user.pk)})


@login_required
def pinned(request: HttpRequest) -> HttpResponse:
    """Several agents side by side; which, the page's address says and the page itself asks for."""
    return render(request, "pinned.html", {"workspaces": visible_workspaces(request.user.pk)})


@login_required
def workspace(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(visible_workspaces(request.user.pk), slug=slug)
    return render(request, "workspace.html", {"workspace": found, "role": found.role})


@login_required
def limits(request: HttpRequest, slug: str) -> HttpResponse:
    """What a workspace has stored, and may; for its owners."""
    found = get_object_or_404(visible_workspaces(request.user.pk), slug=slug)
    if found.role != Role.OWNER:
        raise PermissionDenied
    return render(request, "limits.html", {"workspace": found, "role": found.role, "quota": quota(found.pk)})


class SignIn(LoginView):
    """Signing in with a name and a password."""

    template_name = "sign_in.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(link_failed="link-failed" in self.request.GET, **kwargs)


class SignInByLink(LinkView):  # type: ignore[misc]
    """Signing in with a link that works once."""

    next_page = "home"

    def login_failed(self) -> HttpResponse:
        return redirect(reverse("sign_in") + "?link-failed")


class SignOut(LogoutView):
    http_method_names = ["post", "options"]
