"""The protocol's messages as types, and the one place that turns them into JSON text."""

import reprlib
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Raw
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import from_json, to_json

from streams.protocol.clock import timestamp

SUBPROTOCOL = "agentstream.v1"
BIGINT = 2**63 - 1
Position = Annotated[int, Field(ge=0, le=BIGINT, strict=True)]


class Code(StrEnum):
    """Error codes, the same over WebSocket and HTTP."""

    INVALID_JSON = "INVALID_JSON"
    INVALID_MESSAGE = "INVALID_MESSAGE"
    UNKNOWN_MESSAGE_TYPE = "UNKNOWN_MESSAGE_TYPE"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    CONFLICT = "CONFLICT"
    TOO_MANY_SUBSCRIPTIONS = "TOO_MANY_SUBSCRIPTIONS"
    RATE_LIMITED = "RATE_LIMITED"
    TOO_LARGE = "TOO_LARGE"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"
    UNAUTHENTICATED = "UNAUTHENTICATED"

    @property
    def http_status(self) -> int:
        return _HTTP_STATUS.get(self, 400)


_HTTP_STATUS = {
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.TOO_LARGE: 413,
    Code.RATE_LIMITED: 429,
    Code.TOO_MANY_SUBSCRIPTIONS: 429,
    Code.UNAVAILABLE: 503,
    Code.INTERNAL: 500,
}


class Close(IntEnum):
    """The server's close codes. After 4400, 4401 and 4403 clients must not reconnect unchanged."""

    TRY_AGAIN = 1011
    RESTARTING = 1012
    TOO_MANY_BAD_MESSAGES = 4400
    NOT_SIGNED_IN = 4401
    ACCESS_WITHDRAWN = 4403
    TOO_SLOW = 4408
    TOO_MANY_MESSAGES = 4429


class Reason(StrEnum):
    """Why a subscription ended."""

    REQUESTED = "requested"
    DELETED = "deleted"
    FORBIDDEN = "forbidden"


class ProtocolError(Exception):
    """A refused request, which has changed nothing. The message says what was expected and what was received.

    `details` are sent with the code and the message. `retry_after` is the number of seconds after which the same
    request may succeed, if known.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.retry_after = retry_after
        if retry_after is not None:
            self.details["retryAfter"] = round(retry_after, 3)

    @property
    def payload(self) -> dict[str, Any]:
        """The error as a JSON-serializable dict."""
        return {"code": self.code, "message": self.message, **self.details}


class Wire(BaseModel):
    """Base of all messages: camelCase in JSON, snake_case here, unknown keys ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Request(msgspec.Struct, frozen=True):
    """A client's message: a type, its payload and, optionally, an id to be echoed in the answer.

    The payload stays JSON text, which is cheap, until it is needed.
    """

    type: str
    payload: Raw = Raw(b"{}")
    id: str | int | float | None = None


class Subscribe(Wire):
    """Payload of `subscribe:*` without the id: where to start, the timestamp of the event there, and whether the answer
    shall have the stream's state."""

    since: Position | None = None
    at: str | None = None
    state: StrictBool = True


def parse_json(text: str | bytes) -> object:
    """`text` as JSON. Raises ProtocolError (INVALID_JSON), also for NaN and lone surrogates."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ProtocolError(Code.INVALID_JSON, f"expected JSON, got {brief(text)}: {error}") from None


Shape = TypeVar("Shape")


@cache
def _decoder(shape: type[Shape]) -> msgspec.json.Decoder[Shape]:
    return msgspec.json.Decoder(shape)


def decode(shape: type[Shape], text: str | bytes | Raw, where: str = "") -> Shape:
    """JSON text as a struct or a dict. Stops at the first problem, and doesn't parse fields of type Raw.
    Raises ProtocolError (INVALID_JSON, INVALID_MESSAGE)."""
    try:
        decoded: Shape = _decoder(shape).decode(text)  # type: ignore[arg-type]
    except msgspec.ValidationError as error:
        raise ProtocolError(Code.INVALID_MESSAGE, _place(str(error), where)) from None
    except (ValueError, RecursionError) as error:
        got = brief(bytes(text) if isinstance(text, Raw) else text)
        raise ProtocolError(Code.INVALID_JSON, f"expected JSON, got {got}: {error}") from None
    return decoded


def _place(problem: str, where: str) -> str:
    """msgspec's error message in the format of `explain`, with the place first: `events.0.n: expected …`."""
    text, _, path = problem.partition(" - at `$")
    inner = path.rstrip("`").replace("[", ".").replace("]", "").strip(".")
    place = ".".join(part for part in (where, inner) if part) or "message"
    return f"{place}: {text[:1].lower()}{text[1:].replace('`', '')}"


Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], data: object, where: str = "") -> Model:
    """`data`, or the JSON text in a Raw, as `model`. Raises ProtocolError (INVALID_JSON, INVALID_MESSAGE) that names
    the first wrong field."""
    try:
        return model.model_validate_json(bytes(data)) if isinstance(data, Raw) else model.model_validate(data)
    except ValidationError as error:
        wrong_json = isinstance(data, Raw) and error.errors(include_url=False)[0]["type"] == "json_invalid"
        code = Code.INVALID_JSON if wrong_json else Code.INVALID_MESSAGE
        raise ProtocolError(code, explain(error, where)) from None


def explain(error: ValidationError, where: str = "") -> str:
    """Describes the first problem: where it is, what was expected, what was received."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in ((where,) if where else ()) + first["loc"]) or "message"
    if first["type"] == "missing":
        return f"{place}: missing"
    return f"{place}: {first['msg']}; got {brief(first['input'])}"


def brief(value: object, length: int = 80) -> str:
    """`value` for an error message, of bounded length and in bounded time."""
    text = repr(value[: length + 1]) if isinstance(value, str | bytes) else _brief.repr(value)
    return text if len(text) <= length else f"{text[:length]}…"


class _Brief(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if x.bit_length() < 1_000 else "a number with too many digits"


_brief = _Brief()


def stream_name(kind: str, key: object) -> str:
    """The name of a stream, which is also its channel-layer group: `agent.<uuid>`."""
    return f"{kind}.{key}"


def encode_event(type_: str, payload: str, time: int, seq: int) -> str:
    """The text of one event of a stream, from its stored parts."""
    return f'{{"type":"{type_}","payload":{payload},"timestamp":"{timestamp(time)}","seq":{seq}}}'


_SEQ = b',"seq":'
_TIMESTAMP = b'"timestamp":"'


def timestamp_of(text: bytes) -> str:
    """The timestamp in an event's text, as `encode_event` wrote it."""
    start = text.rfind(_TIMESTAMP) + len(_TIMESTAMP)
    return text[start : text.index(b'"', start)].decode()


def seq_of(text: bytes) -> int | None:
    """The seq of an event's text, as `encode_event` wrote it; None if it is an answer."""
    start = text.rfind(_SEQ, -30)
    return int(text[start + len(_SEQ) : -1]) if start >= 0 else None


def encode_answer(type_: str, payload: Mapping[str, Any], time: int, request_id: str | float | None = None) -> str:
    """The text of an answer, echoing the request's id if it had one."""
    return wrap_answer(type_, encode(payload), time, request_id)


def wrap_answer(type_: str, payload: str, time: int, request_id: str | float | None = None) -> str:
    """The text of an answer whose payload is JSON text already."""
    echo = "" if request_id is None else f',"id":{encode(request_id)}'
    return f'{{"type":"{type_}","payload":{payload},"timestamp":"{timestamp(time)}"{echo}}}'


def encode(value: object) -> str:
    """`value` as JSON text."""
    return to_json(value).decode()
