from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import redaction
        from accounts.credentials import clear_expired
        from streams import maintenance

        maintenance.register(clear_expired)
        redaction.install()
