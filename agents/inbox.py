"""What users have seen of agents, and inboxes as a kind of stream."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from accounts.inbox import InboxEvent, inbox_stream, tell
from accounts.scopes import Limits
from agents.changes import agent_stream
from agents.models import Agent, Seen
from agents.needs import needs
from streams import log
from streams.protocol.kinds import Access, Kind, Scope, State, Viewer
from streams.protocol.messages import Code, ProtocolError, encode

PAGE_POSITIONS = 1_000  # of about 50 bytes each


class InboxSeen(InboxEvent):
    """`inbox:seen`: the user has seen an agent's stream up to `seq`."""

    type = "inbox:seen"
    agent_id: uuid.UUID
    seq: int


class InboxDismissed(InboxEvent):
    """`inbox:dismissed`: the user has dismissed the status that an agent had at `seq`."""

    type = "inbox:dismissed"
    agent_id: uuid.UUID
    seq: int


def mark_seen(user_id: int, agent_id: uuid.UUID, seq: int) -> int:
    """Record that a user has seen an agent up to `seq`. Returns how far they have seen it, which never decreases.

    Raises ProtocolError: NOT_FOUND, and INVALID_MESSAGE for a seq that the agent's stream has not reached.
    """
    return _advance("seq", user_id, InboxSeen(agent_id=agent_id, seq=seq))


def dismiss(user_id: int, agent_id: uuid.UUID, seq: int) -> int:
    """Record that a user has dismissed an agent's status of the event `seq`. Returns the newest they have dismissed.

    Raises ProtocolError as `mark_seen` does.
    """
    return _advance("dismissed", user_id, InboxDismissed(agent_id=agent_id, seq=seq))


@transaction.atomic
def _advance(field: str, user_id: int, event: InboxSeen | InboxDismissed) -> int:
    """Move a user's position in an agent's stream forward, and tell their inbox."""
    agent_id, seq = event.agent_id, event.seq
    if not Agent.objects.select_for_update().filter(pk=agent_id).exists():
        raise ProtocolError(Code.NOT_FOUND, f"there is no agent {agent_id}")
    with log.writing([inbox_stream(user_id)]) as writer:  # one at a time per user
        head = log.spans([agent_stream(agent_id)])[agent_stream(agent_id)].head
        if seq > head:
            raise ProtocolError(Code.INVALID_MESSAGE, f"seq: expected at most {head}, the newest event's; got {seq}")
        before = Seen.objects.filter(user=user_id, agent=agent_id).values_list(field, flat=True).first() or 0
        if seq <= before <= head:  # `before` is beyond the head if the log was restored from a backup
            return before
        Seen.objects.update_or_create(user_id=user_id, agent_id=agent_id, defaults={field: seq})
        tell(writer, user_id, event)
    return seq


def with_needs(states: Collection[dict[str, Any]], user_id: int) -> list[dict[str, Any]]:
    """States of agents, each with how far a user has `seen` it and why it `needs` their attention."""
    rows = Seen.objects.filter(user=user_id, agent__in=[state["id"] for state in states])
    known = {str(agent_id): positions for agent_id, *positions in rows.values_list("agent", "seq", "dismissed")}
    found = []
    for state in states:
        seen, dismissed = known.get(state["id"], (0, 0))
        found.append(state | {"seen": seen, "dismissed": dismissed, "needs": needs(state, seen, dismissed)})
    return found


class InboxKind(Kind):
    """Users' inboxes. Keys are user ids as UUIDs."""

    name = "person"
    alias = "inbox"

    def own_key(self, viewer: Viewer) -> uuid.UUID:
        return uuid.UUID(int=viewer.id)

    def key_text(self, key: uuid.UUID) -> str:
        return str(key.int)

    def access(self, queries: Sequence[tuple[int, uuid.UUID]]) -> list[Access]:
        users = {user_id for user_id, _ in queries}
        active = get_user_model()._default_manager.filter(pk__in=users, is_active=True)
        known = set(active.values_list("pk", flat=True))
        return [Access.READ if user_id == key.int and user_id in known else Access.NONE for user_id, key in queries]

    def scopes(self, queries: Sequence[tuple[Limits, uuid.UUID]]) -> list[Scope]:
        # An inbox spans all workspaces and agents.
        return [Scope.SEE | limits.scopes if limits.everywhere else Scope.SEE for limits, _ in queries]

    def states(self, keys: Collection[uuid.UUID]) -> Mapping[uuid.UUID, State]:
        positions: defaultdict[int, list[tuple[str, int, int]]] = defaultdict(list)
        rows = Seen.objects.filter(user__in=[key.int for key in keys], agent__archived_at=None)
        for user_id, agent_id, seq, dismissed in rows.values_list("user", "agent", "seq", "dismissed").iterator():
            positions[user_id].append((str(agent_id), seq, dismissed))
        return {key: _paged(positions[key.int]) for key in keys}


def _paged(positions: Sequence[tuple[str, int, int]]) -> State:
    """The state of an inbox: as many positions as fit the first page, and the rest in further pages."""
    chunks = [positions[start : start + PAGE_POSITIONS] for start in range(0, len(positions) or 1, PAGE_POSITIONS)]
    pages: list[dict[str, Any]] = [
        {
            "seen": {agent_id: seq for agent_id, seq, _ in chunk},
            "dismissed": {agent_id: dismissed for agent_id, _, dismissed in chunk if dismissed},
            **({"more": True} if number < len(chunks) else {}),
        }
        for number, chunk in enumerate(chunks, 1)
    ]
    first, *rest = pages
    return State(encode(first), [("inbox:positions", encode({"more": False} | page)) for page in rest])
