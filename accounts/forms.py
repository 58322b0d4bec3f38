"""Forms that sign people in."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm

from accounts import throttle
from accounts.actor import address_of


class Throttled(AuthenticationForm):
    """Looks at a password only if there have not been too many wrong ones.

    Raises ProtocolError (RATE_LIMITED) otherwise, which a page's middleware answers.
    """

    def clean(self) -> dict[str, Any]:
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not username or not password or self.request is None:
            return super().clean()
        address = address_of(self.request)
        throttle.begin(username, address)
        cleaned = super().clean()
        throttle.succeed(username, address)
        return cleaned


class SignInForm(Throttled):
    """The form of the page for signing in."""


class AdminSignInForm(Throttled, AdminAuthenticationForm):
    """The form of the admin's page for signing in."""
