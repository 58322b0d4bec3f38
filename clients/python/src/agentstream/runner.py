"""Run a command and show people what it prints."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from agentstream.adapters import Adapter
from agentstream.adapters.registry import AUTO, choose, program
from agentstream.api import Api
from agentstream.backoff import Backoff
from agentstream.commands import orders
from agentstream.errors import TryLater, Unreachable
from agentstream.execution import Execution
from agentstream.outbox import Outbox
from agentstream.process import Wiring
from agentstream.publisher import Publisher
from agentstream.recovery import recover
from agentstream.report import reporting
from agentstream.spool import Spool, default_folder

log = logging.getLogger("agentstream")

# How often to ask for the agent while the server does not answer: about 15 s, enough for a restart.
ATTEMPTS = 6

# Seconds for which what the server has not taken is tried again after the command has ended: enough for most outages,
# and whatever started this is not held up for ever.
WAIT = 300.0

# What a program finds out about a terminal that it writes to but nobody draws.
_DUMB = {"TERM": "dumb", "NO_COLOR": "1", "PAGER": "cat", "GIT_PAGER": "cat"}


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
    wait: float = WAIT

    def __post_init__(self) -> None:
        choose(self.adapter, self.command, "")
        Api(self.url, self.token)


async def run(options: RunOptions) -> int:
    """Run the command to its end; returns its exit code, 128 + n if signal n killed it, 127 if there is none.

    Everything is acknowledged by the server on return, or kept for the agent's next run where the server has been away
    for longer than this was to wait. SIGINT, SIGTERM and SIGHUP are passed on to the
    command when this runs in the main thread; the second SIGINT kills it. If the server refuses the events
    on the way, this is logged, and the command goes on unwatched.

    Raises `Refused` or `Unreachable`, before anything is started, when the agent cannot be found or made.
    """
    agent_id, newest = await _patiently(options)
    folder = options.spool / agent_id
    await recover(options.url, options.token, agent_id, folder)
    outbox = Outbox(spool=Spool.made(folder, str(uuid4())))
    publisher = Publisher(options.url, options.token, agent_id, lease=True, outbox=outbox)
    async with reporting(publisher, outbox, options.wait) as report:
        adapter = choose(options.adapter, options.command, outbox.producer)
        wiring = _wiring(options, adapter)
        return await Execution(
            options.command,
            _environment(options.hidden, wiring.pty),
            wiring,
            adapter,
            report,
            orders(options.url, options.token, agent_id, newest),
            options.quiet,
        ).run()


async def _patiently(options: RunOptions) -> tuple[str, int]:
    backoff = Backoff()
    while True:
        try:
            return await _agent(options)
        except (Unreachable, TryLater) as failed:
            if backoff.attempt == ATTEMPTS:
                raise
            log.warning("%s; trying again", failed)
            await backoff.sleep()


async def _agent(options: RunOptions) -> tuple[str, int]:
    """The agent's id, and the newest event before this run: what people said until then was not said to it."""
    api = Api(options.url, options.token)
    workspace = await api.workspace(options.workspace)
    name = options.name or program(options.command) or options.command[0]
    agent = await api.agent(workspace.id, name)
    return agent.id, await api.newest(agent.id)


def _wiring(options: RunOptions, adapter: Adapter) -> Wiring:
    return Wiring(
        pty=adapter.terminal if options.pty is None else options.pty,
        stdin=adapter.answerable if options.input is None else options.input,
    )


def _environment(hidden: Collection[str], pty: bool) -> dict[str, str]:
    # What an agent can read, it can print; its viewers must not get the runner's token.
    secret = {"AGENTSTREAM_TOKEN", *hidden}
    mine = {key: value for key, value in os.environ.items() if key not in secret}
    # Otherwise a Python program on a pipe shows nothing before it has written 8 KiB.
    return {**mine, "PYTHONUNBUFFERED": "1", **(_DUMB if pty else {})}
