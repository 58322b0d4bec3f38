"""Sign-in links that work once."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from sesame.utils import get_query_string


def sign_in_link(user: Any, base: str) -> str:
    """A link that signs `user` in once, within the hour, on the server at `base` (http://host:port)."""
    link: str = base.rstrip("/") + reverse("sign_in_link") + get_query_string(user)
    return link


def local_url() -> str:
    """Where this server is reached from its own machine."""
    host = "127.0.0.1" if settings.HOST in ("0.0.0.0", "::", "") else settings.HOST  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}"
