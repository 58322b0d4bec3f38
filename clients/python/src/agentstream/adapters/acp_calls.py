"""Tool calls as agents report them in the Agent Client Protocol: piece by piece, and finally their results."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentstream import text
from agentstream.adapters.builder import MessageBuilder, as_text, label
from agentstream.adapters.diffs import patched
from agentstream.adapters.tools import MAX_BYTES
from agentstream.messages import FileChange, Message, encode

Fields = dict[str, Any]

# Calls that are remembered; an agent that begins more at once never ends them.
MAX_CALLS = 200

# The server's limit for the diffs of one call.
MAX_FILES = 200

_KINDS = {"read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"}
# A title that is a tool's name and not a sentence, as opencode has them.
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,60}")


@dataclass
class Call:
    """What is known of a call. `name` is its tool's, or else its kind."""

    id: str
    name: str
    fields: Fields = field(default_factory=dict)
    published: bool = False
    changes: tuple[FileChange, ...] = ()

    @property
    def input(self) -> Any:
        return self.fields.get("rawInput")

    @property
    def named(self) -> bool:
        """Whether the agent has named the tool."""
        return self.name not in _KINDS | {"tool"}

    @property
    def title(self) -> str:
        return as_text(self.fields.get("title") or self.name)

    @property
    def about(self) -> str | None:
        """What the agent says about the call, unless its input says the same."""
        content = self.fields.get("content")
        said = [self.title if self.named else "", _words(content) if isinstance(content, list) else ""]
        shown = as_text(self.tool["input"])
        return "\n\n".join(words for words in said if words and words not in shown and words != self.name) or None

    @property
    def tool(self) -> Fields:
        """For a request about the call."""
        shown: Fields = {"name": self.name, "input": self.input if self.input is not None else {"title": self.title}}
        if changed := _changes(self.fields.get("content")):
            shown["changes"] = [change.payload() for change in changed]
        return shown | ({"toolCallId": self.id} if len(self.id) <= 200 else {})


@dataclass
class Calls:
    """A call is published once it is under way or somebody is asked about it: by then its input is known."""

    builder: MessageBuilder
    _known: dict[str, Call] = field(default_factory=dict)

    def begin(self, fields: Fields) -> Iterator[Message]:
        """A `tool_call`."""
        self._learn(fields)
        yield from self._go_on(fields, under_way=fields.get("status") in ("in_progress", "completed", "failed"))

    def update(self, fields: Fields) -> Iterator[Message]:
        """A `tool_call_update`; None in it means no change."""
        self._learn({name: value for name, value in fields.items() if value is not None})
        yield from self._go_on(fields, under_way=True)

    def asked(self, fields: Fields) -> tuple[Call, list[Message]]:
        """The call about which a permission asks, and the messages that show it."""
        known = self._known.get(fields["toolCallId"])
        # Some agents describe the call in other words when they ask.
        messages = list(self._publish(known)) if known and known.input else []
        call = self._learn({name: value for name, value in fields.items() if value is not None})
        return call, [*messages, *self._publish(call)]

    def end(self) -> Iterator[Message]:
        """The turn is over: publish calls that never began."""
        for call in self._known.values():
            yield from self._publish(call)
            self.builder.ended(call.id)
        self._known.clear()

    def _learn(self, fields: Fields) -> Call:
        id_ = fields["toolCallId"]
        if (call := self._known.pop(id_, None)) is None:
            call = Call(id_, _name(fields))
            while len(self._known) >= MAX_CALLS:
                del self._known[next(iter(self._known))]
        self._known[id_] = call
        call.fields |= fields
        return call

    def _go_on(self, fields: Fields, under_way: bool) -> Iterator[Message]:
        call = self._known[fields["toolCallId"]]
        if under_way:
            yield from self._publish(call)
        match fields:
            case {"status": "completed" | "failed" as status}:
                yield from self._result(call, failed=status == "failed")
            case {"status": "in_progress", "content": [*content]} if said := _words(content):
                yield from self.builder.grow(call.id, said, self.builder.result_of(call.id), over=False)

    def _publish(self, call: Call) -> Iterator[Message]:
        if call.published:
            return
        call.published = True
        call.changes = _changes(call.fields.get("content"))
        told: Fields = {"changes": call.changes} if call.changes else {}
        kind = call.fields.get("kind")
        if isinstance(kind, str) and kind in _KINDS:
            told["tool_kind"] = kind
        content = call.title if call.input in (None, {}) else as_text(call.input)
        yield from self.builder.call(call.id, call.name, content, call.input, **told)

    def _result(self, call: Call, failed: bool) -> Iterator[Message]:
        said = _result(call.fields)
        if self.builder.growing(call.id):
            yield from self.builder.grow(call.id, said, self.builder.result_of(call.id), over=True)
            self.builder.ended(call.id)
        else:
            changed = _changes(call.fields.get("content"))
            told: Fields = {"changes": changed} if changed and changed != call.changes else {}
            yield from self.builder.result(call.id, said, is_error=failed, **told)
        del self._known[call.id]


def _name(fields: Fields) -> str:
    """The tool's name, which agents give in different places, or the kind of call."""
    match fields:
        case {"name": str(name)} if name:
            return label(name) or "tool"
        case {"_meta": {"claudeCode": {"toolName": str(name)}}} if name:
            return label(name) or "tool"
        case {"title": str(title)} if _IDENTIFIER.fullmatch(title):
            return title
        case {"kind": str(kind)} if kind in _KINDS - {"other"}:
            return kind
        case _:
            return "tool"


def _result(fields: Fields) -> str:
    content, raw = fields.get("content"), fields.get("rawOutput")
    if isinstance(raw, str) and raw:
        return raw
    if isinstance(content, list) and (said := _words(content)):
        return said
    match raw:
        case {"content": str(said)} | {"output": str(said)}:
            return said
        case None:
            return ""
        case _:
            return "" if content else as_text(raw)


def _words(content: list[Any]) -> str:
    """The text of a call's content, and what else it has."""
    return "\n".join(filter(None, map(_entry, content)))


def _entry(entry: Any) -> str:
    match entry:
        case {"type": "content", "content": block}:
            return block_text(block)
        case {"type": "diff"}:
            return ""
        case {"type": "terminal"}:
            return "(shown in the editor's terminal)"
        case _:
            return as_text(entry)


def block_text(block: Any) -> str:
    """A content block as text; images and the like by their type."""
    match block:
        case {"type": "text", "text": str(said)}:
            return said
        case {"type": "resource_link", "uri": str(uri)}:
            return uri
        case {"type": "resource", "resource": {"text": str(said)}}:
            return said
        case {"type": str(type_)}:
            return f"({type_})"
        case _:
            return as_text(block)


def _changes(content: Any) -> tuple[FileChange, ...]:
    """The diffs in a call's content; none if they are too large to publish beside it."""
    found: list[FileChange] = []
    for entry in content if isinstance(content, list) else ():
        match entry:
            case {"type": "diff", "path": str(path), "newText": str(new)}:
                old = entry.get("oldText")
                pairs = patched(path, (old if isinstance(old, str) else "", new))
                found += [FileChange(change["path"], change["patch"]) for change in pairs]
    size = text.size(encode([change.payload() for change in found]))
    return tuple(found) if size <= MAX_BYTES and len(found) <= MAX_FILES else ()
