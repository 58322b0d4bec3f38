from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0003_move_credentials")]

    operations = [
        migrations.AddField(
            "invitation",
            "username",
            models.CharField(blank=True, db_index=True, default="", editable=False, max_length=150),
            preserve_default=False,
        ),
    ]
