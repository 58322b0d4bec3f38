"""The actor behind a change: determined where a request arrives, and read where the change is made.

A request's actor is in a context variable, so services need no parameter for it. Threads and tasks that work for
several callers at once have none; the items they work on carry their own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self

from django.http import HttpRequest

from accounts.identity import Identity, SessionGrant


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or program. `via` is how they acted: `session`, `token ags_1a2b3c…`, `command createtoken`, `server`."""

    user_id: int | None = None
    name: str = ""
    via: str = "server"
    address: str = ""

    @classmethod
    def of(cls, identity: Identity) -> Self:
        via = "session" if isinstance(identity.grant, SessionGrant) else f"token {identity.grant.hint}…"
        return cls(identity.id, identity.name, via, identity.address)

    @classmethod
    def on_page(cls, request: HttpRequest) -> Self:
        """The user of a page; without a name if they aren't signed in."""
        address = address_of(request)
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated:
            return cls(None, "", "page", address)
        return cls(user.pk, user.get_username(), "session", address)

    @classmethod
    def command(cls, name: str) -> Self:
        return cls(None, "", f"command {name}")


_actor: ContextVar[Callable[[], Actor]] = ContextVar("actor", default=Actor)


def present_actor() -> Actor:
    """The current actor: the server itself, unless one has been set."""
    return _actor.get()()


def set_actor(actor: Actor) -> None:
    """Set the actor for the rest of this task."""
    _actor.set(lambda: actor)


@contextmanager
def acting(actor: Actor | Callable[[], Actor]) -> Iterator[None]:
    """Set the actor for this block. A function is called only when the actor is needed; it may read the database."""
    token = _actor.set(actor if callable(actor) else lambda: actor)
    try:
        yield
    finally:
        _actor.reset(token)


def address_of(request: HttpRequest) -> str:
    """The client's address; empty if unknown."""
    return str(request.META.get("REMOTE_ADDR") or "")
