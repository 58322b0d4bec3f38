"""Invitations to a workspace: by a link that works once, or by user name or email address."""

import secrets
import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.forms import UserCreationForm
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import audit, throttle
from accounts.actor import acting, present_actor
from accounts.audit import Action
from accounts.models import hashed
from accounts.tokens import HINT_LENGTH
from streams.protocol.kinds import Access
from streams.protocol.messages import Code, ProtocolError
from streams.protocol.text import clean_name
from workspaces.access import workspace_access
from workspaces.models import Invitation, Membership, Role
from workspaces.services import WorkspaceService

PREFIX = "agi_"  # lets people and secret scanners recognize one
DAYS = 7
MAX_PENDING = 50  # of one workspace


@transaction.atomic
def invite(
    workspace_id: uuid.UUID, user_id: int, role: str, days: int = DAYS, username: str = ""
) -> tuple[Invitation, str]:
    """Create an invitation on behalf of `user_id`. Returns it with its secret, which isn't stored."""
    if len(pending(workspace_id)) >= MAX_PENDING:
        raise ProtocolError(Code.INVALID_MESSAGE, f"expected at most {MAX_PENDING} pending invitations per workspace")
    secret = PREFIX + secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        workspace_id=workspace_id,
        role=Role(role),
        hash=hashed(secret),
        hint="" if username else secret[:HINT_LENGTH],
        username=username,
        created_by_id=user_id,
        expires_at=timezone.now() + timedelta(days=days),
    )
    _audit(Action.INVITED, invitation)
    return invitation, secret


@transaction.atomic
def invite_by_name(workspace_id: uuid.UUID, user_id: int, username: str, role: str) -> Invitation:
    """Invite the user with this user name or email address, who can accept on their overview. Replaces an earlier
    invitation of the same name.

    Doesn't look the user up, so that the inviter doesn't learn whether they exist.
    """
    username = clean_name(username, "user name")
    Invitation.objects.filter(workspace=workspace_id, username=username).delete()
    return invite(workspace_id, user_id, role, username=username)[0]


def addressed_to(user_id: int) -> list[Invitation]:
    """The invitations addressed to the user, oldest first."""
    return _holding(_addressed(user_id))


@transaction.atomic
def accept_addressed(invitation_id: uuid.UUID, user_id: int) -> Membership:
    """Make the user a member by an invitation addressed to them, and spend it.

    Raises ProtocolError: NOT_FOUND if there is no such invitation, INVALID_MESSAGE if the workspace is full.
    """
    found = _holding(_addressed(user_id).select_for_update(of=("self",)).filter(pk=invitation_id))
    if not found:
        raise ProtocolError(Code.NOT_FOUND, "expected an invitation addressed to you")
    workspace_id, role = found[0].workspace_id, found[0].role
    Invitation.objects.filter(pk=invitation_id).delete()
    return WorkspaceService.admit(workspace_id, user_id, role)


@transaction.atomic
def decline(invitation_id: uuid.UUID, user_id: int) -> None:
    """Decline an invitation addressed to the user. Raises ProtocolError (NOT_FOUND)."""
    invitation = _addressed(user_id).filter(pk=invitation_id).first()
    if invitation is None or not invitation.delete()[0]:
        raise ProtocolError(Code.NOT_FOUND, "expected an invitation addressed to you")
    _audit(Action.INVITATION_REVOKED, invitation)


def pending(workspace_id: uuid.UUID) -> list[Invitation]:
    """The workspace's pending invitations, oldest first."""
    return _holding(_unexpired().filter(workspace=workspace_id))


def find(secret: str) -> Invitation:
    """The invitation with this secret. Raises ProtocolError (NOT_FOUND) if it isn't valid."""
    return _one(_unexpired(), secret)


@transaction.atomic
def accept(secret: str, user_id: int) -> Membership:
    """Make the user a member with at least the invitation's role, and spend the invitation.

    Raises ProtocolError: NOT_FOUND if it isn't valid, INVALID_MESSAGE if the workspace is full.
    """
    # Of two concurrent calls, only the first to lock the row finds it.
    invitation = _one(_unexpired().select_for_update(of=("self",)), secret)
    invitation_id, workspace_id, role = invitation.pk, invitation.workspace_id, invitation.role
    Invitation.objects.filter(pk=invitation_id).delete()
    return WorkspaceService.admit(workspace_id, user_id, role)


@transaction.atomic
def sign_up(secret: str, form: "UserCreationForm[Any]") -> Any:
    """Create the account described by a valid form and make it a member with this invitation: both or neither."""
    user = form.save()
    with acting(replace(present_actor(), user_id=user.pk, name=user.get_username())):
        accept(secret, user.pk)
    return user


def note_failure(error: ProtocolError, address: str) -> None:
    """Record a failure to accept an invitation.

    Raises ProtocolError (RATE_LIMITED) if `address` has tried too many that don't exist.
    """
    if error.code is Code.NOT_FOUND:
        throttle.note_failure("invitation", address)
    if error.code is not Code.UNAVAILABLE:
        audit.record(Action.INVITATION_FAILED, detail={"reason": error.message})


@transaction.atomic
def revoke(workspace_id: uuid.UUID, invitation_id: uuid.UUID) -> None:
    """Revoke an invitation. Raises ProtocolError (NOT_FOUND) if the workspace has no such invitation."""
    invitation = Invitation.objects.filter(workspace=workspace_id, pk=invitation_id).first()
    if invitation is None or not invitation.delete()[0]:
        raise ProtocolError(Code.NOT_FOUND, "expected a pending invitation to the workspace")
    _audit(Action.INVITATION_REVOKED, invitation)


def _audit(action: Action, invitation: Invitation) -> None:
    detail = {"role": str(invitation.role)}
    audit.record(
        action, workspace_id=invitation.workspace_id, target=invitation.username or f"{invitation.hint}…", detail=detail
    )


def _unexpired() -> QuerySet[Invitation]:
    return Invitation.objects.select_related("workspace", "created_by").filter(expires_at__gt=timezone.now())


def _addressed(user_id: int) -> QuerySet[Invitation]:
    user = get_user_model()._default_manager.filter(pk=user_id, is_active=True).first()
    if user is None:
        return Invitation.objects.none()
    named = Q(username=user.get_username())
    if user.email:
        named |= Q(username__iexact=user.email)
    # Not to an account that was created with an invited name afterwards.
    return _unexpired().filter(named, created_at__gte=user.date_joined)


def _one(invitations: QuerySet[Invitation], secret: str) -> Invitation:
    found = _holding(invitations.filter(hash=hashed(secret), username=""))
    if not found:
        raise ProtocolError(Code.NOT_FOUND, "this invitation has been used or revoked, or has expired")
    return found[0]


def _holding(invitations: Collection[Invitation]) -> list[Invitation]:
    """The invitations whose creators may still invite, so that a removed owner can't get back in."""
    queries = [(invitation.created_by_id, invitation.workspace_id) for invitation in invitations]
    granted = workspace_access(queries)
    return [one for one, access in zip(invitations, granted, strict=True) if access >= Access.MANAGE]


def remove_expired() -> None:
    """Remove expired invitations."""
    Invitation.objects.filter(expires_at__lt=timezone.now()).delete()
