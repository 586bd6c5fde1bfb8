"""An OpenAI-style moderation endpoint, theirs or one of your own that answers alike. Off unless ``RULES`` names it."""

from __future__ import annotations

import json

from comments import conf
from comments.screening.scorers import CommentView, Score, ScorerFailed
from comments.screening.scorers.outside import OutsideScorer, labels, member, word


class Moderation(OutsideScorer):
    """Ask ``/v1/moderations`` for the score of each category; the highest one is the comment's."""

    name = "moderation"
    version = "moderations v1"
    needs = ("moderation_url",)

    def address(self, settings: conf.Settings) -> str:
        given = settings.moderation_url.rstrip("/")
        return f"{given}/moderations" if given.endswith("/v1") else f"{given}/v1/moderations"

    def ask(self, item: CommentView, settings: conf.Settings) -> Score:
        asked = {"input": item.text} | ({"model": settings.moderation_model} if settings.moderation_model else {})
        headers = {"Authorization": f"Bearer {settings.moderation_key}"} if settings.moderation_key else {}
        answer = self.post(self.address(settings), json.dumps(asked).encode(), headers=headers).json()
        scores = labels(member(answer, "results", 0, "category_scores"))
        if not scores:
            raise ScorerFailed("bad_answer")
        version = word(answer.get("model"), settings.moderation_model)
        return Score(max(scores.values()), labels=scores, version=version or self.version)


moderation = Moderation()
