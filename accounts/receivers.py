"""Signals `access_changed` for users, sessions and tokens: Django changes those itself, wherever that happens."""

from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from accounts.models import Token
from streams.signals import access_changed


@receiver(post_delete, sender=Session)
def session_ended(instance: Session, **kwargs: Any) -> None:
    # Not user_logged_out: that is sent while the session still holds.
    user_id = instance.get_decoded().get(SESSION_KEY)
    if user_id is not None:
        _signal(int(user_id))


@receiver(post_save, sender=get_user_model())
@receiver(post_delete, sender=get_user_model())
def user_changed(instance: Any, update_fields: frozenset[str] | None = None, **kwargs: Any) -> None:
    if update_fields == frozenset({"last_login"}):
        return
    _signal(instance.pk)


@receiver(post_save, sender=Token)
@receiver(post_delete, sender=Token)
def token_changed(instance: Token, created: bool = False, **kwargs: Any) -> None:
    if not created:
        _signal(instance.user_id)


def _signal(user_id: int) -> None:
    transaction.on_commit(lambda: access_changed.send(None, user_ids=[user_id]), robust=True)
