"""What an editor and an agent say to each other, as messages that wait until there is somewhere to publish them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from agentstream.adapters.acp import Conversation
from agentstream.messages import Message
from agentstream.report import Report

Side = Literal["editor", "agent"]

# Messages kept until the server has registered the agent.
MAX_WAITING = 10_000
# What is shown of a line that isn't understood.
MAX_SHOWN = 16 * 1024


@dataclass
class Transcript:
    """Never waits: while nothing can be published, the oldest messages are lost, which is reported."""

    run: str
    folder: asyncio.Future[str]
    _report: Report | None = None
    _waiting: deque[Message] = field(default_factory=deque)
    _lost: int = 0

    def __post_init__(self) -> None:
        self.conversation = Conversation(self.run, echoes=True, add=self._unsendable)

    def see(self, side: Side, message: dict[str, Any] | None, line: bytes) -> None:
        """A line was passed on; `message` is what it holds."""
        match message:
            case {"method": "session/new" | "session/load" | "session/resume", "params": {"cwd": str(folder)}}:
                if not self.folder.done():
                    self.folder.set_result(folder)
        conversation = self.conversation
        messages = None
        if message is not None:
            messages = conversation.told(message) if side == "editor" else conversation.heard(message)
        if messages is None and line.strip():
            messages = conversation.note(line[:MAX_SHOWN].decode(errors="replace"))
        self.put(messages or ())

    def put(self, messages: Iterable[Message]) -> None:
        """Publish these, now or later."""
        for message in messages:
            if self._report is None:
                self._waiting.append(message)
                if len(self._waiting) > MAX_WAITING:
                    self._waiting.popleft()
                    self._lost += 1
            elif self._report.outbox.full:
                self._lost += 1
            else:
                self._report.send_now(message)

    def note(self, text: str) -> None:
        """Publish something that neither side says."""
        self.put(self.conversation.note(text))

    @property
    def publishes(self) -> bool:
        """Whether there is somewhere to publish."""
        return self._report is not None

    def publish(self, report: Report) -> None:
        """From now on, publish there."""
        self._report = report
        waiting, self._waiting = self._waiting, deque()
        self.put(waiting)

    def close(self) -> None:
        """The agent has ended."""
        self.put(self.conversation.close())
        if self._report and self._lost:
            self._report.note(f"The server was unreachable: {self._lost} messages were lost.\n")

    def _unsendable(self, text: str) -> None:
        self.note("What was written beside the answer was not delivered: write it in the editor.")
