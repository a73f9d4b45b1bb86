"""Runs the management command in WAGRUN_COMMAND as `manage.py` does. check_site.py comes first."""

import os

from django.core.management import ManagementUtility

ManagementUtility(["manage.py", os.environ["WAGRUN_COMMAND"]]).execute()
