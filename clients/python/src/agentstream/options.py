"""The options of `agentstream run`, for every command line that runs a command."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentstream.adapters.registry import AUTO, NAMES, select_adapter
from agentstream.api import Api
from agentstream.spool import default_folder

USAGE = "[--workspace SLUG] [--name NAME] [--adapter NAME] [--url URL] [--token TOKEN] [--quiet] -- COMMAND …"

# Seconds for which what the server has not taken is tried again after the command has ended: enough for most outages,
# and whatever started this is not held up for ever.
DEFAULT_WAIT_SECONDS = 300.0


@dataclass(frozen=True)
class RunOptions:
    """What to run and where to show it.

    `url` is the server's HTTP base; `workspace` a slug, None for the only one the token's user can see; `name`
    that of the agent, made if there is none, None for that of the program. `adapter` is one of
    `agentstream.adapters.registry.NAMES`. `pty` has the command write to a pseudo-terminal, `input` lets it read what
    people send; None leaves both to the adapter. `spool` is the folder that keeps what the server has not acknowledged
    over a restart of this program; `wait` is for how many seconds this program outlives the command to have the server
    acknowledge it, should that be away. `hidden` names variables of the environment that the command does
    not get, beside AGENTSTREAM_TOKEN. `quiet` keeps the command's output from this program's own stdout and
    stderr.

    Raises ValueError for what cannot be right.
    """

    url: str
    token: str = field(repr=False)
    workspace: str | None
    name: str | None
    command: Sequence[str]
    quiet: bool = False
    adapter: str = AUTO
    pty: bool | None = None
    input: bool | None = None
    spool: Path = field(default_factory=default_folder)
    hidden: Collection[str] = ()
    wait: float = DEFAULT_WAIT_SECONDS

    def __post_init__(self) -> None:
        select_adapter(self.adapter, self.command, "")
        Api(self.url, self.token)


def add_run_options(parser: argparse.ArgumentParser, url: str) -> None:
    """Everything but `--token` has a default; `url` is that of `--url`."""
    parser.add_argument("--url", default=url, help="the server (default: %(default)s)")
    parser.add_argument("--token", help="better: AGENTSTREAM_TOKEN in the environment, which others cannot see")
    parser.add_argument(
        "--workspace", metavar="SLUG", help="the workspace to show it in (default: the only one the token can see)"
    )
    parser.add_argument("--name", help="the agent's name there; made if there is none (default: the command's)")
    parser.add_argument(
        "--adapter",
        choices=NAMES,
        default=AUTO,
        help="what the command prints (default: found out from the command, else text)",
    )
    parser.add_argument(
        "--pty",
        action=argparse.BooleanOptionalAction,
        help="let the command write to a pseudo-terminal (default: for text, so that lines come as they are printed)",
    )
    parser.add_argument(
        "--input",
        action=argparse.BooleanOptionalAction,
        help="let people write to the command (default: for text, and for Claude with --input-format stream-json)",
    )
    parser.add_argument(
        "--spool",
        type=Path,
        default=default_folder(),
        metavar="FOLDER",
        help="keeps what the server has not taken for the next run (default: %(default)s)",
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=DEFAULT_WAIT_SECONDS,
        metavar="SECONDS",
        help="after the command's end, for a server that is away, before leaving the rest to the next run"
        " (default: %(default)g)",
    )
    parser.add_argument("--quiet", action="store_true", help="do not print the command's output here as well")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND …", help="what to run")


def given_token(given: argparse.Namespace) -> str | None:
    """The token, from the command line or the environment."""
    return given.token or os.environ.get("AGENTSTREAM_TOKEN") or None


def run_options(given: argparse.Namespace, token: str, hidden: Sequence[str] = ()) -> RunOptions:
    """What was asked for; `hidden` names variables that the command does not get.

    Raises ValueError for what cannot be right.
    """
    command: Sequence[str] = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command:
        raise ValueError("expected a command after --")
    return RunOptions(
        url=given.url,
        token=token,
        workspace=given.workspace,
        name=given.name,
        command=command,
        quiet=given.quiet,
        adapter=given.adapter,
        pty=given.pty,
        input=given.input,
        spool=given.spool,
        hidden=hidden,
        wait=given.wait,
    )
