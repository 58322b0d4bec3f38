"""Bearer tokens: stored as hashes only, shown once."""

import secrets
import uuid
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import usage
from accounts.actor import Actor
from accounts.audit import Action, Deed, record_many
from accounts.identity import Identity, SessionGrant, TokenGrant
from accounts.models import Token, hashed
from accounts.scopes import DEFAULT, FULL_ACCESS, Limits
from streams.protocol.messages import Code, ProtocolError
from streams.protocol.text import clean_name
from streams.signals import access_changed

PREFIX = "ags_"  # lets people and secret scanners recognize one
HINT_LENGTH = 10
MAX_TOKENS = 100  # of one user
BY_DEFAULT = Limits(DEFAULT)


@transaction.atomic
def issue_token(user: Any, name: str, expires_at: Any = None, limits: Limits | None = None) -> tuple[Token, str]:
    """Create a token for `user`, with full access unless there are `limits`. Returns it with its secret, which isn't
    stored."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token.objects.create(
        user=user,
        name=name,
        hash=hashed(secret),
        hint=secret[:HINT_LENGTH],
        expires_at=expires_at,
        scopes=" ".join(limits.names) if limits else FULL_ACCESS,
        workspace_id=limits.workspace_id if limits else None,
        agents=limits.agents if limits else "",
    )
    return token, secret


def identify_tokens(given: Collection[str]) -> dict[str, Identity]:
    """The identities behind these tokens; invalid tokens are omitted. One query."""
    hashes = {hashed(secret): secret for secret in given}
    if not hashes:
        return {}
    name = f"user__{get_user_model().USERNAME_FIELD}"
    tokens = Token.objects.filter(hash__in=hashes, user__is_active=True)
    now = timezone.now()
    columns = ("hash", "expires_at", "user", name, "pk", "hint", "scopes", "workspace_id", "agents")
    return {
        hashes[hash_]: Identity(user_id, username, TokenGrant(pk, hint, Limits.stored(*limits), expires_at))
        for hash_, expires_at, user_id, username, pk, hint, *limits in tokens.values_list(*columns)
        if expires_at is None or expires_at > now
    }


def tokens_of(user_id: int) -> list[Token]:
    """The user's tokens, newest first, including expired ones."""
    return list(Token.objects.filter(user=user_id))


def make_token(identity: Identity, name: str, days: int | None, limits: Limits = BY_DEFAULT) -> tuple[Token, str]:
    """Create a token for the signed-in user, valid for `days` or until it is deleted. Returns it with its secret.

    Raises ProtocolError: FORBIDDEN for a caller with a token, INVALID_MESSAGE for an invalid name or too many tokens.
    """
    # A leaked token must not be able to create others that survive its deletion.
    if not isinstance(identity.grant, SessionGrant):
        raise ProtocolError(Code.FORBIDDEN, "expected a signed-in session: a token can't create tokens")
    require_room(identity.id)
    user = get_user_model()._default_manager.get(pk=identity.id)
    expires_at = None if days is None else timezone.now() + timedelta(days=days)
    return issue_token(user, clean_name(name, "name"), expires_at, limits)


def require_room(user_id: int) -> None:
    """Raise ProtocolError (INVALID_MESSAGE) if the user already has MAX_TOKENS."""
    if Token.objects.filter(user=user_id).count() >= MAX_TOKENS:
        raise ProtocolError(Code.INVALID_MESSAGE, f"expected at most {MAX_TOKENS} tokens per user")


def delete_token(user_id: int, token_id: uuid.UUID) -> None:
    """Delete one of the user's tokens; sockets opened with it are closed. Raises ProtocolError (NOT_FOUND)."""
    token = Token.objects.filter(user=user_id, pk=token_id).first()
    if token is None or not token.delete()[0]:
        raise ProtocolError(Code.NOT_FOUND, "you have no such token")


def delete_tokens_of_workspace(workspace_id: uuid.UUID) -> None:
    """Delete the tokens limited to this workspace, which is being deleted."""
    for token in Token.objects.filter(workspace_id=workspace_id):
        token.delete()


def recheck_patterns(workspace_id: uuid.UUID) -> None:
    """Make connections whose tokens are limited to certain agents recheck their access once this is committed, because
    an agent in this workspace is being renamed."""
    tokens = Token.objects.exclude(agents="").filter(Q(workspace_id=None) | Q(workspace_id=workspace_id))
    user_ids = sorted(set(tokens.values_list("user", flat=True)))
    if user_ids:
        transaction.on_commit(lambda: access_changed.send(None, user_ids=user_ids), robust=True)


def write_uses(uses: usage.TokenUses | None = None) -> None:
    """Write when and from where tokens were used, and record new addresses. `uses`: this server's, unless given."""
    uses = uses or usage.token_uses()
    if uses is not None and (due := uses.take_due()):
        _write(due)


@transaction.atomic
def _write(due: Mapping[uuid.UUID, usage.Uses]) -> None:
    recent = timezone.now() - timedelta(seconds=usage.WRITE_SECONDS)
    tokens = Token.objects.select_for_update(of=("self",)).select_related("user").filter(pk__in=due).order_by("pk")
    for token in tokens:
        uses = due[token.pk]
        new = [address for address in uses if address not in token.addresses]
        if not new and token.last_used_at and token.last_used_at > recent:
            continue  # another process has just written it
        last = max(uses, key=lambda address: uses[address])
        # Not save(), which would make open connections recheck their access.
        Token.objects.filter(pk=token.pk).update(
            last_used_at=uses[last],
            last_address=last,
            addresses=[*token.addresses, *new][-usage.ADDRESSES :],
        )
        record_many([_seen_at(token, address) for address in new])


def _seen_at(token: Token, address: str) -> Deed:
    actor = Actor(token.user_id, token.user.get_username(), f"token {token.hint}…", address)
    return Deed(Action.TOKEN_NEW_ADDRESS, token.workspace_id, str(token), actor=actor)
