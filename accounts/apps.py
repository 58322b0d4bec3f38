from collections.abc import Iterable

from streams.conf import conf
from streams.plugin import Job, StreamApp

USES_EVERY = 2.0  # seconds between two writes of token uses


class AccountsConfig(StreamApp):
    default = True
    name = "accounts"

    def ready(self) -> None:
        from django.contrib import admin

        from accounts import logs, receivers  # noqa: F401 (connects the receivers)
        from accounts.forms import AdminSignInForm

        logs.install()
        admin.site.login_form = AdminSignInForm

    def maintenance(self) -> Iterable[Job]:
        from accounts import throttle
        from accounts.audit import AuditRetention
        from accounts.credentials import clear_expired
        from accounts.tokens import write_uses

        return [
            Job(clear_expired, conf().TRIM_EVERY),
            Job(throttle.remove_forgotten, conf().TRIM_EVERY),
            Job(write_uses, USES_EVERY),
            Job(AuditRetention().run, conf().TRIM_EVERY),
        ]

    def redacted(self, address: str) -> str:
        from accounts.logs import redacted

        return redacted(address)
