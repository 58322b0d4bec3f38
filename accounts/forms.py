"""Forms that sign people in."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm

from accounts import throttle
from accounts.actor import address_of


class Throttled(AuthenticationForm):
    """Checks a password only if there haven't been too many wrong ones.

    Otherwise raises ProtocolError (RATE_LIMITED), which ThrottleMiddleware turns into a page.
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
    """The form of the sign-in page."""


class AdminSignInForm(Throttled, AdminAuthenticationForm):
    """The form of the admin's sign-in page."""
