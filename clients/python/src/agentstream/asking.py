"""Ask a person and wait for the answer, through restarts of the server and of the asking program."""

from __future__ import annotations

from contextlib import aclosing

from agentstream.api import Api
from agentstream.errors import NotFound
from agentstream.events import Cursor, Gap
from agentstream.reconnection import Reconnector, persistently
from agentstream.requests import Request, Resolution
from agentstream.watch import Watch


async def ask(api: Api, agent_id: str, request: Request) -> Resolution:
    """Ask, and wait until the request is resolved. Raises `Refused` if the server refuses it."""
    since = await persistently(lambda: api.newest(agent_id))
    payload = request.payload()  # once: a retry asks the same, with the same end
    asked = await persistently(lambda: api.ask(agent_id, payload))
    if "resolution" in asked:
        return Resolution.of(asked["resolution"])
    watch = Watch(Reconnector(api.url, api.token), [Cursor("agent", agent_id, since)])
    async with aclosing(watch) as events:
        async for event in events:
            if isinstance(event, Gap):
                state = await persistently(lambda: api.request(agent_id, request.id))
                if "resolution" in state:
                    return Resolution.of(state["resolution"])
            elif event.type == "agent:request_resolved" and event.payload.get("requestId") == request.id:
                return Resolution.of(event.payload)
    raise NotFound("NOT_FOUND", f"agent {agent_id} was deleted")
