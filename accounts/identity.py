"""The identity behind a request or a socket."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from django.contrib.auth import get_user_model
from django.utils import timezone

from accounts.models import Token
from accounts.scopes import Limits
from accounts.sessions import session_user
from accounts.usage import token_uses


@dataclass(frozen=True, slots=True)
class SessionGrant:
    """Access through a browser's session, while it is valid."""

    key: str

    @property
    def expires_at(self) -> datetime | None:
        return None  # using the session extends it; the heartbeat notices when it has expired

    def renewed(self) -> Self | None:
        """The grant as it is now; None if it is no longer valid. Reads the database."""
        return self if session_user(self.key) is not None else None


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """Access through a bearer token, while it is valid. Without `limits` it allows whatever its user may do."""

    token_id: uuid.UUID
    hint: str = ""
    limits: Limits | None = None
    expires_at: datetime | None = None

    def renewed(self) -> Self | None:
        token = Token.objects.filter(pk=self.token_id).first()
        if token is None or (token.expires_at and token.expires_at <= timezone.now()):
            return None
        return replace(self, hint=token.hint, limits=token.limits, expires_at=token.expires_at)


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, the grant that gives them access, and their address. The `Viewer` of connections."""

    id: int
    name: str
    grant: SessionGrant | TokenGrant
    address: str = ""

    @property
    def limits(self) -> Limits | None:
        """The credential's limits; None: whatever the user may do."""
        return self.grant.limits if isinstance(self.grant, TokenGrant) else None

    @property
    def credential(self) -> uuid.UUID | int:
        """The token's id, or the user's, for all their sessions."""
        return self.grant.token_id if isinstance(self.grant, TokenGrant) else self.id

    @property
    def expires_at(self) -> datetime | None:
        """When the credential expires."""
        return self.grant.expires_at

    def renewed(self) -> Self | None:
        """The identity as it is now; None if the user is no longer active or the grant no longer valid. Counts as a use
        of the token. Reads the database."""
        found = self.current()
        if found is not None:
            found.note_use()
        return found

    def current(self) -> Self | None:
        """Like `renewed`, without counting as a use of the token."""
        if not get_user_model()._default_manager.filter(pk=self.id, is_active=True).exists():
            return None
        grant = self.grant.renewed()
        return None if grant is None else replace(self, grant=grant)

    def note_use(self) -> None:
        """Record a use of the credential if it is a token."""
        if isinstance(self.grant, TokenGrant) and (uses := token_uses()) is not None:
            uses.note(self.grant.token_id, self.address)


def is_superuser(user_id: int) -> bool:
    """Whether this is the id of an active superuser. Reads the database."""
    return get_user_model()._default_manager.filter(pk=user_id, is_active=True, is_superuser=True).exists()
