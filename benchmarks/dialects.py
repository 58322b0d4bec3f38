"""The WebSocket protocols of the systems: how to subscribe, publish, and keep the connection alive."""

import json
from collections.abc import Sequence

from benchmarks.events import Event


class Dialect:
    """Plain JSON, one message per frame: the protocol of the Node peers and of stock Channels."""

    binary = False
    acknowledged = False  # whether publications are acknowledged; the next one then waits for that, as in our clients

    def awaited(self, agents: Sequence[str]) -> int:
        """How many confirmed subscriptions a viewer of these agents waits for."""
        return len(agents)

    def opening(self, agents: Sequence[str]) -> list[bytes]:
        """The first messages of a viewer of these agents."""
        return [_json("subscribe:agent", {"agentId": agent}) for agent in agents]

    def answer(self, message: bytes, agents: Sequence[str]) -> list[bytes]:
        """A viewer's reply to a message that isn't an event."""
        return []

    def confirms(self, message: bytes) -> int:
        """How many subscriptions a message confirms."""
        return message.count(b'"subscribed"')

    def greeting(self) -> list[bytes]:
        """A producer's first messages."""
        return []

    def publish(self, agent: str, events: Sequence[Event], producer: str) -> list[bytes]:
        """The frames in which a producer sends events that are due together."""
        lines = (
            f'{{"type":"agent:output","payload":{{"agentId":"{agent}","content":"{event.content}","role":"assistant"}}}}'
            for event in events
        )
        return ["\n".join(lines).encode()]


class Agentstream(Dialect):
    acknowledged = True

    def publish(self, agent: str, events: Sequence[Event], producer: str) -> list[bytes]:
        items = ",".join(
            f'{{"n":{event.number},"type":"agent:output","payload":{{"content":"{event.content}","role":"assistant"}}}}'
            for event in events
        )
        return [self.publication(agent, items, producer)]

    @staticmethod
    def publication(agent: str, items: str, producer: str) -> bytes:
        """The frame that publishes numbered events, given as JSON."""
        head = f'{{"type":"publish:agent","payload":{{"agentId":"{agent}","producer":"{producer}","events":['
        return f"{head}{items}]}}}}".encode()


class SocketIO(Dialect):
    """Engine.IO 4 and Socket.IO 5, over WebSocket only."""

    def opening(self, agents: Sequence[str]) -> list[bytes]:
        return []  # the server speaks first

    def answer(self, message: bytes, agents: Sequence[str]) -> list[bytes]:
        if message.startswith(b"0{"):
            return [b"40"]
        if message.startswith(b"40"):
            return [b"42" + json.dumps(["subscribe:agent", {"agentId": agent}]).encode() for agent in agents]
        return [b"3"] if message == b"2" else []


class Nats(Dialect):
    binary = True

    def opening(self, agents: Sequence[str]) -> list[bytes]:
        subscriptions = "".join(f"SUB agent.{agent} {number}\r\n" for number, agent in enumerate(agents, 1))
        return [_NATS_CONNECT + subscriptions.encode() + b"PING\r\n"]

    def answer(self, message: bytes, agents: Sequence[str]) -> list[bytes]:
        return [b"PONG\r\n"] if message.startswith(b"PING") else []

    def awaited(self, agents: Sequence[str]) -> int:
        return 1  # the PONG, which follows all SUBs

    def confirms(self, message: bytes) -> int:
        return message.count(b"PONG\r\n")

    def greeting(self) -> list[bytes]:
        return [_NATS_CONNECT]

    def publish(self, agent: str, events: Sequence[Event], producer: str) -> list[bytes]:
        bodies = (Plain.envelope(agent, event) for event in events)
        return ["".join(f"PUB agent.{agent} {len(body)}\r\n{body}\r\n" for body in bodies).encode()]


_NATS_CONNECT = b'CONNECT {"verbose":false,"pedantic":false,"headers":false,"protocol":1}\r\n'


class Plain(Dialect):
    """A broker that passes messages on unchanged. The URL is the subscription."""

    def awaited(self, agents: Sequence[str]) -> int:
        return 0

    def opening(self, agents: Sequence[str]) -> list[bytes]:
        return []

    def publish(self, agent: str, events: Sequence[Event], producer: str) -> list[bytes]:
        return [self.envelope(agent, event).encode() for event in events]

    @staticmethod
    def envelope(agent: str, event: Event) -> str:
        return (
            f'{{"type":"agent:output","payload":{{"agentId":"{agent}","content":"{event.content}","role":"assistant"}},'
            f'"timestamp":"2026-01-01T00:00:00.000Z","seq":{event.number}}}'
        )


def _json(type_: str, payload: dict[str, str]) -> bytes:
    return json.dumps({"type": type_, "payload": payload}).encode()
