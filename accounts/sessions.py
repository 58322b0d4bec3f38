"""Browser sessions: finding a session's user, listing and ending a user's sessions."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, load_backend
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.dateparse import parse_datetime

SIGNED_IN = "signed_in"  # the key in a session of when, where and with what it began


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


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session, as its user sees it. `id` identifies it without letting anyone use it."""

    id: str
    current: bool
    since: datetime | None
    address: str
    browser: str


def note_sign_in(session: Any, address: str, browser: str) -> None:
    """Remember in a new session when, where and with what it began."""
    session[SIGNED_IN] = {"at": timezone.now().isoformat(), "address": address, "browser": browser[:200]}


def sessions_of(user_id: int, current_key: str | None) -> list[SignedIn]:
    """Where the user is signed in, the current session first."""
    found = [_shown(session, current_key) for session in _sessions_of(user_id) if session_user(session.pk) is not None]
    return sorted(found, key=lambda one: (not one.current, -(one.since.timestamp() if one.since else 0)))


def end_session(user_id: int, session_id: str) -> None:
    """End one of the user's sessions; its open sockets are closed at once."""
    for session in _sessions_of(user_id):
        if _public_id(session.pk) == session_id:
            session.delete()


def _shown(session: Session, current_key: str | None) -> SignedIn:
    began = session.get_decoded().get(SIGNED_IN, {})
    since = parse_datetime(began.get("at", ""))
    browser, address = began.get("browser", ""), began.get("address", "")
    return SignedIn(_public_id(session.pk), session.pk == current_key, since, address, browser_name(browser))


def browser_name(user_agent: str) -> str:
    """A browser and its system in words, as far as they are well known."""
    systems = {"iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Mac OS": "macOS", "Windows": "Windows"}
    systems["Linux"] = "Linux"  # last, because Android's browsers name it, too
    browsers = {"Edg/": "Edge", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
    system = next((name for sign, name in systems.items() if sign in user_agent), "")
    browser = next((name for sign, name in browsers.items() if sign in user_agent), "Unknown browser")
    return f"{browser} on {system}" if system else browser


def _public_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _sessions_of(user_id: int) -> Iterator[Session]:
    """Reads all sessions, because they aren't indexed by user."""
    live = Session.objects.filter(expire_date__gt=timezone.now())
    return (session for session in live.iterator() if session.get_decoded().get(SESSION_KEY) == str(user_id))


def end_sessions(user_id: int) -> int:
    """Sign a user out everywhere; their open sockets are closed at once. Returns the number of sessions."""
    theirs = [session.pk for session in _sessions_of(user_id)]
    deleted, _ = Session.objects.filter(pk__in=theirs).delete()
    return deleted
