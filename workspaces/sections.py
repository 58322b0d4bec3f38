"""What other apps keep in a workspace: they add it to the workspace's state, and their streams end with it."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, ClassVar


class Section(ABC):
    """One list in a workspace's state, such as `agents`."""

    name: ClassVar[str]

    @abstractmethod
    def states(self, workspace_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, list[dict[str, Any]]]:
        """What each of the workspaces holds, ready for JSON; those that hold nothing may be left out."""

    @abstractmethod
    def streams(self, workspace_id: uuid.UUID) -> list[str]:
        """The names of the streams that end with the workspace."""


_sections: list[Section] = []


def register(section: Section) -> None:
    """Make `section` part of every workspace; an app does so when it is ready."""
    _sections.append(section)


def all_sections() -> list[Section]:
    return list(_sections)
