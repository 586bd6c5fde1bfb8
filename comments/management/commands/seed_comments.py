"""Realistic trees of comments, for looking at and for load."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import F
from django.utils import timezone

from comments import discussions, moderation, posting, ranking
from comments.models import Comment, Commenter, Discussion, Revision, Status
from comments.models.comments import SEGMENT

NAMES = (
    "Jo Petersen",
    "Ruth Adeyemi",
    "Callum Rae",
    "Pilar Quesada Martín",
    "Tobias Wren",
    "Hanne Dahl",
    "Peter Vermeer",
    "Amina Yusuf",
    "Keiko Mori",
    "김민준",
    "Lucía Ferrer",
    "Owen Blake",
    "Siobhan Kerr",
    "Mehmet Aydın",
    "Greta Lindholm",
    "Dev Patel",
    "Nora Quist",
    "Sam Oduya",
)
OPENINGS = (
    "I was there on the second night and",
    "What the article leaves out is that",
    "Nobody has asked the people who say that",
    "As someone who has worked in this for nine years,",
    "I agree with the first half, but",
    "The figures would mean more if",
    "My mother used this every day, and",
    "There is a simpler reason:",
    "Read the council's own minutes:",
    "With respect,",
)
MIDDLES = (
    "the real cost turns up two years later",
    "half the north bank gains nothing",
    "nobody counted the return journeys",
    "the plan was cheaper before it was changed",
    "it works in other cities of our size",
    "the timetable was the problem all along",
    "the promise was made before the money was there",
    "the people who decide never have to use it",
    "both sides are arguing about the wrong number",
    "the trial is too short to tell",
)
CLOSINGS = (
    "and that is where I would begin.",
    "which is why I would wait for May.",
    "and I say this as someone who wants it to work.",
    "so please print the figures next to the claims.",
    "and I would like to hear the other side of that.",
    "but I am ready to be shown wrong.",
    "and that alone is news.",
    "which nobody will remember by spring.",
)


class Command(BaseCommand):
    help = "Write realistic comments under an article: through the real verbs, or with --fast by bulk insert."

    def add_arguments(self, parser: CommandParser) -> None:
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--article", help="Slug of an article.")
        where.add_argument("--discussion", help="Key of a discussion; made if it is not there.")
        parser.add_argument("--count", type=int, required=True)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--fast", action="store_true", help="Insert rows in bulk, counts exact.")

    def handle(self, *args: Any, **options: Any) -> None:
        count = options["count"]
        if count < 1:
            raise CommandError("--count is at least 1.")
        if options["discussion"]:
            discussion, _made = Discussion.objects.get_or_create(
                key=options["discussion"], defaults={"title": options["discussion"]}
            )
        else:
            found = Discussion.objects.filter(url__endswith=f"/{options['article']}/").first()
            if found is None:
                raise CommandError(f"No article “{options['article']}” with a comment section.")
            discussion = found
        dice = random.Random(options["seed"])
        # Through the verbs, nobody writes faster than a person may.
        people = _people(len(NAMES) if options["fast"] else max(len(NAMES), count // 8))
        started = time.monotonic()
        if options["fast"]:
            _insert(discussion, people, count, dice)
        else:
            _write(discussion, people, count, dice)
        discussion.refresh_from_db()
        self.stdout.write(
            f"{count} comments in {time.monotonic() - started:.1f} s; {discussion.published_count} published under "
            f"{discussion.key}"
        )


def _people(count: int) -> list[Commenter]:
    users = get_user_model().objects
    people = []
    for number in range(1, count + 1):
        name = NAMES[(number - 1) % len(NAMES)]
        user, made = users.get_or_create(username=f"seed{number}")
        if made:
            user.set_unusable_password()
            user.save()
        person, _made = Commenter.objects.get_or_create(user=user, defaults={"name": name})
        people.append(person)
    return people


def words(dice: random.Random, mean_sentences: float = 2.6) -> str:
    """Return a comment of one to nine sentences, 263 characters in the mean, that says nothing about anyone."""
    count = max(1, min(9, round(dice.expovariate(1 / mean_sentences))))
    sentences = [f"{dice.choice(OPENINGS)} {dice.choice(MIDDLES)}, {dice.choice(CLOSINGS)}" for _ in range(count)]
    half = len(sentences) // 2
    text = " ".join(sentences) if count < 4 else " ".join(sentences[:half]) + "\n\n" + " ".join(sentences[half:])
    return text + f" ({dice.randrange(10**9)})" if count == 1 else text


def _write(discussion: Discussion, people: list[Commenter], count: int, dice: random.Random) -> None:
    written: list[Comment] = []
    for number in range(count):
        parent = dice.choice(written[-40:]) if written and dice.random() > 0.35 else None
        if parent and (parent.status != Status.PUBLISHED or parent.depth >= 6):
            parent = None
        author = people[number % len(people)]
        comment = posting.post_comment(author, discussion, words(dice), parent=parent)
        moderation.screen(comment.pk, comment.version)
        comment.refresh_from_db()
        written.append(comment)


def _insert(discussion: Discussion, people: list[Commenter], count: int, dice: random.Random) -> None:
    """Insert published comments in batches, 35 % first comments, replies to depth 6, counts as decisions leave them."""
    batch = 2_000
    parents: list[Comment] = []
    start = timezone.now() - timedelta(seconds=count + 60)
    last = Comment.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    below: dict[str, int] = {}
    authors: Counter[int] = Counter()
    base = int(start.timestamp() * 1_000_000) - 1_577_836_800_000_000
    written = 0
    bodies = [words(dice) for _ in range(min(count, 500))]
    while written < count:
        rows: list[Comment] = []
        typed: list[str] = []
        for number in range(written, min(written + batch, count)):
            parent = dice.choice(parents[-40:]) if parents and dice.random() > 0.35 else None
            value = (base + number * 1_000_000) << 9 | dice.randrange(512)
            segment = "".join(posting.DIGITS[value >> shift & 31] for shift in range(5 * (SEGMENT - 1), -1, -5))
            body = bodies[dice.randrange(len(bodies))]
            likes = int(dice.expovariate(0.15))
            comment = Comment(
                pk=last + number + 1,
                discussion=discussion,
                author=dice.choice(people),
                parent=parent,
                path=(parent.path if parent else "") + segment,
                depth=parent.depth + 1 if parent else 0,
                status=Status.PUBLISHED,
                is_shown=True,
                html="".join(f"<p>{part}</p>" for part in body.split("\n\n")),
                like_count=likes,
                best_score=ranking.best(likes, 0),
                created_at=start + timedelta(seconds=number),
                published_at=start + timedelta(seconds=number),
                version=2,
            )
            for path in comment.ancestor_paths:
                below[path] = below.get(path, 0) + 1
            rows.append(comment)
            typed.append(body)
            authors[comment.author_id] += 1
            if comment.depth < 6:
                parents.append(comment)
        Comment.objects.bulk_create(rows)
        Revision.objects.bulk_create(
            [
                Revision(
                    comment=row,
                    text=text,
                    html=row.html,
                    status=Status.PUBLISHED,
                    created_at=row.created_at,
                    first_published_at=row.created_at,
                )
                for row, text in zip(rows, typed, strict=True)
            ]
        )
        parents = parents[-400:]
        written += len(rows)
    _count_replies(discussion, below)
    for author, many in authors.items():
        Commenter.objects.filter(pk=author).update(published_count=F("published_count") + many)
    counted = Comment.objects.filter(discussion=discussion, status=Status.PUBLISHED).count()
    discussions.configure(discussion, published_count=counted)
    _restart_sequence()


def _count_replies(discussion: Discussion, below: dict[str, int]) -> None:
    changed = []
    for comment in Comment.objects.filter(discussion=discussion).only("pk", "path", "reply_count").iterator():
        if more := below.get(comment.path):
            comment.reply_count += more
            changed.append(comment)
    Comment.objects.bulk_update(changed, ["reply_count"], batch_size=2_000)


def _restart_sequence() -> None:
    from django.core.management.color import no_style
    from django.db import connection

    with connection.cursor() as db:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Comment]):
            db.execute(statement)
