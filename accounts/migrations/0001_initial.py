"""Takes tokens and tickets over from the app `workspaces`, with their rows, permissions and history in the admin."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

MODELS = ("token", "ticket")


def move(apps, old, new):
    """Permissions and the admin's log refer to content types, which change their app."""
    types = apps.get_model("contenttypes", "ContentType").objects
    for model in MODELS:
        if not types.filter(app_label=new, model=model).exists():
            types.filter(app_label=old, model=model).update(app_label=new)


def forwards(apps, schema_editor):
    move(apps, "workspaces", "accounts")


def backwards(apps, schema_editor):
    move(apps, "accounts", "workspaces")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("workspaces", "0003_move_credentials"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Token",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        ("name", models.CharField(help_text="What it is for, such as the machine that uses it.", max_length=100)),
                        ("hash", models.CharField(editable=False, max_length=64, unique=True)),
                        ("hint", models.CharField(editable=False, max_length=16)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("expires_at", models.DateTimeField(blank=True, help_text="Empty: valid until it is deleted.", null=True)),
                        ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="tokens", to=settings.AUTH_USER_MODEL)),
                    ],
                    options={"ordering": ["-created_at"]},
                ),
                migrations.CreateModel(
                    name="Ticket",
                    fields=[
                        ("hash", models.CharField(max_length=64, primary_key=True, serialize=False)),
                        ("session_key", models.CharField(blank=True, max_length=40)),
                        ("expires_at", models.DateTimeField()),
                        ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
                        ("token", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.token")),
                    ],
                ),
            ],
        ),
        migrations.RunPython(forwards, backwards, elidable=False),
    ]
