from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self) -> None:
        from agents import leases, receivers  # noqa: F401 (receivers: connects them)
        from agents.kinds import AgentKind, AgentSection
        from streams import maintenance
        from streams.protocol import kinds
        from workspaces import sections

        kinds.register(AgentKind())
        sections.register(AgentSection())
        maintenance.register(leases.keep)
