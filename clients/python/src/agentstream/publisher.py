"""Publishes what an agent is doing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from agentstream.api import Api
from agentstream.asking import ask
from agentstream.concurrency import within
from agentstream.connection import socket_url
from agentstream.credentials import TOKEN_VARIABLE, authorization, check_transport
from agentstream.delivery import Delivery, Lease
from agentstream.errors import AgentstreamError
from agentstream.messages import (
    Attachment,
    Context,
    Ending,
    Failure,
    FileChange,
    Kind,
    Message,
    Output,
    Plan,
    PlanEntry,
    Role,
    Session,
    SessionChanged,
    Status,
    StatusChange,
    Subagent,
    SubagentChanged,
    Terminated,
    ToolKind,
    Usage,
    UsageLimit,
)
from agentstream.outbox import Outbox
from agentstream.reconnection import Reconnector, persistently
from agentstream.redaction import Redactor
from agentstream.redaction.publication import Redaction
from agentstream.redaction.requests import Asked
from agentstream.requests import Request, Resolution
from agentstream.sharing import SharedConnection, Sharer

# How long a failed block may take to send what was published before.
FAILED_FLUSH_SECONDS = 5.0
# How long text is held back that could be the beginning of a secret but is unlikely to be.
HELD_SECONDS = 0.4


class Publisher:
    """One run of one producer of an agent's events. Each event is stored exactly once, in order.

        async with Publisher("http://host:8000", token, agent_id) as publisher:
            await publisher.output("Hello")

    Calls return as soon as the event is queued. While the server is unreachable, up to 10,000 events or
    8 MiB are buffered; then calls wait. Leaving the block waits until everything is acknowledged; a block left by
    an error waits at most 5 s, a cancelled one not at all.

    Secrets in what is published are replaced by `[redacted: KIND]`. Text that may be the beginning of one waits for the
    rest of its message.

    Every call, `flush` and the end of the block raise `Refused` once the server refuses the events:
    `Unauthenticated`, `Forbidden`, `NotFound`, `InvalidMessage` or `TooLarge`.
    """

    def __init__(
        self,
        url: str,
        token: str,
        agent_id: str,
        *,
        lease: bool = False,
        insecure: bool = False,
        outbox: Outbox | None = None,
        redact: bool | Redactor = True,
        complete: bool = False,
        connection: SharedConnection | None = None,
    ) -> None:
        """`url` is the server's HTTP base. Raises ValueError if it is not one, if `token` cannot be one, and if the
        token would be sent unencrypted to another host, unless `insecure` permits that.

        With `lease`, the server marks the agent as lost when this program has been gone for 30 s without having called
        `terminated()`. Events already in `outbox` are sent first. `redact` replaces secrets, including the values of
        secret environment variables; a Redactor decides itself what is secret. With `complete` every output is a
        whole message, of which nothing is held back. `connection` is shared with others; it must be to that server.
        """
        socket_url(url)
        authorization(token)
        check_transport(url, insecure)
        self._api = Api(url, token, insecure)
        self._agent_id = str(agent_id)
        self._outbox = Outbox() if outbox is None else outbox
        self._redactor = redactor(redact, token)
        self._redaction = None if self._redactor is None else Redaction(self._redactor, complete)
        self._silence: asyncio.TimerHandle | None = None
        self._blocked_seconds = 0.0
        self._abandoned = False
        self._lease = Lease(lease)
        connector = Sharer(connection) if connection else Reconnector(url, token)
        self._delivery = Delivery(connector, str(agent_id), self._outbox, self._lease)
        self._task: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        """How many events aren't acknowledged yet."""
        return len(self._outbox)

    @property
    def blocked_seconds(self) -> float:
        """The total seconds that calls have waited because the queue was full."""
        return self._blocked_seconds

    @property
    def producer(self) -> str:
        """The id of this run, under which the server counts its events."""
        return self._outbox.producer

    async def __aenter__(self) -> Publisher:
        self._task = asyncio.create_task(self._delivery.run())
        self._task.add_done_callback(lambda _: self._outbox.changed.notify())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._leave(error)
        finally:
            self._await_silence(False)
            task, self._task = cast("asyncio.Task[None]", self._task), None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _leave(self, error: BaseException | None) -> None:
        if self._abandoned:
            return
        if error is None:
            self._release()
            await self.flush()
        elif isinstance(error, Exception):
            # The block's own error takes precedence.
            with suppress(Exception):
                self._release()
                await within(FAILED_FLUSH_SECONDS, self.flush())

    async def output(
        self,
        content: str,
        *,
        role: Role = "assistant",
        message_id: str | None = None,
        is_streaming: bool | None = None,
        kind: Kind | None = None,
        tool_call_id: str | None = None,
        tool_name: str | None = None,
        tool_kind: ToolKind | None = None,
        tool_input: Mapping[str, Any] | None = None,
        is_error: bool | None = None,
        duration_ms: int | None = None,
        changes: Sequence[FileChange] | None = None,
        parent_id: str | None = None,
        attachments: Sequence[Attachment] | None = None,
    ) -> None:
        """Publish text the agent produced.

        Chunks with the same `message_id` are one message; `is_streaming` says that more of it follows. Chunks
        that wait for the network are joined, and content over 64 KiB is sent as several.

        `tool_input` is a tool's input, `changes` what it does to files, `attachments` what `attach` returned;
        ValueError is raised if together they exceed 200 KiB as JSON. `parent_id` is the `tool_call_id` of the
        sub-agent's call that this belongs to.
        """
        await self.send(
            Output(
                content,
                role,
                message_id,
                is_streaming,
                kind,
                tool_call_id,
                tool_name,
                tool_kind,
                tool_input,
                is_error,
                duration_ms,
                changes,
                parent_id,
                attachments,
            )
        )

    async def status(self, status: Status, *, reason: str | None = None) -> None:
        """Publish the agent's status: idle, running, waiting, error, finished or offline."""
        await self.send(StatusChange(status, reason))

    async def context(
        self, level: float | None, *, tokens_used: int | None = None, tokens_limit: int | None = None
    ) -> None:
        """Publish how full the context window is, in whole percent (0 to 100); None: no longer known."""
        await self.send(Context(None if level is None else round(level), tokens_used, tokens_limit))

    async def session(
        self,
        session: str,
        change: SessionChanged,
        *,
        title: str | None = None,
        model: str | None = None,
        cwd: str | None = None,
        branch: str | None = None,
    ) -> None:
        """Publish that a session of the agent's tool has started, resumed, been cleared or compacted, or ended."""
        await self.send(Session(session, change, title, model, cwd, branch))

    async def plan(self, entries: Iterable[PlanEntry]) -> None:
        """Publish the agent's whole plan."""
        await self.send(Plan(tuple(entries)))

    async def subagent(
        self, parent_id: str, change: SubagentChanged, name: str, *, description: str | None = None
    ) -> None:
        """Publish that a sub-agent has started, ended or failed; `parent_id` is the `tool_call_id` that started it."""
        await self.send(Subagent(parent_id, change, name, description))

    async def usage(
        self,
        *,
        session: str | None = None,
        model: str | None = None,
        input_tokens: int | None = None,
        cached_input_tokens: int | None = None,
        output_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        cost_usd: float | None = None,
        limits: Sequence[UsageLimit] | None = None,
        estimated: bool | None = None,
    ) -> None:
        """Publish a session's totals so far; a later report replaces this one. Without `session` they apply to the
        agent's current session, or to this run."""
        await self.send(
            Usage(
                session,
                model,
                input_tokens,
                cached_input_tokens,
                output_tokens,
                reasoning_tokens,
                cost_usd,
                limits,
                estimated,
            )
        )

    async def error(self, code: str, message: str) -> None:
        """Publish an error of the agent; `code` is short and machine-readable.

        The message is truncated to 32 KiB.
        """
        await self.send(Failure.brief(code, message))

    async def terminated(self, exit_code: int, *, signal: str | None = None, reason: Ending = "completed") -> None:
        """Publish that the agent's process has ended; `signal` is the name of the signal that killed it, if any."""
        await self.send(Terminated(exit_code, signal, reason))

    async def ask(self, request: Request) -> Resolution:
        """Ask a person, after everything published so far, and wait for the answer, through lost connections and server
        restarts. A restarted program can ask again with the same `request.id` without asking twice.

        Raises `Refused` like the other calls.
        """
        await self.flush()
        asked = Asked(self._redactor, request)
        return asked.resolution(await ask(self._api, self._agent_id, asked.request))

    async def attach(
        self, file: bytes | PathLike[str], *, name: str = "", media_type: str = "application/octet-stream"
    ) -> Attachment:
        """Store a file for an output: an image (png, jpeg, gif, webp), a PDF or text of at most 10 MiB, as bytes or by
        its path. Secrets in text are redacted. Waits while the server is unreachable. Raises `Refused`, and OSError for
        a file that can't be read.

            image = await publisher.attach(Path("chart.png"))
            await publisher.output("The chart", attachments=[image])
        """
        content = file if isinstance(file, bytes) else await asyncio.to_thread(Path(file).read_bytes)
        name = name or ("" if isinstance(file, bytes) else Path(file).name)
        if self._redaction:
            content, name = self._redaction.attachment(content, name, media_type)
        return await persistently(lambda: self._api.attach(self._agent_id, content, name, media_type))

    async def send(self, message: Message) -> None:
        """Queue any message; waits while the queue is full."""
        for part in self._parts(message):
            await self.room()
            self._add(part)

    async def room(self) -> None:
        """Wait while the queue is full."""
        if self._outbox.full:
            began = time.monotonic()
            try:
                await self._until(lambda: not self._outbox.full)
            finally:
                self._blocked_seconds += time.monotonic() - began

    def put(self, message: Message) -> None:
        """Queue any message, even if the queue is full."""
        for part in self._parts(message):
            self._add(part)

    def _add(self, part: Message) -> None:
        self._working()
        if isinstance(part, Terminated):
            self._lease.end()
        self._outbox.add(part)

    def abandon(self) -> None:
        """Leave the block without waiting for the server."""
        self._abandoned = True

    async def flush(self) -> None:
        """Wait until the server has acknowledged everything published so far, except for text that is likely to be the
        beginning of a secret and is held back."""
        self._pause()
        last = self._outbox.last
        await self._until(lambda: self._outbox.acknowledged >= last)

    async def _until(self, reached: Callable[[], bool]) -> None:
        while self._working() and not reached():
            await self._outbox.changed.wait()

    def _working(self) -> bool:
        if self._task is None:
            raise AgentstreamError("expected a Publisher inside its `async with` block")
        if self._task.done():
            self._task.result()
        return True

    # Redaction

    def _parts(self, message: Message) -> list[Message]:
        """The events in which to publish `message`, and what it releases of earlier ones."""
        self._working()
        messages = self._redaction.take(message) if self._redaction else [message]
        self._await_silence(self._redaction is not None and self._redaction.held)
        return [part for shown in messages for part in _split(shown)]

    def _await_silence(self, held: bool) -> None:
        if self._silence:
            self._silence.cancel()
        self._silence = asyncio.get_running_loop().call_later(HELD_SECONDS, self._silent) if held else None

    def _silent(self) -> None:
        # The next call reports a refusal.
        with suppress(AgentstreamError):
            self._pause()

    def _pause(self) -> None:
        self._add_all(self._redaction.pause() if self._redaction else ())

    def _release(self) -> None:
        """Publish what was held back, because nothing follows."""
        self._add_all(self._redaction.end() if self._redaction else ())

    def _add_all(self, messages: Iterable[Message]) -> None:
        for message in messages:
            for part in _split(message):
                self._add(part)


def redactor(redact: bool | Redactor, token: str) -> Redactor | None:
    """The redactor for a program with this environment and token, if it is to redact."""
    if isinstance(redact, Redactor):
        return redact
    return Redactor({**os.environ, TOKEN_VARIABLE: token}) if redact else None


def _split(message: Message) -> Iterable[Message]:
    return message.split() if isinstance(message, Output) else (message,)
