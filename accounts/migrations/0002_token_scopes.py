"""Tokens get scopes. Those of before keep what they could do: everything that their users may."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            "token",
            "scopes",
            models.CharField(
                default="full",
                help_text="Any of watch, publish, answer and manage; or full, for all that its user may do.",
                max_length=64,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "token",
            "workspace_id",
            models.UUIDField(
                blank=True,
                db_index=True,
                help_text="The id of the only workspace it is for. Empty: all of its user's.",
                null=True,
            ),
        ),
        migrations.AddField(
            "token",
            "agents",
            models.CharField(
                blank=True,
                default="",
                help_text="A pattern of the names of agents it is for, such as ci-*. Empty: all.",
                max_length=100,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "token", "last_used_at", models.DateTimeField(editable=False, help_text="To the minute.", null=True)
        ),
        migrations.AddField(
            "token",
            "last_address",
            models.CharField(blank=True, default="", editable=False, max_length=45),
            preserve_default=False,
        ),
        migrations.AddField(
            "token",
            "addresses",
            models.JSONField(default=list, editable=False, help_text="The most recent it was used from."),
        ),
    ]
