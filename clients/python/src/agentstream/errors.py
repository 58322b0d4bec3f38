"""What can go wrong, by meaning: two families, one for "come back", one for "do not come back unchanged"."""

from __future__ import annotations

from enum import IntEnum
from http import HTTPStatus
from typing import Any


class AgentstreamError(Exception):
    """Everything this package raises by itself."""


class Unreachable(AgentstreamError):
    """The server cannot be reached or the connection broke; trying again is worthwhile."""


class Refused(AgentstreamError):
    """The server understood and said no.

    `code` is the contract's error code, e.g. ``"NOT_FOUND"``; the message is the server's own.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class Unauthenticated(Refused):
    """The token is missing, unknown or expired."""


class Forbidden(Refused):
    """The token's user may see it but may not do it, or access was withdrawn."""


class NotFound(Refused):
    """There is no such agent or workspace, or the token's user may not see it."""


class InvalidMessage(Refused):
    """The server could not accept what was sent."""


class Conflict(Refused):
    """Somebody was first; `resolution` says who, and with what."""

    def __init__(self, code: str, message: str, resolution: dict[str, Any] | None = None) -> None:
        super().__init__(code, message)
        self.resolution = resolution or {}


class TooLarge(Refused):
    """A frame, or one event in it, was larger than the server takes."""


class TooManySubscriptions(Refused):
    """One connection may not watch as many streams as were asked for."""


class TryLater(Refused):
    """A refusal that passes by itself; the same request may be repeated after a pause.

    `retry_after` is how many seconds the server says that takes, if it does.
    """

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class RateLimited(TryLater):
    """Too much in too short a time."""


class Unavailable(TryLater):
    """The server is up, and cannot do it at the moment."""


class ServerError(TryLater):
    """The server failed, through no fault of the request; its log says why."""


class CloseCode(IntEnum):
    """The close codes after which the same connection would be closed again."""

    TOO_LARGE = 1009
    BAD_MESSAGES = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403


_BY_CODE: dict[str, type[Refused]] = {
    "UNAUTHENTICATED": Unauthenticated,
    "FORBIDDEN": Forbidden,
    "NOT_FOUND": NotFound,
    "CONFLICT": Conflict,
    "INVALID_JSON": InvalidMessage,
    "INVALID_MESSAGE": InvalidMessage,
    "UNKNOWN_MESSAGE_TYPE": InvalidMessage,
    "TOO_LARGE": TooLarge,
    "TOO_MANY_SUBSCRIPTIONS": TooManySubscriptions,
    "RATE_LIMITED": RateLimited,
    "UNAVAILABLE": Unavailable,
    "INTERNAL": ServerError,
}


def from_code(code: str, message: str, retry_after: object = None) -> Refused:
    """The exception for an error code of the contract; a code not known here is a plain `Refused`."""
    family = _BY_CODE.get(code, Refused)
    if issubclass(family, TryLater):
        known = isinstance(retry_after, (int, float)) and retry_after >= 0
        return family(code, message, float(retry_after) if known else None)  # type: ignore[arg-type]
    return family(code, message)


def from_close(code: int, reason: str) -> AgentstreamError:
    """The exception for a WebSocket close code."""
    match code:
        case CloseCode.UNAUTHENTICATED:
            return Unauthenticated("UNAUTHENTICATED", reason or "the server does not know this token")
        case CloseCode.FORBIDDEN:
            return Forbidden("FORBIDDEN", reason or "the server withdrew access")
        case CloseCode.BAD_MESSAGES:
            return InvalidMessage("INVALID_MESSAGE", reason or "the server took too many messages for bad")
        case CloseCode.TOO_LARGE:
            return TooLarge("TOO_LARGE", reason or "the server closed because a frame was too large")
        case _:
            return Unreachable(f"connection closed with code {code}{reason and f': {reason}'}")


def from_status(status: int, message: str) -> AgentstreamError:
    """The exception for an HTTP status that came without the contract's JSON body."""
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return Unauthenticated("UNAUTHENTICATED", message)
        case HTTPStatus.FORBIDDEN:
            return Forbidden("FORBIDDEN", message)
        case HTTPStatus.NOT_FOUND:
            return NotFound("NOT_FOUND", message)
        case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.TOO_MANY_REQUESTS:
            return Unreachable(message)
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unreachable(message)
        case _:
            return Refused(f"HTTP_{status}", message)
