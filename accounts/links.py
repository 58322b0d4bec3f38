"""Sign-in links, each valid for one sign-in within an hour. Opening one doesn't spend it, as mail scanners do."""

import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import SignInLink, hashed
from streams.protocol.messages import Code, ProtocolError

LINK_SECONDS = 3600


def sign_in_link(user: Any, base: str) -> str:
    """A link that signs `user` in once, within LINK_SECONDS, on the server at `base` (http://host:port)."""
    secret = secrets.token_urlsafe(24)
    expires_at = timezone.now() + timedelta(seconds=LINK_SECONDS)
    SignInLink.objects.create(hash=hashed(secret), user=user, expires_at=expires_at)
    return base.rstrip("/") + reverse("sign_in_link", args=[secret])


def find_link(secret: str) -> Any:
    """The user whom this link would sign in. Raises ProtocolError (NOT_FOUND) if it no longer works."""
    return _good(SignInLink.objects.filter(hash=hashed(secret)).select_related("user").first()).user


@transaction.atomic
def spend_link(secret: str) -> Any:
    """The user whom this link signs in, once. Raises ProtocolError (NOT_FOUND) if it no longer works."""
    # Of several concurrent uses, only the first to lock the row finds it.
    found = SignInLink.objects.select_for_update(of=("self",)).select_related("user").filter(hash=hashed(secret))
    link = _good(found.first())
    link.delete()
    return link.user


def _good(link: SignInLink | None) -> SignInLink:
    if link is None or link.expires_at <= timezone.now() or not link.user.is_active:
        raise ProtocolError(Code.NOT_FOUND, "the link has been used or has expired")
    return link


def public_url() -> str:
    """Where people and other systems reach this server."""
    return settings.PUBLIC_URL or local_url()


def local_url() -> str:
    """This server's URL on its own machine."""
    host = "127.0.0.1" if settings.HOST in ("0.0.0.0", "::", "") else settings.HOST  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}"
