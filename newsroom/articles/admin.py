from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from newsroom.articles import body, publishing
from newsroom.articles.models import Article

if TYPE_CHECKING:
    ArticleModelForm = forms.ModelForm[Article]
    ArticleModelAdmin = admin.ModelAdmin[Article]
else:
    ArticleModelForm = forms.ModelForm
    ArticleModelAdmin = admin.ModelAdmin


class ArticleForm(ArticleModelForm):
    class Meta:
        model = Article
        fields = "__all__"
        widgets = {
            "standfirst": forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
            "body": forms.Textarea(attrs={"rows": 28, "class": "vLargeTextField"}),
        }

    def clean_body(self) -> str:
        cleaned = body.clean(self.cleaned_data["body"])
        if not body.as_text(cleaned):
            raise forms.ValidationError(_("The article has no text."), code="no_text")
        return cleaned


@admin.register(Article)
class ArticleAdmin(ArticleModelAdmin):
    form = ArticleForm
    date_hierarchy = "published_at"
    list_display = ("headline", "section", "byline", "published_at", "comment_mode", "page")
    list_filter = ("section", "comment_mode", ("published_at", admin.EmptyFieldListFilter))
    search_fields = ("headline", "standfirst", "byline", "slug")
    prepopulated_fields = {"slug": ("headline",)}
    readonly_fields = ("page", "updated_at", "imported_from")
    fieldsets = (
        (None, {"fields": ("headline", "slug", "standfirst", "body")}),
        (_("Who and where"), {"fields": ("byline", "byline_role", "section")}),
        (_("Picture"), {"fields": ("picture", "picture_alt", "picture_credit")}),
        (_("Comments"), {"fields": ("comment_form", "comment_mode", "question")}),
        (_("Publication"), {"fields": ("published_at", "page", "updated_at", "imported_from")}),
    )

    @admin.display(description=_("page"))
    def page(self, article: Article) -> SafeString:
        words = _("Open") if article.is_published else _("Preview")
        return format_html('<a href="{}">{}</a>', article.get_absolute_url(), words)

    def get_fieldsets(self, request: HttpRequest, obj: Article | None = None) -> Any:
        # There is no page to open before the first save.
        return self.fieldsets if obj else (*self.fieldsets[:-1], (_("Publication"), {"fields": ("published_at",)}))

    def save_model(self, request: HttpRequest, obj: Article, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        publishing.sync_discussion(obj)
