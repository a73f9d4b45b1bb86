import django.db.models.deletion
from django.db import migrations, models

PAGE_PTR = {
    "auto_created": True,
    "on_delete": django.db.models.deletion.CASCADE,
    "parent_link": True,
    "primary_key": True,
    "serialize": False,
    "to": "wagtailcore.page",
}


class Migration(migrations.Migration):
    initial = True
    dependencies = [("wagtailcore", "0094_alter_page_locale")]
    operations = [
        migrations.CreateModel(
            name="Article",
            fields=[("page_ptr", models.OneToOneField(**PAGE_PTR)), ("text", models.TextField(blank=True))],
            options={"abstract": False},
            bases=("wagtailcore.page",),
        ),
        migrations.CreateModel(
            name="Elsewhere",
            fields=[("page_ptr", models.OneToOneField(**PAGE_PTR))],
            options={"abstract": False},
            bases=("wagtailcore.page",),
        ),
    ]
