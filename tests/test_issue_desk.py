"""The issue desk: what is shown to whom, and what an editor can do with it, without JavaScript and over the API."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.test import Client
from django.utils import timezone
from PIL import Image

from comments import issues, outbox
from comments.exceptions import Refused
from comments.issues import answers, board, grouping, incidents, numbers, pictures
from comments.models import (
    AnswerTemplate,
    AuditEntry,
    Comment,
    Commenter,
    Delivery,
    Discussion,
    Failure,
    IssueGroup,
    IssueMessage,
    IssuePicture,
    IssueReport,
    IssueSplit,
    Token,
)

LIST = "/admin/comments/desk/issues/"
XSS = '"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e{number}'


@pytest.fixture
def sent(db: None) -> Callable[..., IssueReport]:
    def make(words: str = "Nothing happens when I press the button.", **more: Any) -> IssueReport:
        later = {
            name: more.pop(name) for name in list(more) if name not in ("email", "discussion", "comment", "reporter")
        }
        kind = later.pop("kind", "cannot_post")
        report = issues.report(kind, words, **more)
        if later:
            IssueReport.objects.filter(pk=report.pk).update(**later)
            grouping.join(report.pk)
            report.refresh_from_db()
        return report

    return make


def client(who: Commenter) -> Client:
    made = Client()
    made.force_login(who.user)
    return made


def page(who: Commenter, url: str = LIST, status: int = 200) -> str:
    answer = client(who).get(url)
    assert answer.status_code == status
    return answer.content.decode()


def do(who: Commenter, url: str, **said: Any) -> Any:
    return client(who).post(url, said)


def of(report: IssueReport) -> str:
    return f"{LIST}{report.pk}/"


def role(who: Commenter, name: str) -> Commenter:
    who.user.is_staff = True
    who.user.save()
    who.user.groups.set([Group.objects.get(name=name)])
    who.user = type(who.user).objects.get(pk=who.user.pk)
    return who


@pytest.fixture
def viewer(person: Callable[..., Commenter]) -> Commenter:
    return role(person("vera"), "Viewer")


FAILED = {"code": "server_error", "fingerprint": "f" * 64}


# --- What is shown ----------------------------------------------------------------------------------------------------


def test_the_first_line_says_since_when_the_oldest_waits(sent: Callable[..., IssueReport], editor: Commenter) -> None:
    sent(created_at=timezone.now() - timedelta(hours=26))

    shown = " ".join(page(editor).split())

    assert "1 report waits;" in shown and "the oldest since 1 d." in shown and "1 waits for more than a day." in shown


def test_urgent_comes_first_and_doubtful_last(sent: Callable[..., IssueReport], editor: Commenter) -> None:
    doubtful = sent(is_suspicious=True)
    urgent = sent(is_urgent=True)
    plain = sent()

    found = [one.pk for one in board.lines(editor.user, board.Asked())]

    assert found == [urgent.pk, plain.pk, doubtful.pk]


def test_ten_thousand_reports_of_a_flood_are_one_group(editor: Commenter, db: None) -> None:
    group = IssueGroup.objects.create(title="A flood")
    IssueReport.objects.bulk_create(
        [
            IssueReport(kind="cannot_post", digest=f"{number:064d}", group=group, network_key="n", **FAILED)
            for number in range(10_000)
        ],
        batch_size=500,
    )

    [line] = board.lines(editor.user, board.Asked())

    assert (line.sort, line.count) == ("group", 10_000)
    assert "Group of 10,000 reports" in " ".join(page(editor).split()).replace("10000", "10,000")
    assert "1 person among the latest" in " ".join(page(editor, f"{LIST}groups/{group.pk}/").split())


def test_held_comments_of_one_article_are_a_stack(
    sent: Callable[..., IssueReport], editor: Commenter, discussion: Discussion
) -> None:
    for number in range(3):
        sent(f"Where is my comment {number}?", kind="vanished", discussion=discussion, code="held")

    [line] = board.lines(editor.user, board.Asked())

    assert (line.sort, line.count) == ("stack", 3)
    assert IssueGroup.objects.count() == 0


def test_one_report_shows_what_is_known_and_what_failed(
    sent: Callable[..., IssueReport], editor: Commenter, reader: Commenter, post: Callable[..., Comment]
) -> None:
    comment = post(reader, "Read https://elsewhere.example/tram for the figures.")
    Failure.objects.create(
        door="page", verb="post", code="server_error", error="ValueError at posting.py:9", person=reader
    )
    report = sent(reporter=reader, comment=comment, email="mara@example.org", browser="Safari 26", code="server_error")

    shown = page(editor, of(report))

    for words in ("Safari 26", "ValueError at posting.py:9", f"?open={comment.pk}#c-{comment.pk}", "mara@example.org"):
        assert words in shown, words


def test_viewers_see_what_happened_and_not_to_whom(
    sent: Callable[..., IssueReport], viewer: Commenter, reader: Commenter
) -> None:
    report = sent(reporter=reader, email="mara@example.org")

    shown = page(viewer, of(report))

    assert "Nothing happens" in shown and "A signed-in reader" in shown
    assert "mara" not in shown and "<textarea" not in shown
    assert do(viewer, f"{of(report)}act/", do="close").status_code == 403


@pytest.mark.parametrize(
    "query", ["state=nonsense&kind=%00&q=%00", "q=" + "9" * 400, "who=everyone", "state=all&q=2611-1"]
)
def test_odd_filters_are_no_error(query: str, editor: Commenter, sent: Callable[..., IssueReport]) -> None:
    sent()

    page(editor, f"{LIST}?{query}")


def test_filters_and_search(sent: Callable[..., IssueReport], editor: Commenter) -> None:
    one = sent("The tram is blue.", kind="layout")
    other = sent("The button is dead.", code="csrf_failed")
    answers.assign([one], editor, editor)

    def found(**asked: Any) -> list[int]:
        return [line.pk for line in board.lines(editor.user, board.Asked(**asked))]

    assert found(kind="layout") == [one.pk]
    assert found(mine=True) == [one.pk]
    assert found(unassigned=True) == [other.pk]
    assert found(words="csrf_failed") == [other.pk]
    assert found(words="blue") == [one.pk]
    assert found(words=one.number) == [one.pk]
    assert found(state="solved") == []


# --- Answering --------------------------------------------------------------------------------------------------------


def test_an_answer_with_a_hole_is_not_sent_and_stays_in_the_box(
    sent: Callable[..., IssueReport], editor: Commenter
) -> None:
    report = sent(email="mara@example.org")

    answer = do(editor, f"{of(report)}act/", do="answer", text="It waits because {why it waits}.")

    assert answer.status_code == 400
    shown = answer.content.decode()
    assert "still has to be filled in" in shown and "It waits because {why it waits}." in shown
    assert not Delivery.objects.exists() and report.messages.count() == 1


def test_an_answer_is_on_the_receipt_and_leaves_once_by_mail(
    sent: Callable[..., IssueReport], editor: Commenter, settings: Any
) -> None:
    settings.COMMENTS = {**settings.COMMENTS, "SITE_URL": "https://record.example", "ISSUE_REPLY_DOMAIN": "in.example"}
    report = sent(email="mara@example.org")

    answer = do(editor, f"{of(report)}act/", do="answer", text="Report {number}: it works again.")

    assert answer.status_code == 303
    for _twice in range(2):
        for pk in outbox.due():
            outbox.send(pk)
    [letter] = mail.outbox
    assert letter.subject == f"Your report {report.number}: answered"
    assert letter.body.splitlines()[0] == f"Report {report.number}: it works again."
    assert f"https://record.example/comments/issues/{report.token}/" in letter.body
    assert letter.extra_headers["Reply-To"] == f"issues+{report.token}@in.example"
    assert editor.name not in letter.body
    report.refresh_from_db()
    assert report.state == "answered"


def test_everyone_of_a_group_is_answered_with_own_facts(sent: Callable[..., IssueReport], editor: Commenter) -> None:
    rows = [sent(f"It fails {number}", email=f"r{number}@example.org", **FAILED) for number in range(3)]
    group = IssueGroup.objects.get()

    answer = do(editor, f"{LIST}groups/{group.pk}/act/", do="answer_all", text="Report {number} is done.")

    assert answer.status_code == 303
    assert sorted(each.text.splitlines()[0] for each in Delivery.objects.all()) == sorted(
        f"Report {row.number} is done." for row in rows
    )


def test_a_stack_is_answered_one_by_one(
    sent: Callable[..., IssueReport], editor: Commenter, discussion: Discussion
) -> None:
    rows = [sent(f"Gone {number}", kind="vanished", discussion=discussion, code="held") for number in range(2)]

    do(editor, f"{of(rows[0])}act/", do="answer_all", text="Your report {number} about {article}: it waits.")

    said = set(IssueMessage.objects.filter(sender="newsroom").values_list("text", flat=True))
    assert said == {f"Your report {row.number} about {discussion}: it waits." for row in rows}


def test_a_question_waits_for_its_reader(sent: Callable[..., IssueReport], editor: Commenter) -> None:
    report = sent()

    do(editor, f"{of(report)}act/", do="ask", text="Which browser is it?")

    assert report.messages.last().asks
    assert "Waits for its reader" in page(editor, of(report))


def test_who_cannot_answer_a_question_says_so_with_one_button(
    sent: Callable[..., IssueReport], editor: Commenter, client: Client
) -> None:
    report = sent()
    address = f"/comments/issues/{report.token}/"
    before = client.get(address).content.decode()
    answers.answer(report, "Which app do you use?", editor, asks=True)

    asked = client.get(address).content.decode()
    told = client.post(address, {"do": "unknown"})
    report.refresh_from_db()

    assert 'value="unknown"' not in before and 'value="unknown"' in asked
    assert (told.status_code, report.state) == (303, "open")
    assert report.messages.order_by("-id").first().text == "I don't know."


def test_closing_tells_why_and_reopening_is_possible(sent: Callable[..., IssueReport], editor: Commenter) -> None:
    report = sent(email="mara@example.org")

    do(editor, f"{of(report)}act/", do="close", reason="will_not_change", words="The rules ask for real names.")

    report.refresh_from_db()
    assert report.state == "closed"
    assert report.messages.last().text.endswith("We will not change this. The rules ask for real names.")
    assert Delivery.objects.get().subject == f"Your report {report.number}: closed"
    do(editor, f"{of(report)}act/", do="reopen")
    report.refresh_from_db()
    assert report.state == "open" and report.reopened_at is not None


def test_merging_splitting_noting_and_labelling_are_on_record(
    sent: Callable[..., IssueReport], editor: Commenter
) -> None:
    one, other, third = sent("One"), sent("Two"), sent("Three")

    do(editor, f"{of(one)}act/", do="merge", into=other.number)
    do(editor, f"{of(third)}act/", do="merge", into=f"report:{one.pk}")
    group = IssueGroup.objects.get()
    assert group.reports.count() == 3
    do(editor, f"{LIST}groups/{group.pk}/act/", do="split", report=[third.pk])
    do(editor, f"{of(one)}act/", do="note", note="Ask the web team.")
    do(editor, f"{of(one)}act/", do="label", cause="blocker")

    assert group.reports.count() == 2 and IssueSplit.objects.count() == 2
    one.refresh_from_db()
    assert one.cause == "blocker" and one.notes.get().text == "Ask the web team."
    did = [entry.after["did"] for entry in AuditEntry.objects.filter(kind="issue").order_by("id")]
    assert did == ["merged", "merged", "split", "noted", "labelled"]


def test_held_comments_are_not_merged(sent: Callable[..., IssueReport], editor: Commenter) -> None:
    one, other = sent(code="held"), sent(code="held")

    with pytest.raises(Refused, match="personal"):
        answers.merge([one], other, editor)


def test_every_verb_asks_who_may(sent: Callable[..., IssueReport], reader: Commenter, viewer: Commenter) -> None:
    report = sent()
    verbs: list[Callable[[Commenter], Any]] = [
        lambda who: answers.answer(report, "Yes.", who),
        lambda who: answers.answer_all([report], "Yes.", who),
        lambda who: answers.close(report, who),
        lambda who: answers.solve(report, who),
        lambda who: answers.reopen(report, who),
        lambda who: answers.note(report, "No.", who),
        lambda who: answers.assign([report], None, who),
        lambda who: answers.label([report], "x", who),
        lambda who: answers.merge([report], report, who),
        lambda who: answers.split([report], who),
        lambda who: answers.save_template(who, name="x", text="x"),
    ]

    for verb in verbs:
        for who in (reader, viewer):
            with pytest.raises(Refused) as refused:
                verb(who)
            assert refused.value.status == 403


def test_templates_ship_are_offered_by_cause_and_can_be_changed(
    sent: Callable[..., IssueReport], editor: Commenter
) -> None:
    report = sent(code="held")
    first = answers.templates_for(report)[0]
    assert first.cause == "held" and answers.holes(first.text)

    do(editor, f"{LIST}templates/", template=first.pk, name="It waits", text="It waits.", cause="held", in_use="yes")

    assert AnswerTemplate.objects.get(pk=first.pk).text == "It waits."
    answer = do(editor, f"{of(report)}act/", do="template", template=first.pk)
    assert "It waits.</textarea>" in answer.content.decode()
    assert do(editor, f"{LIST}templates/", name="It waits", text="x", in_use="yes").status_code == 409


@pytest.mark.parametrize("text", ["", "x" * 2001, "\x00"])
def test_bad_answers_are_refused(text: str, sent: Callable[..., IssueReport], editor: Commenter) -> None:
    assert do(editor, f"{of(sent())}act/", do="answer", text=text).status_code == 400


def test_hostile_words_are_dead_on_every_page_and_in_mail(
    sent: Callable[..., IssueReport], editor: Commenter, discussion: Discussion
) -> None:
    Discussion.objects.update(title=XSS)
    rows = [
        sent(
            XSS + str(number),
            email=f"{XSS}@example.org",
            discussion=discussion,
            client_error=XSS[:200],
            browser="B",
            code=f"<b>{number % 1}",
            release=XSS[:40],
            context={"article": XSS, "account": XSS},
            cause="<i>",
        )
        for number in range(2)
    ]
    for number, row in enumerate(rows):
        answers.note(row, XSS + str(number), editor)
        answers.answer(row, XSS, editor, signed_as=XSS)
    answers.merge(rows[:1], rows[1], editor)
    group = IssueGroup.objects.get()
    answers.rename(group, XSS, editor)
    answers.save_template(editor, name=XSS[:40], text=XSS)

    for url in (LIST, of(rows[0]), f"{LIST}groups/{group.pk}/", f"{LIST}templates/", f"{LIST}numbers/"):
        shown = page(editor, url)
        assert "<script>alert" not in shown and "<img src=x" not in shown and "<b>0" not in shown, url
    assert not Delivery.objects.exists()


def test_no_line_end_gets_into_a_header(sent: Callable[..., IssueReport], editor: Commenter) -> None:
    report = sent(email="mara@example.org", language="de\r\nBcc:")

    answers.answer(report, "Yes.\r\nBcc: everyone@example.org", editor, signed_as="The desk\r\nBcc: x@example.org")

    written = Delivery.objects.get()
    assert "\n" not in written.subject + written.to + "".join(written.headers.values())


# --- Numbers ----------------------------------------------------------------------------------------------------------


def test_times_to_an_answer_count_those_who_still_wait() -> None:
    assert numbers.quantile([(10, True), (20, True), (30, True), (40, True)], 0.5) == 20
    assert numbers.quantile([(10, True), (1000, False), (1000, False), (1000, False)], 0.5) is None
    assert numbers.quantile([(10, True), (15, False), (20, True), (30, True)], 0.5) == 20
    assert numbers.quantile([], 0.5) is None


def test_the_numbers_are_a_page_and_a_spreadsheet(sent: Callable[..., IssueReport], editor: Commenter) -> None:
    answers.answer(sent(found="held", cause="blocker"), "Yes.", editor)
    sent("=cmd()")

    shown = " ".join(page(editor, f"{LIST}numbers/?days=7").split())

    assert "Half are answered within" in shown and "blocker" in shown and "1 of 1" in shown
    table = client(editor).get(f"{LIST}numbers/causes.csv?days=7")
    assert table.content.decode().splitlines()[1] == "blocker,1,1"
    assert client(editor).get(f"{LIST}numbers/none.csv").status_code == 404


# --- The API ----------------------------------------------------------------------------------------------------------


def api(who: Commenter, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    token = Token.objects.issue(who.user, ["read", "write", "moderate"], 30)
    more = {"data": body or {}, "content_type": "application/json"} if method != "get" else {}
    return getattr(Client(), method)(f"/api/v1/moderation/{path}", headers={"Authorization": f"Bearer {token}"}, **more)


def test_programs_do_what_editors_do(sent: Callable[..., IssueReport], editor: Commenter, viewer: Commenter) -> None:
    report, other = sent(email="mara@example.org"), sent("Also here")

    assert [one["id"] for one in api(editor, "get", "issues/").json()["results"]] == [other.pk, report.pk]
    one = api(editor, "get", f"issues/{report.pk}/").json()
    assert one["email"] == "mara@example.org" and one["messages"][0]["text"].startswith("Nothing happens")
    assert api(viewer, "get", f"issues/{report.pk}/").json()["email"] is None
    actions = f"issues/{report.pk}/actions/"
    assert api(viewer, "post", actions, {"do": "close"}).status_code == 403
    assert api(editor, "post", actions, {"do": "answer", "text": "{hole}"}).status_code == 400
    assert api(editor, "post", actions, {"do": "answer", "text": "Yes."}).json()["state"] == "answered"
    merged = api(editor, "post", actions, {"do": "merge", "into": f"report:{other.pk}"}).json()
    assert api(editor, "get", f"issues/groups/{merged['group']}/").json()["count"] == 2
    assert api(editor, "get", "issues/templates/").json()["results"]
    assert api(editor, "get", "issues/numbers/").json()["days"] == 28


@pytest.mark.parametrize("door", ["desk", "api"])
@pytest.mark.parametrize("what", ["close", "solve"])
def test_a_group_is_done_with_although_one_of_its_readers_deleted_a_report(
    door: str, what: str, sent: Callable[..., IssueReport], editor: Commenter
) -> None:
    gone, left = sent(), sent("Also here")
    group = answers.merge([gone], left, editor)
    issues.delete(gone)

    if door == "desk":
        do(editor, f"{LIST}groups/{group.pk}/act/", do=what)
    else:
        assert api(editor, "post", f"issues/groups/{group.pk}/actions/", {"do": what}).status_code == 200

    assert [IssueReport.objects.get(pk=one.pk).state for one in (gone, left)] == [
        "closed",
        "closed" if what == "close" else "solved",
    ]


def test_programs_name_a_group_and_say_to_which_incident_it_belongs(
    sent: Callable[..., IssueReport], editor: Commenter, viewer: Commenter
) -> None:
    one, _other = sent(**FAILED), sent("Also here", **FAILED)
    one.refresh_from_db()
    actions = f"issues/groups/{one.group_id}/actions/"
    known = incidents.begin(editor, title="Posting fails", text="We are on it.")

    named = api(editor, "post", actions, {"do": "rename", "title": "The grey button"}).json()
    joined = api(editor, "post", actions, {"do": "incident", "incident": known.pk}).json()
    left = api(editor, "post", actions, {"do": "incident", "incident": None}).json()

    assert (named["title"], joined["incident"], left["incident"]) == ("The grey button", known.pk, None)
    assert api(viewer, "post", actions, {"do": "rename", "title": "x"}).status_code == 403
    assert api(editor, "post", actions, {"do": "incident", "incident": 10**15}).status_code == 404
    assert api(editor, "post", f"issues/{one.pk}/actions/", {"do": "rename"}).status_code == 400


def test_the_desk_takes_a_group_out_of_its_incident(sent: Callable[..., IssueReport], editor: Commenter) -> None:
    one, _other = sent(**FAILED), sent("Also here", **FAILED)
    one.refresh_from_db()
    known = incidents.begin(editor, title="Posting fails", text="We are on it.")
    address = f"{LIST}groups/{one.group_id}/"
    do(editor, f"{address}act/", do="incident", incident=str(known.pk))
    assert "None: it is something else" in page(editor, address)

    do(editor, f"{address}act/", do="incident", incident="")

    one.refresh_from_db()
    assert one.group is not None and one.group.incident is None


def test_who_may_answer_sees_the_pictures_and_nobody_else_does(
    sent: Callable[..., IssueReport], editor: Commenter, viewer: Commenter, reader: Commenter
) -> None:
    report, other = sent(), sent("Another one")
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(out, "PNG")
    issues.add_message(report, "Look.", picture=pictures.read(io.BytesIO(out.getvalue())))
    pk = IssuePicture.objects.get().pk
    address = f"{of(report)}pictures/{pk}/"

    [told] = api(editor, "get", f"issues/{report.pk}/").json()["messages"][1]["pictures"]
    token = Token.objects.issue(editor.user, ["moderate"], 30)
    for answer in (
        client(editor).get(address),
        Client().get(told["url"], headers={"Authorization": f"Bearer {token}"}),
    ):
        assert answer.status_code == 200 and answer.headers["Content-Type"] in ("image/png", "image/jpeg")
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert {"private", "no-store"} <= set(answer.headers["Cache-Control"].split(", "))
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert Image.open(io.BytesIO(answer.content)).size == (40, 30)
    assert f'src="{address}"' in page(editor, of(report))
    assert f'src="{address}"' not in page(viewer, of(report)) and "with 1 picture" in page(viewer, of(report))
    seen = api(viewer, "get", f"issues/{report.pk}/").json()["messages"][1]
    assert (seen["pictures"], seen["picture_count"]) == ([], 1)
    assert client(viewer).get(address).status_code == 403
    assert client(reader).get(address).status_code in (302, 403)
    assert client(editor).get(f"{of(other)}pictures/{pk}/").status_code == 404
    assert api(viewer, "get", f"issues/{report.pk}/pictures/{pk}/").status_code == 403
    assert api(editor, "get", f"issues/{other.pk}/pictures/{pk}/").status_code == 404
