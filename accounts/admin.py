"""The admin of tokens, and what the admin of other named things shares with it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.models import Token
from accounts.text import clean_name
from accounts.tokens import issue_token
from streams.protocol.messages import ProtocolError


class NamedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form whose `name` keeps to what the services accept."""

    def clean_name(self) -> str:
        try:
            return clean_name(self.cleaned_data["name"], "name")
        except ProtocolError as error:
            raise ValidationError(error.message) from None


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
        response = TemplateResponse(request, "accounts/token_shown.html", context)
        response["Cache-Control"] = "no-store"
        return response
