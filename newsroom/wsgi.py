"""Pages and the API: ``granian --interface wsgi newsroom.wsgi:application``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsroom.settings")

# Imported after the settings are known.
from comments.shortcut import Shortcut

application = Shortcut(get_wsgi_application())
