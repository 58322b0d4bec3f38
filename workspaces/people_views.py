"""The dashboard's pages about people: a workspace's members, an invitation, and the user's tokens."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import UserCreationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from accounts.actor import address_of
from streams.protocol.messages import Code, ProtocolError
from workspaces import invitations
from workspaces.access import access_of, visible_workspaces
from workspaces.models import Invitation, Role, Workspace
from workspaces.views import visible_workspace


@login_required
def people(request: HttpRequest, slug: str) -> HttpResponse:
    found = visible_workspace(request, slug)
    return render(request, "people.html", {"workspace": found, "role": found.role})


@login_required
def tokens(request: HttpRequest) -> HttpResponse:
    visible = visible_workspaces(request.user.pk)
    where = visible.exclude(role=Role.VIEWER).first()
    return render(request, "tokens.html", {"slug": where.slug if where else "WORKSPACE", "workspaces": visible})


@never_cache
@sensitive_post_parameters()
@sensitive_variables("secret")
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Shows an invitation to accept, with a form to create an account for those who aren't signed in."""
    try:
        found = invitations.find(secret)
        form: Any = UserCreationForm(request.POST or None) if request.user.is_anonymous else None
        if request.method == "POST" and (form is None or form.is_valid()):
            _take(request, secret, form)
            return redirect("workspace", found.workspace.slug)
    except ProtocolError as error:
        return _over(request, error)
    context = {"invitation": found, "role": Role(found.role), "form": form, "member": _member(request, found)}
    return render(request, "invitation.html", context)


@require_POST
@login_required
def answer_invitation(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """Accept or decline an invitation addressed to the user."""
    user_id = request.user.pk
    assert user_id is not None
    try:
        if "decline" in request.POST:
            invitations.decline(invitation_id, user_id)
            return redirect("home")
        member = invitations.accept_addressed(invitation_id, user_id)
        return redirect("workspace", member.workspace.slug)
    except ProtocolError as error:
        return _over(request, error)


def _over(request: HttpRequest, error: ProtocolError) -> HttpResponse:
    invitations.note_failure(error, address_of(request))
    reason = "" if error.code is Code.NOT_FOUND else error.message
    return render(request, "invitation_over.html", {"reason": reason}, status=410)


def _take(request: HttpRequest, secret: str, form: Any) -> None:
    if form is not None:
        login(request, invitations.sign_up(secret, form), backend=settings.AUTHENTICATION_BACKENDS[0])
    elif request.user.pk is not None:
        invitations.accept(secret, request.user.pk)


def _member(request: HttpRequest, found: Invitation) -> Workspace | None:
    """The workspace, if the user already has at least the invitation's role."""
    seen: Any = visible_workspaces(request.user.pk).filter(pk=found.workspace_id).first()
    return seen if seen is not None and access_of(seen.role) >= access_of(found.role) else None
