"""An app with one model of each kind of content that migrate finds by itself."""

from django.db import models
from modelcluster.fields import ParentalKey, ParentalManyToManyField
from modelcluster.models import ClusterableModel
from taggit.managers import TaggableManager
from wagtail.contrib.settings.models import BaseGenericSetting, BaseSiteSetting, register_setting
from wagtail.models import Orderable, Page
from wagtail.snippets.models import register_snippet


class Category(models.Model):
    name = models.CharField(max_length=50)


class Topic(Page):
    categories = ParentalManyToManyField(Category)


class Section(ClusterableModel, Orderable):
    topic = ParentalKey(Topic, on_delete=models.CASCADE, related_name="sections")
    title = models.CharField(max_length=50)
    marks = models.ManyToManyField(Category)


class Line(Orderable):
    section = ParentalKey(Section, on_delete=models.CASCADE, related_name="lines")
    text = models.TextField()


@register_snippet
class Label(models.Model):
    name = models.CharField(max_length=50)
    categories = models.ManyToManyField(Category, through="Placing")
    tags = TaggableManager()


class Placing(models.Model):
    label = models.ForeignKey(Label, on_delete=models.CASCADE)
    category = models.ForeignKey(Category, on_delete=models.CASCADE)
    weight = models.IntegerField(default=0)


@register_snippet
class Image(models.Model):
    name = models.CharField(max_length=50)


@register_setting
class Brand(BaseSiteSetting):
    claim = models.CharField(max_length=50)


@register_setting
class Opening(BaseGenericSetting):
    hours = models.CharField(max_length=50)


class Mail(BaseGenericSetting):
    """Not registered: no editor sees it."""

    sender = models.CharField(max_length=50)
    api_key = models.CharField(max_length=50)


class Country(models.Model):
    name = models.CharField(max_length=50)
