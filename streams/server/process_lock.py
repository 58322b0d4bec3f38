"""One server process without Redis, not two: nothing would carry the bell between them."""

import fcntl
import os
import time
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

ADVISORY_LOCK = 0x6167656E74  # "agent": the same on every process that shares a PostgreSQL database
PATIENCE = 3.0  # seconds for a server that is just being replaced to be gone

_held: list[Any] = []  # what holds the claim, for as long as the process lives


def claim() -> None:
    """Claim to be the only server on this database, unless a channel layer joins several.

    Raises ImproperlyConfigured if another server runs. The claim ends with the process, however that ends.
    """
    if not isinstance(get_channel_layer(), InMemoryChannelLayer) or _held:
        return
    attempt = _claim_postgresql if connections["default"].vendor == "postgresql" else _claim_file
    deadline = time.monotonic() + PATIENCE
    while not attempt():
        if time.monotonic() < deadline:
            time.sleep(0.1)
            continue
        raise ImproperlyConfigured(
            "another Agentstream server already runs on this database, and without REDIS_URL two would not hear of "
            "each other's events; stop the other one, or set REDIS_URL (and DATABASE_URL) for both"
        )


def _claim_file() -> bool:
    path = f"{connections['default'].settings_dict['NAME']}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True


def _claim_postgresql() -> bool:
    # A connection of its own: the lock is the session's, and must not go back to the pool.
    connection = connections.create_connection("default")
    connection.inc_thread_sharing()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
        claimed = bool(cursor.fetchone()[0])
    if claimed:
        _held.append(connection)
    else:
        connection.close()
    return claimed
