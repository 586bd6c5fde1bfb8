"""The "let us know" pages, under ``/comments/issues/``."""

from django.urls import URLPattern, path

from comments.pages import incidents, issues

urlpatterns: list[URLPattern] = [
    path("new/", issues.new, name="issue_new"),
    path("settled/", issues.settled, name="issue_settled"),
    path("counted/", issues.counted, name="issue_counted"),
    path("incidents/", incidents.history, name="incidents"),
    path("<slug:token>/", issues.receipt, name="issue_receipt"),
    path("<slug:token>/pictures/<int:pk>/", issues.picture, name="issue_picture"),
]
