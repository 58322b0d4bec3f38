"""Errors: `Unreachable`, after which a retry may help, and `Refused`, after which an unchanged retry won't."""

from __future__ import annotations

from enum import IntEnum
from http import HTTPStatus
from typing import Any


class AgentstreamError(Exception):
    """Base of all errors raised by this package."""


class Unreachable(AgentstreamError):
    """The server can't be reached or the connection was lost; retrying may help."""


class Refused(AgentstreamError):
    """The server refused the request.

    `code` is the protocol's error code, e.g. ``"NOT_FOUND"``; the message is the server's.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class Unauthenticated(Refused):
    """The token is missing, unknown or expired."""


class Forbidden(Refused):
    """The token's user may see it but not do this, or access was revoked."""


class NotFound(Refused):
    """There is no such agent or workspace, or the token's user has no access to it."""


class InvalidMessage(Refused):
    """What was sent isn't valid."""


class Conflict(Refused):
    """Someone else was first; `resolution` is their answer."""

    def __init__(self, code: str, message: str, resolution: dict[str, Any] | None = None) -> None:
        super().__init__(code, message)
        self.resolution = resolution or {}


class TooLarge(Refused):
    """A frame, or an event in it, exceeds the server's limit."""


class TooManySubscriptions(Refused):
    """One connection can't watch that many streams."""


class TryLater(Refused):
    """A temporary refusal; the same request may be repeated after a pause.

    `retry_after` is the length of the pause in seconds, if the server named one.
    """

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class RateLimited(TryLater):
    """Too much in too short a time."""


class Unavailable(TryLater):
    """The server is up but can't do this at the moment."""


class ServerError(TryLater):
    """The server failed through no fault of the request; its log says why."""


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
    """The exception for an error code of the protocol; an unknown code becomes a plain `Refused`."""
    family = _BY_CODE.get(code, Refused)
    if issubclass(family, TryLater):
        known = isinstance(retry_after, (int, float)) and retry_after >= 0
        return family(code, message, float(retry_after) if known else None)  # type: ignore[arg-type]
    return family(code, message)


def from_close(code: int, reason: str) -> AgentstreamError:
    """The exception for a WebSocket close code."""
    match code:
        case CloseCode.UNAUTHENTICATED:
            return Unauthenticated("UNAUTHENTICATED", reason or "the server doesn't accept this token")
        case CloseCode.FORBIDDEN:
            return Forbidden("FORBIDDEN", reason or "access was revoked")
        case CloseCode.BAD_MESSAGES:
            return InvalidMessage("INVALID_MESSAGE", reason or "the server received too many invalid messages")
        case CloseCode.TOO_LARGE:
            return TooLarge("TOO_LARGE", reason or "the server closed the connection because a frame was too large")
        case _:
            return Unreachable(f"connection closed with code {code}{reason and f': {reason}'}")


def from_status(status: int, message: str) -> AgentstreamError:
    """The exception for an HTTP status without the protocol's JSON body."""
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
