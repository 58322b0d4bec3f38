"""Fields that several events share: times, file changes, and arbitrary JSON objects."""

import re
from datetime import UTC, datetime
from math import isinf
from typing import Annotated, Any

from msgspec import Raw
from pydantic import BeforeValidator, PlainSerializer, StringConstraints, ValidationInfo
from pydantic.alias_generators import to_camel

from streams.protocol import clock
from streams.protocol.messages import Code, ProtocolError, Wire, brief, parse_json
from streams.protocol.text import Text

MAX_CHANGES = 200  # files in one event
MAX_PARTS = 20_000  # brackets, braces and commas of an event: each may cost an object while the event loop waits
DOUBLE_BITS = 1024
_STRING = re.compile(rb'"[^"]*+"')  # in JSON without escapes


def _moment(value: object, info: ValidationInfo) -> datetime:
    """RFC 3339 with an offset, as a time between 1970 and 9999 in UTC."""
    if isinstance(value, datetime):
        return value
    try:
        if not isinstance(value, str) or "T" not in value.upper():
            raise ValueError
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None or moment.year < 1970 or moment.year > 9998:
            raise ValueError
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        name = to_camel(info.field_name or "")
        message = f"{name}: expected a time like 2026-01-31T12:00:00Z, got {brief(value)}"
        raise ProtocolError(Code.INVALID_MESSAGE, message) from None


Moment = Annotated[
    datetime,
    BeforeValidator(_moment, json_schema_input_type=datetime),
    PlainSerializer(lambda moment: clock.timestamp(clock.as_milliseconds(moment)), return_type=str),
]


class FileChange(Wire):
    """What happens to a file, as a unified diff."""

    path: Annotated[Text, StringConstraints(min_length=1, max_length=4096)]
    patch: Text


def read_object(raw: Raw, where: str) -> dict[str, Any]:
    """An object from JSON text. Raises ProtocolError (INVALID_JSON, INVALID_MESSAGE, TOO_LARGE) for text that can't be
    stored or is too costly: NUL, numbers beyond a double's range, JSON nested too deeply."""
    check_cost(raw, where)
    return check_object(raw, where)


def check_object(raw: Raw, where: str) -> dict[str, Any]:
    """The object from JSON text whose cost has been checked. Raises ProtocolError (INVALID_JSON, INVALID_MESSAGE) for
    text that isn't an object or can't be stored as it is."""
    text = bytes(raw)
    if b"\\u0000" in text and b"\\u0000" in text.replace(b"\\\\", b""):  # `\\u0000` is an escaped backslash, not a NUL
        raise ProtocolError(Code.INVALID_MESSAGE, f"{where}: expected text without NUL")
    fields = parse_json(text)
    if not isinstance(fields, dict):
        raise ProtocolError(Code.INVALID_MESSAGE, f"{where}: expected an object, got {brief(fields)}")
    _check_numbers(fields, where)
    return fields


def _check_numbers(value: object, where: str) -> None:
    # Not msgspec, which would refuse them: it takes 8 µs for each number near either end of a double's range.
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)
        elif (type(found) is float and isinf(found)) or (type(found) is int and found.bit_length() > DOUBLE_BITS):
            raise ProtocolError(
                Code.INVALID_MESSAGE, f"{where}: expected numbers in the range of a double, got {brief(found)}"
            )


def check_cost(raw: Raw, where: str) -> None:
    """Raise ProtocolError (TOO_LARGE) for JSON text with too many parts to read quickly."""
    text = bytes(raw)
    if _parts(text) <= MAX_PARTS:
        return
    text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # There are at most two strings between two commas.
    if text.count(b'"') > 4 * (MAX_PARTS + 1) or _parts(_STRING.sub(b"", text)) > MAX_PARTS:
        expected = f"at most {MAX_PARTS} brackets, braces and commas"
        raise ProtocolError(Code.TOO_LARGE, f"{where}: expected {expected}, got more")


def _parts(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{") + text.count(b",")
