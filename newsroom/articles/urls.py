from __future__ import annotations

from django.urls import path

from newsroom.articles import views

app_name = "articles"

urlpatterns = [
    path("", views.front, name="front"),
    path("articles/<slug:slug>/", views.article, name="article"),
    path("sections/<slug:section>/", views.section, name="section"),
]
