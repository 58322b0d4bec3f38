"""Tokens and tickets: made here, stored as hashes only, shown once."""

import hashlib
import secrets
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.utils import timezone

from workspaces.identity import Identity, SessionCredential, TokenCredential
from workspaces.models import Ticket, Token

PREFIX = "ags_"  # so that people and secret scanners recognise one
HINT_LENGTH = 10
TICKET_SECONDS = 30


def _hash(secret: str) -> str:
    # A plain hash suffices: the secrets are random and long, there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


def issue_token(user: Any, name: str, expires_at: Any = None) -> tuple[Token, str]:
    """Make a token for `user`. Returns it with its secret, which can never be read again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token.objects.create(
        user=user, name=name, hash=_hash(secret), hint=secret[:HINT_LENGTH], expires_at=expires_at
    )
    return token, secret


def identify_token(secret: str) -> Identity | None:
    """Whose token this is, if it holds."""
    token = Token.objects.select_related("user").filter(hash=_hash(secret), user__is_active=True).first()
    if token is None or (token.expires_at and token.expires_at <= timezone.now()):
        return None
    return Identity(token.user.pk, token.user.get_username(), TokenCredential(token.pk))


def identify_session(session_key: str | None) -> Identity | None:
    """Whose session this is, if somebody is signed in to it."""
    from django.contrib.auth import get_user
    from django.http import HttpRequest

    if not session_key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    if not user.is_authenticated or not user.is_active:
        return None
    return Identity(user.pk, user.get_username(), SessionCredential(session_key))


def issue_ticket(identity: Identity) -> str:
    """Make a ticket for one WebSocket handshake by `identity` within TICKET_SECONDS."""
    secret = secrets.token_urlsafe(24)
    expires_at = timezone.now() + timedelta(seconds=TICKET_SECONDS)
    ticket = Ticket(hash=_hash(secret), user_id=identity.id, expires_at=expires_at)
    match identity.credential:
        case SessionCredential(key):
            ticket.session_key = key
        case TokenCredential(pk):
            ticket.token_id = pk
    ticket.save(force_insert=True)
    return secret


def redeem_ticket(secret: str) -> Identity | None:
    """Whose ticket this is, if it is unspent and in time; it is spent by this."""
    ticket = Ticket.objects.select_related("user").filter(hash=_hash(secret)).first()
    # Of several who present the same ticket at once, only the one whose delete finds the row gets in.
    if ticket is None or not Ticket.objects.filter(pk=ticket.pk).delete()[0]:
        return None
    if ticket.expires_at <= timezone.now() or not ticket.user.is_active:
        return None
    credential = TokenCredential(ticket.token_id) if ticket.token_id else SessionCredential(ticket.session_key)
    identity = Identity(ticket.user_id, ticket.user.get_username(), credential)
    return identity if identity.valid() else None


def clear_expired() -> None:
    """Remove tickets and sessions that no longer hold."""
    Ticket.objects.filter(expires_at__lt=timezone.now()).delete()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
