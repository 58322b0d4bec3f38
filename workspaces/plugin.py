"""The interface for apps that keep things in a workspace: they add to its state, and their streams end with it."""

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
        """What each of the workspaces holds, as JSON texts, the most urgent first; those that hold nothing may be left
        out."""

    @abstractmethod
    def streams(self, workspace_id: uuid.UUID) -> list[str]:
        """The names of the streams that end with the workspace."""


class WorkspaceApp(AppConfig):
    """An app that keeps something in workspaces: the base of its AppConfig."""

    def workspace_sections(self) -> Iterable[Section]:
        """What the app adds to each workspace."""
        return ()


def installed_sections() -> list[Section]:
    return [section for app in installed(WorkspaceApp) for section in app.workspace_sections()]
