"""When and from where tokens are used: noted in memory, and written together, each token's at most once a minute."""

import logging
import threading
import time
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import ADDRESS_LENGTH, Token

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 2.0
WRITE_SECONDS = 60.0  # between two writes of one token
ADDRESSES = 20  # that are remembered of a token, and that may wait to be written

Uses = dict[str, datetime]  # by address, the time of the last

_lock = threading.Lock()
_pending: dict[uuid.UUID, Uses] = {}
_written: dict[uuid.UUID, float] = {}


def note(token_id: uuid.UUID, address: str) -> None:
    """A token is used now. Reads and writes no database."""
    with _lock:
        uses = _pending.setdefault(token_id, {})
        if address in uses or len(uses) < ADDRESSES:
            uses[address[:ADDRESS_LENGTH]] = timezone.now()


def flush() -> None:
    """Write what has been noted of tokens that have not been written for a minute."""
    due = _take(time.monotonic())
    if due:
        _write(due)


def _take(now: float) -> dict[uuid.UUID, Uses]:
    with _lock:
        for token_id in [token_id for token_id, at in _written.items() if now - at >= WRITE_SECONDS]:
            del _written[token_id]
        due = {token_id: uses for token_id, uses in _pending.items() if token_id not in _written}
        for token_id in due:
            del _pending[token_id]
            _written[token_id] = now
    return due


@transaction.atomic
def _write(due: Mapping[uuid.UUID, Uses]) -> None:
    recent = timezone.now() - timedelta(seconds=WRITE_SECONDS)
    for token in Token.objects.select_for_update().filter(pk__in=due).order_by("pk"):
        uses = due[token.pk]
        new = [address for address in uses if address not in token.addresses]
        if not new and token.last_used_at and token.last_used_at > recent:
            continue  # another process has written it
        address = max(uses, key=lambda one: uses[one])
        token.last_used_at, token.last_address = uses[address], address
        token.addresses = _remembered(token.addresses, new)
        # Not save(): that would have open connections ask again what they may do.
        Token.objects.filter(pk=token.pk).update(
            last_used_at=token.last_used_at, last_address=token.last_address, addresses=token.addresses
        )


def _remembered(known: Collection[str], new: Collection[str]) -> list[str]:
    return [*known, *new][-ADDRESSES:]
