"""This program as the client of an agent that speaks the Agent Client Protocol (`gemini --acp`, `opencode acp` …)."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from agentstream.adapters import Step
from agentstream.adapters.acp import Conversation
from agentstream.adapters.acp_requests import answered
from agentstream.adapters.json_lines import Event
from agentstream.messages import Message, encode

PROTOCOL_VERSION = 1
# Messages of people that wait for the end of a turn, and lines that the agent has not been given yet.
MAX_PROMPTS = 100
MAX_LINES = 1_000

_METHOD_NOT_FOUND = -32601


class AcpClient:
    """Opens a session in `folder`, sends people's messages one after the other, and refuses what it doesn't offer:
    reading and writing files and running commands are left to the agent itself."""

    accepts_input = True

    def __init__(self, run: str, folder: str, version: str) -> None:
        self._prompts: deque[str] = deque(maxlen=MAX_PROMPTS)
        self._conversation = Conversation(run, echoes=False, add=self._prompts.append)
        self.requests = self._conversation.requests
        self._folder = folder
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._messages: list[Message] = []
        self._session: str | None = None
        self._count = self._new = 0
        self._initialize = self._call(
            "initialize",
            protocolVersion=PROTOCOL_VERSION,
            clientCapabilities={"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False},
            clientInfo={"name": "agentstream", "title": "Agentstream", "version": version},
        )

    def translate(self, event: Event) -> Iterable[Message] | None:
        messages = self._conversation.heard(event)
        match event:
            case {"method": str(method), "id": id_}:
                if messages is None or method != "session/request_permission":
                    self._refuse(id_, method)
            case {"method": "$/cancel_request", "params": {"requestId": id_}} if encode(id_) in self.requests.keys:
                self._lines.append(answered(id_, None))
            case {"id": int(id_)} if messages is not None:
                return chain(messages, self._go_on(id_, event))
        return messages

    def close(self) -> Iterator[Message]:
        yield from self._conversation.close()
        if self._prompts:
            yield from self._conversation.note(f"The agent ended before it read {len(self._prompts)} more messages.")

    def reply(self, content: str) -> str:
        """Nothing: the next step sends it, if the agent is ready. It takes one message at a time, and none before there
        is a session."""
        self._prompts.append(content)
        self._prompt()
        return ""

    def step(self) -> Step:
        step = Step("".join(self._lines), tuple(self._messages))
        self._lines.clear()
        self._messages.clear()
        return step

    def interrupt(self) -> Step:
        """Cancel the turn, and with it what the agent asks."""
        if self._session is None or not self._conversation.prompted:
            return Step()
        cancel = encode({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": self._session}}) + "\n"
        asked = self.requests.keys
        settled = [message for key in asked for message in self.requests.settle(key, "withdrawn")]
        return Step(cancel + "".join(answered(json.loads(key), None) for key in asked), tuple(settled))

    def _go_on(self, id_: int, event: Event) -> Iterator[Message]:
        """What follows the agent's response to a request of ours."""
        match event:
            case {"result": {"protocolVersion": version}} if id_ == self._initialize:
                if version == PROTOCOL_VERSION:
                    self._new = self._call("session/new", cwd=self._folder, mcpServers=[])
                else:
                    said = f"expected version {PROTOCOL_VERSION} of the protocol; the agent speaks {version}"
                    yield from self._conversation.failed("protocol_version", said)
            case {"error": _} if id_ == self._initialize:
                yield from self._conversation.failed("initialize", "the agent refuses to begin")
            case {"result": {"sessionId": str(session)}} if id_ == self._new:
                self._session = session
            case {"error": {"code": -32000}} if id_ == self._new:
                yield from self._conversation.note("Sign in first: start the agent in a terminal.")
        self._prompt()

    def _prompt(self) -> None:
        """Send the next message if the agent can take it."""
        if self._prompts and self._session is not None and not self._conversation.prompted:
            text = {"type": "text", "text": self._prompts.popleft()}
            self._call("session/prompt", sessionId=self._session, prompt=[text])

    def _call(self, method: str, **params: Any) -> int:
        """Send a request; returns its id."""
        self._count += 1
        request = {"jsonrpc": "2.0", "id": self._count, "method": method, "params": params}
        self._messages += self._conversation.told(request) or ()
        self._lines.append(encode(request) + "\n")
        return self._count

    def _refuse(self, id_: object, method: str) -> None:
        error = {"code": _METHOD_NOT_FOUND, "message": f"{method[:200]}: not supported"}
        self._lines.append(encode({"jsonrpc": "2.0", "id": id_, "error": error}) + "\n")
