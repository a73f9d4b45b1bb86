"""A blog: an index, its posts and their authors."""

from django.db import models
from django.utils import timezone
from modelcluster.fields import ParentalKey
from wagtail.admin.panels import FieldPanel, InlinePanel
from wagtail.blocks import CharBlock, RichTextBlock
from wagtail.fields import RichTextField, StreamField
from wagtail.images.blocks import ImageChooserBlock
from wagtail.models import Orderable, Page
from wagtail.search import index
from wagtail.snippets.models import register_snippet


@register_snippet
class Author(index.Indexed, models.Model):
    """The author of a post."""

    name = models.CharField(max_length=255)
    bio = models.TextField(blank=True)

    panels = [FieldPanel("name"), FieldPanel("bio")]
    search_fields = [index.SearchField("name"), index.AutocompleteField("name")]

    def __str__(self):
        return self.name


class BlogIndexPage(Page):
    """Lists the posts under it, newest first."""

    intro = RichTextField(blank=True)

    content_panels = Page.content_panels + [FieldPanel("intro")]

    def get_context(self, request, *args, **kwargs):
        context = super().get_context(request, *args, **kwargs)
        context["posts"] = BlogPage.objects.child_of(self).live().order_by("-date")
        return context


class BlogPage(Page):
    """One post."""

    date = models.DateField("Post date", default=timezone.localdate)
    intro = models.CharField(max_length=250, blank=True)
    body = StreamField(
        [
            ("heading", CharBlock(form_classname="title")),
            ("paragraph", RichTextBlock()),
            ("image", ImageChooserBlock()),
        ],
        blank=True,
    )
    author = models.ForeignKey(
        Author, null=True, blank=True, on_delete=models.SET_NULL, related_name="posts"
    )

    content_panels = Page.content_panels + [
        FieldPanel("date"),
        FieldPanel("intro"),
        FieldPanel("body"),
        FieldPanel("author"),
        InlinePanel("related_links", label="Related links"),
    ]
    search_fields = Page.search_fields + [index.SearchField("intro"), index.SearchField("body")]


class RelatedLink(Orderable):
    """A link at the end of a post. It has its own rows, but is edited and published with its page."""

    page = ParentalKey(BlogPage, on_delete=models.CASCADE, related_name="related_links")
    title = models.CharField(max_length=255)
    url = models.URLField()

    panels = [FieldPanel("title"), FieldPanel("url")]
