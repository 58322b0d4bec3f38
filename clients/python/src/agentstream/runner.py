"""Run a command and show people what it prints."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection
from pathlib import Path
from uuid import uuid4

from agentstream.adapters import Adapter
from agentstream.adapters.registry import program, select_adapter
from agentstream.api import Api
from agentstream.commands import commands
from agentstream.concurrency import within
from agentstream.errors import Refused, TryLater, Unreachable
from agentstream.execution import Execution
from agentstream.options import RunOptions
from agentstream.outbox import Outbox
from agentstream.process import Stdio
from agentstream.publisher import Publisher
from agentstream.reconnection import Backoff
from agentstream.report import reporting
from agentstream.spool import Spool, abandoned_spools

log = logging.getLogger("agentstream")

# How often to ask for the agent while the server does not answer: about 15 s, enough for a restart.
MAX_ATTEMPTS = 6

# What a program finds out about a terminal that it writes to but nobody draws.
DUMB_TERMINAL = {"TERM": "dumb", "NO_COLOR": "1", "PAGER": "cat", "GIT_PAGER": "cat"}


async def run(options: RunOptions) -> int:
    """Run the command to its end; returns its exit code, 128 + n if signal n killed it, 127 if there is none.

    Everything is acknowledged by the server on return, or kept for the agent's next run where the server has been away
    for longer than this was to wait. SIGINT, SIGTERM and SIGHUP are passed on to the
    command when this runs in the main thread; the second SIGINT kills it. If the server refuses the events
    on the way, this is logged, and the command goes on unwatched.

    Raises `Refused` or `Unreachable`, before anything is started, when the agent cannot be found or made.
    """
    agent_id, newest = await _find_agent_retrying(options)
    folder = options.spool / agent_id
    await recover(options.url, options.token, agent_id, folder)
    outbox = Outbox(spool=Spool.create(folder, str(uuid4())))
    publisher = Publisher(options.url, options.token, agent_id, lease=True, outbox=outbox)
    async with reporting(publisher, outbox, options.wait) as report:
        adapter = select_adapter(options.adapter, options.command, outbox.producer)
        stdio = _stdio(options, adapter)
        return await Execution(
            options.command,
            _environment(options.hidden, stdio.pty),
            stdio,
            adapter,
            report,
            commands(options.url, options.token, agent_id, newest),
            options.quiet,
        ).run()


async def _find_agent_retrying(options: RunOptions) -> tuple[str, int]:
    backoff = Backoff()
    while True:
        try:
            return await _agent(options)
        except (Unreachable, TryLater) as failed:
            if backoff.attempt == MAX_ATTEMPTS:
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


def _stdio(options: RunOptions, adapter: Adapter) -> Stdio:
    return Stdio(
        pty=adapter.terminal if options.pty is None else options.pty,
        stdin=adapter.accepts_input if options.input is None else options.input,
    )


def _environment(hidden: Collection[str], pty: bool) -> dict[str, str]:
    # What an agent can read, it can print; its viewers must not get the runner's token.
    secret = {"AGENTSTREAM_TOKEN", *hidden}
    mine = {key: value for key, value in os.environ.items() if key not in secret}
    # Otherwise a Python program on a pipe shows nothing before it has written 8 KiB.
    return {**mine, "PYTHONUNBUFFERED": "1", **(DUMB_TERMINAL if pty else {})}


# How long a new run waits for that.
RECOVERY_SECONDS = 30.0


async def recover(url: str, token: str, agent_id: str, folder: Path) -> None:
    """Send what lies in `folder`, under the old producers and numbers, so that nothing is stored twice.

    What the server refuses is put aside; what it does not take in 30 s is left for the next run.
    """
    try:
        await within(RECOVERY_SECONDS, _recover(url, token, agent_id, folder))
    except asyncio.TimeoutError:
        log.warning("what an earlier run has left is not sent yet; the next run tries again")


async def _recover(url: str, token: str, agent_id: str, folder: Path) -> None:
    for spool in abandoned_spools(folder):
        await _resend(url, token, agent_id, spool)


async def _resend(url: str, token: str, agent_id: str, spool: Spool) -> None:
    outbox = Outbox.restored(spool)
    if outbox:
        log.warning("sending %d events that an earlier run has left", len(outbox))
    try:
        async with Publisher(url, token, agent_id, outbox=outbox):
            pass
    except Refused as refused:
        log.error("what an earlier run has left is refused, and kept as %s: %s", spool.path.name, refused)
        spool.quarantine()
    finally:
        outbox.close(keep=True)
