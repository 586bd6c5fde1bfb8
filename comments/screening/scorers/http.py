"""
Any scorer behind an address: it is sent a small JSON object, signed, and answers with a probability.

It may also answer as Perspective did, so that what was built to stand in for that can be asked as it is. Off unless
``RULES`` names it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time

from comments import conf
from comments.screening.scorers import CommentView, Score, ScorerFailed
from comments.screening.scorers.outside import OutsideScorer, labels, member, probability, word

SIGNATURE = "X-Comments-Signature"


class Endpoint(OutsideScorer):
    """Post ``{"text", "parent_text", "language", "url", "comment_id"}``; read ``{"p", "labels"?, "version"?}``."""

    name = "endpoint"
    version = "endpoint"
    needs = ("scorer_url", "scorer_secret")

    def address(self, settings: conf.Settings) -> str:
        return settings.scorer_url

    def ask(self, item: CommentView, settings: conf.Settings) -> Score:
        told = {
            "text": item.text,
            "parent_text": item.parent_text,
            "language": item.language,
            "url": item.story_url,
            "comment_id": item.comment_id,
        }
        body = json.dumps(told).encode()
        headers = {SIGNATURE: signature(settings.scorer_secret, body, int(time.time()))}
        answer = self.post(self.address(settings), body, headers=headers).json()
        if not isinstance(answer, dict):
            raise ScorerFailed("bad_answer")
        return self._as_perspective(answer) if "attributeScores" in answer else self._plain(answer)

    def _plain(self, answer: dict[str, object]) -> Score:
        """Read the answer of a scorer written for this; ``{"p": null}`` is "no opinion"."""
        p = member(answer, "p")
        return Score(
            None if p is None else probability(p),
            labels=labels(answer.get("labels") or {}),
            version=word(answer.get("version"), self.version),
        )

    def _as_perspective(self, answer: dict[str, object]) -> Score:
        """Read the answer of something that stands in for Perspective: toxicity where it is given, or the highest."""
        attributes = member(answer, "attributeScores")
        if not isinstance(attributes, dict):
            raise ScorerFailed("bad_answer")
        scores = labels({str(name).lower(): member(of, "summaryScore", "value") for name, of in attributes.items()})
        if not scores:
            raise ScorerFailed("bad_answer")
        return Score(scores.get("toxicity", max(scores.values())), labels=scores, version="perspective")


def signature(secret: str, body: bytes, at: int) -> str:
    """
    Return the header that signs ``body``: ``t=<seconds since 1970>,v1=<hex>``, the HMAC-SHA256 of ``<t>.<body>``.

    The time is signed with it, so that who overhears one request cannot send it again tomorrow.
    """
    code = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={code}"


endpoint = Endpoint()
