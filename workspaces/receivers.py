"""Broadcasts what the workspace service has recorded, and what changes access, over the channel layer."""

from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from streams import broker
from streams.log import News
from workspaces.models import Token
from workspaces.signals import access_changed, events_recorded, streams_dropped


@receiver(events_recorded)
def broadcast_events(news: list[News], **kwargs: Any) -> None:
    broker.ring(news)


@receiver(streams_dropped)
def broadcast_dropped(names: list[str], **kwargs: Any) -> None:
    broker.ring_dropped(names)


@receiver(access_changed)
def broadcast_access(user_ids: list[int], **kwargs: Any) -> None:
    broker.ring_access(user_ids)


# Users, sessions and tokens are Django's own to change, wherever that happens; open sockets must hear of it.


@receiver(post_delete, sender=Session)
def session_ended(instance: Session, **kwargs: Any) -> None:
    # Not user_logged_out: that is sent while the session still holds.
    user_id = instance.get_decoded().get(SESSION_KEY)
    if user_id is not None:
        transaction.on_commit(lambda: broker.ring_access([int(user_id)]))


@receiver(post_save, sender=get_user_model())
@receiver(post_delete, sender=get_user_model())
def user_changed(instance: Any, update_fields: frozenset[str] | None = None, **kwargs: Any) -> None:
    if update_fields == frozenset({"last_login"}):
        return
    pk = instance.pk
    transaction.on_commit(lambda: broker.ring_access([pk]))


@receiver(post_delete, sender=Token)
def token_revoked(instance: Token, **kwargs: Any) -> None:
    transaction.on_commit(lambda: broker.ring_access([instance.user_id]))
