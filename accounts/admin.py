"""The admin of tokens and of the audit log, and base classes for the other admins."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from accounts.models import AuditEntry, Token
from accounts.scopes import FULL_ACCESS, NAMES, clean_pattern
from accounts.tokens import issue_token
from streams.protocol.messages import ProtocolError
from streams.protocol.text import clean_name


class ForeignKeySelect(AutocompleteSelect):
    """Django's widget, without the exception for an id that isn't valid for the field: the form reports it."""

    def optgroups(self, name: str, value: list[Any], attrs: Any = None) -> Any:  # type: ignore[override]
        return super().optgroups(name, [one for one in value if self._valid(one)], attrs)

    def _valid(self, value: Any) -> bool:
        try:
            self.field.remote_field.model._meta.pk.clean(value, None)
        except ValidationError:
            return value in self.choices.field.empty_values
        return True


class AutocompleteMixin(BaseModelAdmin):  # type: ignore[type-arg]
    """Makes `autocomplete_fields` report an invalid id as a form error."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", ForeignKeySelect(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class ServiceAdmin(AutocompleteMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """An admin whose changes are made by a service; the page shows the service's errors."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except ProtocolError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


class NamedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that validates `name` as the services do."""

    def clean_name(self) -> str:
        try:
            return clean_name(self.cleaned_data["name"], "name")
        except ProtocolError as error:
            raise ValidationError(error.message) from None


class TokenForm(NamedForm):
    """A token's scopes as check boxes."""

    scopes = forms.MultipleChoiceField(
        choices=[*((name, name) for name in NAMES), (FULL_ACCESS, "full access: everything its user may do")],
        widget=forms.CheckboxSelectMultiple,
        initial=["publish"],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.scopes:
            self.initial["scopes"] = self.instance.scopes.split()

    def clean_agents(self) -> str:
        try:
            return clean_pattern(self.cleaned_data["agents"])
        except ProtocolError as error:
            raise ValidationError(error.message) from None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        scopes = cleaned.get("scopes", [])
        limited = len(scopes) > 1 or cleaned.get("workspace_id") or cleaned.get("agents")
        if FULL_ACCESS in scopes and limited:
            raise ValidationError("expected full access without other scopes, a workspace or agents")
        cleaned["scopes"] = " ".join(scopes)
        return cleaned


@admin.register(Token)
class TokenAdmin(AutocompleteMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """Creates tokens, which are shown once; afterwards only their first characters are known."""

    form = TokenForm
    list_display = ["name", "user", "hint", "allowed", "created_at", "expires_at", "last_used_at", "last_address"]
    list_filter = ["user"]
    search_fields = ["name", "user__username"]
    autocomplete_fields = ["user"]
    fields = ["user", "name", "scopes", "workspace_id", "agents", "expires_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Token | None = None) -> list[str]:
        return ["user"] if obj else []

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        # A token acts as its user, so only superusers may create one for another user.
        if db_field.name == "user" and not _superuser(request):
            kwargs["queryset"] = get_user_model()._default_manager.filter(username=request.user.get_username())
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description="may")
    def allowed(self, token: Token) -> str:
        return "full access" if token.limits is None else ", ".join(token.limits.names)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Token]:
        found = super().get_queryset(request)
        return found if _superuser(request) else found.filter(user=request.user.pk)

    def save_model(self, request: HttpRequest, obj: Token, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=["name", "scopes", "workspace_id", "agents", "expires_at"])
            return
        token, secret = issue_token(obj.user, obj.name, obj.expires_at, obj.limits)
        obj.pk, obj.hint, obj._state.adding = token.pk, token.hint, False
        request.token_secret = secret  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Token, post_url_continue: str | None = None) -> HttpResponse:
        # Shown in the response itself: a message for the next page would be stored in a cookie.
        context = {
            **self.admin_site.each_context(request),
            "title": "The new token",
            "token": obj,
            "secret": request.token_secret,  # type: ignore[attr-defined]
            "opts": self.opts,
        }
        response = TemplateResponse(request, "accounts/token_shown.html", context)
        response["Cache-Control"] = "no-store"
        return response


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The audit log, read-only."""

    list_display = ["time", "actor", "action", "target", "via", "address"]
    list_filter = ["action"]
    search_fields = ["actor", "target", "address"]
    ordering = ["-pk"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False


def _superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))
