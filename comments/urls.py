"""``path("", include("comments.urls"))`` gives pages under ``/comments/`` and the API under ``/api/v1/``."""

from django.urls import include, path

urlpatterns = [
    path("comments/", include("comments.pages.urls")),
    path("api/v1/", include("comments.api.urls")),
]
