"""Models of each kind that is watched, and of kinds that are not."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from modelcluster.fields import ParentalKey
from modelcluster.models import ClusterableModel
from wagtail.contrib.settings.models import BaseSiteSetting, register_setting
from wagtail.fields import RichTextField
from wagtail.images.models import AbstractImage, AbstractRendition
from wagtail.models import Page
from wagtail.snippets.models import register_snippet


class User(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)


class Picture(AbstractImage):
    credit = models.CharField(max_length=100, blank=True)
    admin_form_fields = ["title", "file", "credit"]


class PictureRendition(AbstractRendition):
    image = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="renditions")

    class Meta:
        unique_together = [("image", "filter_spec", "focal_point_key")]


@register_snippet
class Maker(models.Model):
    name = models.CharField(max_length=100)


class ProductPage(Page):
    price = models.DecimalField(max_digits=8, decimal_places=2)
    body = RichTextField()
    makers = models.ManyToManyField(Maker)


class Offer(ClusterableModel):
    page = ParentalKey(ProductPage, on_delete=models.CASCADE, related_name="offers")


class Discount(models.Model):
    offer = ParentalKey(Offer, on_delete=models.CASCADE, related_name="discounts")


class CampaignPage(Page):
    def get_url_parts(self, request=None):
        return None


@register_setting
class ShopSettings(BaseSiteSetting):
    payment_token = models.CharField(max_length=100)


class Brand(models.Model):
    """Edited by a ModelViewSet of wagtail_hooks.py."""

    name = models.CharField(max_length=100)


class Order(models.Model):
    number = models.IntegerField()


class OpenOrder(Order):
    class Meta:
        proxy = True


class Warehouse(models.Model):
    class Meta:
        managed = False
