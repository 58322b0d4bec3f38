"""A test's own workspace and agent on a live server."""

import uuid
from dataclasses import dataclass

from agentstream import Event, Watch, watch

from tests.support.api import Api


@dataclass(frozen=True)
class Place:
    """A workspace and agent, with a token that may publish and watch."""

    url: str
    token: str
    workspace: str
    slug: str
    agent: str

    @classmethod
    def made(cls, api: Api) -> "Place":
        workspace = api.workspace(f"Clients {uuid.uuid4()}")
        agent = api.agent(workspace["id"], "agent")
        return cls(api.url, str(api.token), workspace["id"], workspace["slug"], agent["id"])

    def history(self, name: str = "agent") -> list[Event]:
        """Everything stored of the agent of that name."""
        api = Api(self.url, self.token)
        agents = {agent["name"]: agent["id"] for agent in api.get(f"/workspaces/{self.workspace}/agents").data}
        events: list[Event] = []
        while True:
            since = events[-1].seq if events else 0
            page = api.get(f"/agents/{agents[name]}/events?since={since}&limit=1000").data["events"]
            if not page:
                return events
            events += [Event(item["type"], item["payload"], item["seq"], item["timestamp"], "") for item in page]

    def text(self, name: str = "agent", role: str = "assistant") -> str:
        """All output of the agent with that name in that role."""
        outputs = [event.payload for event in self.history(name) if event.type == "agent:output"]
        return "".join(output["content"] for output in outputs if output["role"] == role)


async def until(last: str, events: Watch) -> list[Event]:
    """Events up to the first whose content ends with `last`."""
    seen: list[Event] = []
    async with events:
        async for event in events:
            seen.append(event)
            if event.payload.get("content", "").endswith(last):
                break
    return seen


def follow(place: Place, last: str, since: int | None = 0) -> Watch:
    return watch(place.url, place.token, agents=[place.agent], since=since)
