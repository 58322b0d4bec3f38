"""Redacts what a producer publishes: whole messages, and messages in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentstream.messages import (
    Attachment,
    Failure,
    FileChange,
    Message,
    Output,
    Plan,
    Session,
    StatusChange,
    Subagent,
    Terminated,
)
from agentstream.redaction.redactor import Redactor
from agentstream.redaction.requests import redacted_request, short
from agentstream.redaction.stream import RedactedStream
from agentstream.requests import Ask

# Messages in chunks whose end has not been announced are forgotten after this many others.
MAX_OPEN = 64
OMITTED = "[redacted: too long]"


@dataclass
class Growing:
    """A message in chunks; `last` is the newest chunk, without the fields beside its content."""

    stream: RedactedStream
    last: Output

    def more(self, text: str) -> Iterator[Output]:
        """The next chunk, if there is text for one."""
        if text:
            yield replace(self.last, content=text)


class Redaction:
    """Redacts the messages of one producer, in the order in which they are published.

    A chunk's end that may be the beginning of a secret is held back until the next chunk or the end of the message.
    `pause` releases what is unlikely to be one; so does any message in between.
    """

    def __init__(self, redactor: Redactor, complete: bool = False) -> None:
        """With `complete` each message is one, whatever its id, and becomes exactly one message."""
        self._redactor = redactor
        self._complete = complete
        self._growing: dict[str, Growing] = {}

    @property
    def held(self) -> bool:
        """Whether any text is held back."""
        return any(growing.stream.held for growing in self._growing.values())

    def take(self, message: Message) -> list[Message]:
        """What to publish now that `message` has come."""
        match message:
            case Terminated():
                return [*self.end(), message]
            case Output(message_id=str(message_id)) if not self._complete:
                return [*self._paused(except_for=message_id), *self._chunk(message, message_id)]
            case _:
                return [*self.pause(), self._whole(message)]

    def pause(self) -> list[Message]:
        """What was held back but is unlikely to be part of a secret."""
        return list(self._paused())

    def end(self) -> list[Message]:
        """All that was held back, because no more chunks follow."""
        growing, self._growing = self._growing, {}
        return [chunk for one in growing.values() for chunk in one.more(one.stream.end())]

    def attachment(self, content: bytes, name: str, media_type: str) -> tuple[bytes, str]:
        """The content of a file to attach, redacted if it is text, and its name."""
        name = self._redactor.text(name)
        if media_type.startswith(("image/", "audio/", "video/", "application/pdf")) or b"\0" in content:
            return content, name
        try:
            return self._redactor.text(content.decode()).encode(), name
        except UnicodeDecodeError:
            return content, name

    def _paused(self, except_for: str = "") -> Iterator[Message]:
        for message_id, growing in self._growing.items():
            if message_id != except_for:
                yield from growing.more(growing.stream.pause())

    # Messages in chunks

    def _chunk(self, message: Output, message_id: str) -> Iterator[Message]:
        growing = self._growing.pop(message_id, None) or self._continued(message)
        growing.last = replace(message, content="", tool_input=None, changes=None, attachments=None)
        if message.is_streaming is False:
            content = growing.stream.end(message.content)
        else:
            content = growing.stream.feed(message.content)
            self._growing[message_id] = growing
        if content or not message.content or message.is_streaming is False or message.size_beside:
            yield self._output(message, content)
        if len(self._growing) > MAX_OPEN:
            oldest = self._growing.pop(next(iter(self._growing)))
            yield from oldest.more(oldest.stream.end())

    def _continued(self, message: Output) -> Growing:
        """The text that this message continues: lines of one output may be published as several messages."""
        for message_id, growing in self._growing.items():
            last = growing.last
            if last.is_streaming is None and growing.stream.inside and last == _voice(message, last):
                return self._growing.pop(message_id)
        return Growing(self._redactor.stream(), message)

    # Whole messages

    def _whole(self, message: Message) -> Message:
        match message:
            case Output():
                return self._output(message, self._redactor.text(message.content))
            case StatusChange(reason=str()):
                return replace(message, reason=self._short(message.reason))
            case Failure():
                return Failure.brief(message.code, self._redactor.text(message.message))
            case Session():
                return replace(
                    message,
                    title=self._short(message.title),
                    cwd=self._short(message.cwd),
                    branch=self._short(message.branch),
                )
            case Plan():
                entries = [replace(entry, content=self._short(entry.content) or "") for entry in message.entries]
                return Plan(tuple(entries))
            case Subagent():
                return replace(
                    message, name=self._short(message.name) or "", description=self._short(message.description)
                )
            case Ask():
                return Ask(redacted_request(self._redactor, message.request))
            case _:
                return message

    def _output(self, message: Output, content: str) -> Output:
        if message.tool_input is None and message.changes is None and message.attachments is None:
            return replace(message, content=content)
        beside = {
            "tool_input": self._input(message.tool_input),
            "changes": self._changes(message.changes),
            "attachments": self._attachments(message.attachments),
        }
        try:
            return replace(message, content=content, **beside)
        except ValueError:
            # Marks are longer than short secrets: many of them may exceed the limit.
            omitted = None if message.tool_input is None else {"note": OMITTED}
            return replace(message, content=content, tool_input=omitted, changes=None)

    def _input(self, value: Mapping[str, Any] | None) -> Any:
        return None if value is None else self._redactor.value(value)

    def _changes(self, changes: Sequence[FileChange] | None) -> Any:
        if changes is None:
            return None
        text = self._redactor.text
        return tuple(FileChange(short(text, change.path), text(change.patch)) for change in changes)

    def _attachments(self, files: Sequence[Attachment] | None) -> Any:
        return (
            None
            if files is None
            else tuple(replace(file, name=short(self._redactor.text, file.name)) for file in files)
        )

    def _short(self, text: str | None) -> str | None:
        return None if text is None else short(self._redactor.text, text)


def redacted_labels(redactor: Redactor | None, labels: Mapping[str, str]) -> dict[str, str]:
    """An agent's labels without secrets."""
    return dict(labels) if redactor is None else {name: short(redactor.text, value) for name, value in labels.items()}


def _voice(message: Output, last: Output) -> Output:
    """`message` without what may differ between two messages of one voice."""
    return replace(
        message,
        content="",
        tool_input=None,
        changes=None,
        attachments=None,
        message_id=last.message_id,
        is_streaming=last.is_streaming,
    )
