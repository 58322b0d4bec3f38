"""Workspaces as a kind of stream."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from accounts.scopes import Limits
from streams.protocol.kinds import Access, Kind, Scope
from workspaces.access import workspace_access
from workspaces.models import Membership, Workspace
from workspaces.plugin import installed_sections
from workspaces.services import member_state, workspace_state


class WorkspaceKind(Kind):
    name = "workspace"

    def __init__(self) -> None:
        self._sections = installed_sections()

    def access(self, asked: Sequence[tuple[int, uuid.UUID]]) -> list[Access]:
        return workspace_access(asked)

    def scopes(self, asked: Sequence[tuple[Limits, uuid.UUID]]) -> list[Scope]:
        return [limits.in_workspace(key) for limits, key in asked]

    def states(self, keys: Collection[uuid.UUID]) -> Mapping[uuid.UUID, dict[str, Any]]:
        found = Workspace.objects.filter(pk__in=keys)
        states: dict[uuid.UUID, dict[str, Any]]
        states = {workspace.pk: workspace_state(workspace) | {"members": []} for workspace in found}
        members = Membership.objects.filter(workspace__in=states).order_by("user__username")
        for member in members.select_related("user").only("workspace_id", "role", "user__username"):
            states[member.workspace_id]["members"].append(member_state(member))
        for section in self._sections:
            lists = section.states(states)
            for key, state in states.items():
                state[section.name] = lists.get(key, [])
        return states
