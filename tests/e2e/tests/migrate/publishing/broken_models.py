

from django.dispatch import receiver
from wagtail.models import DraftStateMixin, RevisionMixin
from wagtail.signals import page_published, page_unpublished


class PickyField(models.CharField):
    """A field whose values a later version of the site cannot read any more."""

    def from_db_value(self, value, expression, connection):
        if value == "unreadable":
            raise ValueError("a value of an earlier version")
        return value


class Notice(DraftStateMixin, RevisionMixin, models.Model):
    text = PickyField(max_length=100)


@receiver(page_published)
@receiver(page_unpublished)
def fail(sender, instance, **kwargs):
    if instance.title.startswith("Receiver fails"):
        raise RuntimeError("of a receiver")
