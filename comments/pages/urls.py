"""The readers' pages, under ``/comments/``."""

from django.urls import include, path

from comments.pages import appeals, notices, views

app_name = "comments"

urlpatterns = [
    path("post/", views.post, name="post"),
    path("section/", views.stream, name="section"),
    path("section/editor/", views.stream_for_editor, name="section_for_editor"),
    path("mine/", views.mine, name="mine"),
    path("me/", views.me, name="me"),
    path("me/warnings/<uuid:public_id>/acknowledge/", views.acknowledge, name="acknowledge"),
    path("me/notices/", notices.notices, name="notices"),
    path("me/notices/read/", notices.read, name="notices_read"),
    path("me/mail/", notices.wishes, name="notice_wishes"),
    path("me/follows/stop/", notices.unfollow, name="unfollow"),
    path("follow/", notices.follow_story, name="follow_story"),
    path("unsubscribe/<str:token>/", notices.unsubscribe, name="unsubscribe"),
    path("<int:pk>/", views.permalink, name="permalink"),
    path("<int:pk>/replies/", views.replies, name="replies"),
    path("<int:pk>/replies/editor/", views.replies_for_editor, name="replies_for_editor"),
    path("<int:pk>/decide/", views.decide, name="decide"),
    path("<int:pk>/edit/", views.edit, name="edit"),
    path("<int:pk>/withdraw/", views.withdraw, name="withdraw"),
    path("<int:pk>/react/", views.react, name="react"),
    path("<int:pk>/flag/", views.flag, name="flag"),
    path("<int:pk>/follow/", notices.follow, name="follow"),
    path("<int:pk>/appeal/", appeals.appeal, name="appeal"),
    path("sanctions/<uuid:public_id>/appeal/", appeals.appeal_sanction, name="appeal_sanction"),
    path("issues/", include("comments.pages.issue_urls")),
]
