"""Tokens and tickets: made here, stored as hashes only, shown once."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user, get_user_model
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.identity import Identity, SessionCredential, TokenCredential
from workspaces.models import Invitation, Ticket, Token

PREFIX = "ags_"  # so that people and secret scanners recognise one
HINT_LENGTH = 10
TICKET_SECONDS = 30


def hashed(secret: str) -> str:
    """What is stored of a secret."""
    # A plain hash suffices: the secrets are random and long, there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


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
        hashes[hash_]: Identity(user_id, username, TokenCredential(pk))
        for hash_, pk, expires_at, user_id, username in tokens.values_list("hash", "pk", "expires_at", "user", name)
        if expires_at is None or expires_at > now
    }


def identify_sessions(keys: Collection[str]) -> dict[str, Identity]:
    """Who is signed in to these sessions; those with nobody are left out."""
    identities = {key: _identify_session(key) for key in keys}
    return {key: identity for key, identity in identities.items() if identity is not None}


def _identify_session(key: str) -> Identity | None:
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    if not user.is_authenticated or not user.is_active:
        return None
    return Identity(user.pk, user.get_username(), SessionCredential(key))


def issue_ticket(identity: Identity) -> str:
    """Make a ticket for one WebSocket handshake by `identity` within TICKET_SECONDS."""
    secret = secrets.token_urlsafe(24)
    expires_at = timezone.now() + timedelta(seconds=TICKET_SECONDS)
    ticket = Ticket(hash=hashed(secret), user_id=identity.id, expires_at=expires_at)
    match identity.credential:
        case SessionCredential(key):
            ticket.session_key = key
        case TokenCredential(pk):
            ticket.token_id = pk
    ticket.save(force_insert=True)
    return secret


def redeem_tickets(given: Collection[str]) -> dict[str, Identity]:
    """Whose tickets these are; they are spent by this. Those that were spent, or are late, are left out."""
    hashes = {hashed(secret): secret for secret in given}
    if not hashes:
        return {}
    with transaction.atomic():
        # Of several processes that are shown the same ticket at once, only the first to lock its row finds it.
        found = list(Ticket.objects.select_for_update(of=("self",)).select_related("user").filter(hash__in=hashes))
        Ticket.objects.filter(hash__in=[ticket.hash for ticket in found]).delete()
    identities = {hashes[ticket.hash]: _bearer(ticket) for ticket in found if ticket.expires_at > timezone.now()}
    return {secret: identity for secret, identity in identities.items() if identity.valid()}


def _bearer(ticket: Ticket) -> Identity:
    credential = TokenCredential(ticket.token_id) if ticket.token_id else SessionCredential(ticket.session_key)
    return Identity(ticket.user_id, ticket.user.get_username(), credential)


def clear_expired() -> None:
    """Remove tickets, invitations and sessions that no longer hold."""
    for model in (Ticket, Invitation):
        model._default_manager.filter(expires_at__lt=timezone.now()).delete()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
