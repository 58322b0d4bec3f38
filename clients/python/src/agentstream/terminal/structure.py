"""Where what an interactive tool says and does comes from, apart from its screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from agentstream.publisher import Publisher


@dataclass(frozen=True)
class Launch:
    """A command line and its environment."""

    command: Sequence[str]
    environment: Mapping[str, str]


class Structure(Protocol):
    """Publishes a tool's words, calls, requests and statuses while the terminal shows its screen.

    It must not write to the terminal, and an error in it should be logged rather than raised: an error ends the run.
    """

    @property
    def reports(self) -> bool:
        """Whether it publishes statuses. If not, the screen's notifications and its activity are published."""
        ...

    def prepare(self, launch: Launch) -> AbstractAsyncContextManager[Launch]:
        """The command as it should be started, for example with `--settings FILE`; the file exists until the block is
        left, after the command has ended."""
        ...

    def follow(self, pid: int, publisher: Publisher) -> AbstractAsyncContextManager[None]:
        """Publishes what the command with this process id does; leaving the block, once it has ended, publishes the
        rest. May raise `Refused`."""
        ...


class NoStructure:
    """Nothing is known but the screen."""

    reports = False

    def prepare(self, launch: Launch) -> AbstractAsyncContextManager[Launch]:
        return nullcontext(launch)

    def follow(self, pid: int, publisher: Publisher) -> AbstractAsyncContextManager[None]:
        return nullcontext()


def structure_for(command: Sequence[str]) -> Structure:
    """The structure of the tool that the command line runs."""
    return NoStructure()
