"""Tokens and tickets belong to the app `accounts` from here on; their tables are renamed, and keep their rows."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0002_invitation")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.AlterModelTable("token", "accounts_token"),
                migrations.AlterModelTable("ticket", "accounts_ticket"),
            ],
            state_operations=[
                migrations.DeleteModel("Ticket"),
                migrations.DeleteModel("Token"),
            ],
        ),
    ]
