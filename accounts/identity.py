"""Who is at the other end of a request or a socket."""

import uuid
from dataclasses import dataclass
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from accounts.models import Token


@dataclass(frozen=True, slots=True)
class SessionGrant:
    """Access by a browser's session, for as long as that lasts."""

    key: str

    def holds(self) -> bool:
        exists: bool = import_module(settings.SESSION_ENGINE).SessionStore().exists(self.key)
        return exists


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """Access by a bearer token, for as long as that holds."""

    token_id: uuid.UUID

    def holds(self) -> bool:
        expiry = Token.objects.filter(pk=self.token_id).values_list("expires_at", flat=True)
        return any(at is None or at > timezone.now() for at in expiry)


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, and what lets them in. The `Viewer` of connections."""

    id: int
    name: str
    grant: SessionGrant | TokenGrant

    def valid(self) -> bool:
        """Whether the user is still active and the grant still holds. Reads the database."""
        active = get_user_model()._default_manager.filter(pk=self.id, is_active=True).exists()
        return active and self.grant.holds()
