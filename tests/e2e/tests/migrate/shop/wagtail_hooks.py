"""Puts a model that is not a snippet into the admin."""

from wagtail import hooks
from wagtail.admin.viewsets.model import ModelViewSet

from .models import Country


class CountryViewSet(ModelViewSet):
    model = Country
    form_fields = ["name"]


@hooks.register("register_admin_viewset")
def register_countries():
    return CountryViewSet("countries")
