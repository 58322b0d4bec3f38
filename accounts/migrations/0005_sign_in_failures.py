from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_sign_in_links")]

    operations = [
        migrations.CreateModel(
            "SignInFailures",
            [
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("until", models.DateTimeField(help_text="No attempt before this time.")),
                ("last_at", models.DateTimeField()),
                (
                    "known_at",
                    models.DateTimeField(null=True, help_text="When the user last signed in from there."),
                ),
            ],
        ),
    ]
