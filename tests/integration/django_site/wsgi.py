"""The site as mod_wsgi loads it; Apache's environment names the settings and the state."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
