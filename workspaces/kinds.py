"""Workspaces as a kind of stream."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from accounts.scopes import Limits
from streams.protocol.kinds import Access, Kind, Scope, State
from streams.protocol.messages import encode
from workspaces.access import workspace_access
from workspaces.models import Membership, Workspace
from workspaces.plugin import installed_sections
from workspaces.services import member_state, workspace_state

# Of JSON text, in characters: up to four times as many bytes if all are emoji. The first page has the members, too.
PAGE_BYTES = 49_152


class WorkspaceKind(Kind):
    name = "workspace"

    def __init__(self) -> None:
        self._sections = installed_sections()

    def access(self, queries: Sequence[tuple[int, uuid.UUID]]) -> list[Access]:
        return workspace_access(queries)

    def scopes(self, queries: Sequence[tuple[Limits, uuid.UUID]]) -> list[Scope]:
        return [limits.in_workspace(key) for limits, key in queries]

    def states(self, keys: Collection[uuid.UUID]) -> Mapping[uuid.UUID, State]:
        states: dict[uuid.UUID, dict[str, Any]] = {
            workspace.pk: workspace_state(workspace) | {"members": []}
            for workspace in Workspace.objects.filter(pk__in=keys)
        }
        members = Membership.objects.filter(workspace__in=states).order_by("user__username")
        for member in members.select_related("user").only("workspace_id", "role", "user__username"):
            states[member.workspace_id]["members"].append(member_state(member))
        lists = {section.name: section.states(states) for section in self._sections}
        return {
            key: _paged(self.name, key, encode(state), {name: found.get(key, []) for name, found in lists.items()})
            for key, state in states.items()
        }


def _paged(kind: str, key: uuid.UUID, state: str, lists: Mapping[str, Sequence[str]]) -> State:
    """A workspace's state: as much of its lists as fits the first page, and the rest in further pages."""
    first, rest = state[:-1], []
    for name, items in lists.items():
        head, *tail = _chunks(items)
        first += f',"{name}":[{head}]' + (',"more":true' if tail else "")
        rest += [(name, chunk) for chunk in tail]
    pages = [
        (f"{kind}:{name}", f'{{"workspaceId":"{key}","{name}":[{chunk}],"more":{encode(number < len(rest))}}}')
        for number, (name, chunk) in enumerate(rest, 1)
    ]
    return State(first + "}", pages)


def _chunks(items: Sequence[str]) -> list[str]:
    """The items, joined, in pieces of about PAGE_BYTES; one empty piece if there are none."""
    chunks: list[list[str]] = [[]]
    size = 0
    for item in items:
        if chunks[-1] and size + len(item) > PAGE_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(item)
        size += len(item) + 1
    return [",".join(chunk) for chunk in chunks]
