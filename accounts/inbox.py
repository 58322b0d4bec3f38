"""Inboxes: each user's own stream of what they have seen and of changes that affect them; nobody else can read it."""

from contextlib import suppress
from typing import ClassVar

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from streams import log
from streams.log import Writer
from streams.protocol.messages import Wire, stream_name


class InboxEvent(Wire):
    """Base of the payloads."""

    type: ClassVar[str]


def inbox_stream(user_id: int) -> str:
    return stream_name("person", user_id)


def tell(writer: Writer, user_id: int, event: InboxEvent) -> None:
    """Append an event to a user's inbox, which `writer` must have locked. Does nothing once the account is gone."""
    name = inbox_stream(user_id)
    if name in writer:
        writer.append(name, event.type, event.model_dump_json(by_alias=True))


def superuser_ids() -> set[int]:
    """The users who see every workspace, member or not."""
    users = get_user_model()._default_manager.filter(is_superuser=True, is_active=True)
    return set(users.values_list("pk", flat=True))


def open_inbox(user_id: int) -> None:
    """Create a user's inbox if there is none."""
    if not log.spans([inbox_stream(user_id)]):
        with suppress(IntegrityError), transaction.atomic():  # it has just been created concurrently
            log.open_stream(inbox_stream(user_id))


def close_inbox(user_id: int) -> None:
    log.drop_streams([inbox_stream(user_id)])
