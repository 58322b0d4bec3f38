"""Lists of a workspace's agents: filtered, in pages."""

import base64
import binascii
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from django.db.models import F, Q, QuerySet, TextField
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast, Lower
from ninja import Schema
from pydantic import Field

from accounts.scopes import Limits
from agents.inbox import with_needs
from agents.labels import MAX_LABELS, NAME
from agents.models import Agent, Status
from agents.states import agent_states
from streams.protocol.messages import Code, ProtocolError, brief, encode

PAGE = 1_000


class AgentQuery(Schema):
    """Filters a workspace's agents."""

    status: list[Status] = Field([], description="only agents with one of these statuses; may be repeated")
    label: list[str] = Field(
        [], max_length=MAX_LABELS, description="only agents with all of these labels, such as tool:claude"
    )
    q: str = Field("", max_length=200, description="only agents whose name or labels contain this")
    archived: bool = Field(False, description="archived agents instead of the others")
    limit: int = Field(PAGE, ge=1, le=PAGE)
    cursor: str = Field("", max_length=2_000, description="from the Link header of the previous page")


@dataclass(frozen=True, slots=True)
class AgentPage:
    """Agents as a JSON array, and the cursor of the next page if there is one."""

    text: str
    cursor: str | None


class Position(msgspec.Struct, array_like=True, frozen=True):
    """The last agent of a page, ordered by name."""

    name: str
    id: uuid.UUID


def search(workspace_id: uuid.UUID, query: AgentQuery, user_id: int, limits: Limits | None = None) -> AgentPage:
    """A page of the workspace's agents that a token with these limits may see, each with what it `needs` of the user.

    Raises ProtocolError (INVALID_MESSAGE) for a bad label or cursor.
    """
    agents = _filtered(workspace_id, query).annotate(sort_name=Lower("name")).order_by("sort_name", "pk")
    if query.cursor:
        after = _position(query.cursor)
        agents = agents.filter(Q(sort_name__gt=after.name) | Q(sort_name=after.name, pk__gt=after.id))
    found = list(agents[: query.limit + 1])
    page = found[: query.limit]
    cursor = _cursor(Position(page[-1].sort_name, page[-1].pk)) if len(found) > len(page) else None
    visible = [agent for agent in page if limits is None or limits.for_agent(workspace_id, agent.name)]
    states = with_needs(agent_states(visible).values(), user_id)
    return AgentPage(f"[{','.join(encode(state) for state in states)}]", cursor)


def _filtered(workspace_id: uuid.UUID, query: AgentQuery) -> QuerySet[Agent]:
    agents = Agent.objects.filter(workspace=workspace_id, archived_at__isnull=not query.archived)
    if query.status:
        agents = agents.filter(status__in=query.status)
    agents = with_labels(agents, query.label)
    if query.q:
        agents = with_label_text(agents).filter(mentions(query.q))
    return agents


def with_label_text(agents: QuerySet[Agent]) -> QuerySet[Agent]:
    """The agents, annotated for filtering by `mentions`."""
    return agents.alias(label_text=Cast(F("labels"), TextField()))


def mentions(text: str) -> Q:
    """A filter for agents whose name or labels contain `text`. Requires `with_label_text`."""
    return Q(name__icontains=text) | Q(label_text__icontains=text)


def with_labels(agents: QuerySet[Agent], labels: Sequence[str]) -> QuerySet[Agent]:
    """The agents that have all of these labels, each `name:value`. Raises ProtocolError (INVALID_MESSAGE)."""
    for number, label in enumerate(labels):
        name, colon, value = label.partition(":")
        if not colon or not NAME.fullmatch(name):
            raise ProtocolError(Code.INVALID_MESSAGE, f"label: expected name:value, got {brief(label)}")
        agents = agents.alias(**{f"label{number}": KeyTransform(name, "labels")}).filter(**{f"label{number}": value})
    return agents


def _cursor(position: Position) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode()


def _position(cursor: str) -> Position:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=Position)
    except (binascii.Error, ValueError):
        raise ProtocolError(
            Code.INVALID_MESSAGE, f"cursor: expected one from a Link header, got {brief(cursor)}"
        ) from None
