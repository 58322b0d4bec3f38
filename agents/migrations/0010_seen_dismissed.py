from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0009_superseded_leases")]

    operations = [
        migrations.AddField(
            model_name="seen",
            name="dismissed",
            field=models.BigIntegerField(default=0, help_text="the seq of the status they have dismissed; 0: none"),
        ),
        migrations.AlterField(model_name="seen", name="seq", field=models.BigIntegerField(default=0)),
    ]
