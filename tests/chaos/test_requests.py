"""Many people answer many requests while servers are killed: each is resolved exactly once, and all see it so."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.agents.requests import Desk, desk_of, permission
from tests.chaos.cluster import Cluster
from tests.chaos.figures import report, scaled
from tests.support.api import Api

REQUESTS = scaled(20, 100)  # of each of two agents
PEOPLE = scaled(6, 20)
KILLS = scaled(1, 6)
AWAY_SECONDS = 40.0  # for which a server may be down at most, on a loaded machine


def answered(desk: Desk, person: Api, request_id: str, option: str) -> int:
    """Answer until the server says how it was taken."""
    deadline = time.monotonic() + AWAY_SECONDS
    while time.monotonic() < deadline:
        try:
            status = desk.answer(person, request_id, option=option).status
        except OSError:
            time.sleep(0.05)  # the server is being killed or started
            continue
        if status in (200, 409):
            return status
    raise AssertionError(f"no answer to {request_id}")


def test_each_request_is_resolved_exactly_once_while_a_server_is_killed(pair: Cluster) -> None:
    people = {f"p{number}": "operator" for number in range(PEOPLE)}
    first = desk_of(pair, **people)
    second_agent = first.root.agent(first.workspace_id, "second")["id"]
    second = Desk(first.root, first.other, first.workspace_id, second_agent, first.tokens, first.names)
    desks = (first, second)
    for desk in desks:
        assert desk.publish(*(("agent:request", permission(f"r{i}")) for i in range(REQUESTS))).status == 200

    def work(number: int) -> list[tuple[str, str, int, str]]:
        chance = random.Random(number)
        rounds = [(desk, f"r{i}") for desk in desks for i in range(REQUESTS)]
        chance.shuffle(rounds)
        done = []
        for desk, request_id in rounds:
            option = chance.choice(["yes", "no"])
            person = desk.person(f"p{number}", elsewhere=bool(number % 2))
            done.append((desk.agent_id, request_id, answered(desk, person, request_id, option), f"p{number} {option}"))
        return done

    with ThreadPoolExecutor(PEOPLE) as threads:
        working = [threads.submit(work, number) for number in range(PEOPLE)]
        for number in range(KILLS):
            pair.servers[number % 2].restart()
        outcomes = [outcome for each in working for outcome in each.result()]

    won = Counter((agent, request_id) for agent, request_id, status, _ in outcomes if status == 200)
    assert len(won) == 2 * REQUESTS
    assert set(won.values()) == {1}, "nobody else was told that they had answered"
    by = {(agent, request_id): who for agent, request_id, status, who in outcomes if status == 200}
    for desk in desks:
        told = [event["payload"] for event in _resolutions(desk.root, desk)]
        assert told == [event["payload"] for event in _resolutions(desk.other, desk)]
        assert Counter(each["requestId"] for each in told) == Counter(f"r{i}" for i in range(REQUESTS))
        names = {name: who for who, name in desk.names.items()}
        assert {each["requestId"]: f"{names[each['by']]} {each['option']}" for each in told} == {
            request_id: who for (agent, request_id), who in by.items() if agent == desk.agent_id
        }
        assert (desk.open(), desk.status()) == ([], ("running", None))
    report("requests", requests=2 * REQUESTS, people=PEOPLE, kills=KILLS, answers=len(outcomes))


def _resolutions(api: Api, desk: Desk) -> list[dict[str, dict[str, str]]]:
    events: list[dict[str, dict[str, str]]] = api.get(
        f"/agents/{desk.agent_id}/events?type=agent:request_resolved&limit=1000"
    ).data["events"]
    return events
