from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        from streams.protocol import kinds
        from workspaces import receivers  # noqa: F401 (connects them)
        from workspaces.kinds import WorkspaceKind

        kinds.register(WorkspaceKind())
