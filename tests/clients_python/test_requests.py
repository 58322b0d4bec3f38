"""Programs ask people and wait for the answer."""

import asyncio
import os
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from agentstream import BlockingPublisher, Option, Publisher, Request

from tests.clients_python.place import Place
from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.waiting import eventually

YES, NO = Option("yes", "Yes", "allow"), Option("no", "No", "deny")


def asked(place: Place, name: str = "agent") -> dict[str, Any]:
    """The agent's open request, once there is one."""
    api = Api(place.url, place.token)

    def look() -> list[dict[str, Any]]:
        agents = [agent for agent in api.get(f"/workspaces/{place.workspace}/agents").data if agent["name"] == name]
        return [{**agent["requests"][0], "agentId": agent["id"]} for agent in agents if agent["requests"]]

    return eventually(look)[0]


def answer(place: Place, request: dict[str, Any], **given: Any) -> None:
    path = f"/agents/{request['agentId']}/requests/{request['requestId']}/answer"
    assert Api(place.url, place.token).post(path, given).status == 200


def test_a_publisher_asks_after_its_earlier_events(place: Place) -> None:
    async def scenario() -> None:
        async with Publisher(place.url, place.token, place.agent) as publisher:
            await publisher.output("Look at this")
            asking = asyncio.create_task(publisher.ask(Request("Deploy?", [YES, NO], kind="permission")))
            request = await asyncio.to_thread(asked, place)
            await asyncio.to_thread(answer, place, request, option="no", text="not today")
            resolution = await asking
            assert (resolution.outcome, resolution.option, resolution.text) == ("answered", "no", "not today")
            assert resolution.by == "root"

    asyncio.run(scenario())
    assert [event.type for event in place.history()][:2] == ["agent:output", "agent:request"]


def test_a_restarted_program_asks_nobody_twice(place: Place) -> None:
    request = Request("Deploy?", [YES, NO], id="deploy-1")

    async def killed() -> None:
        async with Publisher(place.url, place.token, place.agent) as publisher:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(publisher.ask(request), 1)

    asyncio.run(killed())
    answer(place, asked(place), option="yes")
    with BlockingPublisher(place.url, place.token, place.agent) as publisher:
        assert publisher.ask(request).option == "yes"
    assert [event.type for event in place.history()].count("agent:request") == 1


def test_a_question_survives_a_killed_server(own_live: LiveServer) -> None:
    place = Place.made(Api(own_live.url, own_live.token("root", "--create", "--superuser")))
    with BlockingPublisher(place.url, place.token, place.agent) as publisher, ThreadPoolExecutor(1) as threads:
        asking = threads.submit(publisher.ask, Request("Go on?", [YES, NO]))
        asked(place)
        own_live.restart()
        answer(place, asked(place), option="yes")
        assert asking.result(30).option == "yes"
    assert [event.type for event in place.history()].count("agent:request") == 1


@pytest.mark.parametrize(("option", "code"), [("yes", 0), ("no", 1)])
def test_the_command_prints_the_answer_and_exits_by_it(place: Place, option: str, code: int) -> None:
    with asking(place, "Deploy?", "--option", "yes", "--option", "no") as process:
        answer(place, asked(place, "ask"), option=option)
        assert process.communicate(timeout=20)[0].strip() == option
    assert process.returncode == code


def test_the_command_exits_with_3_if_nobody_answers(place: Place) -> None:
    with asking(place, "Anybody?", "--expires", "0.5", "--id", str(uuid.uuid4())) as process:
        assert process.communicate(timeout=20) == ("", "agentstream: the question wasn't answered: expired\n")
    assert process.returncode == 3


def asking(place: Place, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "agentstream", "ask", "--workspace", place.slug, *arguments]
    env = {**os.environ, "AGENTSTREAM_URL": place.url, "AGENTSTREAM_TOKEN": place.token}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
