from django.conf import settings
from django.db import migrations


def open_inboxes(apps, schema_editor):
    user = apps.get_model(settings.AUTH_USER_MODEL)
    stream = apps.get_model("streams", "Stream")
    names = (f"person.{pk}" for pk in user.objects.order_by("pk").values_list("pk", flat=True))
    stream.objects.bulk_create((stream(name=name) for name in names), batch_size=500, ignore_conflicts=True)


def drop_inboxes(apps, schema_editor):
    apps.get_model("streams", "Stream").objects.filter(name__startswith="person.").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_sign_in_failures"),
        ("streams", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [migrations.RunPython(open_inboxes, drop_inboxes)]
