"""Kinds of streams, as apps define them: who may read and write a stream, and what its state is."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Flag, IntEnum, auto
from functools import cached_property
from typing import Any, ClassVar, Protocol

from msgspec import Raw
from pydantic.alias_generators import to_camel

from streams.protocol.messages import stream_name


class Access(IntEnum):
    """What a role allows with a stream; each level includes those before it."""

    NONE = 0
    READ = 1
    WRITE = 2
    MANAGE = 3


class Scope(Flag):
    """What a credential allows. No scope includes another, but each includes SEE: to know that a stream exists."""

    NONE = 0
    SEE = auto()
    WATCH = auto()
    PUBLISH = auto()
    ANSWER = auto()
    MANAGE = auto()
    ALL = SEE | WATCH | PUBLISH | ANSWER | MANAGE


@dataclass(frozen=True, slots=True)
class Rights:
    """What a caller may do with a stream: what both their role and their credential allow."""

    access: Access
    scopes: Scope = Scope.ALL

    @property
    def visible(self) -> bool:
        return self.access >= Access.READ and Scope.SEE in self.scopes

    def allow(self, needed: Access, scopes: Scope) -> bool:
        """Whether the role suffices and the credential has any of `scopes`."""
        return self.visible and self.access >= needed and bool(self.scopes & scopes)


class Viewer(Protocol):
    """The authenticated user at the other end of a connection."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def limits(self) -> Hashable | None:
        """The credential's limits, which `Kind.scopes` interprets; None: unlimited."""
        ...

    @property
    def credential(self) -> Hashable:
        """Identifies the credential for as long as it is valid."""
        ...

    @property
    def expires_at(self) -> datetime | None:
        """When the credential expires."""
        ...

    def renewed(self) -> "Viewer | None":
        """The viewer as they are now; None if the credential is no longer valid. Reads the database."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """A stream's state. `text`, a JSON object, goes into `subscribed`; `pages` are messages that follow in this order,
    each a type and a payload as JSON text."""

    text: str
    pages: Sequence[tuple[str, str]] = ()


class Kind(ABC):
    """A kind of stream. `access`, `scopes` and `states` read the database for many callers at once."""

    name: ClassVar[str]
    alias: ClassVar[str] = ""
    """What clients call the kind, as in `subscribe:<alias>`, if not by its name."""
    publishable: ClassVar[bool] = False
    """Whether clients may publish to streams of this kind, with `publish:<name>`."""
    answerable: ClassVar[bool] = False
    """Whether clients may answer what is asked on streams of this kind, with `answer:<name>`."""
    readers: ClassVar[Scope] = Scope.WATCH
    """Credentials with any of these scopes may follow the stream and read its history."""

    @abstractmethod
    def access(self, queries: Sequence[tuple[int, uuid.UUID]]) -> list[Access]:
        """What each (user id, key) may do, in the same order; NONE also if there is no such key."""

    def scopes(self, queries: Sequence[tuple[Any, uuid.UUID]]) -> list[Scope]:
        """The scopes of a credential with these limits (`Viewer.limits`) for this key, for each (limits, key)."""
        return [Scope.NONE for _ in queries]

    @abstractmethod
    def states(self, keys: Collection[uuid.UUID]) -> Mapping[uuid.UUID, State]:
        """The current states of those that exist."""

    async def publish(self, key: uuid.UUID, publication: Raw, viewer: Viewer) -> dict[str, Any]:
        """Store a publication of `viewer`, the payload of `publish:<name>`, and return that of its `published` answer.

        Raises ProtocolError if it is invalid or can't be stored.
        """
        raise NotImplementedError

    async def answer(self, key: uuid.UUID, answer: Raw, viewer: Viewer) -> dict[str, Any]:
        """Store a person's answer, the payload of `answer:<name>`, and return that of its `answered` answer.

        Raises ProtocolError if it is invalid, or someone else was first (CONFLICT).
        """
        raise NotImplementedError

    def own_key(self, viewer: Viewer) -> uuid.UUID | None:
        """For kinds with one stream per user: the key of the viewer's own stream; messages don't name it."""
        return None

    def key_text(self, key: uuid.UUID) -> str:
        """A key as clients see it."""
        return str(key)

    def stream(self, key: uuid.UUID) -> str:
        return stream_name(self.name, self.key_text(key))

    @property
    def wire_name(self) -> str:
        return self.alias or self.name

    @cached_property
    def id_key(self) -> str:
        """The name of a key of this kind in payloads, such as `agentId`."""
        return to_camel(f"{self.name}_id")
