"""A client's session, whatever its transport: handles its messages and sends the answers."""

import asyncio
import logging
import uuid
from collections.abc import Coroutine, Iterable, Sequence
from functools import cache
from typing import Any

import msgspec

from streams import metrics
from streams.conf import conf
from streams.hub.connection import Sink
from streams.hub.feed import Cursor, Feed
from streams.hub.reader import AccessQuery, Snapshot, SnapshotQuery
from streams.hub.window import Frame
from streams.protocol import clock
from streams.protocol.kinds import Access, Kind, Rights, Scope, State, Viewer
from streams.protocol.limits import Bucket
from streams.protocol.messages import (
    Close,
    Code,
    ProtocolError,
    Reason,
    Request,
    Subscribe,
    brief,
    decode,
    encode,
    parse,
    wrap_answer,
)
from streams.protocol.positions import Span, Start, start_at
from streams.runtime import Runtime

logger = logging.getLogger(__name__)

NOT_THE_CLIENTS_FAULT = (Code.CONFLICT, Code.UNAVAILABLE, Code.INTERNAL, Code.RATE_LIMITED)
EXPIRY_SECONDS = 0.1  # wait after a credential's expiry before checking it, so that it has certainly expired
MAX_TIMER_SECONDS = 86_400.0
MAX_REJECTED = 200  # messages over the limit that are answered with RATE_LIMITED before the connection is closed


class ClientSession:
    """Serves one client, and listens to its connection.

    `viewer` is the authenticated user. Frames go to `sink`; with `merge` one may carry several messages.
    """

    def __init__(self, viewer: Viewer, sink: Sink, merge: bool) -> None:
        settings = conf()
        self._viewer = viewer
        self._sink = sink
        self._runtime = Runtime.current()
        self._reader = self._runtime.hub.reader
        self._connection = self._runtime.hub.connect(viewer, sink, merge, self)
        self._messages = Bucket(settings.MESSAGES_BURST, settings.MESSAGES_PER_SECOND)
        self._offences = Bucket(settings.BAD_MESSAGES, settings.BAD_MESSAGES / 60)
        self._rejected = 0
        self._closed = False
        # Of the streams followed, with whether their states are wanted.
        self._subjects: dict[str, tuple[Kind, uuid.UUID, bool]] = {}
        self._paging: dict[str, asyncio.Task[None]] = {}  # by stream: states that are being sent
        self._grants: dict[tuple[Kind, uuid.UUID], Rights] = {}  # known rights; replaced whenever they may have changed
        self._tasks: set[asyncio.Task[None]] = set()
        self._heartbeat = asyncio.get_running_loop().call_later(settings.HEARTBEAT, self._beat)
        self._expiry: asyncio.TimerHandle | None = None
        self._watch_expiry()

    def end(self) -> None:
        self._closed = True
        self._heartbeat.cancel()
        if self._expiry is not None:
            self._expiry.cancel()
        for task in self._tasks:
            task.cancel()
        self._runtime.hub.disconnect(self._connection)

    def close(self, code: Close, why: str) -> None:
        if not self._closed:
            logger.info("closing the socket of %s with %d: %s", self._viewer.name, code, why)
            metrics.CLOSED.labels(code=int(code)).inc()
            self.end()
            self._sink.close(int(code))  # autobahn takes no other integer

    # Messages from the client

    async def handle(self, text: str | None, binary: bytes | None) -> None:
        """Answer one message."""
        if self._closed:
            return
        request: Request | None = None
        try:
            self._limit()
            request = _parse(text, binary)
            await self._dispatch(request)
        except ProtocolError as error:
            self._refuse(error, request)
        except Exception:
            logger.exception("cannot answer a message of %s", self._viewer.name)
            self._refuse(
                ProtocolError(Code.INTERNAL, "the server failed to handle this message; the error has been logged"),
                request,
            )
        if self._connection.flooded:
            self.close(Close.TOO_SLOW, "asks without reading the answers")

    def _limit(self) -> None:
        if self._messages.take():
            self._rejected = 0
            return
        self._rejected += 1
        if self._rejected > MAX_REJECTED:
            self.close(Close.TOO_MANY_MESSAGES, "too many messages")
        rate = conf().MESSAGES_PER_SECOND
        problem = f"expected at most {rate:g} messages per second; this one was ignored"
        raise ProtocolError(Code.RATE_LIMITED, problem, retry_after=1 / rate)

    async def _dispatch(self, request: Request) -> None:
        verb, _, name = request.type.partition(":")
        kind = self._runtime.kinds_on_wire.get(name)
        match verb, kind:
            case "ping", _ if not name:
                self._answer("pong", {}, request)
            case "subscribe", Kind():
                key = self._key(kind, request)
                await self.subscribe(kind, key, parse(Subscribe, request.payload, "payload"), request)
            case "unsubscribe", Kind():
                self._unsubscribe(kind, self._key(kind, request), request)
            case "publish", Kind() if kind.publishable:
                await self._publish(kind, request)
            case "answer", Kind() if kind.answerable:
                await self._answer_request(kind, request)
            case _:
                known = ", ".join(_known_types(self._runtime.kinds.values()))
                raise ProtocolError(Code.UNKNOWN_MESSAGE_TYPE, f"expected one of {known}; got {brief(request.type)}")

    async def subscribe(
        self, kind: Kind, key: uuid.UUID, wish: Subscribe, request: Request | None = None, *, again: bool = False
    ) -> None:
        """Follow a stream from the position in `wish`, or `again` from its oldest event, because the log no longer has
        the next one.

        Raises ProtocolError (NOT_FOUND, TOO_MANY_SUBSCRIPTIONS, UNAVAILABLE).
        """
        name = kind.stream(key)
        if name not in self._subjects and len(self._subjects) >= conf().SUBSCRIPTIONS:
            limit = conf().SUBSCRIPTIONS
            raise ProtocolError(Code.TOO_MANY_SUBSCRIPTIONS, f"expected at most {limit} subscriptions per connection")
        snapshot, feed = await self._open(kind, key, wish)
        name = feed.name  # one string object shared by all followers
        if again and (name not in self._subjects or name in self._connection.cursors or name in self._paging):
            return  # the client has unsubscribed or subscribed in the meantime
        self._stop_paging(name)
        span = snapshot.span
        start = Start(span.floor, complete=False) if again else start_at(wish, span, snapshot.time)
        self._subjects[name] = (kind, key, wish.state)
        self._send("subscribed", _subscribed(kind, key, span, start, snapshot.state), request)
        if snapshot.state and snapshot.state.pages:
            self._connection.unfollow(name)
            self._continue(kind, key, snapshot.state.pages, start.seq)
        else:
            self._connection.follow(feed, start.seq)

    def _continue(self, kind: Kind, key: uuid.UUID, pages: Sequence[tuple[str, str]], seq: int) -> None:
        """Send the pages of a state at the reader's pace, and then the events after it."""

        async def send() -> None:
            for type_, payload in pages:
                await self._connection.drained()
                self._send(type_, payload, None)
            self._connection.follow(await self._runtime.hub.feed(kind.stream(key)), seq)

        self._paging[kind.stream(key)] = self._spawn(send())

    async def _open(self, kind: Kind, key: uuid.UUID, wish: Subscribe) -> tuple[Snapshot, Feed]:
        """A snapshot of the stream, with the time of the event that `wish` names, and its feed.

        Repeated if rights have changed in the meantime, because they must still hold when the cursor is created.
        """
        seq = (wish.since or 0) if wish.at else 0
        while True:
            grants, viewer = self._grants, self._viewer
            query = SnapshotQuery(kind.name, key, viewer.id, viewer.limits, seq, wish.state)
            snapshot = await self._reader.snapshot(query)
            if snapshot is None:
                raise _not_found(kind, key)
            feed = await self._runtime.hub.feed(kind.stream(key))
            if grants is self._grants:
                return snapshot, feed

    def _unsubscribe(self, kind: Kind, key: uuid.UUID, request: Request) -> None:
        self._forget(kind.stream(key))
        self._answer("unsubscribed", {**_subject(kind, key), "reason": Reason.REQUESTED}, request)

    async def _publish(self, kind: Kind, request: Request) -> None:
        key = self._key(kind, request)
        await self._require(kind, key, Scope.PUBLISH)  # before the events are read: strangers cost no work
        self._answer("published", await kind.publish(key, request.payload, self._viewer), request)

    async def _answer_request(self, kind: Kind, request: Request) -> None:
        key = self._key(kind, request)
        await self._require(kind, key, Scope.ANSWER)
        self._answer("answered", await kind.answer(key, request.payload, self._viewer), request)

    async def _require(self, kind: Kind, key: uuid.UUID, scope: Scope) -> None:
        """Raise ProtocolError (NOT_FOUND, FORBIDDEN) unless the viewer may change the stream in this way."""
        grants = self._grants  # replaced when rights change, so a stale result is never stored
        rights = grants.get((kind, key))
        if rights is None:
            rights = grants[kind, key] = await self._reader.access(self._query(kind, key))
        if not rights.visible:
            raise _not_found(kind, key)
        if not rights.allow(Access.WRITE, scope):
            verb = str(scope.name).lower()
            raise ProtocolError(Code.FORBIDDEN, f"your role or your token doesn't allow you to {verb} here")

    def _key(self, kind: Kind, request: Request) -> uuid.UUID:
        return kind.own_key(self._viewer) or _key(kind, request)

    def _query(self, kind: Kind, key: uuid.UUID) -> AccessQuery:
        return AccessQuery(kind.name, key, self._viewer.id, self._viewer.limits)

    # Messages to the client

    def _answer(self, type_: str, payload: dict[str, Any], request: Request | None) -> None:
        self._send(type_, encode(payload), request)

    def _send(self, type_: str, payload: str, request: Request | None) -> None:
        text = wrap_answer(type_, payload, clock.now(), request.id if request else None)
        self._connection.send(Frame(text.encode()))

    def _refuse(self, error: ProtocolError, request: Request | None) -> None:
        if self._closed:
            return
        payload = error.payload
        if request is not None:
            payload["request"] = request.type
        self._answer("error", payload, request)
        if error.code not in NOT_THE_CLIENTS_FAULT and not self._offences.take():
            self.close(Close.TOO_MANY_BAD_MESSAGES, "too many bad messages")

    def _beat(self) -> None:
        """The heartbeat, which also rechecks access in case an announcement was lost."""
        self._heartbeat = asyncio.get_running_loop().call_later(conf().HEARTBEAT, self._beat)
        self._answer("pong", {}, None)
        self.access_changed()

    def _watch_expiry(self) -> None:
        """End the session when its credential expires."""
        if self._expiry is not None:
            self._expiry.cancel()
        expires_at = self._viewer.expires_at
        if expires_at is not None:
            left = min(max(expires_at.timestamp() - clock.now() / 1000, 0), MAX_TIMER_SECONDS)
            self._expiry = asyncio.get_running_loop().call_later(left + EXPIRY_SECONDS, self.access_changed)

    # Events of the connection (SessionListener)

    def lost(self, cursor: Cursor) -> None:
        self._connection.unfollow(cursor.feed.name)
        self._spawn(self._subscribe_again(*self._subjects[cursor.feed.name]))

    def dropped(self, name: str) -> None:
        self._end_subscription(name, Reason.DELETED)

    def stalled(self) -> None:
        self.close(Close.TOO_SLOW, "the client has stopped reading")

    def access_changed(self) -> None:
        self._grants = {}
        self._spawn(self._recheck())

    async def _subscribe_again(self, kind: Kind, key: uuid.UUID, state: bool) -> None:
        while True:
            try:
                await self.subscribe(kind, key, Subscribe(state=state), again=True)
                return
            except ProtocolError as error:
                if error.code in (Code.NOT_FOUND, Code.FORBIDDEN):
                    self._end_subscription(kind.stream(key), await self._why_not_found(kind, key))
                    return
            except Exception:
                logger.exception("cannot subscribe %s to %s again", self._viewer.name, kind.stream(key))
            await asyncio.sleep(conf().POLL)

    async def _why_not_found(self, kind: Kind, key: uuid.UUID) -> Reason:
        """Whether a followed stream has ended, or may no longer be seen."""
        name = kind.stream(key)
        try:
            return Reason.FORBIDDEN if name in await self._reader.spans([name]) else Reason.DELETED
        except ProtocolError:
            return Reason.FORBIDDEN
        except Exception:
            logger.exception("cannot determine why %s is gone", name)
            return Reason.FORBIDDEN

    async def _recheck(self) -> None:
        """End subscriptions that the viewer may no longer have."""
        try:
            viewer = await self._reader.renewed(self._viewer)
            if viewer is None:
                self.close(Close.ACCESS_WITHDRAWN, "the credential is no longer valid")
                return
            if viewer.limits != self._viewer.limits:
                self._grants = {}  # some may have been queried with the credential's earlier limits
            self._viewer = viewer
            self._watch_expiry()
            subjects = list(self._subjects.items())
            queries = [self._query(kind, key) for _, (kind, key, _) in subjects]
            granted = await asyncio.gather(*map(self._reader.access, queries))
        except ProtocolError:
            return  # the database is down; the next heartbeat tries again
        except Exception:
            logger.exception("cannot check the access of %s; the next heartbeat tries again", self._viewer.name)
            return
        for (name, (kind, _, _)), rights in zip(subjects, granted, strict=True):
            if not rights.allow(Access.READ, kind.readers):
                self._end_subscription(name, Reason.FORBIDDEN)

    def _end_subscription(self, name: str, reason: Reason) -> None:
        if subject := self._forget(name):
            kind, key, _ = subject
            self._answer("unsubscribed", {**_subject(kind, key), "reason": reason}, None)

    def _forget(self, name: str) -> tuple[Kind, uuid.UUID, bool] | None:
        self._stop_paging(name)
        self._connection.unfollow(name)
        return self._subjects.pop(name, None)

    def _stop_paging(self, name: str) -> None:
        if task := self._paging.pop(name, None):
            task.cancel()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _parse(text: str | None, binary: bytes | None) -> Request:
    if text is None:
        size = len(binary or b"")
        raise ProtocolError(Code.INVALID_MESSAGE, f"expected a text frame with JSON, got {size} binary bytes")
    request = decode(Request, text)
    if bytes(memoryview(request.payload)[:1]) != b"{":
        got = brief(bytes(request.payload).decode(errors="replace"))
        raise ProtocolError(Code.INVALID_MESSAGE, f"payload: expected an object, got {got}")
    if len(text) > conf().MESSAGE_BYTES and not request.type.startswith("publish:"):
        limit = conf().MESSAGE_BYTES
        raise ProtocolError(Code.TOO_LARGE, f"expected at most {limit} bytes, got {len(text)} characters")
    return request


def _key(kind: Kind, request: Request) -> uuid.UUID:
    """The id in the request's payload; nothing else of it is parsed."""
    given = bytes(getattr(decode(_key_shape(kind.id_key), request.payload, "payload"), kind.id_key))
    try:
        return uuid.UUID(msgspec.json.decode(given, type=str))
    except ValueError:
        message = f"payload.{kind.id_key}: expected a UUID, got {brief(given.decode(errors='replace'))}"
        raise ProtocolError(Code.INVALID_MESSAGE, message) from None


@cache
def _key_shape(name: str) -> type[msgspec.Struct]:
    return msgspec.defstruct("Payload", [(name, msgspec.Raw, msgspec.Raw(b"nothing"))])


def _known_types(kinds: Iterable[Kind]) -> list[str]:
    found = ["ping"]
    for kind in kinds:
        found += [f"subscribe:{kind.wire_name}", f"unsubscribe:{kind.wire_name}"]
        found += [f"publish:{kind.wire_name}"] if kind.publishable else []
        found += [f"answer:{kind.wire_name}"] if kind.answerable else []
    return found


def _not_found(kind: Kind, key: uuid.UUID) -> ProtocolError:
    return ProtocolError(
        Code.NOT_FOUND, f"there is no {kind.wire_name} {kind.key_text(key)}, or you don't have access to it"
    )


def _subject(kind: Kind, key: uuid.UUID) -> dict[str, str]:
    """The fields that identify a stream in answers."""
    return {"type": kind.wire_name, "id": kind.key_text(key)}


def _subscribed(kind: Kind, key: uuid.UUID, span: Span, start: Start, state: State | None) -> str:
    answer = {
        **_subject(kind, key),
        "seq": span.head,
        "oldest": span.oldest,
        "complete": start.complete,
    }
    return f'{encode(answer)[:-1]},"state":{state.text}}}' if state else encode(answer)
