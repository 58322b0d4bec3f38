"""Translates the Agent Client Protocol: what an agent and its client (an editor, or this program) say to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from agentstream.adapters.acp_calls import Calls, block_text
from agentstream.adapters.acp_requests import waiting
from agentstream.adapters.bounds import plain
from agentstream.adapters.builder import MessageBuilder, Speaker, StreamedMessage, as_text, label
from agentstream.adapters.open_requests import OpenRequests
from agentstream.adapters.progress import MAX_FOLDER, plan, usage
from agentstream.messages import Context, Kind, Message, Role, Session, SessionChanged, encode

Fields = dict[str, Any]

# Requests of the client that are remembered until they are answered.
MAX_PENDING = 1_000

_VOICES: dict[str, tuple[Role, Kind]] = {
    "user_message_chunk": ("user", "text"),
    "agent_message_chunk": ("assistant", "text"),
    "agent_thought_chunk": ("assistant", "thinking"),
}
_SILENT = {"available_commands_update", "current_mode_update", "config_option_update", "session_info_update"}
# What agents ask of their client beside permissions; people see it in the calls that need it.
_SERVICES = ("fs/", "terminal/", "mcp/")
# What clients ask of agents beside prompts and sessions, and tell them.
_CLIENT = ("initialize", "authenticate", "logout", "session/", "providers/", "mcp/", "nes/", "document/", "$/")
_BEGIN: dict[str, SessionChanged] = {
    "session/new": "started",
    "session/fork": "started",
    "session/load": "resumed",
    "session/resume": "resumed",
}
# Why a turn ended that people don't expect to end.
_ENDINGS = {
    "max_tokens": "The turn ended because the model's limit of tokens is reached.",
    "max_turn_requests": "The turn ended because the limit of requests to the model is reached.",
    "refusal": "The agent refused to go on.",
}


class Conversation:
    """Both sides of one connection. `echoes` is whether the client's prompts aren't in the transcript otherwise; `add`
    gets what people write beside an answer."""

    def __init__(self, run: str, echoes: bool, add: Callable[[str], None]) -> None:
        self._builder = MessageBuilder(run)
        self.requests = OpenRequests(self._builder)
        self._echoes = echoes
        self._add = add
        self._calls = Calls(self._builder)
        self._pending: dict[str, tuple[str, Fields]] = {}
        self._models: dict[str, str | None] = {}
        self._chunks: tuple[object, StreamedMessage] | None = None
        self._level: Context | None = None

    @property
    def prompted(self) -> list[str]:
        """The sessions in which the agent works on a prompt."""
        pending = (params for method, params in self._pending.values() if method == "session/prompt")
        return [as_text(params.get("sessionId")) for params in pending]

    def heard(self, message: Fields) -> Iterable[Message] | None:
        """What the agent's message means; None if it is unknown."""
        match message:
            case {"method": "session/update", "params": {"sessionId": str(session), "update": dict() as update}}:
                return self._update(session, update)
            case {"method": "session/request_permission", "id": id_, "params": dict() as params}:
                return self._ask(id_, params)
            case {"method": "$/cancel_request", "params": {"requestId": id_}}:
                return self.requests.settle(encode(id_), "withdrawn")
            case {"method": "elicitation/create", "params": {"message": str(said)}}:
                return self._builder.say(f"The agent asks in the editor: {said}", Speaker("system"))
            case {"method": str(method)}:
                return () if method.startswith(_SERVICES) else None
            case {"id": id_, "result": dict() as result}:
                return self._answered(id_, result)
            case {"id": id_, "error": error}:
                return self._refused(id_, error)
            case {"id": id_, "result": _}:
                return self._answered(id_, {})
            case _:
                return None

    def told(self, message: Fields) -> Iterable[Message] | None:
        """What the client's message means; None if it is unknown."""
        match message:
            case {"method": str(method), "id": id_, "params": dict() as params} if method.startswith(_CLIENT):
                if len(self._pending) < MAX_PENDING:
                    self._pending[encode(id_)] = (method, params)
                return self._prompt(params) if method == "session/prompt" else ()
            case {"method": str(method)}:
                return () if method.startswith(_CLIENT) else None
            case {"id": id_, "result": _} | {"id": id_, "error": _}:
                return self.requests.settle(encode(id_), "answered_elsewhere")
            case _:
                return None

    def close(self) -> Iterator[Message]:
        """The agent has ended."""
        yield from self._end()
        yield from self.requests.close()

    def note(self, text: str) -> Iterable[Message]:
        """Something that neither side says."""
        return self._builder.say(text, Speaker("system"))

    def failed(self, code: str, text: str) -> Iterator[Message]:
        """The connection can't be used."""
        yield from self._builder.failed(code, text)
        yield from self._builder.status("error")

    # Turns

    def _prompt(self, params: Fields) -> Iterator[Message]:
        yield from self._builder.status("running")
        if self._echoes and isinstance(blocks := params.get("prompt"), list):
            yield from self._builder.say("\n".join(map(block_text, blocks)), Speaker("user"))

    def _answered(self, id_: object, result: Fields) -> Iterator[Message]:
        method, params = self._pending.pop(encode(id_), ("", {}))
        if change := _BEGIN.get(method):
            yield from self._begin(result.get("sessionId") or params.get("sessionId"), change, params, result)
        if method == "session/prompt":
            yield from self._end()
            yield from self._builder.say(_ENDINGS.get(as_text(result.get("stopReason")), ""), Speaker("system"))
            yield from self._builder.status("idle")

    def _refused(self, id_: object, error: object) -> Iterator[Message]:
        method, _ = self._pending.pop(encode(id_), ("", {}))
        if not method:
            return
        if method == "session/prompt":
            yield from self._end()
        match error:
            case {"message": str(said), "data": data} if data:
                yield from self._builder.failed("agent_error", f"{said}: {as_text(data)}")
            case {"message": str(said)}:
                yield from self._builder.failed("agent_error", said)
            case _:
                yield from self._builder.failed("agent_error", error)
        if method == "session/prompt" or method in _BEGIN:
            yield from self._builder.status("error")

    def _begin(self, session: object, change: SessionChanged, params: Fields, result: Fields) -> Iterator[Message]:
        if (name := label(session)) is None:
            return
        self._models[name] = model = _model(result)
        folder = params.get("cwd")
        folder = plain(folder) if isinstance(folder, str) and len(folder) <= MAX_FOLDER else None
        yield Session(name, change, model=model, cwd=folder)
        if not self.prompted:
            yield from self._builder.status("idle")

    def _end(self) -> Iterator[Message]:
        """A turn is over, and all that belongs to it."""
        self._chunks = None
        yield from self._calls.end()
        yield from self._builder.end()
        for key in self.requests.keys:
            yield from self.requests.settle(key, "withdrawn")

    # What the agent says and does

    def _update(self, session: str, update: Fields) -> Iterable[Message] | None:
        if self._loads(session):
            return ()  # the conversation so far, again
        match update:
            case {"sessionUpdate": str(kind), "content": block} if kind in _VOICES:
                return self._chunk(kind, block, update.get("messageId"))
            case {"sessionUpdate": "tool_call", "toolCallId": str(id_)} if id_:
                return self._apart(self._calls.begin(update))
            case {"sessionUpdate": "tool_call_update", "toolCallId": str(id_)} if id_:
                return self._apart(self._call_update(update))
            case {"sessionUpdate": "plan", "entries": [*steps]}:
                known = [step for step in steps if isinstance(step, dict)]
                return [plan((step.get("content"), step.get("status")) for step in known)]
            case {"sessionUpdate": "usage_update"}:
                return self._used(session, update)
            case {"sessionUpdate": "compaction_update", "status": "completed"}:
                return [Session(plain(session[:200]), "compacted")]
            case {"sessionUpdate": "notice", "title": str(title)}:
                more = update.get("description")
                return self._builder.say(f"{title}\n{more}" if isinstance(more, str) else title, Speaker("system"))
            case {"sessionUpdate": str(kind)} if kind in _SILENT or kind.startswith("compaction_"):
                return ()
            case _:
                return None

    def _loads(self, session: str) -> bool:
        return any(
            method == "session/load" and params.get("sessionId") == session for method, params in self._pending.values()
        )

    def _chunk(self, kind: str, block: object, message: object) -> Iterator[Message]:
        """Chunks without an id belong to one message as long as nothing else comes between."""
        key = (kind, message if isinstance(message, str) else None)
        if kind == "user_message_chunk" and not self._echoes:
            return
        if self._chunks is None or self._chunks[0] != key:
            yield from self._break()
            role, voice = _VOICES[kind]
            self._chunks = (key, self._builder.begin(Speaker(role, voice)))
        yield from self._chunks[1].add(block_text(block))

    def _break(self) -> Iterator[Message]:
        if self._chunks:
            _, streamed = self._chunks
            self._chunks = None
            yield from streamed.end()

    def _apart(self, messages: Iterable[Message]) -> Iterator[Message]:
        """What interrupts the message before it, if it says anything."""
        for message in messages:
            yield from self._break()
            yield message

    def _call_update(self, update: Fields) -> Iterator[Message]:
        yield from self._calls.update(update)
        if update.get("status") in ("completed", "failed"):
            yield from self.requests.settle_call(update["toolCallId"])

    def _used(self, session: str, update: Fields) -> Iterator[Message]:
        match update:
            case {"used": int(used), "size": int(size)} if 0 <= used <= size and size:
                level = Context(round(100 * used / size), used, size)
                if level != self._level:
                    self._level = level
                    yield level
        match update:
            case {"cost": {"amount": int() | float() as amount, "currency": "USD"}}:
                name = label(session)
                yield usage(name, self._models.get(name or ""), cost_usd=amount)

    # Permissions

    def _ask(self, id_: object, params: Fields) -> Iterable[Message] | None:
        match params:
            case {"toolCall": {"toolCallId": str(call)} as fields, "options": [*options]} if call:
                return self._apart(self._permission(id_, fields, options))
            case _:
                return None

    def _permission(self, id_: object, fields: Fields, options: list[Any]) -> Iterator[Message]:
        call, messages = self._calls.asked(fields)
        yield from messages
        yield from self.requests.ask(waiting(id_, call, options, self._add))


def _model(result: Fields) -> str | None:
    """The session's model, which agents report in one of two places."""
    match result:
        case {"models": {"currentModelId": str(model)}}:
            return label(model)
        case {"configOptions": [*options]}:
            models = (entry for entry in options if isinstance(entry, dict) and entry.get("category") == "model")
            return label(next((entry.get("currentValue") for entry in models), None))
        case _:
            return None
