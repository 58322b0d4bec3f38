from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        from streams import chores, kinds
        from workspaces import receivers, redaction  # noqa: F401 (receivers: connects them)
        from workspaces.credentials import clear_expired
        from workspaces.kinds import WorkspaceKind

        kinds.register(WorkspaceKind())
        chores.register(clear_expired)
        redaction.install()
