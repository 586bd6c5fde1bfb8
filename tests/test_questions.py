"""Questions and answers: who answers, what is answered, and what readers can choose to see."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from comments import discussions, moderation, posting, questions, threads
from comments.exceptions import Refused
from comments.models import AuditEntry, BulkAction, Comment, Commenter, Decision, Discussion, Expert, Revision, Token
from comments.screening import Verdict

Post = Callable[..., Comment]


@pytest.fixture
def interview(discussion: Discussion) -> Discussion:
    return discussions.configure(discussion, form="qa")


@pytest.fixture
def doctor(person: Callable[..., Commenter], interview: Discussion, editor: Commenter) -> Commenter:
    found = person("kim")
    questions.name_expert(interview, found, "Epidemiologist", made_by=editor)
    return found


def is_answered(question: Comment) -> bool:
    return Comment.objects.get(pk=question.pk).answered_at is not None


def shown(key: str, only: str) -> list[int]:
    return [thread.root.id for thread in threads.page(key, only=only).threads]


def test_a_question_is_answered_while_an_experts_reply_is_published(
    interview: Discussion, doctor: Commenter, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    question = post(reader, "Does the vaccine help against the new variant?")
    post(reader, "I mean the one from October.", parent=question)
    assert not is_answered(question)

    answer = post(doctor, "It does, less than before.", parent=question)
    assert is_answered(question)
    assert Comment.objects.get(pk=question.pk).answered_at == answer.published_at

    taken_down = decide(answer, "reject", editor)
    assert not is_answered(question)

    answer.refresh_from_db()
    moderation.take_back(answer, taken_down.pk, editor)
    assert is_answered(question)

    answer.refresh_from_db()
    posting.withdraw_comment(doctor, answer)
    assert not is_answered(question)


def test_an_answer_deep_in_the_conversation_or_by_the_newsroom_counts_and_a_readers_does_not(
    interview: Discussion, reader: Commenter, editor: Commenter, person: Callable[..., Commenter], post: Post
) -> None:
    question = post(reader, "When is the next tram?")
    other = post(person("jo"), "I would like to know, too.", parent=question)

    assert not is_answered(question)
    post(editor, "At 02:52.", parent=other)

    assert is_answered(question)


def test_a_held_answer_answers_nothing_until_it_is_published(
    interview: Discussion, doctor: Commenter, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    question = post(reader, "Where can I read more?")

    answer = post(doctor, "Here: https://elsewhere.example/paper", parent=question)
    assert answer.status == "held" and not is_answered(question)

    decide(answer, "publish", editor)
    assert is_answered(question)


def test_decisions_in_bulk_and_their_undo_move_it_too(
    interview: Discussion, doctor: Commenter, reader: Commenter, editor: Commenter, post: Post
) -> None:
    asked = [post(reader, f"What about number {number}?") for number in range(3)]
    answers = [post(doctor, f"It is so with {one.pk}.", parent=one) for one in asked[:2]]
    action = BulkAction.objects.create(query="author:kim", verdict="reject", reason="off_topic", made_by=editor)
    texts = list(Revision.objects.filter(comment__in=answers).select_related("comment"))

    many = moderation.decide_many(texts, Verdict("reject", reason="off_topic"), made_by=editor, bulk=action)
    assert len(many.decisions) == 2 and [is_answered(one) for one in asked] == [False, False, False]

    made = list(Decision.objects.filter(bulk=action).select_related("comment", "revision"))
    moderation.take_back_many(made, made_by=editor, bulk=action)
    assert [is_answered(one) for one in asked] == [True, True, False]


def test_naming_and_removing_an_expert_and_turning_into_questions_bring_everything_up_to_date(
    discussion: Discussion, person: Callable[..., Commenter], reader: Commenter, editor: Commenter, post: Post
) -> None:
    kim = person("kim")
    question = post(reader, "Does it help?")
    post(kim, "A little, I think.", parent=question)
    by_staff = post(reader, "Will it be free?")
    post(editor, "Yes, it will.", parent=by_staff)
    assert not is_answered(by_staff)

    discussions.configure(discussion, form="qa")
    assert is_answered(by_staff) and not is_answered(question)

    before = discussion.version
    questions.name_expert(discussion, kim, "Doctor", made_by=editor)
    assert is_answered(question) and discussion.version > before

    questions.remove_expert(discussion, kim, made_by=editor)
    assert not is_answered(question) and not Expert.objects.exists()
    assert [entry.after for entry in AuditEntry.objects.filter(kind="expert").order_by("pk")] == ["Doctor", None]


def test_only_answered_and_only_unanswered_divide_the_questions(
    interview: Discussion, doctor: Commenter, reader: Commenter, post: Post
) -> None:
    asked = [post(reader, f"Question number {number}?") for number in range(4)]
    for one in asked[:2]:
        post(doctor, f"An answer to {one.pk}.", parent=one)

    assert shown(interview.key, "answered") == [asked[1].pk, asked[0].pk]
    assert shown(interview.key, "unanswered") == [asked[3].pk, asked[2].pk]
    assert len(shown(interview.key, "")) == 4
    with pytest.raises(Refused, match="filtered by"):
        threads.page(interview.key, only="best of all")

    first = threads.page(interview.key, only="answered", limit=1)
    second = threads.page(interview.key, only="answered", limit=1, cursor=first.next_cursor or "")
    assert [one.root.id for one in (*first.threads, *second.threads)] == [asked[1].pk, asked[0].pk]


def test_what_a_page_of_questions_costs_does_not_grow(
    interview: Discussion, doctor: Commenter, reader: Commenter, post: Post
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            threads.page_data(threads.page(interview.key, only="answered"))
        return len(asked)

    for number in range(2):
        post(doctor, f"Yes, {number}.", parent=post(reader, f"Is it {number}?"))
    few = queries()
    for number in range(2, 8):
        post(doctor, f"Yes, {number}.", parent=post(reader, f"Is it {number}?"))

    # The discussion, its questions, their replies, and who answers.
    assert queries() == few == 4


def test_readers_see_tabs_who_answers_marked_replies_and_other_words(
    client: Client, interview: Discussion, doctor: Commenter, reader: Commenter, post: Post
) -> None:
    question = post(reader, "Does it help?")
    post(doctor, "A little.", parent=question)
    from comments.pages import section

    public = section.public(interview.key, section.Asked(), interview).body.decode()
    answered = section.public(interview.key, section.Asked(only="answered"), interview).body.decode()
    unanswered = section.public(interview.key, section.Asked(only="unanswered"), interview).body.decode()

    assert "Questions and answers" in public and "Sign in to ask a question" in public
    assert re.search(r'<a href="[^"]*only=answered#comments">Answered</a>', public)
    assert '<a href="/stories/1/?only=answered#comments" aria-current="true">' in answered
    assert f'id="comment-{question.pk}"' in answered and f'id="comment-{question.pk}"' not in unanswered
    assert "No question waits for an answer." in unanswered
    assert public.count('data-badge="expert"') == 2 and public.count("Epidemiologist") == 2

    client.force_login(reader.user)
    written = client.post(
        "/comments/post/", {"discussion": interview.key, "text": ""}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert "Your question" in written.content.decode() and "Ask the question" in written.content.decode()


def test_programs_read_the_mode_and_the_tabs_and_editors_name_experts(
    client: Client, discussion: Discussion, reader: Commenter, editor: Commenter, person: Any, post: Post
) -> None:
    token = Token.objects.issue(editor.user, ["read", "write", "moderate"], 1)
    headers = {"Authorization": f"Bearer {token}"}
    kim = person("kim")
    base = f"/api/v1/moderation/discussions/{discussion.key}/"

    changed = client.put(base, {"form": "qa"}, content_type="application/json", headers=headers)
    named = client.post(
        f"{base}experts/", {"person": kim.pk, "role": "Doctor"}, content_type="application/json", headers=headers
    )
    question = post(reader, "Does it help?")
    post(kim, "A little.", parent=question)

    assert changed.status_code == 200 and changed.json()["form"] == "qa"
    assert named.status_code == 200 and named.json()["role"] == "Doctor"
    said = client.get(f"/api/v1/discussions/{discussion.key}/").json()
    assert (said["mode"], said["state"], said["experts"]) == (
        "qa",
        "open",
        [{"id": kim.pk, "name": "kim", "role": "Doctor"}],
    )
    page = client.get(f"/api/v1/discussions/{discussion.key}/comments/?only=answered").json()
    assert page["results"][0]["replies"][0]["author"]["badges"] == ["expert"]
    assert client.get(f"/api/v1/discussions/{discussion.key}/comments/?only=unanswered").json()["results"] == []
    assert client.get(f"/api/v1/discussions/{discussion.key}/comments/?only=x").json()["code"] == "unknown_filter"
    more = client.get(f"/api/v1/comments/{question.pk}/replies/").json()
    assert more["results"][0]["author"]["badges"] == ["expert"]

    gone = client.delete(f"{base}experts/{kim.pk}/", headers=headers)
    assert gone.status_code == 204
    assert client.get(f"{base}experts/", headers=headers).json() == []
    closed = client.put(base, {"mode": "closed"}, content_type="application/json", headers=headers).json()
    assert (closed["form"], closed["mode"]) == ("qa", "closed")
    assert client.get(f"/api/v1/discussions/{discussion.key}/").json()["mode"] == "qa"
    assert AuditEntry.objects.filter(kind="discussion").count() == 2


def test_experts_are_named_in_the_admin_panel(
    client: Client, interview: Discussion, reader: Commenter, editor: Commenter, person: Any, post: Post
) -> None:
    kim, jo = person("kim"), person("jo")
    question = post(reader, "Does it help?")
    post(kim, "A little.", parent=question)
    client.force_login(editor.user)
    address = f"/admin/comments/discussion/{interview.pk}/change/"
    form = {
        "form": "qa",
        "question": "",
        "mode": "open",
        "closed_reason": "",
        "opens_at_0": "",
        "opens_at_1": "",
        "closes_at_0": "",
        "closes_at_1": "",
        "experts-TOTAL_FORMS": "1",
        "experts-INITIAL_FORMS": "0",
        "experts-0-person": kim.pk,
        "experts-0-role": "Doctor",
    }

    assert client.post(address, form).status_code == 302
    assert is_answered(question)

    [expert] = Expert.objects.all()
    form |= {"experts-INITIAL_FORMS": "1", "experts-0-id": expert.pk, "experts-0-person": jo.pk}
    assert client.post(address, form).status_code == 302
    assert [one.person_id for one in Expert.objects.all()] == [jo.pk] and not is_answered(question)

    [expert] = Expert.objects.all()
    form |= {"experts-0-id": expert.pk, "experts-0-DELETE": "on"}
    assert client.post(address, form).status_code == 302
    assert not Expert.objects.exists()


def test_reconciling_finds_and_repairs_what_is_wrong(
    interview: Discussion, doctor: Commenter, reader: Commenter, post: Post
) -> None:
    question = post(reader, "Does it help?")
    post(doctor, "A little.", parent=question)
    Comment.objects.filter(pk=question.pk).update(answered_at=None)

    [line] = discussions.reconcile(repair=True)

    assert line.startswith(f"comment {question.pk}: answered_at is None") and is_answered(question)
    assert list(discussions.reconcile()) == []


def test_other_discussions_pay_nothing_for_it(discussion: Discussion, reader: Commenter, post: Post) -> None:
    question = post(reader, "Just a comment.")
    post(reader, "And a reply to it.", parent=question)

    with CaptureQueriesContext(connection) as asked:
        questions.settle(discussion, [question.path * 2])
        questions.experts(discussion)

    assert not asked.captured_queries
