"""Sessions of pages."""

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest

from accounts.credentials import session_credential


class ValidSessionMiddleware(SessionMiddleware):
    """Django's, which asks the database for whatever a cookie holds; this one for what can be a session's key only."""

    def process_request(self, request: HttpRequest) -> None:
        name = settings.SESSION_COOKIE_NAME
        if session_credential(request.COOKIES.get(name)) is None:
            request.COOKIES.pop(name, None)
        super().process_request(request)
