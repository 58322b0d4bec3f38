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
from accounts.models import SignInLink, Ticket, hashed
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
    """A credential as it came, not yet verified."""

    scheme: Scheme
    secret: str


def session_credential(key: str | None) -> Credential | None:
    """The credential in a session cookie; None for a value that no session of ours can have."""
    return Credential(Scheme.SESSION, key) if key and SESSION_KEY.fullmatch(key) else None


async def authenticate(credential: Credential | None, address: str = "") -> Identity | None:
    """Whose credential this is, looked up together with whatever else comes at this moment; None if it does not hold.

    `address` is where it came from. Raises ProtocolError: UNAVAILABLE, RATE_LIMITED for an address that has shown too
    many tokens or tickets that do not hold.
    """
    if credential is None:
        return None
    identity = await Runtime.current().database.read_together(authenticate_many, credential, BATCH)
    if identity is None:
        if credential.scheme is not Scheme.SESSION:  # those end by themselves, and the browser goes on showing them
            note_failure(credential.scheme.name.lower(), address)
        return None
    identity = replace(identity, address=address)
    identity.note_use()
    return identity


def authenticate_many(credentials: Sequence[Credential]) -> list[Identity | Exception | None]:
    """The identity behind each credential, None if it is not valid. Takes a few queries, however many there are."""
    secrets = {scheme: {item.secret for item in credentials if item.scheme is scheme} for scheme in Scheme}
    found = {
        Scheme.TOKEN: identify_tokens(secrets[Scheme.TOKEN]),
        Scheme.SESSION: identify_sessions(secrets[Scheme.SESSION]),
        Scheme.TICKET: redeem_tickets(secrets[Scheme.TICKET]),
    }
    # A ticket is spent by the first who shows it, also where two do so at the same moment.
    spent: set[str] = set()
    identities: list[Identity | Exception | None] = []
    for item in credentials:
        doubled = item.scheme is Scheme.TICKET and item.secret in spent
        spent.add(item.secret)
        identities.append(None if doubled else found[item.scheme].get(item.secret))
    return identities


def identify_sessions(keys: Collection[str]) -> dict[str, Identity]:
    """Who is signed in to these sessions; those with nobody are left out."""
    identities = {key: _identify_session(key) for key in keys}
    return {key: identity for key, identity in identities.items() if identity is not None}


def _identify_session(key: str) -> Identity | None:
    user = session_user(key)
    return None if user is None else Identity(user.pk, user.get_username(), SessionGrant(key))


def issue_ticket(identity: Identity) -> str:
    """Make a ticket for one WebSocket handshake by `identity` within TICKET_SECONDS."""
    secret = secrets.token_urlsafe(24)
    expires_at = timezone.now() + timedelta(seconds=TICKET_SECONDS)
    ticket = Ticket(hash=hashed(secret), user_id=identity.id, expires_at=expires_at)
    match identity.grant:
        case SessionGrant(key):
            ticket.session_key = key
        case TokenGrant(pk):  # whose limits the ticket has, as they are when it is redeemed
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
    holders = {hashes[ticket.hash]: _bearer(ticket) for ticket in found if ticket.expires_at > timezone.now()}
    current = {secret: holder.current() for secret, holder in holders.items()}
    return {secret: identity for secret, identity in current.items() if identity is not None}


def _bearer(ticket: Ticket) -> Identity:
    credential = TokenGrant(ticket.token_id) if ticket.token_id else SessionGrant(ticket.session_key)
    return Identity(ticket.user_id, ticket.user.get_username(), credential)


def clear_expired() -> None:
    """Remove tickets, sign-in links and sessions that no longer hold."""
    Ticket.objects.filter(expires_at__lt=timezone.now()).delete()
    SignInLink.objects.filter(expires_at__lt=timezone.now()).delete()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
