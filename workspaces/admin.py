"""The admin of workspaces, members and invitations. Changes go through the services, which broadcast them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin import AutocompleteMixin, NamedForm, ServiceAdmin
from workspaces.models import Invitation, Membership, Workspace
from workspaces.services import WorkspaceService


class MembershipInline(AutocompleteMixin, admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(Workspace)
class WorkspaceAdmin(ServiceAdmin):
    form = NamedForm
    list_display = ["name", "slug", "created_at"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [MembershipInline]

    def save_model(self, request: HttpRequest, obj: Workspace, form: Any, change: bool) -> None:
        if change:
            WorkspaceService.update(obj.pk, obj.name, obj.slug)
        else:
            obj.pk = WorkspaceService.create(obj.name, obj.slug).pk
            obj._state.adding = False

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        members = formset.save(commit=False)
        for member in formset.deleted_objects:
            WorkspaceService.remove_member(member.workspace_id, member.user_id, force=True)
        for member in members:
            _save_member(member)

    def delete_model(self, request: HttpRequest, obj: Workspace) -> None:
        WorkspaceService.delete(obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> None:
        for workspace in queryset:
            WorkspaceService.delete(workspace.pk)


@admin.register(Membership)
class MembershipAdmin(ServiceAdmin):
    list_display = ["user", "workspace", "role"]
    list_filter = ["role", "workspace"]
    search_fields = ["user__username", "workspace__name"]
    autocomplete_fields = ["user", "workspace"]

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> list[str]:
        return ["user", "workspace"] if obj else []

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        obj.pk = _save_member(obj).pk
        obj._state.adding = False

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        WorkspaceService.remove_member(obj.workspace_id, obj.user_id, force=True)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for member in queryset:
            WorkspaceService.remove_member(member.workspace_id, member.user_id, force=True)


def _save_member(member: Membership) -> Membership:
    return WorkspaceService.set_member(member.workspace_id, member.user_id, member.role, force=True)


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows and revokes invitations, which are created on the workspace's page."""

    list_display = ["workspace", "role", "created_by", "hint", "created_at", "expires_at"]
    list_filter = ["workspace"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False
