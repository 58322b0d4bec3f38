"""Plain text: the output of any command, unchanged."""

from __future__ import annotations

from collections.abc import Iterator

from agentstream.adapters import Chunk
from agentstream.adapters.builder import MessageBuilder
from agentstream.adapters.open_requests import OpenRequests
from agentstream.messages import Output, Role

# Lines of one stream in close succession form one message, up to a size that a viewer can redraw often.
MESSAGE_PAUSE_SECONDS = 1.0
MAX_MESSAGE_CHARACTERS = 16 * 1024


class TextAdapter:
    """Standard output becomes messages of the role `stdout`; standard error becomes system messages.

    `run` must be unique to this run of the command, because message ids begin with it.
    """

    # Most programs buffer 4 KiB of output when they write to a pipe.
    terminal = True
    accepts_input = True
    driver = None

    def __init__(self, run: str, stdout: Role = "assistant") -> None:
        self._run = run
        self.requests = OpenRequests(MessageBuilder(run))  # always empty
        self._stdout = stdout
        self._message = 0
        self._length = 0
        self._last = Chunk("stdout", "", float("-inf"))

    def feed(self, chunk: Chunk) -> Iterator[Output]:
        """The chunk as the next part of a message; `is_streaming` if its last line is incomplete."""
        if self._starts_message(chunk):
            self._message += 1
            self._length = 0
        self._length += len(chunk.text)
        self._last = chunk
        yield self._output(chunk.text, None if chunk.text.endswith("\n") else True)

    def close(self) -> Iterator[Output]:
        """The end of an incomplete last line."""
        if self._last.text and not self._last.text.endswith("\n"):
            yield self._output("", False)

    def reply(self, content: str) -> str:
        """The content as a line."""
        return content if content.endswith("\n") else content + "\n"

    def _starts_message(self, chunk: Chunk) -> bool:
        if chunk.stream != self._last.stream or self._message == 0:
            return True
        whole = self._last.text.endswith("\n")
        return whole and (chunk.at - self._last.at > MESSAGE_PAUSE_SECONDS or self._length >= MAX_MESSAGE_CHARACTERS)

    def _output(self, text: str, is_streaming: bool | None) -> Output:
        role = self._stdout if self._last.stream == "stdout" else "system"
        return Output(text, role, f"{self._run}-{self._message}", is_streaming, "text")
