from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from newsroom import health, sent_mail, views

admin.site.site_header = admin.site.site_title = settings.SITE_NAME
admin.site.index_title = ""

urlpatterns: list[URLPattern | URLResolver] = [
    path("favicon.ico", RedirectView.as_view(url=settings.STATIC_URL + "newsroom/favicon.svg", permanent=True)),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("language/", views.language, name="language"),
    path("mail/", sent_mail.listed, name="sent_mail"),
    path("mail/<str:name>/", sent_mail.one, name="sent_mail_one"),
    path("", include("newsroom.articles.urls")),
    path("", include("comments.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
