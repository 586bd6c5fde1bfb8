"""People, stories and the few verbs that most tests begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from comments import guests, moderation, personal, posting, shared_cache, threads, thresholds
from comments.breaker import Breaker
from comments.issues import failures
from comments.learning import suggestions
from comments.models import Comment, Commenter, Decider, Discussion, Reason, Trigger
from comments.screening import Verdict
from newsroom.articles.models import Article
from tests.browsers import chromium, site, window  # noqa: F401  (fixtures of the tests in a browser)
from tests.states import paper  # noqa: F401


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Hash the passwords of test people quickly; how strongly they are hashed is Django's to test."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Start every test with empty caches."""
    cache.clear()
    threads.pages.clear()
    thresholds.forget()
    moderation.forget_reasons()
    suggestions.forget()
    guests.forget_names()
    personal.forget_wait()


@pytest.fixture(autouse=True)
def the_cache_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the cache again, whatever became of the one of an earlier test."""
    monkeypatch.setattr(shared_cache, "breaker", Breaker(failures=2, seconds=5))


@pytest.fixture(autouse=True)
def nobody_has_chosen_a_language() -> Iterator[None]:
    """Begin every test in the site's language: a request leaves its own behind in the thread that answered it."""
    translation.deactivate()
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def room_in_the_failure_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test use up what the next one may write in the same minute."""
    monkeypatch.setattr(failures, "quota", failures.Quota(failures.MOST_OF_ONE, failures.MOST))
    monkeypatch.setattr(failures, "_breaker", Breaker(failures=2, seconds=30))


@pytest.fixture(autouse=True)
def nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no spot checks: whether one is drawn is chance, and what screening costs is counted."""
    monkeypatch.setattr(moderation, "lot", lambda: 1.0)


@pytest.fixture
def person(db: None) -> Callable[..., Commenter]:
    """Make a reader, or with ``staff=True`` an editor who may moderate."""

    def make(name: str = "mara", *, staff: bool = False) -> Commenter:
        users = get_user_model().objects
        if staff:
            user = users.create_superuser(name, f"{name}@example.org", "a long password")
        else:
            user = users.create_user(name, f"{name}@example.org", "a long password")
        return Commenter.objects.for_user(user)

    return make


@pytest.fixture
def reader(person: Callable[..., Commenter]) -> Commenter:
    return person("mara")


@pytest.fixture
def editor(person: Callable[..., Commenter]) -> Commenter:
    return person("daniel", staff=True)


@pytest.fixture
def discussion(db: None) -> Discussion:
    return Discussion.objects.create(key="story-1", title="The night tram is back", url="/stories/1/")


@pytest.fixture
def article(db: None) -> Article:
    """Publish a story of the demonstration newspaper."""
    return Article.objects.create(
        slug="night-tram",
        headline="The night tram is back",
        body="<p>At 02:52 the platform held eleven people.</p>",
        published_at=timezone.now() - timedelta(hours=2),
    )


@pytest.fixture
def post(discussion: Discussion) -> Callable[..., Comment]:
    """Post and screen at once, as the worker would; return the comment as it then stands."""

    def make(author: Commenter, words: str = "A sentence about the night tram.", **more: Any) -> Comment:
        where = more.pop("discussion", None) or discussion
        comment = posting.post_comment(author, where, words, **more)
        moderation.screen(comment.pk, comment.version)
        comment.refresh_from_db()
        return comment

    return make


@pytest.fixture
def decide() -> Callable[..., Any]:
    """Decide as an editor."""

    def make(comment: Comment, action: str, editor: Commenter, **more: Any) -> Any:
        if action == "reject":
            more.setdefault("reason", "off_topic")
        return moderation.decide(
            comment, Verdict(action, **more), decider=Decider.EDITOR, trigger=Trigger.EDITOR, made_by=editor
        )

    return make


@pytest.fixture
def reasons(db: None) -> None:
    """Bring back what a test that committed has emptied."""
    for code in ("spam", "off_topic"):
        Reason.objects.get_or_create(code=code)


@pytest.fixture
def statements() -> Callable[[Client, str], int]:
    """Count what a page asks the database the second time, Django's two for the session and the user among it."""

    def count(client: Client, path: str) -> int:
        client.get(path)
        counted = []
        for _time in range(2):
            with CaptureQueriesContext(connection) as asked:
                assert client.get(path).status_code == 200
            # Whether the policy has moved on is asked once a second: see comments.thresholds. What is asked every
            # quarter of a minute, or seldomer, is in one of the two at most.
            counted.append(len([one for one in asked if "comments_policyversion" not in one["sql"]]))
        return min(counted)

    return count
