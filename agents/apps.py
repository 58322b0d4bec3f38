from collections.abc import Iterable

from streams.plugin import Job, StreamApp
from streams.protocol.kinds import Kind
from workspaces.plugin import Section, WorkspaceApp


class AgentsConfig(StreamApp, WorkspaceApp):
    default = True
    name = "agents"

    def stream_kinds(self) -> Iterable[Kind]:
        from agents.inbox import InboxKind
        from agents.kinds import AgentKind

        return [AgentKind(), InboxKind()]

    def workspace_sections(self) -> Iterable[Section]:
        from agents.kinds import AgentSection

        return [AgentSection()]

    def upload_paths(self) -> Iterable[str]:
        return [r"/api/agents/[0-9a-fA-F-]{36}/attachments"]

    def maintenance(self) -> Iterable[Job]:
        from agents.maintenance import jobs

        return jobs()
