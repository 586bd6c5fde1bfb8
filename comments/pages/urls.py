"""The readers' pages, under ``/comments/``."""

from django.urls import include, path

from comments.pages import appeals, embed, feeds, guidelines, me, notices, people, views

app_name = "comments"

urlpatterns = [
    path("post/", views.post, name="post"),
    path("guest/forget/", views.forget_guest, name="forget_guest"),
    path("section/", views.stream, name="section"),
    path("section/editor/", views.stream_for_editor, name="section_for_editor"),
    path("mine/", views.mine, name="mine"),
    path("me/", me.me, name="me"),
    path("me/name/", me.rename, name="rename"),
    path("me/language/", me.choose_language, name="choose_language"),
    path("me/export/", me.export, name="export"),
    path("me/export/<uuid:public_id>/", me.download, name="download"),
    path("me/delete/", me.delete, name="delete"),
    path("me/delete/cancel/", me.keep, name="keep"),
    path("me/unmute/", views.unmute, name="unmute"),
    path("me/warnings/<uuid:public_id>/acknowledge/", views.acknowledge, name="acknowledge"),
    path("guidelines/", guidelines.current, name="guidelines"),
    path("guidelines/accept/", guidelines.accept, name="accept_guidelines"),
    path("guidelines/<int:number>/", guidelines.version, name="guidelines_version"),
    path("people/<int:pk>/", people.profile, name="person"),
    path("people/<int:pk>/flag/", people.flag, name="flag_person"),
    path("oembed/", embed.oembed, name="oembed"),
    path("feeds/", feeds.everything, name="feed"),
    path("feeds/replies/<str:token>/", feeds.replies, name="replies_feed"),
    path("feeds/<path:key>/", feeds.discussion, name="discussion_feed"),
    path("me/notices/", notices.notices, name="notices"),
    path("me/notices/read/", notices.read, name="notices_read"),
    path("me/mail/", notices.wishes, name="notice_wishes"),
    path("me/follows/stop/", notices.unfollow, name="unfollow"),
    path("follow/", notices.follow_story, name="follow_story"),
    path("unsubscribe/<str:token>/", notices.unsubscribe, name="unsubscribe"),
    path("<int:pk>/", views.permalink, name="permalink"),
    path("<int:pk>/embed/", embed.card, name="embed"),
    path("<int:pk>/replies/", views.replies, name="replies"),
    path("<int:pk>/replies/editor/", views.replies_for_editor, name="replies_for_editor"),
    path("<int:pk>/decide/", views.decide, name="decide"),
    path("<int:pk>/edit/", views.edit, name="edit"),
    path("<int:pk>/withdraw/", views.withdraw, name="withdraw"),
    path("<int:pk>/react/", views.react, name="react"),
    path("<int:pk>/mute/", views.mute, name="mute"),
    path("<int:pk>/flag/", views.flag, name="flag"),
    path("<int:pk>/follow/", notices.follow, name="follow"),
    path("<int:pk>/appeal/", appeals.appeal, name="appeal"),
    path("sanctions/<uuid:public_id>/appeal/", appeals.appeal_sanction, name="appeal_sanction"),
    path("issues/", include("comments.pages.issue_urls")),
]
