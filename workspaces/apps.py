from collections.abc import Iterable

from streams.conf import conf
from streams.plugin import Job, StreamApp
from streams.protocol.kinds import Kind


class WorkspacesConfig(StreamApp):
    default = True
    name = "workspaces"

    def ready(self) -> None:
        from workspaces import receivers  # noqa: F401 (connects them)

    def stream_kinds(self) -> Iterable[Kind]:
        from workspaces.kinds import WorkspaceKind

        return [WorkspaceKind()]

    def maintenance(self) -> Iterable[Job]:
        from workspaces.invitations import remove_expired
        from workspaces.quotas import remove_old

        return [Job(remove_expired, conf().TRIM_EVERY), Job(remove_old, conf().TRIM_EVERY * 20)]
