"""Run a command and publish what it prints."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from functools import partial
from pathlib import Path
from uuid import uuid4

from agentstream.adapters import Adapter
from agentstream.adapters.registry import program, select_adapter
from agentstream.api import Api
from agentstream.commands import commands
from agentstream.concurrency import within
from agentstream.credentials import TOKEN_FILE_VARIABLE, TOKEN_VARIABLE
from agentstream.errors import AgentstreamError, Refused
from agentstream.execution import Execution
from agentstream.labels import describe
from agentstream.options import DEFAULT_WAIT_SECONDS, TERMINAL_WAIT_SECONDS, RunOptions
from agentstream.outbox import Outbox
from agentstream.process import Stdio
from agentstream.publisher import Publisher
from agentstream.reconnection import persistently
from agentstream.redaction.publication import redacted_labels
from agentstream.report import Report, reporting
from agentstream.requests import Settle
from agentstream.spool import Spool, abandoned_spools
from agentstream.terminal.choice import in_terminal
from agentstream.terminal.execution import TerminalExecution
from agentstream.terminal.structure import Launch, structure_for

log = logging.getLogger("agentstream")

# How often to request the agent from a server that doesn't answer: for about 15 s, enough for a restart.
ATTEMPTS = 7

# How long a run tries to deliver events left by earlier runs.
RECOVERY_SECONDS = 30.0

# Tells our plugins for tools that what they do is shown already.
SHOWN = "AGENTSTREAM_SHOWN"

# Tells programs that their terminal can't display anything.
DUMB_TERMINAL = {"TERM": "dumb", "NO_COLOR": "1", "PAGER": "cat", "GIT_PAGER": "cat"}


async def run(options: RunOptions) -> int:
    """Run the command to its end. Returns its exit code, 128 + n if signal n killed it, or 127 if it wasn't found.

    On return the server has acknowledged everything, or was unreachable for longer than `options.wait`; the rest
    is stored for the agent's next run. In the main thread, SIGINT, SIGTERM and SIGHUP are passed on to the command; a
    second SIGINT kills it. If the server refuses the events, that is logged, and the command continues unwatched.

    In a terminal an interactive tool gets that terminal, as if it had been started there directly.

    Raises, before anything is started, `Refused` or `Unreachable` if the agent cannot be found or created, and
    ValueError if a terminal was asked for and there is none.
    """
    attended = in_terminal(options)
    agent_id, newest = await persistently(lambda: _agent(options), attempts=ATTEMPTS)
    folder = options.spool / agent_id
    await recover(options, agent_id, folder)
    outbox = Outbox(spool=Spool.create(folder, str(uuid4())))
    publisher = make_publisher(options, agent_id, outbox, lease=True)
    async with reporting(publisher, outbox, _wait(options, attended)) as report:
        if attended:
            return await _terminal(options, agent_id, newest, report).run()
        adapter = select_adapter(options.adapter, options.command, outbox.producer)
        stdio = _stdio(options, adapter)
        return await Execution(
            options.command,
            _unattended(options.hidden, stdio.pty),
            stdio,
            adapter,
            report,
            commands(_api(options), agent_id, newest, adapter.requests),
            options.quiet,
        ).run()


async def _agent(options: RunOptions) -> tuple[str, int]:
    """The agent's id and the seq of its newest event: commands up to there were meant for earlier runs."""
    api = _api(options)
    workspace = await api.workspace(options.workspace)
    if options.key:
        found = await describe(options.command, command_environment(options.hidden))
        labels = redacted_labels(options.redactor, found)
        agent = await api.register(workspace.id, options.key, options.name, labels)
    else:
        name = options.name or program(options.command) or options.command[0]
        agent = await api.agent(workspace.id, name)
    return agent.id, await api.newest(agent.id)


def _terminal(options: RunOptions, agent_id: str, newest: int, report: Report) -> TerminalExecution:
    return TerminalExecution(
        Launch(options.command, command_environment(options.hidden)),
        report,
        commands(_api(options), agent_id, newest, ()),
        structure_for(options.command),
        partial(_entitle, options, agent_id),
    )


async def _entitle(options: RunOptions, agent_id: str, title: str) -> bool:
    """Label the agent with the window's title. Returns whether the token permits that."""
    api, labels = _api(options), redacted_labels(options.redactor, {"title": title})
    try:
        if options.key:  # which needs only the scope that publishing needs
            workspace = await api.workspace(options.workspace)
            await api.register(workspace.id, options.key, options.name, labels)
        else:
            await api.label(agent_id, labels)
    except Refused as refused:
        log.debug("the title isn't published: %s", refused)
        return False
    except AgentstreamError as failed:
        log.debug("the title isn't published this time: %s", failed)
    return True


def _wait(options: RunOptions, attended: bool) -> float:
    if options.wait is not None:
        return options.wait
    return TERMINAL_WAIT_SECONDS if attended else DEFAULT_WAIT_SECONDS


def _api(options: RunOptions) -> Api:
    return Api(options.url, options.token, options.insecure)


def _stdio(options: RunOptions, adapter: Adapter) -> Stdio:
    return Stdio(
        pty=adapter.terminal if options.pty is None else options.pty,
        stdin=adapter.accepts_input if options.input is None else options.input,
    )


def command_environment(hidden: Collection[str]) -> dict[str, str]:
    """What the command gets of this program's environment."""
    # An agent can print whatever it can read, and viewers must not see the runner's token.
    secret = {TOKEN_VARIABLE, TOKEN_FILE_VARIABLE, *hidden}
    return {key: value for key, value in os.environ.items() if key not in secret}


def _unattended(hidden: Collection[str], pty: bool) -> dict[str, str]:
    # Otherwise a Python program on a pipe buffers 8 KiB before it prints anything.
    return {**command_environment(hidden), "PYTHONUNBUFFERED": "1", SHOWN: "1", **(DUMB_TERMINAL if pty else {})}


async def recover(options: RunOptions, agent_id: str, folder: Path) -> None:
    """Send the events that earlier runs left in `folder`, under their own producers and numbers, so that none is stored
    twice.

    Events that the server refuses are moved aside; those it doesn't accept within 30 s are left for the next run.
    """
    try:
        await within(RECOVERY_SECONDS, _recover(options, agent_id, folder))
    except TimeoutError:
        log.warning("some events of an earlier run could not be sent; the next run will try again")


async def _recover(options: RunOptions, agent_id: str, folder: Path) -> None:
    for spool in abandoned_spools(folder):
        await _resend(options, agent_id, spool)


async def _resend(options: RunOptions, agent_id: str, spool: Spool) -> None:
    outbox = Outbox.restored(spool)
    if outbox:
        log.warning("sending %d events of an earlier run", len(outbox))
    try:
        async with make_publisher(options, agent_id, outbox):
            pass
        await _withdraw(options, agent_id, spool.producer)
    except Refused as refused:
        log.error("the server refused the events of an earlier run, which are kept as %s: %s", spool.path.name, refused)
        spool.quarantine()
    finally:
        outbox.close(keep=True)


async def _withdraw(options: RunOptions, agent_id: str, run: str) -> None:
    """Withdraw that run's open requests: nothing waits for their answers any more."""
    try:
        asked = await persistently(lambda: _api(options).open_requests(agent_id))
        left = [request["requestId"] for request in asked if request["requestId"].startswith(f"{run}-")]
        if left:
            # A new producer, because only the server knows the last number of that run's.
            async with make_publisher(options, agent_id, Outbox()) as publisher:
                for request_id in left:
                    publisher.put(Settle(request_id, "withdrawn"))
    except Refused as refused:
        log.warning("requests of an earlier run stay open: %s", refused)


def make_publisher(options: RunOptions, agent_id: str, outbox: Outbox, lease: bool = False) -> Publisher:
    """A publisher of what is in the outbox."""
    return Publisher(
        options.url,
        options.token,
        agent_id,
        lease=lease,
        insecure=options.insecure,
        outbox=outbox,
        redact=options.redactor or False,
    )
