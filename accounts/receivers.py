"""Signals `access_changed` for users, sessions and tokens, and records sign-ins and changes of tokens. Django's signals
cover every place where these change."""

from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.actor import Actor, address_of
from accounts.audit import Action, record
from accounts.inbox import close_inbox, open_inbox
from accounts.models import Token
from accounts.sessions import note_sign_in
from streams.signals import access_changed


@receiver(post_delete, sender=Session)
def session_ended(instance: Session, **kwargs: Any) -> None:
    # Not user_logged_out, which is sent while the session is still valid.
    user_id = instance.get_decoded().get(SESSION_KEY)
    if user_id is not None:
        _signal(int(user_id))


@receiver(post_save, sender=get_user_model())
@receiver(post_delete, sender=get_user_model())
def user_changed(instance: Any, update_fields: frozenset[str] | None = None, **kwargs: Any) -> None:
    if update_fields == frozenset({"last_login"}):
        return
    _signal(instance.pk)


@receiver(post_save, sender=get_user_model())
def user_made(instance: Any, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if created and not raw:  # a fixture contains the streams, too
        open_inbox(instance.pk)


@receiver(post_delete, sender=get_user_model())
def user_deleted(instance: Any, **kwargs: Any) -> None:
    close_inbox(instance.pk)


@receiver(user_logged_in)
def signed_in(request: HttpRequest, user: Any, **kwargs: Any) -> None:
    open_inbox(user.pk)  # for accounts created without Django's signals
    if request is not None and hasattr(request, "session"):
        note_sign_in(request.session, address_of(request), request.headers.get("User-Agent", ""))
    detail = {"by": "sign-in link"} if _page(request) == "sign_in_link" else None
    record(Action.SIGNED_IN, target=user.get_username(), detail=detail, actor=_person(request, user))


@receiver(user_logged_out)
def signed_out(request: HttpRequest, user: Any, **kwargs: Any) -> None:
    if user is not None:
        record(Action.SIGNED_OUT, target=user.get_username(), actor=_person(request, user))


@receiver(user_login_failed)
def sign_in_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    # The name is whatever was typed, so it is not the actor.
    address = address_of(request) if request else ""
    record(Action.SIGN_IN_FAILED, target=str(credentials.get("username") or ""), actor=Actor(None, "", "page", address))


def _page(request: HttpRequest | None) -> str | None:
    """The name of the page that was called."""
    return request.resolver_match.view_name if request and request.resolver_match else None


def _person(request: HttpRequest | None, user: Any) -> Actor:
    return Actor(user.pk, user.get_username(), "session", address_of(request) if request else "")


@receiver(post_save, sender=Token)
def token_saved(instance: Token, created: bool, **kwargs: Any) -> None:
    _record(Action.TOKEN_CREATED if created else Action.TOKEN_CHANGED, instance)
    if not created:
        _signal(instance.user_id)


@receiver(post_delete, sender=Token)
def token_revoked(instance: Token, **kwargs: Any) -> None:
    _record(Action.TOKEN_DELETED, instance)
    _signal(instance.user_id)


def _record(action: Action, token: Token) -> None:
    detail = {"of": token.user.get_username(), "scopes": token.scopes, "agents": token.agents}
    record(action, workspace_id=token.workspace_id, target=str(token), detail=detail)


def _signal(user_id: int) -> None:
    transaction.on_commit(lambda: access_changed.send(None, user_ids=[user_id]), robust=True)
