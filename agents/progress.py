"""The fields of an agent's progress: its session, plan, sub-agents and usage."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from agents.fields import Moment
from streams.protocol.messages import Wire
from streams.protocol.text import Text

MAX_ENTRIES = 200  # of a plan
PLAN_BYTES = 65_536  # as JSON, because the agent's state must fit one WebSocket frame
MAX_LIMITS = 10  # in one usage report
MAX_TOKENS = 10**15  # of one session
MAX_COST = 1_000_000  # US dollars of one session

Name = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
Tokens = Annotated[int, Field(ge=0, le=MAX_TOKENS, strict=True)]
Flag = Annotated[bool, Field(strict=True)]


class SessionChange(StrEnum):
    """What happened to a session."""

    STARTED = "started"
    RESUMED = "resumed"
    CLEARED = "cleared"
    COMPACTED = "compacted"
    ENDED = "ended"


class SessionFields(Wire):
    """A session of the agent's tool, by the tool's own identifier."""

    session: Name
    change: SessionChange
    title: Annotated[Text, StringConstraints(max_length=500)] | None = None
    model: Name | None = None
    cwd: Annotated[Text, StringConstraints(max_length=4096)] | None = None
    branch: Annotated[Text, StringConstraints(max_length=300)] | None = None


class Entry(Wire):
    """A step of a plan."""

    content: Annotated[Text, StringConstraints(min_length=1, max_length=4_000)]
    status: Literal["pending", "in_progress", "completed"]


class PlanFields(Wire):
    """The whole plan, in order."""

    entries: Annotated[list[Entry], Field(max_length=MAX_ENTRIES)]


class SubagentFields(Wire):
    """A sub-agent started by the tool call `parentId`."""

    parent_id: Name
    change: Literal["started", "ended", "failed"]
    name: Name
    description: Text | None = None


class UsageLimit(Wire):
    """How much of an allowance is used, in percent; may exceed 100."""

    name: Annotated[Text, StringConstraints(min_length=1, max_length=100)]
    used_percent: Annotated[float, Field(ge=0, le=100_000, strict=True, allow_inf_nan=False)]
    resets_at: Moment | None = None


class UsageFields(Wire):
    """A session's totals so far; `estimated` unless the tool itself reported them."""

    session: Name | None = None
    model: Name | None = None
    input_tokens: Tokens | None = None
    cached_input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    reasoning_tokens: Tokens | None = None
    cost_usd: Annotated[float, Field(ge=0, le=MAX_COST, strict=True, allow_inf_nan=False)] | None = None
    limits: Annotated[list[UsageLimit], Field(max_length=MAX_LIMITS)] | None = None
    estimated: Flag | None = None
