"""The web process: gunicorn config.wsgi. It declares no scope; its middleware does, per request."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

# What is loaded stays. Else one request in twenty pays for a collector that visits all of it, some 50 ms on a busy machine.
gc.collect()
gc.freeze()
