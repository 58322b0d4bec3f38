"""Browser sessions: finding a session's user, and ending all sessions of a user."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, load_backend
from django.contrib.sessions.models import Session
from django.utils.crypto import constant_time_compare


def session_user(key: str) -> Any:
    """The active user of a session; None if there is none, or their password has changed since.

    Unlike Django's `get_user`, this never ends a session or changes its key. Reads the database.
    """
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    backend = session.get(BACKEND_SESSION_KEY)
    if backend not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = load_backend(backend).get_user(session[SESSION_KEY])  # None also for inactive users
    if user is None:
        return None
    given = session.get(HASH_SESSION_KEY, "")
    valid = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return user if any(constant_time_compare(given, one) for one in valid) else None


def end_sessions(user_id: int) -> int:
    """Sign a user out everywhere; their open sockets are closed at once. Returns the number of sessions.

    Reads all sessions, because they aren't indexed by user.
    """
    theirs = [
        session.pk for session in Session.objects.iterator() if session.get_decoded().get(SESSION_KEY) == str(user_id)
    ]
    deleted, _ = Session.objects.filter(pk__in=theirs).delete()
    return deleted
