"""Edits content of every kind, each step in its own transaction."""

from django.contrib.auth.models import Group
from django.db import connection, transaction
from shop.models import Brand, Category, Country, Image, Label, Line, Mail, Opening, Placing, Section, Topic
from wagtail.contrib.redirects.models import Redirect
from wagtail.images.models import Image as Picture
from wagtail.models import Collection, CollectionViewRestriction, Locale, Page, PageViewRestriction, Site

with transaction.atomic():
    connection.cursor().execute("set local wagrun.capture = 'off'")
    topic = Page.objects.get(depth=2).add_child(instance=Topic(title="Topic", slug="topic"))
    category = Category.objects.create(name="category")
    section = Section.objects.create(topic=topic, title="section")
    line = Line.objects.create(section=section, text="line")
    label = Label.objects.create(name="label")
    mail = Mail.objects.create(sender="shop@example.org", api_key="the secret key")
    picture = Picture.objects.create(title="picture", file="picture.png", width=1, height=1)

# Children of children, and links of children.
line.text = "another line"
line.save()
section.marks.add(category)
section.delete()

# Many-to-many fields.
Link = Topic.categories.through
link = Link.objects.create(topic=topic, category=category)
with transaction.atomic():
    Link.objects.all().delete()
    Link.objects.create(topic=topic, category=category)
placing = Placing.objects.create(label=label, category=category)
placing.weight = 1
placing.save()
label.tags.add("green")
picture.tags.add("green")
with transaction.atomic():
    picture.tags.clear()
    picture.tags.add("green")

# View restrictions.
group = Group.objects.create(name="readers")
restriction = PageViewRestriction.objects.create(page=topic, restriction_type="groups")
restriction.groups.add(group)
restriction.groups.clear()
restriction.restriction_type, restriction.password = "password", "the shared password"
restriction.save()
restriction.delete()
restriction = CollectionViewRestriction.objects.create(collection=Collection.get_first_root_node(), restriction_type="groups")
restriction.groups.add(group)

# Settings, and what else is edited in the admin.
Brand.objects.create(site=Site.objects.get(), claim="claim")
Opening.objects.create(hours="always")
mail.api_key = "another secret key"
mail.save()
Country.objects.create(name="country")
Image.objects.create(name="image")
Redirect.objects.create(old_path="/old", redirect_link="/new")
Site.objects.update(hostname="www.example.org", port=8000, root_page=topic)
Locale.objects.create(language_code="de")
