"""Runs an agent for an editor, and shows people what both say to each other."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from agentstream.acp.process import ProxiedAgent
from agentstream.acp.transcript import Side, Transcript
from agentstream.adapters.acp_requests import answered
from agentstream.adapters.registry import program
from agentstream.api import Api
from agentstream.commands import IGNORED, Command, Forged, Forgotten, Input, Resolved, Signal, commands, for_each
from agentstream.ending import report_end
from agentstream.errors import Refused
from agentstream.files import state_folder
from agentstream.identity import agent_key, agent_name
from agentstream.labels import describe_folder
from agentstream.messages import encode
from agentstream.options import TERMINAL_WAIT_SECONDS, RunOptions
from agentstream.outbox import Outbox
from agentstream.process import Exit, NotStarted
from agentstream.reconnection import persistently
from agentstream.redaction.publication import redacted_labels
from agentstream.report import reporting
from agentstream.requests import Resolution
from agentstream.runner import SHOWN, command_environment, make_publisher, recover
from agentstream.signals import SignalForwarder
from agentstream.spool import Spool

log = logging.getLogger("agentstream")

MAX_SEATS = 500  # agents of one kind in one folder
# What one side may say before the other thread has translated it; the rest is passed on unseen.
MAX_BACKLOG_BYTES = 64 * 1024 * 1024

TYPE_IN_THE_EDITOR = "Input was not delivered: this agent gets its messages from its editor."
TOO_LATE = "An answer from here came too late: the editor had answered."


def proxy(command: Sequence[str], options: RunOptions | None) -> int:
    """Run the agent between standard input and output until it ends, and return its exit code. Without `options`
    nothing is published. Nothing that concerns the server can keep the editor from its agent."""
    editor = os.dup(1)
    # Nothing but the agent speaks to the editor.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        return asyncio.run(Proxy(command, options).run((0, editor)))
    except NotStarted as failed:
        print(f"agentstream: {failed}", file=sys.stderr)
        return failed.code


@dataclass
class Proxy:
    """One run of an agent for an editor."""

    command: Sequence[str]
    options: RunOptions | None
    _run: str = field(default_factory=lambda: str(uuid4()))
    _backlog: int = 0

    async def run(self, editor: tuple[int, int]) -> int:
        """Raises `NotStarted`."""
        self._loop = asyncio.get_running_loop()
        self._transcript = Transcript(self._run, self._loop.create_future())
        self._ended: asyncio.Future[Exit] = self._loop.create_future()
        self._agent = ProxiedAgent(self.command, {**command_environment(()), SHOWN: "1"}, editor, self._seen)
        self._forwarder = SignalForwarder(self._agent)
        publishing = asyncio.create_task(self._publish()) if self.options else None
        with self._forwarder.forwarding():
            ended = await self._agent.wait()
        self._ended.set_result(ended)
        if publishing and not publishing.done():
            if not self._transcript.publishes:
                publishing.cancel()
            with suppress(asyncio.CancelledError):
                await publishing
        return ended.code

    def _seen(self, side: Side, message: dict[str, Any] | None, line: bytes) -> None:
        """In a thread: a line is passed on."""
        if self.options and self._backlog < MAX_BACKLOG_BYTES:
            self._backlog += len(line)
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._translate, side, message, line)

    def _translate(self, side: Side, message: dict[str, Any] | None, line: bytes) -> None:
        self._backlog -= len(line)
        self._transcript.see(side, message, line)

    # Publishing

    async def _publish(self) -> None:
        try:
            await self._publish_run(self.options)  # type: ignore[arg-type]
        except Refused as refused:
            log.error("what the agent does isn't shown: %s", refused)
        except Exception:
            log.exception("what the agent does isn't shown, because of an internal error")

    async def _publish_run(self, options: RunOptions) -> None:
        folder = await self._transcript.folder
        with Seat.taken(self.command, folder) as seat:
            api = Api(options.url, options.token, options.insecure)
            agent_id, newest = await _register(options, api, folder, seat)
            spool = options.spool / agent_id
            await recover(options, agent_id, spool)
            outbox = Outbox(spool=Spool.create(spool, self._run))
            publisher = make_publisher(options, agent_id, outbox, lease=True)
            wait = TERMINAL_WAIT_SECONDS if options.wait is None else options.wait
            async with reporting(publisher, outbox, wait) as report:
                self._transcript.publish(report)
                requests = self._transcript.conversation.requests
                found = commands(api, agent_id, newest, requests)
                listening = asyncio.create_task(for_each(found, self._handle))
                ended = await asyncio.shield(self._ended)
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
                report.command_ended()
                self._transcript.close()
                report_end(report, ended, self._forwarder.stop_requested)

    # Commands

    async def _handle(self, command: Command) -> None:
        transcript = self._transcript
        match command:
            case Signal("interrupt"):
                await self._cancel()
            case Signal("stop"):
                self._forwarder.stop()
            case Input():
                transcript.note(TYPE_IN_THE_EDITOR)
            case Resolved(request_id, resolution):
                await self._resolve(request_id, resolution)
            case Forgotten(request_id):
                transcript.put(transcript.conversation.requests.repeat(request_id))
            case Forged():
                transcript.note(IGNORED)

    async def _resolve(self, request_id: str, resolution: Resolution) -> None:
        reaction = self._transcript.conversation.requests.resolve(request_id, resolution)
        in_time = bool(reaction.answer) and await self._answer(reaction.key, reaction.answer)
        if not in_time and resolution.outcome == "answered" and request_id.startswith(f"{self._run}-"):
            self._transcript.note(TOO_LATE)
        self._transcript.put(reaction.messages)

    async def _cancel(self) -> None:
        """As an editor would: the turns, and with them what the agent asks."""
        conversation = self._transcript.conversation
        for session in conversation.prompted:
            cancel = {"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session}}
            await asyncio.to_thread(self._agent.tell, encode(cancel) + "\n")
        for key in conversation.requests.keys if conversation.prompted else ():
            await self._answer(key, answered(json.loads(key), None))
            self._transcript.put(conversation.requests.settle(key, "withdrawn"))

    async def _answer(self, key: str, line: str) -> bool:
        """In a thread, because an agent that doesn't read must not hold up the rest."""
        try:
            return await asyncio.to_thread(self._agent.permissions.answer, key, line)
        except OSError:
            return False


async def _register(options: RunOptions, api: Api, folder: str, seat: Seat) -> tuple[str, int]:
    """The agent's id, and the seq of its newest event. Raises `Refused`."""
    workspace = await persistently(lambda: api.workspace(options.workspace))
    described, _ = await describe_folder(folder, command_environment(()))
    about = redacted_labels(options.redactor, described) | {"tool": program(seat.command)[:300]}
    key = options.key or agent_key(f"acp-{program(seat.command)}", described["host"], folder, seat.number)
    name = options.name or agent_name(about, seat.number)
    agent = await persistently(lambda: api.register(workspace.id, key, name, about))
    return agent.id, await persistently(lambda: api.newest(agent.id))


@dataclass(frozen=True)
class Seat:
    """The agent's number among those of its program that work in the folder; `held` keeps others from taking it."""

    command: Sequence[str]
    number: int
    held: int

    @classmethod
    def taken(cls, command: Sequence[str], folder: str) -> Seat:
        """The first free one. Raises OSError."""
        seats = state_folder(os.environ) / "acp"
        seats.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = sha256(f"{program(command)}\0{folder}".encode(errors="replace")).hexdigest()[:40]
        for number in range(1, MAX_SEATS + 1):
            held = os.open(Path(seats, f"{name}-{number}"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return cls(command, number, held)
            except OSError:
                os.close(held)
        raise OSError(f"{MAX_SEATS} agents already work in {folder}")

    def __enter__(self) -> Seat:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.held)
