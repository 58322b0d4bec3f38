"""An agent made with the protocol's own Python package: it does what the prompt's first word says."""

import asyncio
import os
import sys
from typing import Any

import acp
from acp import schema


class Agent:
    def on_connect(self, client: Any) -> None:
        self.client = client
        self.cancelled = asyncio.Event()

    async def initialize(self, protocol_version: int, **_: Any) -> schema.InitializeResponse:
        return schema.InitializeResponse(protocol_version=protocol_version)

    async def new_session(self, cwd: str, **_: Any) -> schema.NewSessionResponse:
        return schema.NewSessionResponse(session_id="session-1")

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> schema.PromptResponse:
        verb, _, rest = prompt[0].text.partition(" ")
        match verb:
            case "say":
                await self.say(session_id, rest)
            case "push":
                call = schema.ToolCallUpdate(tool_call_id="c1", title=f"push {rest}", kind="execute")
                options = [
                    schema.PermissionOption(option_id="yes", name="Yes", kind="allow_once"),
                    schema.PermissionOption(option_id="no", name="No", kind="reject_once"),
                ]
                answer = await self.client.request_permission(session_id=session_id, tool_call=call, options=options)
                await self.say(session_id, f"told: {answer.outcome.model_dump(by_alias=True, exclude_none=True)}. ")
            case "wait":
                await self.say(session_id, "waiting. ")
                await self.cancelled.wait()
                return schema.PromptResponse(stop_reason="cancelled")
            case "die":
                os.write(1, b'{"jsonrpc":"2.0","method":"session/upd')
                os._exit(3)
        return schema.PromptResponse(stop_reason="end_turn")

    async def cancel(self, session_id: str, **_: Any) -> None:
        self.cancelled.set()

    async def say(self, session_id: str, text: str) -> None:
        await self.client.session_update(session_id=session_id, update=acp.update_agent_message_text(text))


if __name__ == "__main__":
    sys.stderr.write("ready\n")
    asyncio.run(acp.run_agent(Agent()))  # type: ignore[arg-type]
