"""The events of an agent's stream: the payloads of the protocol, validated the same for every transport."""

import uuid
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
from msgspec import Raw
from pydantic import AfterValidator, Field, StringConstraints

from agents.fields import MAX_CHANGES, FileChange, check_cost, check_object, read_object
from agents.models import REASON_LENGTH, Status
from agents.progress import PLAN_BYTES, Flag, PlanFields, SessionFields, SubagentFields, UsageFields
from agents.requests import Answer, RequestFields, RequestId, ResolutionOutcome
from streams.conf import conf
from streams.protocol.messages import BIGINT, Code, ProtocolError, Wire, brief, decode, encode, parse
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
ToolKind = Literal["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"]
MAX_ATTACHMENTS = 50  # of one event
AGENT_ID_BYTES = len(f'"agentId":"{uuid.UUID(int=0)}"')


class Outcome(StrEnum):
    """Why an agent's process ended."""

    COMPLETED = "completed"
    ERROR = "error"
    USER_STOPPED = "user_stopped"
    LOST = "lost"


class AgentEvent(Wire):
    """Base of the payloads; `agentId` is added when an event is recorded."""

    type: ClassVar[str]

    @classmethod
    def read(cls, payload: Raw, where: str) -> Self:
        """The event from its JSON text. Raises ProtocolError (INVALID_JSON, INVALID_MESSAGE, TOO_LARGE)."""
        check_cost(payload, where)
        return parse(cls, payload, where)

    @cached_property
    def fields(self) -> str:
        """The payload without the agent's id, as a JSON object."""
        return self.model_dump_json(by_alias=True, exclude_none=True)

    def state(self) -> dict[str, Any]:
        """The same as a JSON-serializable dict."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @property
    def max_bytes(self) -> int:
        """The maximum size as JSON, so that the event fits a frame."""
        return conf().EVENT_BYTES

    @cached_property
    def size(self) -> int:
        """Bytes of the payload as JSON text, with the agent's id."""
        comma = len(self.fields) > 2
        return AGENT_ID_BYTES + comma + (len(self.fields) if self.fields.isascii() else len(self.fields.encode()))

    def check_size(self) -> None:
        """Raise ProtocolError (TOO_LARGE) if the payload, with escapes, is too large for a frame."""
        limit = self.max_bytes
        if self.size > limit:
            raise ProtocolError(Code.TOO_LARGE, f"expected an event of at most {limit} bytes as JSON, got more")

    def encode(self, agent_id: uuid.UUID) -> str:
        """The payload as JSON text. Raises ProtocolError (TOO_LARGE) like `check_size`."""
        self.check_size()
        comma = "," if len(self.fields) > 2 else ""
        return f'{{"agentId":"{agent_id}"{comma}{self.fields[1:]}'


NOTHING = Raw(b"null")


class _Structured(msgspec.Struct):
    """The parts of an output that may contain any JSON."""

    toolInput: Raw = NOTHING  # noqa: N815 (as it stands in JSON)


class Attachment(Wire):
    """A file that belongs to an output, as described by its producer."""

    id: uuid.UUID
    name: Label
    media_type: Label
    size: Count


class Output(AgentEvent):
    """`agent:output`: something the agent said, or a chunk of it. Tools add `tool_input` to a call, `is_error` and
    `duration_ms` to a result, and `parent_id` to all output of a sub-agent."""

    type = "agent:output"
    content: Content
    role: Literal["assistant", "user", "system", "tool"] = "assistant"
    message_id: Label | None = None
    is_streaming: bool | None = None
    kind: Literal["text", "thinking", "tool_call", "tool_result"] | None = None
    tool_call_id: Label | None = None
    tool_name: Label | None = None
    tool_kind: ToolKind | None = None
    tool_input: dict[str, Any] | None = None
    is_error: Flag | None = None
    duration_ms: Count | None = None
    changes: Annotated[list[FileChange], Field(max_length=MAX_CHANGES)] | None = None
    parent_id: Label | None = None
    attachments: Annotated[list[Attachment], Field(max_length=MAX_ATTACHMENTS)] | None = None

    @classmethod
    def read(cls, payload: Raw, where: str) -> Self:
        check_cost(payload, where)
        given = decode(_Structured, payload, where).toolInput
        if bytes(given) != b"null":
            check_object(given, f"{where}.toolInput")
        return parse(cls, payload, where)


class StatusReport(AgentEvent):
    """`agent:status` as a producer reports it."""

    type = "agent:status"
    status: Status
    reason: Annotated[Text, StringConstraints(max_length=REASON_LENGTH)] | None = None


class StatusChange(StatusReport):
    """`agent:status` as it is recorded."""

    previous_status: Status


class Context(AgentEvent):
    """`agent:context`: how full the context window is, in whole percent; None: no longer known."""

    type = "agent:context"
    context_level: Annotated[int, Field(ge=0, le=100, strict=True)] | None
    tokens_used: Count | None = None
    tokens_limit: Count | None = None

    @cached_property
    def fields(self) -> str:
        return encode(self.state())

    def state(self) -> dict[str, Any]:
        return {"contextLevel": self.context_level, **super().state()}


class Trouble(Wire):
    """The error in `agent:error`."""

    code: Label
    message: Content


class Failure(AgentEvent):
    """`agent:error`."""

    type = "agent:error"
    error: Trouble


class Terminated(AgentEvent):
    """`agent:terminated`: the process has ended. `exit_code` is None after a signal or a lost runner."""

    type = "agent:terminated"
    exit_code: Annotated[int, Field(ge=-(2**31), lt=2**32, strict=True)] | None = None
    signal: Label | None = None
    reason: Outcome = Outcome.COMPLETED

    @cached_property
    def fields(self) -> str:
        # The protocol always has exitCode, possibly null.
        return self.model_dump_json(by_alias=True, exclude={"signal"} if self.signal is None else None)

    @property
    def status_report(self) -> StatusReport:
        """The status of an agent whose producer has only said that the process ended."""
        match self.reason:
            case Outcome.ERROR:
                return StatusReport(status=Status.ERROR, reason="process_error")
            case Outcome.LOST:
                return StatusReport(status=Status.OFFLINE, reason=self.reason)
            case Outcome.COMPLETED | Outcome.USER_STOPPED:
                return StatusReport(status=Status.FINISHED, reason=self.reason)


class Input(AgentEvent):
    """`agent:input`: what a person sent to the agent. Only the server records it, with the sender."""

    type = "agent:input"
    content: Content
    sender: str = Field(serialization_alias="from", validation_alias="from")


class Signal(AgentEvent):
    """`agent:signal`: a person interrupts or stops the agent's process. Only the server records it, with the sender."""

    type = "agent:signal"
    signal: Literal["interrupt", "stop"]
    sender: str = Field(serialization_alias="from", validation_alias="from")


class Updated(AgentEvent):
    """`agent:updated`: the agent's name or labels have changed. Only the server records it."""

    type = "agent:updated"
    name: str
    labels: dict[str, str]


class Request(RequestFields, AgentEvent):
    """`agent:request`: the agent asks people."""

    type = "agent:request"

    @classmethod
    def read(cls, payload: Raw, where: str) -> Self:
        return parse(cls, read_object(payload, where), where)


class ResolutionReport(Answer, AgentEvent):
    """`agent:request_resolved` as a producer reports it: answered elsewhere, or withdrawn."""

    type = "agent:request_resolved"
    request_id: RequestId
    outcome: Literal[ResolutionOutcome.ANSWERED_ELSEWHERE, ResolutionOutcome.WITHDRAWN]


class Resolution(Answer, AgentEvent):
    """`agent:request_resolved` as it is recorded. `by` is the user who answered here."""

    type = "agent:request_resolved"
    request_id: RequestId
    outcome: ResolutionOutcome
    by: str | None = None


class Session(SessionFields, AgentEvent):
    """`agent:session`: a session starts, continues or ends."""

    type = "agent:session"


class Usage(UsageFields, AgentEvent):
    """`agent:usage`: what a session has used so far."""

    type = "agent:usage"


class Plan(PlanFields, AgentEvent):
    """`agent:plan`: the agent's plan and its progress."""

    type = "agent:plan"

    @property
    def max_bytes(self) -> int:
        return PLAN_BYTES


class Subagent(SubagentFields, AgentEvent):
    """`agent:subagent`: a sub-agent starts or ends."""

    type = "agent:subagent"


PUBLISHABLE: dict[str, type[AgentEvent]] = {
    model.type: model
    for model in (
        *(Output, StatusReport, Context, Failure, Terminated, Request, ResolutionReport),
        *(Session, Usage, Plan, Subagent),
    )
}


def parse_event(type_: str, payload: Raw, where: str) -> AgentEvent:
    """An event that a producer reports. Raises ProtocolError (INVALID_JSON, INVALID_MESSAGE, TOO_LARGE)."""
    model = PUBLISHABLE.get(type_)
    if model is None:
        raise ProtocolError(
            Code.INVALID_MESSAGE, f"{where}.type: expected one of {', '.join(PUBLISHABLE)}; got {brief(type_)}"
        )
    limit = conf().EVENT_BYTES * 2  # the stored form has fewer escapes and no unknown fields
    if len(bytes(payload)) > limit:
        raise ProtocolError(Code.TOO_LARGE, f"{where}: expected at most {limit} bytes, got {len(bytes(payload))}")
    return model.read(payload, f"{where}.payload")
