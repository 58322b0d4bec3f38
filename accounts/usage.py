"""Records when and from where tokens are used: collected in memory, each written at most once a minute."""

import threading
import time
import uuid
from datetime import datetime

from django.utils import timezone

from accounts.models import ADDRESS_LENGTH
from streams.runtime import Runtime

WRITE_SECONDS = 60.0  # between two writes of one token
ADDRESSES = 20  # of one token: most that wait to be written, and most that are remembered

Uses = dict[str, datetime]  # by address, the time of the last


class TokenUses:
    """Uses of tokens that have not been written yet. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[uuid.UUID, Uses] = {}
        self._written: dict[uuid.UUID, float] = {}

    def note(self, token_id: uuid.UUID, address: str) -> None:
        """Record that a token is used now. Doesn't access the database."""
        address = address[:ADDRESS_LENGTH]
        with self._lock:
            uses = self._pending.setdefault(token_id, {})
            if address in uses or len(uses) < ADDRESSES:
                uses[address] = timezone.now()

    def take_due(self) -> dict[uuid.UUID, Uses]:
        """Remove and return the uses of tokens that were last taken at least a minute ago."""
        now = time.monotonic()
        with self._lock:
            for token_id in [token_id for token_id, at in self._written.items() if now - at >= WRITE_SECONDS]:
                del self._written[token_id]
            due = {token_id: uses for token_id, uses in self._pending.items() if token_id not in self._written}
            for token_id in due:
                del self._pending[token_id]
                self._written[token_id] = now
        return due


def token_uses() -> TokenUses | None:
    """The uses recorded in this server; None in processes that serve nothing."""
    runtime = Runtime.of_process()
    return None if runtime is None else runtime.part(TokenUses)
