"""An adapter's messages for a transcript, in a form that tests can read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agentstream.adapters import Adapter, Chunk
from agentstream.adapters.registry import select_adapter
from agentstream.messages import Context, Failure, Message, Output, StatusChange
from agentstream.requests import Ask, Request, Settle
from agentstream.text import LineReader

TRANSCRIPTS = Path(__file__).parent / "transcripts"

CLAUDE = ("claude", "-p", "--output-format", "stream-json", "--input-format", "stream-json")


def transcript(name: str) -> bytes:
    """A transcript from `recorded` (the tool's own output) or, if it couldn't be recorded, `written`."""
    [path] = TRANSCRIPTS.glob(f"*/{name}.jsonl")
    return path.read_bytes()


def tell(adapter: Adapter, data: bytes, step: int = 1 << 30) -> list[Message]:
    """The messages for `data` read in pieces of `step` bytes, as the runner reads them."""
    reader = LineReader(64 * 1024)
    texts = [reader.feed(data[start : start + step]) for start in range(0, len(data), step)] + [reader.close()]
    messages = [message for text in texts if text for message in adapter.feed(Chunk("stdout", text, 0.0))]
    return messages + list(adapter.close())


def told(name: str, adapter: str = "") -> list[Message]:
    """The messages for the transcript with that name."""
    return tell(made(adapter or name.partition("-")[0]), transcript(name))


def made(adapter: str) -> Adapter:
    return select_adapter(adapter, CLAUDE, "run")


@dataclass
class Said:
    """One message as a viewer finally sees it, whatever its chunks."""

    who: str
    text: str
    open: bool = False


def said(messages: list[Message]) -> list[tuple[str, str]]:
    """(whose, text) of each message: role, kind unless text, and the tool."""
    by_id: dict[str | None, Said] = {}
    for output in messages:
        if isinstance(output, Output):
            one = by_id.setdefault(output.message_id, Said(_who(output), ""))
            assert one.who == _who(output), "one message, one speaker"
            one.text += output.content
            one.open = output.is_streaming is True
    assert not any(one.open for one in by_id.values()), "every message ends"
    return [(one.who, one.text) for one in by_id.values()]


def _who(output: Output) -> str:
    return " ".join(filter(None, [output.role, output.kind if output.kind != "text" else None, output.tool_name]))


def statuses(messages: list[Message]) -> list[str]:
    """Each status with its reason, in order."""
    return [
        " ".join(filter(None, [message.status, message.reason]))
        for message in messages
        if isinstance(message, StatusChange)
    ]


def levels(messages: list[Message]) -> list[tuple[int | None, int | None, int | None]]:
    return [
        (message.level, message.tokens_used, message.tokens_limit)
        for message in messages
        if isinstance(message, Context)
    ]


def asked(messages: list[Message]) -> list[Request]:
    """The requests, in order."""
    return [message.request for message in messages if isinstance(message, Ask)]


def settled(messages: list[Message]) -> list[tuple[str, str]]:
    """(id, outcome) of the requests that the tool waits for no more without having been answered here."""
    return [(message.request_id, message.outcome) for message in messages if isinstance(message, Settle)]


def failures(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message.code, message.message) for message in messages if isinstance(message, Failure)]


def cuts(data: bytes) -> Iterator[bytes]:
    """`data` truncated at each of a few hundred places."""
    yield from (data[:end] for end in range(1, len(data), max(1, len(data) // 200)))
