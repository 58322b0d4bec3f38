"""The admin of agents. Changes go through AgentService, so that open dashboards show them immediately."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms.widgets import Media, Script
from django.http import HttpRequest
from django.utils.html import format_html

from accounts.admin import NamedForm, ServiceAdmin
from agents.models import Agent, Attachment, Request, Session, UsageShare
from agents.services import AgentService
from agents.usage_store import COUNTED

# Set by the agent or the server, not by people.
REPORTED = ("key", "labels", "status", "reason", "context_level", "archived_at", "created_at", "updated_at")


class AgentForm(NamedForm):
    """Reports a name that is taken; Django does so only if the workspace is a field of the form."""

    def clean_name(self) -> str:
        name = super().clean_name()
        others = Agent.objects.filter(workspace=self.instance.workspace_id, name=name).exclude(pk=self.instance.pk)
        if others.exists():
            raise ValidationError("expected a name that no other agent in the workspace has")
        return name


@admin.register(Agent)
class AgentAdmin(ServiceAdmin):
    form = AgentForm
    list_display = ["name", "workspace", "live_status", "live_context", "updated_at"]
    list_filter = ["status", "workspace", ("archived_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "key", "workspace__name"]
    list_select_related = ["workspace"]
    autocomplete_fields = ["workspace"]
    fields = ["workspace", "name", *REPORTED]

    @property
    def media(self) -> Media:
        return super().media + Media(js=[Script("agents/admin.js", type="module")])  # type: ignore[list-item]

    def get_readonly_fields(self, request: HttpRequest, obj: Agent | None = None) -> list[str]:
        return ["workspace", *REPORTED] if obj else list(REPORTED)

    @admin.display(description="status", ordering="status")
    def live_status(self, agent: Agent) -> str:
        return format_html('<span data-agent="{}" data-field="status">{}</span>', agent.pk, agent.status)

    @admin.display(description="context", ordering="context_level")
    def live_context(self, agent: Agent) -> str:
        level = "-" if agent.context_level is None else f"{agent.context_level} %"
        return format_html('<span data-agent="{}" data-field="context">{}</span>', agent.pk, level)

    def save_model(self, request: HttpRequest, obj: Agent, form: Any, change: bool) -> None:
        if change:
            AgentService.update(obj.pk, obj.name)
        else:
            obj.pk = AgentService.create(obj.workspace_id, obj.name).pk
            obj._state.adding = False

    def delete_model(self, request: HttpRequest, obj: Agent) -> None:
        AgentService.delete(obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        for agent in queryset:
            AgentService.delete(agent.pk)


class ReportedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What agents have reported, read-only."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Session)
class SessionAdmin(ReportedAdmin):
    list_display = ["name", "agent", "started_at", "ended_at", "outcome"]
    list_filter = ["outcome"]
    search_fields = ["name", "agent__name"]
    list_select_related = ["agent"]
    fields = ("name", "agent", "started_at", "ended_at", "outcome", "first_seq", "last_seq", "payload")


@admin.register(UsageShare)
class UsageShareAdmin(ReportedAdmin):
    list_display = ["agent", "session", "day", "model", *COUNTED, "estimated"]
    list_filter = ["day"]
    search_fields = ["session", "model", "agent__name"]
    list_select_related = ["agent"]


@admin.register(Attachment)
class AttachmentAdmin(ReportedAdmin):
    list_display = ["name", "agent", "media_type", "size", "created_at"]
    list_filter = ["media_type"]
    search_fields = ["name", "agent__name"]
    list_select_related = ["agent"]


@admin.register(Request)
class RequestAdmin(ReportedAdmin):
    """Requests and how they ended, read-only. People answer on the agent's page."""

    list_display = ["title", "agent", "kind", "created_at", "outcome", "answered_by"]
    list_filter = ["kind", "outcome"]
    search_fields = ["title", "request_id", "agent__name"]
    list_select_related = ["agent", "answered_by"]
    fields = (
        *("title", "agent", "kind", "created_at", "outcome", "answered_by"),
        *("request_id", "expires_at", "resolved_at", "payload", "resolution"),
    )
