"""The interface for apps that add to a workspace's state and whose streams end with the workspace."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from typing import ClassVar

from django.apps import AppConfig

from streams.plugin import installed


class Section(ABC):
    """One list in a workspace's state, such as `agents`."""

    name: ClassVar[str]

    @abstractmethod
    def states(self, workspace_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, list[str]]:
        """The items of each workspace as JSON texts, most urgent first. Workspaces without items may be omitted."""

    @abstractmethod
    def streams(self, workspace_id: uuid.UUID) -> list[str]:
        """The names of the streams that end with the workspace."""


class WorkspaceApp(AppConfig):
    """Base of the AppConfig of an app that adds to workspaces."""

    def workspace_sections(self) -> Iterable[Section]:
        """What the app adds to each workspace."""
        return ()


def installed_sections() -> list[Section]:
    return [section for app in installed(WorkspaceApp) for section in app.workspace_sections()]
