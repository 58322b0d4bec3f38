"""The dashboard's pages of webhooks, for owners."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from notifications.deliveries import address_of, deliveries_of, send_trial
from notifications.forms import WebhookForm
from notifications.models import Webhook
from notifications.services import Wanted, WebhookService, find
from streams.protocol.messages import Code, ProtocolError
from workspaces.views import owned_workspace


@never_cache
@login_required
@sensitive_post_parameters("url")
def webhooks(request: HttpRequest, slug: str) -> HttpResponse:
    """Lists them, with a form to create one, whose secret is shown once."""
    workspace = owned_workspace(request, slug)
    form = WebhookForm(request.POST or None)
    made: tuple[Webhook, str] | None = None
    if request.method == "POST" and form.is_valid():
        try:
            made = WebhookService.create(workspace.pk, form.wanted)
            form = WebhookForm()
        except ProtocolError as error:
            form.add_error(None, error.message)
    listed = [(one, address_of(one)) for one in Webhook.objects.filter(workspace=workspace.pk)]
    context = {"workspace": workspace, "role": workspace.role, "form": form, "webhooks": listed, "made": made}
    return render(request, "webhooks.html", context, status=400 if form.errors else 200)


@never_cache
@login_required
@sensitive_post_parameters("url")
def webhook(request: HttpRequest, slug: str, webhook_id: uuid.UUID) -> HttpResponse:
    """One webhook: its last deliveries, and what its owners may do with it."""
    workspace = owned_workspace(request, slug)
    found = _found(workspace.pk, webhook_id)
    context: dict[str, Any] = {"form": WebhookForm(webhook=found)}
    match request.POST.get("action"):
        case "save":
            context["form"] = form = WebhookForm(request.POST, found)
            if form.is_valid() and _saved(form, workspace.pk, webhook_id):
                return redirect("webhook", slug, webhook_id)
        case "test":
            context["trial"] = send_trial(found)
        case "replace":
            _, context["secret"] = WebhookService.replace_secret(workspace.pk, webhook_id)
        case "stop" | "start" as action:
            WebhookService.change(workspace.pk, webhook_id, Wanted(), active=action == "start")
            return redirect("webhook", slug, webhook_id)
        case "delete":
            WebhookService.delete(workspace.pk, webhook_id)
            return redirect("webhooks", slug)
    context |= {
        "workspace": workspace,
        "role": workspace.role,
        "webhook": found,
        "address": address_of(found),
        "deliveries": deliveries_of(found),
    }
    return render(request, "webhook.html", context, status=400 if context["form"].errors else 200)


def _saved(form: WebhookForm, workspace_id: uuid.UUID, webhook_id: uuid.UUID) -> bool:
    try:
        WebhookService.change(workspace_id, webhook_id, form.wanted)
    except ProtocolError as error:
        form.add_error(None, error.message)
        return False
    return True


def _found(workspace_id: uuid.UUID, webhook_id: uuid.UUID) -> Webhook:
    try:
        return find(workspace_id, webhook_id)
    except ProtocolError as error:
        if error.code is Code.NOT_FOUND:
            raise Http404 from None
        raise
