"""Verifies tokens, sessions and tickets, for many callers at once, and creates tickets."""

import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto
from importlib import import_module

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.identity import Identity, SessionGrant, TokenGrant
from accounts.models import DeviceSignIn, SignInLink, Ticket, hashed
from accounts.sessions import session_user
from accounts.throttle import note_failure
from accounts.tokens import identify_tokens
from streams.runtime import Runtime

TICKET_SECONDS = 30
SESSION_KEY = re.compile(r"[a-z0-9]{32}")
BATCH = 200


class Scheme(Enum):
    """How a caller authenticates."""

    TICKET = auto()
    TOKEN = auto()
    SESSION = auto()


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential as received, not yet verified."""

    scheme: Scheme
    secret: str


def session_credential(key: str | None) -> Credential | None:
    """The credential in a session cookie; None for a value that can't be a session key."""
    return Credential(Scheme.SESSION, key) if key and SESSION_KEY.fullmatch(key) else None


async def authenticate(credential: Credential | None, address: str = "") -> Identity | None:
    """The identity behind a credential, looked up in a batch with concurrent calls; None if it isn't valid.

    `address` is where it came from. Raises ProtocolError: UNAVAILABLE, RATE_LIMITED for an address that has sent too
    many invalid tokens or tickets.
    """
    if credential is None:
        return None
    identity = await Runtime.current().database.read_together(authenticate_many, credential, BATCH)
    if identity is None:
        if credential.scheme is not Scheme.SESSION:  # sessions expire, and the browser keeps sending them
            note_failure(credential.scheme.name.lower(), address)
        return None
    identity = replace(identity, address=address)
    identity.note_use()
    return identity


def authenticate_many(credentials: Sequence[Credential]) -> list[Identity | Exception | None]:
    """The identity behind each credential, None if it isn't valid. The number of queries doesn't depend on theirs."""
    secrets = {scheme: {item.secret for item in credentials if item.scheme is scheme} for scheme in Scheme}
    found = {
        Scheme.TOKEN: identify_tokens(secrets[Scheme.TOKEN]),
        Scheme.SESSION: identify_sessions(secrets[Scheme.SESSION]),
        Scheme.TICKET: redeem_tickets(secrets[Scheme.TICKET]),
    }
    # A ticket works for the first of several concurrent uses only.
    spent: set[str] = set()
    identities: list[Identity | Exception | None] = []
    for item in credentials:
        doubled = item.scheme is Scheme.TICKET and item.secret in spent
        spent.add(item.secret)
        identities.append(None if doubled else found[item.scheme].get(item.secret))
    return identities


def identify_sessions(keys: Collection[str]) -> dict[str, Identity]:
    """The identities signed in to these sessions; sessions without one are omitted."""
    identities = {key: _identify_session(key) for key in keys}
    return {key: identity for key, identity in identities.items() if identity is not None}


def _identify_session(key: str) -> Identity | None:
    user = session_user(key)
    return None if user is None else Identity(user.pk, user.get_username(), SessionGrant(key))


def issue_ticket(identity: Identity) -> str:
    """Create a ticket for one WebSocket handshake of `identity` within TICKET_SECONDS."""
    secret = secrets.token_urlsafe(24)
    expires_at = timezone.now() + timedelta(seconds=TICKET_SECONDS)
    ticket = Ticket(hash=hashed(secret), user_id=identity.id, expires_at=expires_at)
    match identity.grant:
        case SessionGrant(key):
            ticket.session_key = key
        case TokenGrant(pk):  # the ticket gets its limits as of when it is redeemed
            ticket.token_id = pk
    ticket.save(force_insert=True)
    return secret


def redeem_tickets(given: Collection[str]) -> dict[str, Identity]:
    """Spend these tickets and return the identities behind them. Spent and expired tickets are omitted."""
    hashes = {hashed(secret): secret for secret in given}
    if not hashes:
        return {}
    with transaction.atomic():
        # Of several processes redeeming the same ticket, only the first to lock its row finds it.
        found = list(Ticket.objects.select_for_update(of=("self",)).select_related("user").filter(hash__in=hashes))
        Ticket.objects.filter(hash__in=[ticket.hash for ticket in found]).delete()
    holders = {hashes[ticket.hash]: _bearer(ticket) for ticket in found if ticket.expires_at > timezone.now()}
    current = {secret: holder.current() for secret, holder in holders.items()}
    return {secret: identity for secret, identity in current.items() if identity is not None}


def _bearer(ticket: Ticket) -> Identity:
    credential = TokenGrant(ticket.token_id) if ticket.token_id else SessionGrant(ticket.session_key)
    return Identity(ticket.user_id, ticket.user.get_username(), credential)


def clear_expired() -> None:
    """Remove expired tickets, sign-in links, sign-ins by code and sessions."""
    for model in (Ticket, SignInLink, DeviceSignIn):
        model._default_manager.filter(expires_at__lt=timezone.now()).delete()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
