"""A scripted model, over HTTP on this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

from . import gemini_api, messages_api, responses_api
from .replies import Answer, Refusal, Reply, reply, text

Request = dict[str, Any]

# The same each time, because tools repeat in their words where they got an error.
PORT = 47251
# Seconds between two events of an answer.
MESSAGE_PAUSE_SECONDS = 0.01

# What tools ask for beside the conversation: a title, a quota.
ASIDE = reply(text("A recorded scene"), cached=0, written=5)


class Script:
    """The answers of one scene, in order; the last is given again and again. Conversations that begin with a key of
    `others` get those answers, such as the sub-agents of a tool."""

    def __init__(
        self, answers: Sequence[Answer], others: Mapping[str, Sequence[Answer]] = MappingProxyType({})
    ) -> None:
        self._answers = list(answers)
        self._others = {words: list(given) for words, given in others.items()}
        self._lock = threading.Lock()
        self.requests: list[Request] = []

    def go_on(self, *answers: Answer) -> None:
        """From now on these are the answers."""
        with self._lock:
            self._answers = list(answers)

    def answer(self, request: Request) -> tuple[Answer, int]:
        """What to answer, and its number."""
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
            if not request.get("tools") or "format" in (request.get("text") or {}):
                return ASIDE, number
            first = json.dumps(request.get("messages", [])[:1])
            answers = next((given for words, given in self._others.items() if words in first), self._answers)
            answer = answers[0]
            if len(answers) > 1:
                del answers[0]
            return answer, number


@contextmanager
def serving(script: Script, port: int = PORT, headers: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """The base URL of a model that follows the script; `headers` go with each streamed answer."""

    class Handler(_Handler):
        scene = script
        more = headers

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    scene: Script
    more: Mapping[str, str]

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._send(200, "text/plain", b"")

    def do_GET(self) -> None:
        self._json(200, {"data": [], "models": []})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        path = self.path.partition("?")[0]
        if path.endswith("/count_tokens"):
            self._json(200, {"input_tokens": 1_000})
        elif path.endswith(("/messages", "/responses")):
            self._answer(request, path.endswith("/responses"))
        elif path.endswith((":generateContent", ":streamGenerateContent")):
            self._answer_gemini(request, path.endswith(":streamGenerateContent"))
        else:
            self._json(404, {"error": {"type": "not_found_error", "message": path}})

    def _answer(self, request: Request, responses: bool) -> None:
        answer, number = self.scene.answer(request)
        model = str(request.get("model"))
        match answer:
            case Refusal():
                self._json(answer.status, (responses_api if responses else messages_api).error(answer))
            case Reply() if responses:
                self._stream(responses_api.events(answer, number))
            case Reply() if request.get("stream"):
                self._stream(messages_api.events(answer, number, model))
            case Reply():
                self._json(200, messages_api.whole(answer, number, model))

    def _answer_gemini(self, request: Request, streamed: bool) -> None:
        match self.scene.answer(request)[0]:
            case Refusal() as answer:
                self._json(answer.status, gemini_api.error(answer))
            case Reply() as answer if streamed:
                self._stream(gemini_api.events(answer))
            case Reply() as answer:
                self._json(200, gemini_api.whole(answer))

    def _stream(self, events: Iterable[dict[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        for name, value in self.more.items():
            self.send_header(name, value)
        self.end_headers()
        for event in events:
            name = f"event: {event['type']}\n" if "type" in event else ""
            self.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())
            time.sleep(MESSAGE_PAUSE_SECONDS)

    def _json(self, status: int, value: dict[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
