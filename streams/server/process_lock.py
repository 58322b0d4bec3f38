"""Refuses a second server process without Redis, because nothing would carry messages between the two."""

import fcntl
import os
import time
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

ADVISORY_LOCK = 0x6167656E74  # "agent": the same on every process that shares a PostgreSQL database
WAIT_SECONDS = 3.0  # for a server that is being replaced to end
RETRY_SECONDS = 0.1


class ProcessLock:
    """Held by the only server on a database, unless several share a channel layer. Released with this object or when
    the process ends, however it ends."""

    def __init__(self) -> None:
        self._held: Any = None  # a file descriptor, or a connection to PostgreSQL

    def acquire(self) -> None:
        """Raises ImproperlyConfigured if another server runs, OperationalError if PostgreSQL cannot be reached."""
        if not isinstance(get_channel_layer(), InMemoryChannelLayer):
            return
        postgresql = connections["default"].vendor == "postgresql"
        deadline = time.monotonic() + WAIT_SECONDS
        while not (self._lock_database() if postgresql else self._lock_file()):
            if time.monotonic() > deadline:
                raise ImproperlyConfigured(
                    "another Agentstream server already runs on this database, and without REDIS_URL they would not "
                    "receive each other's events; stop the other one, or set REDIS_URL (and DATABASE_URL) for both"
                )
            time.sleep(RETRY_SECONDS)

    def _lock_file(self) -> bool:
        path = f"{connections['default'].settings_dict['NAME']}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._held = descriptor
        return True

    def _lock_database(self) -> bool:
        # A connection of its own: the lock is the session's, and must not go back to the pool.
        connection = connections.create_connection("default")
        connection.inc_thread_sharing()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
            acquired = bool(cursor.fetchone()[0])
        if acquired:
            self._held = connection
        else:
            connection.close()
        return acquired
