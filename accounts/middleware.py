"""Sessions of pages, and who is behind what is done on them."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from accounts.actor import Actor, acting
from accounts.credentials import session_credential


class ValidSessionMiddleware(SessionMiddleware):
    """Django's, which asks the database for whatever a cookie holds; this one for what can be a session's key only."""

    def process_request(self, request: HttpRequest) -> None:
        name = settings.SESSION_COOKIE_NAME
        if session_credential(request.COOKIES.get(name)) is None:
            request.COOKIES.pop(name, None)
        super().process_request(request)


@sync_and_async_middleware
def actor_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Says to the services who uses a page. Comes after AuthenticationMiddleware, whose user it asks for if need be."""
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
