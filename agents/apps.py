from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self) -> None:
        from agents import receivers  # noqa: F401 (connects them)
        from agents.kinds import AgentKind, AgentSection
        from streams import kinds
        from workspaces import sections

        kinds.register(AgentKind())
        sections.register(AgentSection())
