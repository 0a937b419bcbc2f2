"""Make the site's database and its one user."""

import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)

from django.contrib.auth.models import User  # noqa: E402 (models need django.setup)

User.objects.create_user("ada", password="engine")
