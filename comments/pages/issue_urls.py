"""The "let us know" pages, under ``/comments/issues/``."""

from django.urls import URLPattern, path

from comments.pages import incidents, issues

urlpatterns: list[URLPattern] = [
    path("new/", issues.new, name="issue_new"),
    path("incidents/", incidents.history, name="incidents"),
    path("<slug:token>/", issues.receipt, name="issue_receipt"),
]
