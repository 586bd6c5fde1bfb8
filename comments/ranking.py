"""
The order "best": which comments readers agree on, not only which were seen first.

A comment's score is the lower end of Wilson's interval (E. B. Wilson, "Probable inference, the law of succession, and
statistical inference", 1927) for the share of people who welcome it, at 95 %. With few voices the interval is wide, so
three likes out of three do not beat ninety out of a hundred.

For it speak its author, as one voice, and every reaction that is no dislike. Against it speak every dislike and, each
with its weight, the readers' flags that are open or that an editor upheld; what an editor dismissed counts for nothing.
The score is stored with the comment, in millionths, and counted anew from the rows whenever one of them moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import sqrt

from django.db.models import QuerySet, Sum

from comments.models import Comment, Flag, Reaction

Z = 1.96
"""Standard deviations on each side of the estimate: 95 %."""


def wilson(good: float, bad: float) -> float:
    """Return the lower end of the interval for the share of ``good`` in all, 0 to 1; 0 where there is nothing."""
    total = good + bad
    if total <= 0:
        return 0.0
    share = good / total
    middle = share + Z * Z / (2 * total)
    spread = Z * sqrt((share * (1 - share) + Z * Z / (4 * total)) / total)
    return max(0.0, (middle - spread) / (1 + Z * Z / total))


def best(good: int, bad: float) -> int:
    """Return the stored score of a comment that ``good`` readers welcome and voices of weight ``bad`` do not."""
    return round(1_000_000 * wilson(good + 1, bad))


def recount(comment: Comment) -> Counter[str]:
    """
    Count the reactions to ``comment`` from the rows, store them with its score, and return them.

    Call it in a transaction that holds the comment's row.
    """
    counted = Counter(Reaction.objects.filter(comment=comment).values_list("kind", flat=True))
    others = {kind: count for kind, count in sorted(counted.items()) if kind != Reaction.Kind.LIKE}
    Comment.objects.filter(pk=comment.pk).update(
        like_count=counted[Reaction.Kind.LIKE],
        reaction_counts=others,
        best_score=_score(counted[Reaction.Kind.LIKE], others, _against([comment.pk]).get(comment.pk, 0.0)),
    )
    return counted


def rescore(comments: Iterable[int]) -> None:
    """Store the score of ``comments`` again after flags on them have moved; the caller holds their rows."""
    against = _against(set(comments))
    for pk, likes, others, score in Comment.objects.filter(pk__in=set(comments)).values_list(
        "pk", "like_count", "reaction_counts", "best_score"
    ):
        now = _score(likes, others, against.get(pk, 0.0))
        if now != score:
            Comment.objects.filter(pk=pk).update(best_score=now)


def drift(discussion_id: int) -> dict[int, int]:
    """Return the right score of each comment of a discussion that is stored with another one."""
    rows = list(
        Comment.objects.filter(discussion=discussion_id).values_list(
            "pk", "like_count", "reaction_counts", "best_score"
        )
    )
    against = _weighed(Flag.objects.filter(comment__discussion=discussion_id))
    right = {pk: _score(likes, others, against.get(pk, 0.0)) for pk, likes, others, _score_now in rows}
    return {pk: right[pk] for pk, _likes, _others, score in rows if score != right[pk]}


def _score(likes: int, others: dict[str, int], against: float) -> int:
    dislikes = others.get(Reaction.Kind.DISLIKE, 0)
    return best(likes + sum(others.values()) - dislikes, dislikes + against)


def _against(comments: Iterable[int]) -> dict[int, float]:
    return _weighed(Flag.objects.filter(comment__in=list(comments)))


def _weighed(flags: QuerySet[Flag]) -> dict[int, float]:
    weighed = (
        flags.filter(counts=True)
        .exclude(state=Flag.State.DISMISSED)
        .order_by()
        .values_list("comment")
        .annotate(weight=Sum("weight"))
    )
    return {comment: float(weight) for comment, weight in weighed}
