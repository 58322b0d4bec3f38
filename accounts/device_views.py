"""The page on which a signed-in user approves or denies a program that asks to be signed in."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import device as sign_ins
from accounts import throttle
from accounts.actor import address_of
from accounts.audit import Action, record
from accounts.models import DeviceSignIn
from streams.protocol.messages import Code, ProtocolError


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def device(request: HttpRequest) -> HttpResponse:
    """Asks for a code, shows who asks for what, and takes the decision. A GET decides nothing, even with the code."""
    typed = (request.POST if request.method == "POST" else request.GET).get("code", "")
    if not typed:
        return render(request, "device.html")
    try:
        found = _look_up(request, typed)
    except ProtocolError as error:
        if error.code is Code.RATE_LIMITED:
            raise
        return render(request, "device.html", {"trouble": error.message, "typed": typed})
    page = "device_confirm.html" if found.state == DeviceSignIn.State.PENDING else "device_done.html"
    return render(request, page, {"asking": found, "scopes": found.scopes.split()})


def _look_up(request: HttpRequest, typed: str) -> DeviceSignIn:
    """The sign-in with this code, after the user's decision if the request contains one.

    Raises ProtocolError: NOT_FOUND, INVALID_MESSAGE for too many tokens, RATE_LIMITED after too many wrong codes.
    """
    user_id, address = request.user.pk, address_of(request)
    assert user_id is not None
    throttle.begin_code(user_id, address)
    try:
        found = _decided(request, typed, user_id)
    except ProtocolError as error:
        if error.code is Code.NOT_FOUND:
            record(Action.DEVICE_FAILED)
        raise
    throttle.succeed_code(user_id, address)
    return found


def _decided(request: HttpRequest, typed: str, user_id: int) -> DeviceSignIn:
    if "approve" in request.POST:
        return sign_ins.approve(typed, user_id)
    if "deny" in request.POST:
        return sign_ins.deny(typed, user_id)
    return sign_ins.find(typed)
