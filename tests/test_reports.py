"""Reports: floods are bounded, no report is lost, nothing in one runs, pictures are pixels, old ones are forgotten."""

from __future__ import annotations

import base64
import io
import json
import re
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

import html5lib
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone
from PIL import Image, PngImagePlugin

from comments import discussions, issues, people, signals
from comments.exceptions import Refused
from comments.issues import failures, pictures
from comments.issues.tasks import keep_house
from comments.models import Comment, Commenter, Discussion, Failure, IssueMessage, IssuePicture, IssueReport
from tests.servers import ROOT
from tests.test_guests import solved

NEW = "/comments/issues/new/"
API = "/api/v1/issues/"
GIVEN = {"kind": "cannot_post", "text": "The button greys out and nothing happens."}


@pytest.fixture
def anyone(db: None) -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def sent(db: None) -> Callable[..., IssueReport]:
    def make(text: str = "It does not work.", **more: Any) -> IssueReport:
        return issues.report(more.pop("kind", "other"), text, **more)

    return make


def receipt(report: IssueReport) -> str:
    return f"/comments/issues/{report.token}/"


def words(response: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def age(report: IssueReport, **columns: float) -> None:
    IssueReport.objects.filter(pk=report.pk).update(
        **{name: timezone.now() - timedelta(days=days) for name, days in columns.items()}
    )
    report.refresh_from_db()


# --- Always there -----------------------------------------------------------------------------------------------------


def test_the_line_stands_at_the_foot_of_every_section_in_every_state(reader: Commenter, editor: Commenter) -> None:
    from newsroom.articles.models import Article

    article = Article.objects.create(headline="A tram", slug="a-tram", body="One.", published_at=timezone.now())
    line = "Please let us know if you're having issues with commenting."
    story = discussions.for_object(article)

    def page(who: Commenter | None) -> str:
        one = Client()
        if who:
            one.force_login(who.user)
        section = unescape(one.get(article.get_absolute_url()).content.decode()).partition('id="comments"')[2]
        return section.partition("</section>")[0]

    for state in ("open", "premoderated", "closed"):
        discussions.configure(story, mode=state)
        for who in (None, reader, editor):
            html = page(who)
            assert line in html and f"/comments/issues/new/?discussion={quote(story.key, safe='')}" in html, (
                state,
                who,
            )
    people.ban(reader, made_by=editor, reason="spam")
    assert line in page(reader)


@pytest.fixture
def frozen_redis(settings: Any) -> Iterator[socket.socket]:
    """Put a server behind the cache that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as silent:
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"redis://127.0.0.1:{silent.getsockname()[1]}",
                "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
            }
        }
        yield silent


def test_while_redis_is_frozen_a_report_is_saved_without_waiting_for_it(
    client: Client, reader: Commenter, discussion: Discussion, frozen_redis: socket.socket
) -> None:
    for one in (Client(), client):
        if one is client:
            one.force_login(reader.user)
        one.get(NEW)
        form = one.get(f"{NEW}?discussion=story-1")
        taken = one.post(f"{NEW}?discussion=story-1", GIVEN)
        page = one.get(taken["Location"])

        assert (form.status_code, taken.status_code, page.status_code) == (200, 303, 200)
    frozen_redis.settimeout(0)
    with pytest.raises(BlockingIOError):
        frozen_redis.accept()  # nobody has so much as asked it


def test_refusals_lead_to_the_form_with_their_code_and_request(client: Client, discussion: Discussion) -> None:
    refused = client.post(
        "/comments/post/", {"discussion": "story-1", "text": "x"}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    missing = client.get("/comments/999/")

    for page in (refused, missing):
        link = re.search(r'href="(/comments/issues/new/\?[^"]*code=[^"]+)"', page.content.decode())
        assert link and f"request={page['X-Request-ID']}" in unescape(link[1])
        assert "Let us know" in words(page) or "let us know" in words(page)
    form = client.get(unescape(link[1]))
    assert form.status_code == 200 and "unknown_comment" in words(form)


# --- What it is tied to -----------------------------------------------------------------------------------------------


def test_a_report_is_tied_to_what_its_reader_met_unless_they_untick_it(
    client: Client, reader: Commenter, discussion: Discussion, settings: Any
) -> None:
    settings.COMMENTS = {**settings.COMMENTS, "RELEASE": "2611.3"}
    client.force_login(reader.user)
    post = {"discussion": "story-1", "text": ""}
    client.post("/comments/post/", post, headers={"Sec-Fetch-Site": "same-origin"})
    failed = Failure.objects.get()

    form = words(client.get(f"{NEW}?discussion=story-1"))
    client.post(f"{NEW}?discussion=story-1", GIVEN | {"context": ["article", "last_refusal"]})
    client.post(f"{NEW}?discussion=story-1", GIVEN | {"context": ["article"]})

    kept, tied = IssueReport.objects.order_by("-id")
    assert f"empty, {failed.request_id}" in form
    assert (tied.failure, tied.code, tied.request_id) == (failed, "empty", failed.request_id)
    assert tied.fingerprint == failures.fingerprint(failed) and tied.release == "2611.3"
    assert (kept.failure, kept.code, kept.fingerprint) == (None, "", "")


def test_what_the_pages_script_saw_ties_a_report_too(anyone: Client, discussion: Discussion) -> None:
    failed = Failure.objects.create(door="page", verb="post", code="server_error", request_id="7f3a19c27f3a19c2")
    given = GIVEN | {"context": ["last_refusal", "errors_on_the_page"], "ring_request": failed.request_id}

    anyone.post(
        NEW, given | {"ring_code": "server_error", "fact_errors_on_the_page": "TypeError comments.js:120; slow"}
    )

    report = IssueReport.objects.get()
    assert (report.failure, report.code, report.client_error) == (failed, "server_error", "TypeError comments.js:120")


def test_nobody_ties_a_report_to_somebody_elses_failure(
    anyone: Client, reader: Commenter, discussion: Discussion
) -> None:
    Failure.objects.create(door="page", verb="post", code="banned", request_id="7f3a19c27f3a19c2", person=reader)

    anyone.post(f"{NEW}?code=other&request=7f3a19c27f3a19c2", GIVEN | {"context": ["last_refusal"]})

    assert IssueReport.objects.get().failure is None and IssueReport.objects.get().code == "other"


def test_whoever_listens_is_told_of_a_report_after_the_commit(
    sent: Callable[..., IssueReport], django_capture_on_commit_callbacks: Any
) -> None:
    heard: list[int] = []

    def listen(report_id: int, **_more: Any) -> None:
        heard.append(report_id)

    signals.issue_reported.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            report = sent()
            assert heard == []
    finally:
        signals.issue_reported.disconnect(listen)
    assert heard == [report.pk]


def test_elsewhere_language_and_haste_are_kept(anyone: Client) -> None:
    now = str(int(time.time()))
    anyone.post(NEW, GIVEN | {"elsewhere": "works", "context": ["language"], "opened": now})
    anyone.post(NEW, GIVEN | {"elsewhere": "nonsense", "opened": str(int(now) - 30)})

    second, first = IssueReport.objects.order_by("-id")
    assert (first.elsewhere, first.language, first.is_suspicious) == ("works", "en", True)
    assert (second.elsewhere, second.language, second.is_suspicious) == ("", "", False)


# --- Floods -----------------------------------------------------------------------------------------------------------


def test_of_one_reader_three_an_hour_are_stored_and_the_rest_is_counted_on_the_last(
    client: Client, reader: Commenter
) -> None:
    client.force_login(reader.user)
    client.get(NEW)
    along = {"context": ["account"]}
    answers = [client.post(NEW, GIVEN | along | {"text": f"Number {number}."}) for number in range(9)]

    assert [answer.status_code for answer in answers] == [303] * 9
    assert IssueReport.objects.count() == 3 and IssueMessage.objects.count() == 3
    last = IssueReport.objects.order_by("id").last()
    assert last is not None and last.further_count == 6
    assert answers[-1]["Location"] == f"{receipt(last)}?counted=1"
    page = words(client.get(answers[-1]["Location"]))
    assert "counted on this report" in page and "were not stored" in page and "Number 8." not in page


def test_whoever_sits_at_the_same_computer_never_sees_anothers_receipt(client: Client, reader: Commenter) -> None:
    client.force_login(reader.user)
    client.get(NEW)
    for number in range(3):
        client.post(NEW, GIVEN | {"text": f"Private words {number}.", "context": ["account"]})
    mark = client.cookies["comments_browser"].value
    client.logout()
    client.cookies["comments_browser"] = mark

    counted = client.post(NEW, GIVEN)

    assert counted["Location"] == "/comments/issues/counted/" and IssueReport.objects.count() == 3


def test_whoever_shares_a_network_never_sees_anothers_receipt(db: None) -> None:
    for number in range(3):
        Client().post(NEW, GIVEN | {"text": f"Somebody's private words {number}."})

    counted = Client().post(NEW, GIVEN)

    assert counted["Location"] == "/comments/issues/counted/"
    page = words(Client().get(counted["Location"]))
    assert "were not stored" in page and "private" not in page
    api = Client().post(API, {"kind": "other", "text": "x"}, content_type="application/json")
    assert api.status_code == 202 and api.json() == {"number": "", "token": "", "url": "", "counted": True}


def test_ten_thousand_reports_leave_a_bounded_table(client: Client, db: None, settings: Any) -> None:
    for number in range(10_000):
        issues.report("other", f"Your site is broken, number {number}.", network_key=f"{number % 3:032d}")
    for number in range(200):
        issues.report("other", "Again.", network_key="9" * 32, browser_key=f"{number:032d}")

    assert IssueReport.objects.count() == 3 * 3 + 20
    assert sum(IssueReport.objects.values_list("further_count", flat=True)) == 10_200 - 29
    assert IssueMessage.objects.count() == 29


def test_a_flood_from_a_network_costs_nobody_with_an_account_their_words(
    sent: Callable[..., IssueReport], reader: Commenter
) -> None:
    for number in range(40):
        sent(network_key="9" * 32, browser_key=f"{number:032d}")

    mine = sent("My own words.", reporter=reader, network_key="9" * 32, browser_key="a" * 32)

    assert IssueReport.objects.count() == 21 and mine.messages.get().text == "My own words."


def test_a_day_has_its_own_bound(sent: Callable[..., IssueReport], reader: Commenter) -> None:
    for _ in range(10):
        age(sent(reporter=reader), created_at=0.2)

    further = sent(reporter=reader)

    assert further.counted == "account" and IssueReport.objects.count() == 10


@pytest.mark.django_db(transaction=True)
def test_reports_sent_at_once_fit_no_more_than_one_after_another() -> None:
    def attempt(number: int) -> str:
        try:
            return issues.report("other", f"Number {number}", browser_key="b" * 32, network_key="n" * 32).counted
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(attempt, range(8)))

    assert sorted(counted) == [""] * 3 + ["mark"] * 5
    assert IssueReport.objects.count() == 3 and IssueReport.objects.get(further_count=5)


def test_who_leaves_out_their_account_is_limited_all_the_same(
    sent: Callable[..., IssueReport], reader: Commenter
) -> None:
    made = [sent(sender=reader, browser_key="b" * 32) for _ in range(4)]

    assert [one.counted for one in made] == ["", "", "", "mark"]
    assert made[0].reporter is None


@pytest.fixture
def busy(sent: Callable[..., IssueReport], settings: Any) -> None:
    """More anonymous reports came in the last minutes than this site is used to."""
    settings.COMMENTS = {**settings.COMMENTS, "ISSUES_BUSY_PER_TEN_MINUTES": 2, "PROOF_NUMBERS": 200}
    for number in range(3):
        sent(network_key=f"{number:032d}")


def test_while_it_is_busy_anonymous_reports_without_a_sum_sort_last_and_are_kept(
    busy: None, sent: Callable[..., IssueReport], reader: Commenter
) -> None:
    once = solved()

    assert issues.busy()
    assert sent(network_key="7" * 32).is_suspicious
    assert not sent(network_key="8" * 32, sum_done=once).is_suspicious
    assert sent(network_key="9" * 32, sum_done=once).is_suspicious  # good for one report
    assert not sent(reporter=reader).is_suspicious
    assert IssueReport.objects.count() == 7


@pytest.mark.parametrize("handed_in", ["", "nonsense", "bm9uZQ==", "x" * 9_000, "\x00"])
def test_a_wrong_sum_or_none_loses_no_report_at_any_door(busy: None, anyone: Client, handed_in: str) -> None:
    page = anyone.post(NEW, GIVEN | {"sum": handed_in})
    api = anyone.post(API, GIVEN | {"sum": handed_in.replace("\x00", "")}, content_type="application/json")

    assert (page.status_code, api.status_code) == (303, 201)
    assert list(IssueReport.objects.order_by("-id").values_list("is_suspicious", flat=True)[:2]) == [True, True]


def test_the_form_has_a_sum_for_nobody_while_it_is_calm_or_the_reader_is_known(
    anyone: Client, reader: Commenter, settings: Any
) -> None:
    calm = anyone.get(NEW).content.decode()
    settings.COMMENTS = {**settings.COMMENTS, "ISSUES_BUSY_PER_TEN_MINUTES": 1}
    for number in range(2):
        issues.report("other", "", network_key=f"{number:032d}")
    asked = anyone.get(NEW).content.decode()
    told = anyone.get(f"{API}diagnosis/").json()
    anyone.force_login(reader.user)

    assert 'name="sum"' not in calm
    assert 'name="sum"' in asked and 'data-sum="/api/v1/guests/sum/"' in asked and "sum.js" in asked
    assert told["sum"]["algorithm"] == "SHA-256"
    assert 'name="sum"' not in anyone.get(NEW).content.decode()
    assert anyone.get(f"{API}diagnosis/").json()["sum"] is None


@pytest.mark.parametrize("door", ["page", "api"])
def test_a_sum_done_by_the_sender_counts_at_every_door(busy: None, anyone: Client, door: str) -> None:
    asked = anyone.get(f"{API}diagnosis/").json()["sum"]
    given = GIVEN | {"sum": solved(asked)}

    if door == "page":
        anyone.post(NEW, given)
    else:
        anyone.post(API, given, content_type="application/json")

    assert not IssueReport.objects.latest("id").is_suspicious


def test_wrong_tokens_are_limited_and_the_right_one_still_opens(
    anyone: Client, sent: Callable[..., IssueReport]
) -> None:
    report = sent()

    wrong = [anyone.get(f"/comments/issues/{'a' * 43}/").status_code for _ in range(22)]
    api = anyone.get(f"{API}{'b' * 43}/")

    assert wrong == [404] * 20 + [429] * 2 and api.status_code == 429
    assert anyone.get(receipt(report)).status_code == 200


# --- Pictures ---------------------------------------------------------------------------------------------------------


def a_picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind, **more)
    return out.getvalue()


def upload(content: bytes, name: str = "shot.png", kind: str = "image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type=kind)


def test_a_picture_is_decoded_and_encoded_anew_and_nothing_of_the_file_is_left() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "Mara Lindqvist, SECRET")
    exif = Image.Exif()
    exif[0x010E] = "SECRET place"
    for raw in (
        a_picture("PNG", pnginfo=info, exif=exif) + b"<script>SECRET</script>",
        a_picture("JPEG", exif=exif, comment=b"SECRET"),
        a_picture("WEBP", exif=exif),
    ):
        kept = pictures.read(io.BytesIO(raw))

        assert b"SECRET" not in kept.content and (kept.width, kept.height) == (40, 30)
        again = Image.open(io.BytesIO(kept.content))
        assert (
            not again.getexif()
            and again.format in ("PNG", "JPEG")
            and set(again.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        )


def bomb(width: int, height: int) -> bytes:
    """A small file that says it unpacks to ``width`` times ``height`` pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100_000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "not_a_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "not_a_picture"),
        (b"%PDF-1.7 and so on", "not_a_picture"),
        (b"GIF89a<script>alert(1)</script>", "not_a_picture"),
        (a_picture()[:60], "not_a_picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 5000, "not_a_picture"),
        (bomb(60_000, 60_000), "picture_too_big"),
        (bomb(5_001, 5_000), "picture_too_big"),
        (b"\xff" * (pictures.MOST_BYTES + 1), "picture_too_big"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused_by_its_content(raw: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        pictures.read(io.BytesIO(raw))

    assert refused.value.code == code


def test_of_a_film_one_frame_is_kept_and_of_a_large_picture_a_smaller_one() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])

    film = pictures.read(io.BytesIO(out.getvalue()))
    large = pictures.read(io.BytesIO(a_picture(size=(4_000, 1_000))))

    assert getattr(Image.open(io.BytesIO(film.content)), "n_frames", 1) == 1
    assert (large.width, large.height) == (2_400, 600) and len(large.content) <= pictures.STORED_BYTES


def test_a_picture_on_the_receipt_comes_back_as_a_file_and_only_by_that_receipt(
    anyone: Client, sent: Callable[..., IssueReport]
) -> None:
    report, other = sent(), sent()

    added = anyone.post(receipt(report), {"do": "add", "text": "", "picture": upload(a_picture())})

    kept = IssuePicture.objects.get()
    assert added.status_code == 303 and kept.message.report == report and kept.message.text == "A picture."
    assert f"pictures/{kept.pk}/" in anyone.get(receipt(report)).content.decode()
    file = anyone.get(f"{receipt(report)}pictures/{kept.pk}/")
    assert file["Content-Disposition"].startswith("attachment") and file["X-Content-Type-Options"] == "nosniff"
    assert file["Content-Type"] == "image/png" and "sandbox" in file["Content-Security-Policy"]
    assert anyone.get(f"{receipt(other)}pictures/{kept.pk}/").status_code == 404
    assert anyone.get(f"/comments/issues/{'a' * 43}/pictures/{kept.pk}/").status_code == 404


def test_a_file_that_is_no_picture_costs_nobody_their_report(anyone: Client) -> None:
    script = upload(b"<script>alert(1)</script>", "shot.png")

    taken = anyone.post(NEW, GIVEN | {"kind": "layout", "picture": script})

    assert taken.status_code == 303 and IssueReport.objects.count() == 1 and not IssuePicture.objects.exists()
    assert "was not a picture we can read" in words(anyone.get(taken["Location"]))
    refused = anyone.post(receipt(IssueReport.objects.get()), {"do": "add", "text": "Look.", "picture": upload(b"no")})
    assert refused.status_code == 400 and "Look." in words(refused)


def test_a_picture_goes_along_with_a_report_and_over_the_api(anyone: Client) -> None:
    anyone.post(NEW, GIVEN | {"kind": "layout", "picture": upload(a_picture())})
    report = IssueReport.objects.get()

    added = anyone.post(f"{API}{report.token}/pictures/", a_picture("JPEG"), content_type="image/jpeg")
    bad = anyone.post(f"{API}{report.token}/pictures/", b"no", content_type="image/png")
    svg = anyone.post(f"{API}{report.token}/pictures/", b"<svg/>", content_type="image/svg+xml")

    assert (added.status_code, bad.status_code, svg.status_code) == (201, 400, 415)
    assert bad.json()["code"] == "not_a_picture" and IssuePicture.objects.count() == 2
    file = anyone.get(added.json()["pictures"][0])
    assert file["Content-Disposition"].startswith("attachment") and file["X-Content-Type-Options"] == "nosniff"


def test_an_upload_of_ten_megabytes_is_refused_before_it_is_read(
    anyone: Client, sent: Callable[..., IssueReport]
) -> None:
    huge = {"do": "add", "text": "Look.", "picture": upload(b"\0" * 10_000_000)}

    assert anyone.post(receipt(sent()), huge).status_code == 413


# --- The receipt ------------------------------------------------------------------------------------------------------


def test_a_reader_deletes_their_report(
    anyone: Client, sent: Callable[..., IssueReport], reader: Commenter, post: Any
) -> None:
    report = sent(
        "My private words.", email="mara@example.org", reporter=reader, comment=post(reader), context={"browser": "x"},
        network_key="a" * 32, browser_key="b" * 32,
    )  # fmt: skip
    issues.add_message(report, "", picture=pictures.read(io.BytesIO(a_picture())))

    gone = anyone.post(receipt(report), {"do": "delete"})

    report.refresh_from_db()
    assert gone.status_code == 303 and report.emptied_at and report.state == "closed" and report.kind == "other"
    kept = [report.email, report.reporter, report.comment, report.context, report.network_key, report.browser_key]
    assert not any(kept) and not IssueMessage.objects.exists() and not IssuePicture.objects.exists()
    page = anyone.get(receipt(report))
    assert "was deleted" in words(page) and "private" not in words(page) and "Add something" not in words(page)
    assert anyone.post(receipt(report), {"do": "reopen"}).status_code == 409
    assert anyone.post(receipt(report), {"do": "add", "text": "Again."}).status_code == 409
    anyone.post(receipt(report), {"do": "email", "email": "x@example.org"})
    report.refresh_from_db()
    assert report.email == ""


def test_what_was_answered_closes_after_seven_quiet_days_and_never_after_a_readers_last_word(
    anyone: Client, sent: Callable[..., IssueReport], editor: Commenter
) -> None:
    quiet, fresh, spoke = sent(), sent(), sent()
    for report in (quiet, fresh, spoke):
        issues.answer(report, "Try again, please.", editor)
    issues.add_message(spoke, "It is still wrong.")
    age(quiet, answered_at=7.1)
    age(fresh, answered_at=6.9)
    age(spoke, answered_at=9)

    keep_house()

    for report, state in ((quiet, "closed"), (fresh, "answered"), (spoke, "open")):
        report.refresh_from_db()
        assert report.state == state
    page = words(anyone.get(receipt(quiet)))
    assert "we heard nothing more after our answer" in page and "open the report again, until" in page
    assert issues.close_quiet() == 0


def test_reopening_is_an_event_and_has_an_end(
    anyone: Client, sent: Callable[..., IssueReport], editor: Commenter
) -> None:
    report = sent()
    issues.close(report, editor)

    anyone.post(receipt(report), {"do": "reopen"})
    report.refresh_from_db()
    assert report.state == "open" and report.reopened_at and "open again, since" in words(anyone.get(receipt(report)))
    issues.close(report, editor)
    age(report, closed_at=31)

    assert anyone.post(receipt(report), {"do": "reopen"}).status_code == 409
    page = words(anyone.get(receipt(report)))
    assert "can no longer be opened again" in page and "Send a new report" in page


def test_addresses_texts_and_marks_are_forgotten_when_their_time_is_over(
    sent: Callable[..., IssueReport], editor: Commenter
) -> None:
    def closed(days: float) -> IssueReport:
        report = sent("Private.", email="mara@example.org", network_key="a" * 32)
        IssueReport.objects.filter(pk=report.pk).update(network_key="", state="closed")
        age(report, closed_at=days)
        return report

    old, middle, new = closed(181), closed(91), closed(89)
    marked = sent(network_key="c" * 32, browser_key="d" * 32)
    age(marked, created_at=3.1)

    keep_house()
    keep_house()

    for report in (old, middle, new, marked):
        report.refresh_from_db()
    assert (old.email, old.messages.count(), bool(old.emptied_at), old.kind) == ("", 0, True, "other")
    assert (middle.email, middle.messages.count()) == ("", 1)
    assert (new.email, new.messages.count()) == ("mara@example.org", 1)
    assert (marked.network_key, marked.browser_key, marked.messages.count()) == ("", "", 1)


def test_the_receipt_says_what_was_found_meanwhile(
    anyone: Client, reader: Commenter, editor: Commenter, discussion: Discussion, post: Any, decide: Any,
    sent: Callable[..., IssueReport],
) -> None:  # fmt: skip
    held = post(reader, "Look at https://elsewhere.example/page")
    report = sent(kind="vanished", reporter=reader, comment=held)
    before = words(anyone.get(receipt(report)))

    decide(held, "publish", editor)

    assert "Meanwhile" not in before
    assert "your comment is published since" in words(anyone.get(receipt(report)))


def test_an_address_can_be_corrected_and_taken_out_and_is_never_shown_whole(
    anyone: Client, sent: Callable[..., IssueReport]
) -> None:
    report = sent(email="mara@example.org")

    anyone.post(receipt(report), {"do": "email", "email": "other@example.org"})
    page = anyone.get(receipt(report)).content.decode()
    anyone.post(receipt(report), {"do": "forget_email"})

    assert "o…@example.org" in page and "other@" not in page
    report.refresh_from_db()
    assert report.email == ""


def test_everything_on_the_receipt_can_be_done_over_the_api(
    client: Client, sent: Callable[..., IssueReport], editor: Commenter
) -> None:
    report = sent(email="mara@@example")
    where = f"{API}{report.token}/"

    def patch(**facts: Any) -> Any:
        return client.patch(where, facts, content_type="application/json")

    solved, opened = patch(state="solved"), patch(state="open", email="mara@example.org")
    wrong = patch(state="closed")
    gone = client.delete(where)

    assert (solved.json()["state"], opened.json()["state"], wrong.status_code) == ("solved", "open", 400)
    assert gone.status_code == 204 and client.get(where).json()["deleted_at"]
    assert patch(state="open").status_code == 409


def test_words_that_ask_for_something_else_get_a_way_there(anyone: Client, sent: Callable[..., IssueReport]) -> None:
    said = words(anyone.get(receipt(sent("You CENSORED me. Delete my account and my data!"))))
    plain = words(anyone.get(receipt(sent("The button does nothing."))))

    assert "Ask another editor about this decision" in said and "My data" in said
    assert "Ask another editor" not in plain and "My data" not in plain


# --- Hostile text -----------------------------------------------------------------------------------------------------

HEADERS = [
    "mara@example.org\r\nBcc: everyone@example.org",
    "mara@example.org\nSubject: Owned",
    "mara@example.org%0d%0aBcc:everyone@example.org",
    "\r\n\r\n<script>alert(1)</script>",
    "mara@example.org\u2028Bcc: everyone@example.org",
    "=?utf-8?q?Bcc=3A?= <everyone@example.org>",
    '"mara\\"@example.org, everyone@example.org',
    "mara@example.org\x0bTo: a@b.c",
]
HTML = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</textarea><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7|add:7 }}{% debug %}",
    "<!--<script>--><b>",
    "\u202egnp.exe\u2066",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]


def corpus() -> Iterator[str]:
    yield from HEADERS
    yield from HTML
    folder = ROOT.parent / "shared" / "corpora" / "xss"
    for name in ("payloads.jsonl", "generated.jsonl"):
        if (folder / name).is_file():
            lines = (folder / name).read_text().splitlines()
            yield from (json.loads(line)["html"] for line in lines[:: max(1, len(lines) // 40)])


ALLOWED_SCRIPTS = re.compile(r"^/(static/(comments|newsroom|admin)/[\w./-]+\.js|admin/jsi18n/)$")


def what_runs(html: str) -> list[str]:
    """Return everything in a page that could run, or load from elsewhere, and is not ours."""
    found = []
    for element in html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False).iter():
        if not isinstance(element.tag, str):
            continue
        if element.tag == "script" and not (
            ALLOWED_SCRIPTS.match(element.get("src", "")) and not (element.text or "").strip()
        ):
            found.append(f"script {element.attrib}")
        own_picture = element.tag == "img" and element.get("src", "").startswith("/static/admin/")
        if element.tag in ("iframe", "object", "embed", "base", "img", "image", "style") and not own_picture:
            found.append(element.tag)
        found += [f"{element.tag} {name}" for name in element.attrib if name.lower().startswith("on")]
        for name in ("href", "src", "action", "formaction"):
            if re.match(r"\s*(javascript|data|vbscript):", element.get(name, ""), re.IGNORECASE):
                found.append(f"{name}={element.get(name)}")
    return found


def test_what_anybody_types_anywhere_never_runs_and_never_becomes_a_header(
    client: Client, editor: Commenter, discussion: Discussion, settings: Any
) -> None:
    settings.COMMENTS = {
        **settings.COMMENTS,
        "ISSUES_PER_HOUR": 0,
        "ISSUES_STORED_PER_HOUR": 0,
        "ISSUES_STORED_PER_DAY": 0,
    }
    Discussion.objects.update(title=HTML[1])
    desk = Client()
    desk.force_login(editor.user)

    for hostile in corpus():
        text = hostile[:1_900]
        everything = {
            "kind": "other", "text": text, "email": hostile[:250], "elsewhere": hostile[:100], "found": hostile[:100],
            "opened": hostile[:100], "leave_empty": hostile[:100], "ring_code": hostile[:100], "tell_when_over": "1",
            "ring_request": hostile[:100], "context": ["article", "window", "last_refusal", "errors_on_the_page"],
            "fact_window": hostile, "fact_last_refusal": hostile, "fact_errors_on_the_page": hostile,
        }  # fmt: skip
        query = f"{NEW}?discussion=story-1&code={base64.urlsafe_b64encode(hostile.encode()).decode()[:20]}"
        agent = {"User-Agent": re.sub(r"[^\x20-\x7e]", "", hostile)[:300], "Accept-Language": "en"}

        back = client.post(query, everything | {"text": text + "x" * 2_001}, headers=agent)
        taken = client.post(query, everything, headers=agent)
        odd_kind = client.post(query, everything | {"kind": hostile[:100]}, headers=agent)
        form = client.get(NEW, {"discussion": hostile[:150], "code": hostile, "request": hostile, "kind": hostile})

        assert (back.status_code, form.status_code) == (400, 200)
        assert odd_kind.status_code in (303, 400)
        pages = [back, form]
        if taken.status_code == 303:  # nothing but what no database takes: then nothing is left to send
            client.post(taken["Location"], {"do": "add", "text": text})
            client.post(taken["Location"], {"do": "email", "email": hostile[:250]})
            pages.append(client.get(taken["Location"]))
            report = IssueReport.objects.order_by("id").last()
            assert report is not None
            pages.append(desk.get(f"/admin/comments/issuereport/{report.pk}/change/"))
            for stored in (report.email, report.code, report.request_id, report.client_error, report.browser):
                assert not re.search(r"[\x00-\x1f\x7f]", stored)
        for page in pages:
            assert what_runs(page.content.decode()) == [], hostile
            for name, value in page.items():
                assert "\n" not in value and "\r" not in value, name
    assert Comment.objects.count() == 0
