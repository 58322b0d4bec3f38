"""Limits on guessing passwords and secrets.

Wrong passwords are counted in the database: by account and address, by account, by address. An attempt counts as a
failure before the password is checked and is forgiven if it was right, so parallel attempts gain nothing.

Codes that people type are counted in the same way, by user and by address. A right one forgives only its own attempt,
so nobody resets the count with a code of their own.

Secrets (tokens, tickets, sign-in links, invitations) are too long to guess, so valid ones always work, even if others
fail at the same address. An address that keeps sending invalid ones has to wait.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import SignInFailures, hashed
from streams.protocol.limits import Buckets
from streams.protocol.messages import Code, ProtocolError

logger = logging.getLogger(__name__)

FORGET = timedelta(hours=1)  # after the last failure
KNOWN = timedelta(days=30)  # within which the user has signed in at an address
SECRETS_BURST = 100  # bad secrets from one address
SECRETS_PER_SECOND = 1.0
SECRETS_ADDRESSES = 10_000  # most recent ones remembered


class SecretBuckets(Buckets):
    """Rates of invalid secrets, by address."""

    burst_seconds = SECRETS_BURST / SECRETS_PER_SECOND
    most = SECRETS_ADDRESSES


# Per process, not per event loop: pages are served in Django's own threads.
_lock = threading.Lock()
_buckets = SecretBuckets()


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` failures cost nothing; each one after that doubles the wait before the next attempt. Times are seconds."""

    key: str
    free: int
    first: float
    longest: float

    def wait(self, failures: int) -> timedelta:
        """How long to wait after this many failures."""
        beyond = min(failures - self.free, 20)
        return timedelta(seconds=min(self.first * 2**beyond, self.longest) if beyond >= 0 else 0)


def begin(username: str, address: str) -> None:
    """Count a sign-in attempt. Raises ProtocolError (RATE_LIMITED) if it comes too soon after others."""
    pair, *_ = limits = _limits(username, address)
    with transaction.atomic():
        rows = _locked(limits)
        now = timezone.now()  # only now, because waiting for the locks may take long
        known = rows[pair.key].known_at
        # Guesses from elsewhere don't lock a user out at an address from which they have signed in before.
        counted = [one for one in limits if one.key == pair.key or not known or known < now - KNOWN]
        _admit(counted, rows, now)


def succeed(username: str, address: str) -> None:
    """Forgive the attempt that `begin` counted: the password was right."""
    now = timezone.now()
    pair, *others = _limits(username, address)
    SignInFailures.objects.filter(key=pair.key).update(failures=0, until=now, known_at=now)
    _forgive(others, now)


def begin_code(user_id: int, address: str) -> None:
    """Count a user's attempt at a code. Raises ProtocolError (RATE_LIMITED) if it comes too soon after others."""
    limits = _code_limits(user_id, address)
    with transaction.atomic():
        rows = _locked(limits)
        _admit(limits, rows, timezone.now())


def succeed_code(user_id: int, address: str) -> None:
    """Forgive the attempt that `begin_code` counted: the code was right."""
    _forgive(_code_limits(user_id, address), timezone.now())


def too_many(seconds: float) -> ProtocolError:
    """The error for an attempt that comes this many seconds too soon."""
    whole = max(1, round(seconds + 0.5))
    return ProtocolError(
        Code.RATE_LIMITED, f"too many failed attempts; try again in {whole} seconds", retry_after=whole
    )


def note_failure(what: str, address: str) -> None:
    """Count an invalid secret from this address. Raises ProtocolError (RATE_LIMITED) if there have been too many."""
    with _lock:
        allowed = _buckets.get(network(address), SECRETS_PER_SECOND).take()
    if not allowed:
        raise too_many(1 / SECRETS_PER_SECOND)
    logger.info("invalid %s from %s", what, address)


def remove_forgotten() -> None:
    """Remove records that no longer count."""
    now = timezone.now()
    old = SignInFailures.objects.filter(until__lt=now - FORGET, last_at__lt=now - FORGET)
    old.filter(known_at=None).delete()
    old.filter(known_at__lt=now - KNOWN).delete()


def network(address: str) -> str:
    """What counts as one address. For IPv6 that is the /64, which belongs to one customer."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))


def _limits(username: str, address: str) -> list[Limit]:
    free, longest = settings.SIGN_IN_FAILURES, settings.SIGN_IN_WAIT
    place = network(address)
    return [
        Limit(hashed(f"pair\0{username}\0{place}"), free, 10, longest),
        Limit(hashed(f"account\0{username}"), 10 * free, 1, min(30, longest)),
        Limit(hashed(f"address\0{place}"), 6 * free, 10, longest),
    ]


def _code_limits(user_id: int, address: str) -> list[Limit]:
    free, longest = settings.SIGN_IN_FAILURES, settings.SIGN_IN_WAIT
    return [
        Limit(hashed(f"code user\0{user_id}"), free, 10, longest),
        Limit(hashed(f"code address\0{network(address)}"), 6 * free, 10, longest),
    ]


def _locked(limits: list[Limit]) -> dict[str, SignInFailures]:
    keys = sorted(limit.key for limit in limits)  # always in the same order, to prevent deadlocks
    fresh = timezone.now()
    SignInFailures.objects.bulk_create(
        [SignInFailures(key=key, until=fresh, last_at=fresh) for key in keys], ignore_conflicts=True
    )
    found = SignInFailures.objects.select_for_update().filter(key__in=keys).order_by("key")
    return {row.key: row for row in found}


def _admit(limits: list[Limit], rows: dict[str, SignInFailures], now: datetime) -> None:
    wait = max((rows[one.key].until - now).total_seconds() for one in limits)
    if wait > 0:
        raise too_many(wait)
    for limit in limits:
        _count(rows[limit.key], limit, now)


def _forgive(limits: list[Limit], now: datetime) -> None:
    for limit in limits:
        SignInFailures.objects.filter(key=limit.key, failures__gt=0).update(failures=F("failures") - 1, until=now)


def _count(row: SignInFailures, limit: Limit, now: datetime) -> None:
    row.failures = 1 if row.last_at < now - FORGET and row.until < now - FORGET else row.failures + 1
    row.last_at, row.until = now, now + limit.wait(row.failures)
    row.save()
