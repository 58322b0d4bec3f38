"""Middleware for pages: valid session keys only, the actor, and the response to too many failed attempts."""

from collections.abc import Callable
from math import ceil
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import sync_and_async_middleware
from django.utils.deprecation import MiddlewareMixin

from accounts.actor import Actor, acting
from accounts.credentials import session_credential
from streams.protocol.messages import Code, ProtocolError


class ValidSessionMiddleware(SessionMiddleware):
    """Django's queries the database for any cookie value; this one only for values that can be session keys."""

    def process_request(self, request: HttpRequest) -> None:
        name = settings.SESSION_COOKIE_NAME
        if session_credential(request.COOKIES.get(name)) is None:
            request.COOKIES.pop(name, None)
        super().process_request(request)


class ThrottleMiddleware(MiddlewareMixin):
    """Answers rate-limited attempts with a page that says how long to wait."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, ProtocolError) or error.code is not Code.RATE_LIMITED:
            return None
        response = render(request, "429.html", {"seconds": error.retry_after}, status=error.code.http_status)
        if error.retry_after is not None:
            response["Retry-After"] = str(max(1, ceil(error.retry_after)))
        return response


@sync_and_async_middleware
def actor_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Sets the actor of page requests. Must come after AuthenticationMiddleware, whose user it reads when needed."""
    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> HttpResponseBase:
            with acting(lambda: Actor.on_page(request)):
                response: HttpResponseBase = await get_response(request)
            return response

        return middleware

    def sync_middleware(request: HttpRequest) -> HttpResponseBase:
        with acting(lambda: Actor.on_page(request)):
            response: HttpResponseBase = get_response(request)
        return response

    return sync_middleware
