"""Learning from a decision within seconds: the model in use takes the lessons it has not had, one after another."""

from __future__ import annotations

import logging
import time

from comments import policy
from comments.learning import lessons, outliers, versions
from comments.learning.learner import Example
from comments.models import Lesson
from comments.screening.scorers.weights import BrokenModel

logger = logging.getLogger(__name__)

SECONDS_BETWEEN = 3.0
"""Every worker reads the model anew after each round, so decisions that follow closely are learnt together."""

MOST = 500
"""Lessons in a round: the lock on the model is held for about half a second."""


def learn(*, patient: bool = False) -> int:
    """
    Let the model in use learn the lessons it has not had; return how many.

    One learner at a time, by a lock on the row; each lesson is learnt once, whoever calls how often. With ``patient``
    nothing is done so soon after the last round: the next call makes it good. A broken model learns nothing.
    """
    with versions.alone() as model:
        if model is None:
            return 0
        now = time.time()
        if patient and 0 <= now - float(model.parameters.get("learnt_at", 0)) < SECONDS_BETWEEN:
            return 0
        due = Lesson.objects.filter(id__gt=model.learnt_through).select_related("revision").order_by("id")
        waiting = list(due[:MOST])
        if not waiting:
            return 0
        try:
            learner = versions.learner_of(model)
        except BrokenModel as error:
            logger.error("nothing was learnt: %s", error)
            return 0
        left_out = outliers.left_out()
        for lesson in waiting:
            if not lesson.revision.text or lesson.made_by_id in left_out:
                continue
            before = lessons.earlier_word(lesson)
            # The other word has to be unlearnt first: the new one counts twice.
            twice = 2.0 if before is not None and before != lesson.rejected else 1.0
            read = lessons.example(lesson.revision.text, rejected=lesson.rejected)
            learner.learn(Example(read.shipped, read.buckets, read.rejected, min(lesson.weight, 3.0) * twice))
        versions.store(model, learner)
        model.learnt_through = waiting[-1].pk
        model.parameters["learnt_at"] = now
        with policy.changing():
            model.save(
                update_fields=[
                    "weights",
                    "checksum",
                    "parameters",
                    "decision_count",
                    "removal_count",
                    "learnt_through",
                ]
            )
    return len(waiting)
