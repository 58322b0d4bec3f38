"""The admin of workspaces, members, invitations and tokens. Changes go through the services, so that they are heard."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.credentials import issue_token
from streams.protocol.messages import ProtocolError
from workspaces.models import Invitation, Membership, Token, Workspace
from workspaces.services import WorkspaceService, clean_name


class NamedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form whose `name` keeps to what the services accept."""

    def clean_name(self) -> str:
        try:
            return clean_name(self.cleaned_data["name"], "name")
        except ProtocolError as error:
            raise ValidationError(error.message) from None


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(Workspace)
class WorkspaceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
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
class MembershipAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
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
    """Invitations are made on the workspace's page; here they can be seen and taken back."""

    list_display = ["workspace", "role", "created_by", "hint", "created_at", "expires_at"]
    list_filter = ["workspace"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Tokens are made here and shown once; afterwards only their beginning is known."""

    form = NamedForm
    list_display = ["name", "user", "hint", "created_at", "expires_at"]
    list_filter = ["user"]
    search_fields = ["name", "user__username"]
    autocomplete_fields = ["user"]
    fields = ["user", "name", "expires_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Token | None = None) -> list[str]:
        return ["user"] if obj else []

    def save_model(self, request: HttpRequest, obj: Token, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=["name", "expires_at"])
            return
        token, secret = issue_token(obj.user, obj.name, obj.expires_at)
        obj.pk, obj.hint, obj._state.adding = token.pk, token.hint, False
        request.token_secret = secret  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Token, post_url_continue: str | None = None) -> HttpResponse:
        # Shown in the answer itself: a message carried to the next page would lie in a cookie meanwhile.
        context = {
            **self.admin_site.each_context(request),
            "title": "The new token",
            "token": obj,
            "secret": request.token_secret,  # type: ignore[attr-defined]
            "opts": self.opts,
        }
        response = TemplateResponse(request, "workspaces/token_shown.html", context)
        response["Cache-Control"] = "no-store"
        return response
