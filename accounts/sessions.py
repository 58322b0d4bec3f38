"""Ending all sessions of a user."""

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session


def end_sessions(user_id: int) -> int:
    """Sign a user out everywhere; their open sockets are closed at once. Returns how many sessions that were.

    Sessions are not indexed by user, so this reads them all.
    """
    theirs = [
        session.pk for session in Session.objects.iterator() if session.get_decoded().get(SESSION_KEY) == str(user_id)
    ]
    deleted, _ = Session.objects.filter(pk__in=theirs).delete()
    return deleted
