from wagtail import hooks
from wagtail.admin.viewsets.model import ModelViewSet

from tests.shop.models import Brand


class BrandViewSet(ModelViewSet):
    model = Brand
    form_fields = ["name"]


@hooks.register("register_admin_viewset")
def brands():
    return BrandViewSet("brands")
