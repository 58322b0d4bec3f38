"""AgentService: every change is broadcast, whoever makes it, unless it is rolled back."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections, transaction

from accounts.tokens import issue_token
from agents.events import Context, Output, StatusReport
from agents.models import Agent, Status
from agents.publications import Publication
from agents.services import AgentService
from realtime_project.asgi import application
from streams.log.models import DROPPED
from streams.log.retention import trim
from streams.models import Event, Stream
from streams.protocol.messages import ProtocolError
from streams.runtime import Runtime
from streams.signals import events_appended
from workspaces.services import WorkspaceService

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def agent() -> Agent:
    workspace = WorkspaceService.create("Workspace")
    return AgentService.create(workspace.pk, "agent")


class LocalViewer:
    """A viewer inside this process, through the ASGI application."""

    def __init__(self, socket: WebsocketCommunicator) -> None:
        self._socket = socket

    async def ask(self, type_: str, **payload: Any) -> dict[str, Any]:
        await self._socket.send_json_to({"type": type_, "payload": payload})
        return await self.next()

    async def next(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._socket.receive_json_from(5)
        return message

    async def silent(self) -> bool:
        return await self._socket.receive_nothing(0.3)


@asynccontextmanager
async def listening() -> AsyncIterator[LocalViewer]:
    user = await User.objects.acreate(username="root", is_superuser=True)
    _, secret = await sync_to_async(issue_token)(user, "test")
    socket = WebsocketCommunicator(application, "/ws/", headers=[(b"authorization", f"Bearer {secret}".encode())])
    connected, _ = await socket.connect(5)
    assert connected
    try:
        yield LocalViewer(socket)
    finally:
        await socket.disconnect()
        await Runtime.current().close()


def from_a_thread(agent: Agent) -> None:
    def work() -> None:
        AgentService.report(agent.pk, Output(content="x"))
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


WAYS: dict[str, Callable[[Agent], Any]] = {
    "asynchronous code": lambda agent: AgentService.areport(agent.pk, Output(content="x")),
    "a synchronous view": lambda agent: sync_to_async(AgentService.report)(agent.pk, Output(content="x")),
    "a thread": lambda agent: asyncio.to_thread(from_a_thread, agent),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_report_is_received_wherever_it_comes_from(agent: Agent, way: Callable[[Agent], Any]) -> None:
    async def scenario() -> None:
        async with listening() as ear:
            answer = await ear.ask("subscribe:agent", agentId=str(agent.pk))
            assert answer["type"] == "subscribed", answer
            await way(agent)
            received = await ear.next()
            assert (received["type"], received["payload"]["content"], received["seq"]) == ("agent:output", "x", 1)

    asyncio.run(scenario())


def test_a_rolled_back_transaction_is_silent(agent: Agent) -> None:
    signalled: list[Any] = []

    def receive(batches: Any, **kwargs: Any) -> None:
        signalled.append(batches)

    def fail() -> None:
        with transaction.atomic():
            AgentService.report(agent.pk, Output(content="never"), StatusReport(status=Status.RUNNING))
            raise ZeroDivisionError

    async def scenario() -> None:
        async with listening() as ear:
            await ear.ask("subscribe:agent", agentId=str(agent.pk))
            await ear.ask("subscribe:workspace", workspaceId=str(agent.workspace_id))
            with pytest.raises(ZeroDivisionError):
                await sync_to_async(fail)()
            assert await ear.silent()

    events_appended.connect(receive)
    try:
        asyncio.run(scenario())
    finally:
        events_appended.disconnect(receive)
    assert signalled == []
    assert not Event.objects.filter(type__startswith="agent:").exists()
    agent.refresh_from_db()
    assert agent.status == Status.IDLE


def test_signals_come_after_the_commit(agent: Agent) -> None:
    seen: list[int] = []

    def receive(batches: Any, **kwargs: Any) -> None:
        assert not transaction.get_connection().in_atomic_block
        seen.extend(item.first for item in batches)

    events_appended.connect(receive)
    try:
        with transaction.atomic():
            AgentService.report(agent.pk, Output(content="x"))
            assert seen == []
        assert seen == [1]
    finally:
        events_appended.disconnect(receive)


def test_a_failing_receiver_does_not_undo_or_fail_a_write(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    def receive(**kwargs: Any) -> None:
        raise ZeroDivisionError

    events_appended.connect(receive)
    try:
        assert AgentService.report(agent.pk, Output(content="x")).seq == 1
    finally:
        events_appended.disconnect(receive)
    assert Event.objects.filter(type="agent:output").count() == 1


def test_a_producers_retries_are_stored_once(agent: Agent) -> None:
    def batch(first: int, last: int) -> Publication:
        events = [Output(content=str(n)) for n in range(first, last + 1)]
        return Publication(agent.pk, events, "p", first)

    first = AgentService.publish(batch(1, 3))
    assert AgentService.publish(batch(1, 3)) == first
    assert (first.n, first.seq) == (3, 3)
    overlapping = AgentService.publish(batch(2, 5))
    assert (overlapping.n, overlapping.seq) == (5, 5)
    with pytest.raises(ProtocolError, match="expected n 6 next"):
        AgentService.publish(batch(7, 8))
    stored = Event.objects.filter(type="agent:output").order_by("seq").values_list("payload", flat=True)
    assert [payload.split('"content":"')[1][0] for payload in stored] == list("12345")


def test_a_refused_publication_does_not_affect_others_in_its_transaction(agent: Agent) -> None:
    fine = Publication(agent.pk, [Output(content="fine"), StatusReport(status=Status.RUNNING)], "a", 1)
    jump = Publication(agent.pk, [StatusReport(status=Status.ERROR)], "b", 5)
    good, bad = AgentService.publish_many([fine, jump])
    assert not isinstance(good, Exception)
    assert isinstance(bad, ProtocolError)
    agent.refresh_from_db()
    assert agent.status == Status.RUNNING


def test_seqs_have_no_gap_under_concurrent_writers(agent: Agent) -> None:
    def write() -> None:
        for _ in range(25):
            AgentService.report(agent.pk, Output(content="x"), Context(context_level=1))
        connections.close_all()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seqs = list(Event.objects.filter(stream__name=f"agent.{agent.pk}").order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, 201))
    assert Stream.objects.get(name=f"agent.{agent.pk}").head == 200


def test_deleting_a_workspace_deletes_everything_in_it(agent: Agent) -> None:
    AgentService.report(agent.pk, Output(content="x"))
    WorkspaceService.delete(agent.workspace_id)
    assert not Agent.objects.exists()
    assert not Stream.objects.exclude(name__startswith=DROPPED).exists()
    trim(pause=0)
    assert not Stream.objects.exists()
    assert not Event.objects.exists()


def test_migrations_are_complete() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
