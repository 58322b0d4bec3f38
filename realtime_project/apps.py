from django.apps import AppConfig


class RealtimeProjectConfig(AppConfig):
    name = "realtime_project"
