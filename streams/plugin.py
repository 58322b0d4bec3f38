"""The base class for the AppConfigs of apps that extend the engine."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from django.apps import AppConfig, apps

from streams.protocol.kinds import Kind

App = TypeVar("App", bound=AppConfig)


@dataclass(frozen=True, slots=True)
class Job:
    """Maintenance that a server does about every `seconds`. `run` may use the database."""

    run: Callable[[], object]
    seconds: float


class StreamApp(AppConfig):
    """An app that owns kinds of streams, or has maintenance jobs."""

    def stream_kinds(self) -> Iterable[Kind]:
        """The kinds of streams that this app owns."""
        return ()

    def maintenance(self) -> Iterable[Job]:
        """The jobs of each server process. A job must check whether another process has done its work."""
        return ()

    def upload_paths(self) -> Iterable[str]:
        """Patterns of the paths, in full, to which a POST brings a file: its body may have UPLOAD_BYTES."""
        return ()

    def redacted(self, address: str) -> str:
        """A request's path for the log, with this app's secrets masked."""
        return address


def installed(kind: type[App]) -> list[App]:
    """The installed apps whose AppConfig is of this type."""
    return [config for config in apps.get_app_configs() if isinstance(config, kind)]
