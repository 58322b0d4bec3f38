"""The user's own account: profile, password, and where they are signed in."""

from typing import Any

from django import forms
from django.contrib.auth import get_user_model, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts import throttle
from accounts.actor import address_of
from accounts.audit import Action, record
from accounts.sessions import end_session, sessions_of


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """The user's name. They can't change the email address: invitations would reach whoever claims one."""

    class Meta:
        model = get_user_model()
        fields = ("first_name", "last_name")


class PasswordForm(PasswordChangeForm):
    """Changes the password. Wrong current ones count as at sign-in: a stolen session could try them all."""

    def __init__(self, user: Any, address: str, *args: Any) -> None:
        super().__init__(user, *args)
        self._address = address

    def clean_old_password(self) -> str:
        name = self.user.get_username()
        throttle.begin(name, self._address)
        password: str = super().clean_old_password()
        throttle.succeed(name, self._address)
        return password


@never_cache
@sensitive_post_parameters()
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Shows the account and changes the profile or the password."""
    user: Any = request.user
    posted = request.POST.get("form") if request.method == "POST" else None
    profile = ProfileForm(request.POST if posted == "profile" else None, instance=user)
    password = PasswordForm(user, address_of(request), request.POST if posted == "password" else None)
    if profile.is_valid():
        profile.save()
        return redirect("account")
    if password.is_valid():
        update_session_auth_hash(request, password.save())  # every other session ends, because its hash is outdated
        record(Action.PASSWORD_CHANGED, target=user.get_username())
        return redirect("account")
    sessions = sessions_of(user.pk, request.session.session_key)
    return render(request, "account.html", {"profile": profile, "password": password, "sessions": sessions})


@require_POST
@login_required
def end_one(request: HttpRequest, session_id: str) -> HttpResponse:
    """Sign the user out on one of their devices."""
    user_id = request.user.pk
    assert user_id is not None
    end_session(user_id, session_id)
    return redirect("account")
