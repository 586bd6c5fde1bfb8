"""Akismet: spam, judged by a service that sees the comments of many sites. Off unless ``RULES`` names it."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode, urljoin

from comments import conf, thresholds
from comments.models import Decision, Finding, Lesson
from comments.screening.scorers import CommentView, Score, ScorerFailed
from comments.screening.scorers.outside import OutsideScorer

logger = logging.getLogger(__name__)

NAME = "akismet"
SPAM, CERTAIN_SPAM, NO_SPAM = 0.9, 0.99, 0.02
"""What its yes, its advice to throw the text away, and its no count for: it gives no probabilities."""


class Akismet(OutsideScorer):
    """
    Ask Akismet's ``comment-check``; tell it of the spam it missed and of what it took for spam by mistake.

    It wants an IP address, and none is kept here: see :func:`stand_in`.
    """

    name = NAME
    version = "akismet 1.1"
    needs = ("akismet_key", "akismet_site", "akismet_url")

    def address(self, settings: conf.Settings) -> str:
        return f"{settings.akismet_url.rstrip('/')}/1.1/comment-check"

    def ask(self, item: CommentView, settings: conf.Settings) -> Score:
        answer = self._post("comment-check", item, settings)
        match answer.json():
            case True:
                certain = answer.headers.get("x-akismet-pro-tip", "").strip().lower() == "discard"
                p = CERTAIN_SPAM if certain else SPAM
            case False:
                p = NO_SPAM
            case _other:
                raise ScorerFailed("bad_answer")
        return Score(p, labels={"spam": p}, version=self.version)

    def learn(self, decisions: Sequence[Any]) -> None:
        """
        Tell Akismet where editors saw it differently. A text that it was never asked about is not sent to it now, and
        nothing is while it is switched off.

        A correction that does not arrive is lost, and logged.
        """
        settings = conf.get()
        if self.lacks(settings) or self.name in thresholds.of(None, exact=True).switched_off:
            return
        for lesson in decisions:
            verb = _correction(lesson)
            if verb is None:
                continue
            try:
                self._post(verb, _view(lesson), settings)
            except ScorerFailed as failure:
                logger.warning("%s for decision %s failed (%s)", verb, lesson.decision_id, failure)

    def _post(self, verb: str, item: CommentView, settings: conf.Settings) -> Any:
        fields = {
            "api_key": settings.akismet_key,
            "blog": settings.akismet_site,
            "blog_charset": "UTF-8",
            "user_ip": stand_in(item, settings.akismet_key),
            "permalink": urljoin(settings.akismet_site, item.story_url),
            "comment_type": "comment",
            "comment_content": item.text,
        }
        if settings.akismet_author:
            fields |= {"comment_author": item.author_name, "comment_author_email": item.author_email}
        body = urlencode({name: value for name, value in fields.items() if value}, errors="replace").encode()
        url = f"{settings.akismet_url.rstrip('/')}/1.1/{verb}"
        return self.post(url, body, content_type="application/x-www-form-urlencoded")


def stand_in(item: CommentView, key: str) -> str:
    """
    Return an address that stands for the network of ``item``, from the range that is for examples (RFC 3849).

    The same network always has the same one and cannot be read from it; so what comes from one network can be told from
    what comes from another, without an address of anybody's.
    """
    network = str(item.facts.get("network", ""))
    digest = hashlib.blake2b(network.encode(), digest_size=12, key=key.encode()[:64]).digest()
    return str(ipaddress.IPv6Address(bytes.fromhex("20010db8") + digest))


def _correction(lesson: Lesson) -> str | None:
    """Return which call tells Akismet of ``lesson``; ``None`` when it need not be told."""
    said = (
        Finding.objects.filter(revision_id=lesson.revision_id, rule=NAME, code="score")
        .order_by("-id")
        .values_list("score", flat=True)
        .first()
    )
    if said is None:
        return None
    decision = lesson.decision
    if lesson.rejected:
        return "submit-spam" if decision.reason == "spam" and said < 0.5 else None
    earlier = Decision.objects.filter(revision_id=lesson.revision_id, decider="editor", pk__lt=decision.pk)
    was_told = earlier.filter(verdict="reject", reason="spam").exists()
    return "submit-ham" if said >= 0.5 or was_told else None


def _view(lesson: Lesson) -> CommentView:
    revision = lesson.revision
    comment = revision.comment
    author = comment.author
    return CommentView(
        text=revision.text,
        author_name=author.name,
        author_email=author.user.email if author.user else author.email,
        story_url=comment.discussion.url,
        comment_id=comment.pk,
        facts={"network": comment.network_key} if comment.network_key else {},
    )


akismet = Akismet()
