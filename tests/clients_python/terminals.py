"""`agentstream run` in a terminal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.pty import Screen, screen

from .command import PYTHON, STATE
from .place import Place

# A busy server takes longer to hear of the end than people wait for.
TERMINAL = ("--terminal", "--wait", "60")


def line(place: Place, *command: str, options: tuple[str, ...] = TERMINAL) -> list[str]:
    """The command line that runs `command` in a terminal."""
    return [PYTHON, "-m", "agentstream", "run", "--workspace", place.slug, "--name", "agent", *options, "--", *command]


def environment(place: Place) -> dict[str, str]:
    own = {"AGENTSTREAM_URL": place.url, "AGENTSTREAM_TOKEN": place.token, "XDG_STATE_HOME": STATE.name}
    return {**os.environ, **own, "TERM": "xterm-256color"}


@contextmanager
def attended(
    place: Place,
    *command: str,
    options: tuple[str, ...] = TERMINAL,
    size: tuple[int, int] = (24, 80),
) -> Iterator[Screen]:
    """The command under `agentstream run` in a terminal."""
    with screen(line(place, *command, options=options), environment(place), size) as shown:
        yield shown
