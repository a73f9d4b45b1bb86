"""Creates the superuser of DJANGO_SUPERUSER_*, unless the site has one. Prints `WAGRUN-SUPERUSER created` or `exists`."""

from django.contrib.auth import get_user_model
from django.core.management import call_command

if get_user_model()._default_manager.filter(is_superuser=True, is_active=True).exists():
    outcome = "exists"
else:
    call_command("createsuperuser", interactive=False, verbosity=0)
    outcome = "created"
print(f"\nWAGRUN-SUPERUSER {outcome}")
