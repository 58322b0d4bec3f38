"""The pages for signing in and out."""

from typing import Any

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import links
from accounts.actor import address_of
from accounts.audit import Action, record
from accounts.forms import SignInForm
from accounts.sessions import end_sessions
from accounts.throttle import note_failure
from streams.protocol.messages import ProtocolError


class SignIn(LoginView):
    """Signing in with a name and a password."""

    template_name = "sign_in.html"
    redirect_authenticated_user = True
    authentication_form = SignInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(link_failed="link-failed" in self.request.GET, **kwargs)


@never_cache
@sensitive_variables("secret")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_by_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Shows who would be signed in. Pressing the button signs in."""
    try:
        if request.method == "POST":
            login(request, links.spend_link(secret), backend=settings.AUTHENTICATION_BACKENDS[0])
            return redirect("home")
        return render(request, "sign_in_link.html", {"person": links.find_link(secret)})
    except ProtocolError:
        note_failure("sign-in link", address_of(request))
        record(Action.SIGN_IN_FAILED, detail={"by": "sign-in link"})
        return redirect(reverse("sign_in") + "?link-failed")


class SignOut(LogoutView):
    http_method_names = ["post", "options"]


@require_POST
@login_required
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End all sessions of the user, on every device."""
    user_id = request.user.pk
    assert user_id is not None
    logout(request)
    end_sessions(user_id)
    return redirect("sign_in")
