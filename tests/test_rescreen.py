"""Screening what is stored again: what changes, what stays, and that nothing is done twice or lost on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from comments import conf, discussions, jobs, moderation, personal, phrases, posting, rescreening, text
from comments.models import (
    Comment,
    Commenter,
    Decider,
    Decision,
    Discussion,
    Finding,
    Job,
    Revision,
    Status,
    Trigger,
)
from comments.screening import Verdict

Post = Callable[..., Comment]
Decide = Callable[..., Decision]

NO_LIMITS = {"POSTS_PER_MINUTE": 0, "FLOOD_COMMENTS": 0, "REPEAT_HOURS": 0, "RULE_MILLISECONDS": 60_000}
LINK = "Read https://elsewhere.example/tram for the figures."


@pytest.fixture(autouse=True)
def no_limits(settings: Any) -> None:
    settings.COMMENTS = NO_LIMITS


def rescreen(**options: Any) -> str:
    out = StringIO()
    call_command("rescreen", stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def statuses(*comments: Comment) -> list[str]:
    return [Comment.objects.get(pk=comment.pk).status for comment in comments]


def fails(_candidate: Any) -> list[Any]:
    """A rule with a mistake in it."""
    raise ValueError


def an_editor_rejects(candidate: Any) -> list[Any]:
    """A rule that takes so long that an editor decides while it thinks."""
    moderation.decide(
        Comment.objects.get(pk=candidate.comment.pk),
        Verdict("reject", reason="off_topic"),
        decider=Decider.EDITOR,
        trigger=Trigger.EDITOR,
    )
    return []


# --- What is decided again --------------------------------------------------------------------------------------------


def test_what_is_published_and_now_gets_an_objection_is_held(
    reader: Commenter, discussion: Discussion, post: Post
) -> None:
    good, bad = post(reader, "A sentence about the tram."), post(reader, "A sentence about bitcoin and the tram.")
    phrases.add_phrase("bitcoin", kind="suspect", made_by=None)

    out = rescreen()

    assert statuses(good, bad) == ["published", "held"]
    decision = bad.decisions.last()
    assert (decision.decider, decision.trigger, decision.verdict) == ("screening", "screening", "hold")
    assert f"published → held: 1  #{bad.pk}" in out
    [mine] = personal.in_discussion(reader, discussion)
    assert mine.why == ["it contains words that an editor has to read first"]
    assert list(discussions.reconcile()) == []


def test_a_banned_phrase_takes_nothing_published_away_without_a_person(reader: Commenter, post: Post) -> None:
    stands, waits = post(reader, "Words of bitcoin."), post(reader, f"Words of bitcoin. {LINK}")
    phrases.add_phrase("bitcoin", kind="banned", made_by=None)

    rescreen()

    assert statuses(stands, waits) == ["held", "rejected"]


def test_what_nobody_decided_and_is_clean_now_is_published(reader: Commenter, post: Post, settings: Any) -> None:
    held = post(reader, LINK)
    assert held.status == Status.HELD
    settings.COMMENTS = NO_LIMITS | {"LINKS_ALLOWED": 1}

    rescreen()

    assert statuses(held) == ["published"]
    assert list(discussions.reconcile()) == []


def test_what_people_decided_is_never_overturned(
    reader: Commenter, person: Any, editor: Commenter, post: Post, decide: Decide, settings: Any
) -> None:
    approved, kept = post(reader, f"One. {LINK}"), post(reader, f"Two. {LINK}")
    rejected, withdrawn = post(reader, "Three sentences."), post(reader, "Four sentences.")
    reported = post(reader, "Five sentences.")
    decide(approved, "publish", editor)
    decide(kept, "hold", editor)
    decide(rejected, "reject", editor)
    posting.withdraw_comment(reader, withdrawn)
    moderation.flag(editor, reported, "spam")
    before = Decision.objects.count()

    out = rescreen()
    settings.COMMENTS = NO_LIMITS | {"LINKS_ALLOWED": 1}
    rescreen()

    assert statuses(approved, kept, rejected, withdrawn, reported) == [
        "published",
        "held",
        "rejected",
        "withdrawn",
        "held",
    ]
    assert Decision.objects.count() == before
    assert "not decided by screening, left alone: 3" in out


def test_an_edit_that_waits_is_judged_and_what_is_published_stands(
    reader: Commenter, post: Post, settings: Any
) -> None:
    comment = post(reader, "The old words.")
    posting.edit_comment(reader, comment, f"The new words. {LINK}")
    comment.refresh_from_db()
    moderation.screen(comment.pk, comment.version)

    rescreen()
    comment.refresh_from_db()
    assert "old words" in comment.html and comment.revisions.latest("number").status == Status.HELD
    settings.COMMENTS = NO_LIMITS | {"LINKS_ALLOWED": 1}
    rescreen(status="held")

    comment.refresh_from_db()
    assert "new words" in comment.html and comment.status == Status.PUBLISHED


def test_rules_about_what_arrives_take_down_nothing_that_stands(reader: Commenter, post: Post, settings: Any) -> None:
    published, held = post(reader, "A sentence about the tram."), post(reader, LINK)
    settings.COMMENTS = NO_LIMITS | {"PREMODERATE": True, "HOLD_FIRST": 9, "LINKS_ALLOWED": 1}
    discussions.close(published.discussion)

    rescreen()

    assert statuses(published, held) == ["published", "held"]


def test_a_rule_that_fails_takes_down_nothing_and_is_counted(reader: Commenter, post: Post, settings: Any) -> None:
    published, held = post(reader, "A sentence about the tram."), post(reader, LINK)
    settings.COMMENTS = NO_LIMITS | {"RULES": ["tests.test_rescreen.fails"]}

    out = rescreen()

    assert statuses(published, held) == ["published", "held"]
    assert "could not be checked wholly" in out and ": 2" in out


def test_a_text_is_judged_as_of_when_it_was_written(reader: Commenter, person: Any, post: Post, settings: Any) -> None:
    """Not as a repeat of itself, of what came later, or of what was too long ago then; nor as a flood of old ones."""
    words = "The very same sentence about the night tram."
    first = post(reader, words)
    again = post(person("jun"), words)
    old = timezone.now() - timedelta(days=30)
    for comment, at in ((first, old), (again, old + timedelta(hours=30))):
        Comment.objects.filter(pk=comment.pk).update(created_at=at)
        Revision.objects.filter(comment=comment).update(created_at=at)
    settings.COMMENTS = {"REPEAT_HOURS": 24, "FLOOD_COMMENTS": 1, "RULE_MILLISECONDS": 60_000}

    rescreen()
    assert statuses(first, again) == ["published", "published"]

    for model, where in ((Comment, {"pk": again.pk}), (Revision, {"comment": again})):
        model.objects.filter(**where).update(created_at=old + timedelta(hours=2))
    rescreen()
    assert statuses(first, again) == ["published", "held"]


def test_an_article_that_closed_later_was_open_then(reader: Commenter, post: Post, settings: Any) -> None:
    held = post(reader, LINK)
    discussions.close(held.discussion)
    settings.COMMENTS = NO_LIMITS | {"LINKS_ALLOWED": 1}

    rescreen()

    assert statuses(held) == ["published"]


# --- HTML and findings ------------------------------------------------------------------------------------------------


def test_html_of_another_release_is_made_again_whoever_decided(
    reader: Commenter, editor: Commenter, discussion: Discussion, post: Post, decide: Decide
) -> None:
    by_rules, by_editor = post(reader, "The **night** tram."), post(reader, f"*Figures.* {LINK}")
    decide(by_editor, "publish", editor)
    fresh = post(reader, "A fresh one.")
    for comment in (by_rules, by_editor):
        Revision.objects.filter(comment=comment).update(sanitizer_version="0 old", html="<p>old</p>")
        Comment.objects.filter(pk=comment.pk).update(html="<p>old</p>")
    version = Discussion.objects.get().version
    decisions = Decision.objects.count()

    out = rescreen()

    for comment, words in ((by_rules, "<strong>night</strong>"), (by_editor, "<em>Figures.</em>")):
        comment.refresh_from_db()
        assert words in comment.html == comment.revisions.get().html
        assert comment.revisions.get().sanitizer_version == text.VERSION
    assert Discussion.objects.get().version > version and Decision.objects.count() == decisions
    assert "HTML made again" in out and statuses(fresh) == ["published"]
    assert "HTML" not in rescreen()


def test_the_new_findings_are_those_that_count(reader: Commenter, post: Post, editor: Commenter, client: Any) -> None:
    held = post(reader, f"Bitcoin. {LINK}")
    phrases.add_phrase("bitcoin", kind="suspect", made_by=None)

    rescreen()
    rescreen()

    assert Finding.objects.filter(code="links").count() == 3
    client.force_login(editor.user)
    card = client.get(f"/api/v1/moderation/comments/{held.pk}/").json()
    codes = [finding["code"] for finding in card["findings"]]
    assert sorted(set(codes)) == ["links", "phrase_suspect", "score"] and codes.count("links") == 1
    page = client.get(f"/admin/comments/desk/card/{held.pk}/").content.decode()
    assert page.count("Contains 1 link") <= 2 and "Suspect phrase" in page


# --- The job and the command ------------------------------------------------------------------------------------------


def everything() -> list[Any]:
    return [
        list(model.objects.order_by("pk").values())
        for model in (Comment, Revision, Finding, Decision, Discussion, Commenter)
    ]


def test_a_dry_run_says_what_would_be_and_changes_nothing(reader: Commenter, post: Post, settings: Any) -> None:
    bad, clean = post(reader, "A sentence about bitcoin."), post(reader, LINK)
    Revision.objects.filter(comment=bad).update(sanitizer_version="0 old")
    phrases.add_phrase("bitcoin", kind="suspect", made_by=None)
    settings.COMMENTS = NO_LIMITS | {"LINKS_ALLOWED": 1}
    before = everything()

    out = rescreen(dry_run=True)

    assert everything() == before
    assert f"held → would be published: 1  #{clean.pk}" in out and f"published → would be held: 1  #{bad.pk}" in out
    assert "HTML would be made again" in out and out.endswith("Nothing was changed.\n")


def test_it_can_be_narrowed_by_time_discussion_and_status(reader: Commenter, post: Post) -> None:
    other = Discussion.objects.create(key="story-2", title="Elsewhere", url="/stories/2/")
    here, there, old = post(reader, "One bitcoin."), post(reader, "Two bitcoin.", discussion=other), post(reader, "3")
    Revision.objects.filter(comment=old).update(text="Three bitcoin.")
    Comment.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=9))
    phrases.add_phrase("bitcoin", kind="suspect", made_by=None)

    rescreen(status="held")
    assert statuses(here, there, old) == ["published"] * 3
    rescreen(discussion="story-2")
    assert statuses(here, there, old) == ["published", "held", "published"]
    rescreen(since=(timezone.localdate() - timedelta(days=2)).isoformat())
    assert statuses(here, there, old) == ["held", "held", "published"]


@pytest.mark.parametrize(
    "options",
    [
        {"since": "soon"},
        {"since": "2026-99-01"},
        {"status": "rejected"},
        {"status": ""},
        {"discussion": "?"},
        {"resume": 10**6},
    ],
)
def test_what_it_cannot_do_it_says(options: dict[str, Any], db: None) -> None:
    with pytest.raises(CommandError):
        rescreen(**options)
    assert Job.objects.count() == 0


def test_stopped_in_the_middle_it_goes_on_where_it_was(reader: Commenter, post: Post) -> None:
    comments = [post(reader, f"Sentence {number} about bitcoin.") for number in range(7)]
    phrases.add_phrase("bitcoin", kind="suspect", made_by=None)
    job = rescreening.begin(batch=2)
    jobs.run(job.pk, seconds=-1)
    jobs.run(job.pk, seconds=-1)
    job.refresh_from_db()
    assert (job.done, job.total) == (4, 7) and statuses(*comments) == ["held"] * 4 + ["published"] * 3
    jobs.pause(job)
    findings = Finding.objects.filter(code="phrase_suspect").count()

    out = rescreen(resume=job.pk)

    assert statuses(*comments) == ["held"] * 7
    assert "published → held: 7" in out
    assert Finding.objects.filter(code="phrase_suspect").count() == findings + 3


def test_what_changes_while_it_runs_is_left_to_who_changed_it(reader: Commenter, post: Post, settings: Any) -> None:
    comment = post(reader, "A sentence about bitcoin.")
    phrases.add_phrase("bitcoin", kind="suspect", made_by=None)
    settings.COMMENTS = NO_LIMITS | {"RULES": [*conf.RULES, "tests.test_rescreen.an_editor_rejects"]}

    out = rescreen()

    assert statuses(comment) == ["rejected"]
    assert "changed meanwhile, left alone: 1" in out


@pytest.mark.slow
@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs another process on the same database: PostgreSQL")
@pytest.mark.django_db(transaction=True)
def test_killed_it_is_resumed_and_nothing_is_lost_or_doubled(reader: Commenter, post: Post, settings: Any) -> None:
    comments = [post(reader, f"Sentence {number} about bitcoin.") for number in range(300)]
    phrases.add_phrase("bitcoin", kind="suspect", made_by=None)
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    env = os.environ | {"DATABASE_URL": url, "REDIS_URL": ""}
    command = [sys.executable, "manage.py", "rescreen", "--batch", "5"]
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    limit = threading.Timer(60, process.kill)
    limit.start()
    assert process.stderr is not None
    for line in process.stderr:
        if " of 300" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    limit.cancel()
    process.stderr.close()
    job = Job.objects.get()
    assert job.state == Job.State.RUNNING and 0 < job.done < 300
    Job.objects.update(claimed_at=timezone.now() - timedelta(seconds=jobs.CLAIM_SECONDS + 1))

    rescreen(resume=job.pk)

    assert set(statuses(*comments)) == {"held"}
    assert Decision.objects.filter(to_status="held").count() == 300
    job.refresh_from_db()
    assert job.state == Job.State.DONE and job.done == 300
    assert list(discussions.reconcile()) == []
