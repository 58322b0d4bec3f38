"""Who is behind a change: found out where a request comes in, and asked for where the change is made.

A request's actor lies in a context variable, so that services need no parameter for it. Threads and tasks that work for
several callers at once have none: what reaches them carries its own.
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
    """A person or program. `via` says by what: `session`, `token ags_1a2b3c…`, `command createtoken`, `server`."""

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
        """Who uses a page; somebody without a name if they are not signed in."""
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
    """Who is behind what is done now: the server itself, if nobody has said so."""
    return _actor.get()()


def set_actor(actor: Actor) -> None:
    """Say who is behind what the rest of this task does."""
    _actor.set(lambda: actor)


@contextmanager
def acting(actor: Actor | Callable[[], Actor]) -> Iterator[None]:
    """Say who is behind what is done in this block. A function is asked when it matters: it may read the database."""
    token = _actor.set(actor if callable(actor) else lambda: actor)
    try:
        yield
    finally:
        _actor.reset(token)


def address_of(request: HttpRequest) -> str:
    """The address of the client; empty where the server does not know it."""
    return str(request.META.get("REMOTE_ADDR") or "")
