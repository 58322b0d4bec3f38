from collections.abc import Iterable

from streams.plugin import StreamApp
from streams.protocol.kinds import Kind


class WorkspacesConfig(StreamApp):
    default = True
    name = "workspaces"

    def ready(self) -> None:
        from workspaces import receivers  # noqa: F401 (connects them)

    def stream_kinds(self) -> Iterable[Kind]:
        from workspaces.kinds import WorkspaceKind

        return [WorkspaceKind()]
