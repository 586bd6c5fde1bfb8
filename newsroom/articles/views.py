from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.templatetags.static import static
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from comments.templatetags.newsroom_comments import assets_header
from newsroom.articles.context import has_session
from newsroom.articles.models import Article, Section

FRONT_ARTICLES = 40  # looked at for the front page
BESIDE_THE_LEAD = 3
IN_A_SECTION = 4  # of the front page
PER_PAGE = 20  # of a section's own page


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """Show the newest article large, a few beside it, and the rest by section."""
    articles = list(Article.objects.published().defer("body")[:FRONT_ARTICLES])
    top = articles[: 1 + BESIDE_THE_LEAD]
    by_section: dict[str, list[Article]] = {}
    for article in articles[len(top) :]:
        by_section.setdefault(article.section, []).append(article)
    blocks: list[dict[str, Any]] = [
        {"code": code, "label": label, "articles": by_section[code][:IN_A_SECTION]}
        for code, label in Section.choices
        if code in by_section
    ]
    shown = top + [article for block in blocks for article in block["articles"]]
    context = {"lead": top[:1], "beside": top[1:], "blocks": blocks, "shown": shown}
    return _page(request, "articles/front.html", context)


@require_safe
def article(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one article and its comments. Drafts are shown to staff and do not exist for others."""
    found = get_object_or_404(Article, slug=slug)
    if not found.is_published and not _is_staff(request):
        raise Http404(_("There is no article at this address."))
    response = _page(request, "articles/article.html", {"article": found, "current_section": found.section})
    if found.has_comments:
        site = f"<{static('newsroom/site.css')}>; rel=preload; as=style"
        response.headers["Link"] = f"{site}, {assets_header()}"
    return response


@require_safe
def section(request: HttpRequest, section: str) -> HttpResponse:
    """List a section's articles, the newest first; ``?before=<article key>`` continues the list."""
    if section not in Section.values:
        raise Http404(_("The paper has no such section."))
    articles = Article.objects.published().filter(section=section).defer("body")
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        articles = articles.before(get_object_or_404(Article, pk=before, published_at__isnull=False))
    page = list(articles[: PER_PAGE + 1])
    context = {
        "label": Section(section).label,
        "current_section": section,
        "articles": page[:PER_PAGE],
        "last": page[PER_PAGE - 1] if len(page) > PER_PAGE else None,
        "continued": bool(before),
    }
    return _page(request, "articles/section.html", context)


def _is_staff(request: HttpRequest) -> bool:
    return has_session(request) and request.user.is_active and request.user.is_staff


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Render a page that a shared cache may keep only when nothing in it is for one reader."""
    response = render(request, template, context)
    patch_vary_headers(response, ["Cookie"])
    if getattr(request, "comments_personal", False):
        patch_cache_control(response, private=True, no_store=True)
    elif has_session(request):
        patch_cache_control(response, private=True)
    else:
        patch_cache_control(response, public=True, max_age=0, s_maxage=2, stale_while_revalidate=10)
    return response
