"""Workspaces as a kind of stream."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from streams.kinds import Access, Kind
from workspaces.access import workspace_access
from workspaces.models import Workspace
from workspaces.sections import all_sections
from workspaces.services import workspace_state


class WorkspaceKind(Kind):
    name = "workspace"

    def access(self, asked: Sequence[tuple[int, uuid.UUID]]) -> list[Access]:
        return workspace_access(asked)

    def states(self, keys: Collection[uuid.UUID]) -> Mapping[uuid.UUID, dict[str, Any]]:
        states = {workspace.pk: workspace_state(workspace) for workspace in Workspace.objects.filter(pk__in=keys)}
        for section in all_sections():
            found = section.states(states)
            for key, state in states.items():
                state[section.name] = found.get(key, [])
        return states
