"""The tokens that people make for themselves."""

import uuid
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.utils import timezone

from accounts.credentials import issue_token
from accounts.identity import Identity, SessionCredential
from streams.protocol.messages import Code, ProtocolError
from workspaces.models import Token
from workspaces.services import clean_name

MAX_TOKENS = 100  # of one user


def tokens_of(user_id: int) -> list[Token]:
    """The user's tokens, newest first, expired ones too."""
    return list(Token.objects.filter(user=user_id))


def make_token(identity: Identity, name: str, days: int | None) -> tuple[Token, str]:
    """Make a token for whoever is signed in, which holds for some days or until it is deleted; and its secret.

    Raises ProtocolError: FORBIDDEN for who shows a token, INVALID_MESSAGE for a name that will not do or one too many.
    """
    # A token that has leaked must not outlive its own deletion by what was made with it.
    if not isinstance(identity.credential, SessionCredential):
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
