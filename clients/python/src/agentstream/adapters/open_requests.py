"""A tool's open requests to people."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from agentstream.adapters.bounds import bounded
from agentstream.adapters.builder import MessageBuilder
from agentstream.messages import Message
from agentstream.requests import Ask, Request, Resolution, Settle, SettledOutcome

# The server accepts 100 open requests per agent; more wait here.
MAX_OPEN = 50

Answer = Callable[[Resolution], str]


@dataclass(frozen=True)
class Reaction:
    """What to do when a request has ended: the tool's `answer` to the one it calls `key`, if it gets one, and messages
    to publish."""

    key: str = ""
    answer: str = ""
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """A request that the tool waits for. `key` is the tool's id for it, `call` the id of the tool call it concerns;
    `answer` writes a person's answer as the tool reads it.

    `id` is what the server is to call it, so that a program that restarts doesn't ask twice.
    """

    key: str
    request: Request
    answer: Answer
    call: object = None
    id: str | None = None


class OpenRequests:
    """The requests that are still open. Iterating yields the ids of those that have been published.

    Only `resolve` answers the tool, and only once per request, however often the server reports its end.
    """

    def __init__(self, builder: MessageBuilder) -> None:
        self._builder = builder
        self._asked: dict[str, Waiting] = {}
        self._queue: deque[Waiting] = deque()
        self._count = 0

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._asked))

    def __len__(self) -> int:
        return len(self._asked) + len(self._queue)

    @property
    def keys(self) -> list[str]:
        """The tool's ids for its requests, those that have not been published too."""
        return [waiting.key for waiting in self._all()]

    def ask(self, waiting: Waiting) -> Iterator[Message]:
        """Publish a request of the tool, unless it is known."""
        if any(waiting.key == known.key for known in self._all()):
            return
        self._queue.append(waiting)
        yield from self._publish()

    def settle(self, key: str, outcome: SettledOutcome) -> Iterator[Message]:
        """The tool no longer waits for that request."""
        if not any(waiting.key == key for waiting in self._all()):
            return
        self._queue = deque(waiting for waiting in self._queue if waiting.key != key)
        for request_id in [request_id for request_id, waiting in self._asked.items() if waiting.key == key]:
            del self._asked[request_id]
            yield Settle(request_id, outcome)
        yield from self._publish()
        yield from self._go_on()

    def settle_call(self, call: object) -> Iterator[Message]:
        """That call has ended, so requests about it, or about no particular call, were answered elsewhere."""
        for key in [waiting.key for waiting in self._all() if waiting.call in (None, call)]:
            yield from self.settle(key, "answered_elsewhere")

    def close(self) -> Iterator[Message]:
        """Withdraw all requests, because the tool has ended."""
        self._queue.clear()
        asked = tuple(self)
        self._asked.clear()
        yield from (Settle(request_id, "withdrawn") for request_id in asked)

    def resolve(self, request_id: str, resolution: Resolution) -> Reaction:
        """Handle a request's end, as reported by the server."""
        waiting = self._asked.pop(request_id, None)
        if waiting is None:
            return Reaction()
        if resolution.outcome != "answered":
            # The server may have considered this program lost. The tool still waits, but the request can't be answered.
            self._queue.appendleft(replace(waiting, id=None))
            return Reaction(waiting.key, messages=tuple(self._publish()))
        return Reaction(waiting.key, waiting.answer(resolution), (*self._publish(), *self._go_on()))

    def repeat(self, request_id: str) -> Iterator[Message]:
        """Ask again with the same id: the server doesn't know the request, for example after restoring a backup."""
        if waiting := self._asked.get(request_id):
            yield from self._ask(request_id, waiting)

    def _all(self) -> list[Waiting]:
        return [*self._asked.values(), *self._queue]

    def _publish(self) -> Iterator[Message]:
        while self._queue and len(self._asked) < MAX_OPEN:
            waiting = self._queue.popleft()
            self._count += 1
            request_id = waiting.id or f"{self._builder.run}-r{self._count}"
            self._asked[request_id] = waiting
            yield from self._ask(request_id, waiting)

    def _ask(self, request_id: str, waiting: Waiting) -> Iterator[Message]:
        request = bounded(replace(waiting.request, id=request_id))
        yield Ask(request)
        approval = request.kind in ("permission", "plan")
        yield from self._builder.status("waiting", "awaiting_approval" if approval else "awaiting_input")

    def _go_on(self) -> Iterator[Message]:
        if not self._all():
            yield from self._builder.status("running")
