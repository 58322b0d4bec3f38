"""The publisher for programs without asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Future
from os import PathLike
from types import TracebackType
from typing import Any, TypeVar

from agentstream import publisher
from agentstream.api import Api
from agentstream.messages import (
    Attachment,
    Ending,
    FileChange,
    Kind,
    PlanEntry,
    Role,
    SessionChanged,
    Status,
    SubagentChanged,
    ToolKind,
    UsageLimit,
)
from agentstream.redaction import Redactor
from agentstream.requests import Request, Resolution

Result = TypeVar("Result")


def agent_id(url: str, token: str, name: str, workspace: str | None = None, *, insecure: bool = False) -> str:
    """The id of the workspace's agent with that name, created if there is none.

    `workspace` is a slug, or None for the only workspace the token's user can see. Raises `Unreachable`, a `Refused`,
    or ValueError as `Api` does.
    """

    async def ask() -> str:
        api = Api(url, token, insecure)
        return (await api.agent((await api.workspace(workspace)).id, name)).id

    return asyncio.run(ask())


class Publisher:
    """`agentstream.Publisher` without asyncio: the same calls, each of which returns when the event is queued.

        with Publisher("http://host:8000", token, agent_id) as publisher:
            publisher.output("Hello")

    An event loop in a separate thread does the work. Calls may come from any thread and raise the same errors as the
    asynchronous publisher. Leaving the block waits until everything is acknowledged.
    """

    def __init__(
        self,
        url: str,
        token: str,
        agent_id: str,
        *,
        lease: bool = False,
        insecure: bool = False,
        redact: bool | Redactor = True,
    ) -> None:
        """Takes the arguments of `agentstream.Publisher`, and raises the same ValueErrors."""
        self._publisher = publisher.Publisher(url, token, agent_id, lease=lease, insecure=insecure, redact=redact)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="agentstream", daemon=True)

    def __enter__(self) -> Publisher:
        self._thread.start()
        self._do(self._publisher.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._do(self._publisher.__aexit__(kind, error, trace))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @property
    def pending(self) -> int:
        """How many events aren't acknowledged yet."""
        return self._publisher.pending

    def output(
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
        """Publish text the agent produced."""
        self._do(
            self._publisher.output(
                content,
                role=role,
                message_id=message_id,
                is_streaming=is_streaming,
                kind=kind,
                tool_call_id=tool_call_id,
                tool_name=tool_name,
                tool_kind=tool_kind,
                tool_input=tool_input,
                is_error=is_error,
                duration_ms=duration_ms,
                changes=changes,
                parent_id=parent_id,
                attachments=attachments,
            )
        )

    def status(self, status: Status, *, reason: str | None = None) -> None:
        """Publish the agent's status: idle, running, waiting, error, finished or offline."""
        self._do(self._publisher.status(status, reason=reason))

    def context(self, level: float | None, *, tokens_used: int | None = None, tokens_limit: int | None = None) -> None:
        """Publish how full the context window is, in whole percent (0 to 100); None: no longer known."""
        self._do(self._publisher.context(level, tokens_used=tokens_used, tokens_limit=tokens_limit))

    def session(
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
        self._do(self._publisher.session(session, change, title=title, model=model, cwd=cwd, branch=branch))

    def plan(self, entries: Iterable[PlanEntry]) -> None:
        """Publish the agent's whole plan."""
        self._do(self._publisher.plan(entries))

    def subagent(self, parent_id: str, change: SubagentChanged, name: str, *, description: str | None = None) -> None:
        """Publish that a sub-agent has started, ended or failed."""
        self._do(self._publisher.subagent(parent_id, change, name, description=description))

    def usage(
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
        """Publish a session's totals so far; a later report replaces this one."""
        self._do(
            self._publisher.usage(
                session=session,
                model=model,
                input_tokens=input_tokens,
                cached_input_tokens=cached_input_tokens,
                output_tokens=output_tokens,
                reasoning_tokens=reasoning_tokens,
                cost_usd=cost_usd,
                limits=limits,
                estimated=estimated,
            )
        )

    def error(self, code: str, message: str) -> None:
        """Publish an error of the agent."""
        self._do(self._publisher.error(code, message))

    def terminated(self, exit_code: int, *, signal: str | None = None, reason: Ending = "completed") -> None:
        """Publish that the agent's process has ended."""
        self._do(self._publisher.terminated(exit_code, signal=signal, reason=reason))

    def attach(
        self, file: bytes | PathLike[str], *, name: str = "", media_type: str = "application/octet-stream"
    ) -> Attachment:
        """Store a file for an output."""
        return self._do(self._publisher.attach(file, name=name, media_type=media_type))

    def ask(self, request: Request) -> Resolution:
        """Ask a person, and wait for the answer."""
        return self._do(self._publisher.ask(request))

    def flush(self) -> None:
        """Wait until the server has acknowledged everything published so far."""
        self._do(self._publisher.flush())

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        future: Future[Result] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            # The caller was interrupted and no longer needs it.
            future.cancel()
            raise
