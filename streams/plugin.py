"""The base class for the AppConfigs of apps that extend the engine."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, TypeVar

from django.apps import AppConfig, apps

from streams.protocol.kinds import Kind

App = TypeVar("App", bound=AppConfig)


@dataclass(frozen=True, slots=True)
class Job:
    """Maintenance that a server does about every `seconds`. `run` may use the database."""

    run: Callable[[], object]
    seconds: float


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as stored: `payload` is JSON text, `time` milliseconds since 1970."""

    seq: int
    type: str
    payload: str
    time: int


class Start(Enum):
    """Where a follower begins in the streams that exist when it runs for the first time."""

    OLDEST = "oldest"  # with the oldest retained event
    NEWEST = "newest"  # after the newest event


class Follower(ABC):
    """A consumer on the server that gets every retained event of some kinds of streams, in order within each stream and
    at least once: an event that was being handled when the server was killed is handed over again.

    One process at a time runs it, in a thread. The methods may use the database, in short transactions, and must not
    take longer than half of FOLLOWER_LEASE. If one raises, its stream is retried later; the others continue.
    """

    name: ClassVar[str]
    kinds: ClassVar[Collection[str]]
    """The kinds of streams that it follows."""
    types: ClassVar[Collection[str]] = ()
    """The types of events that it gets; empty: all."""
    start: ClassVar[Start] = Start.OLDEST
    """Later streams are followed from their beginning in either case."""

    @abstractmethod
    def handle(self, stream: str, stream_id: int, events: Sequence[LoggedEvent]) -> None:
        """Handle the next events of a stream. `stream_id` stays the same when the stream ends and loses its name."""

    def trimmed(self, stream: str, stream_id: int, floor: int) -> None:
        """Called when retention has removed the stream's events up to `floor`, handled or not."""
        return

    def ended(self, stream_id: int) -> None:
        """Called when the stream has ended."""
        return


class StreamApp(AppConfig):
    """An app that owns kinds of streams, follows some, or has maintenance jobs."""

    def stream_kinds(self) -> Iterable[Kind]:
        """The kinds of streams that this app owns."""
        return ()

    def followers(self) -> Iterable[Follower]:
        """The followers that this app has."""
        return ()

    def maintenance(self) -> Iterable[Job]:
        """The jobs that each server process runs. A job must check whether another process has done its work."""
        return ()

    def upload_paths(self) -> Iterable[str]:
        """Patterns of the full paths to which files are uploaded by POST: such a body may have UPLOAD_BYTES."""
        return ()

    def redacted(self, address: str) -> str:
        """A request's path for the access log, with this app's secrets masked."""
        return address


def installed(kind: type[App]) -> list[App]:
    """The installed apps whose AppConfig is of this type."""
    return [config for config in apps.get_app_configs() if isinstance(config, kind)]
