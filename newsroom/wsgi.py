"""Pages and the API: ``granian --interface wsgi newsroom.wsgi:application``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsroom.settings")

_django = get_wsgi_application()

# It knows the models, which Django has read by now.
from comments.shortcut import Shortcut  # noqa: E402

application = Shortcut(_django)
