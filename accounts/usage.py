"""Records when and from where tokens are used: collected in memory, each written at most once a minute."""

import threading
import time
import uuid
from datetime import datetime

from django.utils import timezone

from accounts.models import ADDRESS_LENGTH

WRITE_SECONDS = 60.0  # between two writes of one token
ADDRESSES = 20  # of one token that may wait to be written, and that are remembered

Uses = dict[str, datetime]  # by address, the time of the last

_lock = threading.Lock()
_pending: dict[uuid.UUID, Uses] = {}
_written: dict[uuid.UUID, float] = {}


def note(token_id: uuid.UUID, address: str) -> None:
    """A token is used now. Reads and writes no database."""
    address = address[:ADDRESS_LENGTH]
    with _lock:
        uses = _pending.setdefault(token_id, {})
        if address in uses or len(uses) < ADDRESSES:
            uses[address] = timezone.now()


def take_due() -> dict[uuid.UUID, Uses]:
    """What has been noted of tokens that have not been taken from here for a minute."""
    now = time.monotonic()
    with _lock:
        for token_id in [token_id for token_id, at in _written.items() if now - at >= WRITE_SECONDS]:
            del _written[token_id]
        due = {token_id: uses for token_id, uses in _pending.items() if token_id not in _written}
        for token_id in due:
            del _pending[token_id]
            _written[token_id] = now
    return due
