"""Bearer tokens: stored as hashes only, shown once."""

import secrets
import uuid
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from accounts.identity import Identity, SessionGrant, TokenGrant
from accounts.models import Token, hashed
from accounts.text import clean_name
from streams.protocol.messages import Code, ProtocolError

PREFIX = "ags_"  # so that people and secret scanners recognise one
HINT_LENGTH = 10
MAX_TOKENS = 100  # of one user


def issue_token(user: Any, name: str, expires_at: Any = None) -> tuple[Token, str]:
    """Make a token for `user`. Returns it with its secret, which can never be read again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token.objects.create(
        user=user, name=name, hash=hashed(secret), hint=secret[:HINT_LENGTH], expires_at=expires_at
    )
    return token, secret


def identify_tokens(given: Collection[str]) -> dict[str, Identity]:
    """Whose tokens these are; those that do not hold are left out. One query."""
    hashes = {hashed(secret): secret for secret in given}
    if not hashes:
        return {}
    name = f"user__{get_user_model().USERNAME_FIELD}"
    tokens = Token.objects.filter(hash__in=hashes, user__is_active=True)
    now = timezone.now()
    return {
        hashes[hash_]: Identity(user_id, username, TokenGrant(pk))
        for hash_, pk, expires_at, user_id, username in tokens.values_list("hash", "pk", "expires_at", "user", name)
        if expires_at is None or expires_at > now
    }


def tokens_of(user_id: int) -> list[Token]:
    """The user's tokens, newest first, expired ones too."""
    return list(Token.objects.filter(user=user_id))


def make_token(identity: Identity, name: str, days: int | None) -> tuple[Token, str]:
    """Make a token for whoever is signed in, which holds for some days or until it is deleted; and its secret.

    Raises ProtocolError: FORBIDDEN for who shows a token, INVALID_MESSAGE for a name that will not do or one too many.
    """
    # A token that has leaked must not outlive its own deletion by what was made with it.
    if not isinstance(identity.grant, SessionGrant):
        raise ProtocolError(Code.FORBIDDEN, "a token makes no tokens: expected a signed-in session")
    if Token.objects.filter(user=identity.id).count() >= MAX_TOKENS:
        raise ProtocolError(Code.INVALID_MESSAGE, f"expected at most {MAX_TOKENS} tokens of one user")
    user = get_user_model()._default_manager.get(pk=identity.id)
    expires_at = None if days is None else timezone.now() + timedelta(days=days)
    return issue_token(user, clean_name(name, "name"), expires_at)


def delete_token(user_id: int, token_id: uuid.UUID) -> None:
    """Delete a token of the user's; sockets opened with it are closed. Raises ProtocolError (NOT_FOUND)."""
    deleted, _ = Token.objects.filter(user=user_id, pk=token_id).delete()
    if not deleted:
        raise ProtocolError(Code.NOT_FOUND, "there is no such token of yours")
