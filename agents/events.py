"""What is recorded on an agent's stream, as types: payloads of the contract, checked once for every way in."""

import uuid
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from msgspec import Raw
from pydantic import AfterValidator, Field, StringConstraints

from agents.models import REASON_LENGTH, Status
from agents.requests import Answer, RequestFields, RequestId, ResolutionOutcome, read_fields
from streams.conf import conf
from streams.protocol.messages import BIGINT, Code, ProtocolError, Wire, brief, parse
from streams.protocol.text import Text

Label = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
Count = Annotated[int, Field(ge=0, le=BIGINT, strict=True)]


def _bounded(content: str) -> str:
    size = len(content.encode())
    if size > conf().CONTENT_BYTES:
        raise ProtocolError(
            Code.TOO_LARGE, f"expected content of at most {conf().CONTENT_BYTES} bytes of UTF-8, got {size}"
        )
    return content


Content = Annotated[str, AfterValidator(_bounded)]


class Outcome(StrEnum):
    """Why an agent's process ended."""

    COMPLETED = "completed"
    ERROR = "error"
    USER_STOPPED = "user_stopped"
    LOST = "lost"


class AgentEvent(Wire):
    """Base of the payloads; `agentId` is added when one is recorded."""

    type: ClassVar[str]

    @classmethod
    def read(cls, payload: Raw, where: str) -> Self:
        """The event from its JSON text. Raises ProtocolError (INVALID_JSON, INVALID_MESSAGE, TOO_LARGE)."""
        return parse(cls, payload, where)

    @cached_property
    def fields(self) -> str:
        """Everything but the agent's id, as a JSON object."""
        return self.model_dump_json(by_alias=True, exclude_none=True)

    @property
    def data(self) -> dict[str, Any]:
        """The same, decoded."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def encode(self, agent_id: uuid.UUID) -> str:
        """The payload as JSON text. Raises ProtocolError (TOO_LARGE) where escapes make it too long for a frame."""
        comma = "," if len(self.fields) > 2 else ""
        text = f'{{"agentId":"{agent_id}"{comma}{self.fields[1:]}'
        limit = conf().EVENT_BYTES
        if len(text) * 4 > limit and len(text.encode()) > limit:
            raise ProtocolError(Code.TOO_LARGE, f"expected an event of at most {limit} bytes as JSON, got more")
        return text


class Output(AgentEvent):
    """`agent:output`: something the agent said, or a piece of it."""

    type = "agent:output"
    content: Content
    role: Literal["assistant", "user", "system", "tool"] = "assistant"
    message_id: Label | None = None
    is_streaming: bool | None = None
    kind: Literal["text", "thinking", "tool_call", "tool_result"] | None = None
    tool_call_id: Label | None = None
    tool_name: Label | None = None


class StatusReport(AgentEvent):
    """`agent:status` as a producer reports it."""

    type = "agent:status"
    status: Status
    reason: Annotated[Text, StringConstraints(max_length=REASON_LENGTH)] | None = None


class StatusChange(StatusReport):
    """`agent:status` as it is recorded."""

    previous_status: Status


class Context(AgentEvent):
    """`agent:context`: how full the context window is, in whole percent."""

    type = "agent:context"
    context_level: Annotated[int, Field(ge=0, le=100, strict=True)]
    tokens_used: Count | None = None
    tokens_limit: Count | None = None


class Trouble(Wire):
    """What went wrong, as `agent:error` carries it."""

    code: Label
    message: Content


class Failure(AgentEvent):
    """`agent:error`."""

    type = "agent:error"
    error: Trouble


class Terminated(AgentEvent):
    """`agent:terminated`: the process has ended. `exit_code` is None where there is none to tell."""

    type = "agent:terminated"
    exit_code: Annotated[int, Field(ge=-(2**31), lt=2**32, strict=True)] | None = None
    signal: Label | None = None
    reason: Outcome = Outcome.COMPLETED

    @cached_property
    def fields(self) -> str:
        # The contract has exitCode always; null where a signal or a loss left none.
        return self.model_dump_json(by_alias=True, exclude={"signal"} if self.signal is None else None)


class Input(AgentEvent):
    """`agent:input`: what a person sent to the agent. Not for producers: the server says who it was."""

    type = "agent:input"
    content: Content
    sender: str = Field(serialization_alias="from", validation_alias="from")


class Signal(AgentEvent):
    """`agent:signal`: what a person told the agent's process to do. Not for producers: the server says who it was."""

    type = "agent:signal"
    signal: Literal["interrupt", "stop"]
    sender: str = Field(serialization_alias="from", validation_alias="from")


class Updated(AgentEvent):
    """`agent:updated`: the agent has another name or other labels. Not for producers: they register."""

    type = "agent:updated"
    name: str
    labels: dict[str, str]


class Request(RequestFields, AgentEvent):
    """`agent:request`: a person is asked."""

    type = "agent:request"

    @classmethod
    def read(cls, payload: Raw, where: str) -> Self:
        return parse(cls, read_fields(payload, where), where)

    def state(self) -> dict[str, Any]:
        """What is asked, ready for JSON."""
        return self.data


class ResolutionReport(Answer, AgentEvent):
    """`agent:request_resolved` as a producer reports it: somebody answered at the terminal, or nobody needs to."""

    type = "agent:request_resolved"
    request_id: RequestId
    outcome: Literal[ResolutionOutcome.ANSWERED_ELSEWHERE, ResolutionOutcome.WITHDRAWN]


class Resolution(Answer, AgentEvent):
    """`agent:request_resolved` as it is recorded. `by` is the user who answered here."""

    type = "agent:request_resolved"
    request_id: RequestId
    outcome: ResolutionOutcome
    by: str | None = None

    def state(self) -> dict[str, Any]:
        """The resolution, ready for JSON."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


PUBLISHABLE: dict[str, type[AgentEvent]] = {
    model.type: model for model in (Output, StatusReport, Context, Failure, Terminated, Request, ResolutionReport)
}


def parse_event(type_: str, payload: Raw, where: str) -> AgentEvent:
    """An event that a producer reports. Raises ProtocolError (INVALID_JSON, INVALID_MESSAGE, TOO_LARGE)."""
    model = PUBLISHABLE.get(type_)
    if model is None:
        raise ProtocolError(
            Code.INVALID_MESSAGE, f"{where}.type: expected one of {', '.join(PUBLISHABLE)}; got {brief(type_)}"
        )
    limit = conf().EVENT_BYTES * 2  # what is stored has fewer escapes and no unknown fields
    if len(bytes(payload)) > limit:
        raise ProtocolError(Code.TOO_LARGE, f"{where}: expected at most {limit} bytes, got {len(bytes(payload))}")
    return model.read(payload, f"{where}.payload")
