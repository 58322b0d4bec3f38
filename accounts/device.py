"""Signing programs in by browser: the OAuth 2.0 Device Authorization Grant (RFC 8628), in small.

A program gets two codes. It shows the user code, which a signed-in user enters on a page and approves; with the device
code it then fetches a token, once. The token is created only at that moment, so it is never stored in clear.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.actor import Actor, acting
from accounts.audit import Action, bounded, record
from accounts.models import ADDRESS_LENGTH, DeviceSignIn, hashed
from accounts.scopes import NAMES, Limits, parse_scopes
from accounts.throttle import network
from accounts.tokens import issue_token, require_room
from streams.protocol.kinds import Scope
from streams.protocol.messages import Code, ProtocolError
from streams.protocol.text import clean_name

VALID_SECONDS = 600
INTERVAL = 3  # seconds between two polls
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"  # as in RFC 8628: no vowels, which make words, and few look-alikes
CODE_LENGTH = 8
OPEN_PER_ADDRESS = 20
OPEN_IN_ALL = 1_000
ALLOWED = Scope.WATCH | Scope.PUBLISH | Scope.ANSWER
SCOPES = [name for name, scope in NAMES.items() if scope in ALLOWED]


@dataclass(frozen=True, slots=True)
class Codes:
    """What a program gets: a secret, and a code for people in the form XXXX-XXXX."""

    device_code: str
    user_code: str


@transaction.atomic
def start(client: str, scopes: Collection[str], address: str) -> Codes:
    """Let a program at `address` ask for a token with these scopes; `client` is what it calls itself.

    Raises ProtocolError: INVALID_MESSAGE, RATE_LIMITED if too many are open.
    """
    limits = Limits(_allowed(scopes))
    name = clean_name(client, "client")
    place = bounded(network(address))[:ADDRESS_LENGTH]
    _limit_open(place)
    device_code = secrets.token_urlsafe(32)
    made = DeviceSignIn.objects.create(
        hash=hashed(device_code),
        # Unique; of 20^8 codes and at most 1,000 open ones, two are never the same in practice.
        user_code="".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)),
        client=name,
        scopes=" ".join(limits.names),
        address=bounded(address)[:ADDRESS_LENGTH],
        network=place,
        expires_at=timezone.now() + timedelta(seconds=VALID_SECONDS),
    )
    return Codes(device_code, made.shown_code)


def find(user_code: str) -> DeviceSignIn:
    """The pending sign-in with this code, as a person typed it. Raises ProtocolError (NOT_FOUND)."""
    return _pending(DeviceSignIn.objects.all(), user_code)


@transaction.atomic
def approve(user_code: str, user_id: int) -> DeviceSignIn:
    """Let the program act as this user. Raises ProtocolError: NOT_FOUND, INVALID_MESSAGE for too many tokens."""
    require_room(user_id)
    return _decide(user_code, user_id, DeviceSignIn.State.APPROVED, Action.DEVICE_APPROVED)


@transaction.atomic
def deny(user_code: str, user_id: int) -> DeviceSignIn:
    """Refuse the program on behalf of this user. Raises ProtocolError (NOT_FOUND)."""
    return _decide(user_code, user_id, DeviceSignIn.State.DENIED, Action.DEVICE_DENIED)


def is_approved(device_code: str) -> bool:
    """Whether the token can be fetched; False while nobody has decided.

    Raises ProtocolError: FORBIDDEN if it was denied, NOT_FOUND if the code is unknown, used or expired.
    """
    return _is_approved(_asking(DeviceSignIn.objects.all(), device_code))


@transaction.atomic
def fetch(device_code: str, address: str) -> tuple[str, str]:
    """The token of an approved sign-in, once, and the name of its user. `address` is the program's.

    Raises ProtocolError: CONFLICT if it isn't approved, INVALID_MESSAGE for too many tokens, and as `is_approved` does.
    """
    # Of two concurrent calls, only the first to lock the row finds it.
    asking = _asking(DeviceSignIn.objects.select_for_update(of=("self",)).select_related("user"), device_code)
    if not _is_approved(asking) or asking.user is None:
        raise ProtocolError(Code.CONFLICT, "expected a sign-in that has been approved")
    user, name = asking.user, asking.user.get_username()
    require_room(user.pk)
    with acting(Actor(user.pk, name, "device", address)):
        _, token = issue_token(user, asking.client, limits=Limits.stored(asking.scopes, None, ""))
    asking.delete()
    return token, name


def _allowed(scopes: Collection[str]) -> Scope:
    found = parse_scopes(scopes)
    if found & ~ALLOWED:
        raise ProtocolError(Code.INVALID_MESSAGE, f"scopes: expected any of {', '.join(SCOPES)}")
    return found


def _open() -> QuerySet[DeviceSignIn]:
    return DeviceSignIn.objects.filter(expires_at__gt=timezone.now())


def _limit_open(place: str) -> None:
    if _open().filter(network=place).count() >= OPEN_PER_ADDRESS:
        message = f"expected at most {OPEN_PER_ADDRESS} open sign-ins per address"
    elif _open().count() >= OPEN_IN_ALL:
        message = "too many sign-ins are open"
    else:
        return
    first = _open().order_by("expires_at").values_list("expires_at", flat=True).first()
    wait = (first - timezone.now()).total_seconds() if first else 0
    raise ProtocolError(Code.RATE_LIMITED, f"{message}; try again later", retry_after=max(1, round(wait)))


def _decide(user_code: str, user_id: int, state: DeviceSignIn.State, action: Action) -> DeviceSignIn:
    # Of two concurrent decisions, the second no longer finds the row pending.
    found = _pending(DeviceSignIn.objects.select_for_update(), user_code)
    found.user_id, found.state = user_id, state
    found.save(update_fields=["user", "state"])
    record(action, target=found.client, detail={"scopes": found.scopes, "from": found.address})
    return found


def _pending(rows: QuerySet[DeviceSignIn], user_code: str) -> DeviceSignIn:
    code = user_code[:100].upper().replace("-", "").replace(" ", "")
    shaped = len(code) == CODE_LENGTH and set(code) <= set(ALPHABET)
    found = rows.filter(user_code=code).first() if shaped else None
    if found is None or found.state != DeviceSignIn.State.PENDING or found.expires_at <= timezone.now():
        raise ProtocolError(Code.NOT_FOUND, "the code is unknown, has been used or has expired")
    return found


def _asking(rows: QuerySet[DeviceSignIn], device_code: str) -> DeviceSignIn:
    found = rows.filter(hash=hashed(device_code)).first()
    inactive = found is not None and found.user is not None and not found.user.is_active
    if found is None or inactive or found.expires_at <= timezone.now():
        raise ProtocolError(Code.NOT_FOUND, "the device code is unknown, has been used or has expired")
    return found


def _is_approved(asking: DeviceSignIn) -> bool:
    match asking.state:
        case DeviceSignIn.State.DENIED:
            raise ProtocolError(Code.FORBIDDEN, "the sign-in was denied")
        case state:
            return state == DeviceSignIn.State.APPROVED
