"""People who talk to Claude while it works: what they write, and what they wait for."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from agentstream.adapters import Adapter, Chunk
from agentstream.adapters.registry import select_adapter
from agentstream.messages import encode
from agentstream.requests import Resolution

Event = dict[str, Any]
# Yields lines to write, and None to be sent the next event.
Talk = Generator[str | None, Event, None]

_COMMAND = ("claude", "--output-format", "stream-json", "--input-format", "stream-json")


def one_after_the_other(*messages: str) -> Callable[[], Talk]:
    """Each message once the one before has its result."""

    def talk() -> Talk:
        adapter = _adapter()
        for message in messages:
            yield adapter.reply(message)
            yield from _until("result", adapter)

    return talk


def answering(message: str, *answers: Resolution) -> Callable[[], Talk]:
    """A message, then an answer to each request, in the order in which they are asked."""

    def talk() -> Talk:
        adapter = _adapter()
        yield adapter.reply(message)
        for answer in answers:
            while not adapter.requests:
                yield from _until("control_request", adapter)
            oldest = next(iter(adapter.requests))
            yield adapter.requests.resolve(oldest, answer).answer
        yield from _until("result", adapter)

    return talk


def interrupting(message: str) -> Callable[[], Talk]:
    """A message, and an interruption once something is asked."""

    def talk() -> Talk:
        adapter = _adapter()
        yield adapter.reply(message)
        yield from _until("control_request", adapter)
        yield encode({"type": "control_request", "request_id": "stop", "request": {"subtype": "interrupt"}}) + "\n"
        yield from _until("result", adapter)

    return talk


def _adapter() -> Adapter:
    # The lines are those that the adapter writes, so that the tool itself says whether they are right.
    return select_adapter("claude", _COMMAND, "talk")


def _until(type_: str, adapter: Adapter) -> Generator[None, Event, None]:
    seen = None
    while seen != type_:
        event = yield None
        seen = event.get("type")
        list(adapter.feed(Chunk("stdout", encode(event) + "\n", 0.0)))
