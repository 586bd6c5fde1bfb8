"""What leaves the site: once, later when it must be, and never where it should not go."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any

import pytest
import time_machine
from django.core import mail as mailbox
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, connections, transaction
from django.utils import timezone

from comments import checks, conf, outbox, tasks
from comments.management.commands.sweep import Clock
from comments.models import Delivery
from tests.test_outside_scorers import Neighbour, answering

# --- Somebody else's mail server ----------------------------------------------------------------------------------


class MailServer(BaseEmailBackend):
    """Does to each mail what ``does`` says, and counts."""

    does: Callable[[], None] = staticmethod(lambda: None)
    lock = threading.Lock()
    taken = 0

    def send_messages(self, messages: Any) -> int:
        type(self).does()
        with self.lock:
            type(self).taken += len(messages)
        return len(messages)


@pytest.fixture
def mail_server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> type[MailServer]:
    path = f"{__name__}.MailServer"
    if hasattr(settings, "MAILERS"):
        settings.MAILERS = {"default": {"BACKEND": path, "OPTIONS": {}}}
    else:
        settings.EMAIL_BACKEND = path
    monkeypatch.setattr(MailServer, "taken", 0)
    monkeypatch.setattr(MailServer, "does", staticmethod(lambda: None))
    return MailServer


def fails(error: BaseException) -> Callable[[], None]:
    def does() -> None:
        raise error

    return staticmethod(does)  # type: ignore[return-value]


@pytest.fixture
def neighbour() -> Iterator[Neighbour]:
    made = Neighbour()
    made.says = answering(b"ok")
    yield made
    made.stop()


def written(key: str = "test:1", to: str = "jo@example.org", **more: Any) -> Delivery:
    made = outbox.mail(key, to, more.pop("subject", "A subject"), "A text.", **more)
    assert made is not None
    return made


def state(delivery: Delivery) -> tuple[str, int, str]:
    delivery.refresh_from_db()
    return delivery.state, delivery.attempts, delivery.error


# --- Links --------------------------------------------------------------------------------------------------------


def test_a_link_in_a_mail_begins_with_the_sites_address(settings: Any) -> None:
    settings.COMMENTS = {"SITE_URL": "https://example-news.com/"}

    assert outbox.absolute("/comments/7/") == "https://example-news.com/comments/7/"


def test_without_the_sites_address_there_is_no_link(settings: Any) -> None:
    settings.COMMENTS = {}

    assert outbox.absolute("/comments/7/") == ""


@pytest.mark.parametrize(
    "wrong", ["example-news.com", "javascript:alert(1)", "https://example.com/a?b", "https://a b/"]
)
def test_an_address_of_the_site_that_is_none_is_refused_at_start(settings: Any, wrong: str) -> None:
    settings.COMMENTS = {"SITE_URL": wrong}

    with pytest.raises(ImproperlyConfigured, match="SITE_URL"):
        conf.get()


def test_what_a_person_wrote_never_passes_for_ours() -> None:
    assert outbox.quoted("Hello\r\nApprove: https://evil.example/\x00\u2028x").splitlines() == [
        "> Hello",
        "> Approve: https://evil.example/",
        "> x",
    ]


# --- Written once -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_same_again_is_written_once() -> None:
    first, second = written(), written(to="else@example.org")

    assert first == second and Delivery.objects.get().to == "jo@example.org"


@pytest.mark.django_db(transaction=True)
def test_what_is_taken_back_with_its_transaction_was_never_written(mail_server: type[MailServer]) -> None:
    with transaction.atomic():
        written()
        transaction.set_rollback(True)

    assert not Delivery.objects.exists() and mail_server.taken == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "to", ["", "nobody", "a@b\nBcc: c@example.org", "a@example.org, b@example.org", "a@example.org>"]
)
def test_what_is_no_address_is_not_written(to: str) -> None:
    assert outbox.mail("test:1", to, "A subject", "A text.") is None
    assert not Delivery.objects.exists()


@pytest.mark.django_db
def test_a_subject_is_one_line_whatever_is_in_it() -> None:
    delivery = written(subject="Hello\r\nBcc: everyone@example.org\n\nBody " + "x" * 300)

    assert outbox.send(delivery.pk)

    [sent] = mailbox.outbox
    assert sent.subject.startswith("Hello Bcc: everyone@example.org Body") and len(sent.subject) <= 200
    assert sent.recipients() == ["jo@example.org"] and "\nBcc" not in sent.message().as_string()


@pytest.mark.django_db
def test_a_header_with_a_line_break_is_given_up_at_once() -> None:
    delivery = written(headers={"X-Story": "a\nBcc: everyone@example.org"})

    assert not outbox.send(delivery.pk)

    assert state(delivery)[0] == "failed" and not mailbox.outbox


@pytest.mark.django_db
def test_a_mail_has_both_parts_and_leaves_once() -> None:
    delivery = written(html="<p>A text.</p>")

    assert outbox.send(delivery.pk) and not outbox.send(delivery.pk)

    [sent] = mailbox.outbox
    assert sent.body == "A text." and sent.alternatives[0][0] == "<p>A text.</p>"
    assert state(delivery) == ("sent", 1, "") and delivery.sent_at is not None


# --- What fails ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_mail_server_that_fails_is_asked_again_later_and_later_and_then_no_more(
    mail_server: type[MailServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_server, "does", fails(SMTPServerDisconnected("with words of the server")))
    delivery = written()

    with time_machine.travel(timezone.now(), tick=False) as clock:
        for wait in outbox.WAITS:
            assert not outbox.send(delivery.pk)
            assert outbox.due() == []
            clock.shift(wait - timedelta(seconds=1))
            assert not outbox.send(delivery.pk) and outbox.due() == []
            clock.shift(timedelta(seconds=1))
            assert outbox.due() == [delivery.pk]
        assert not outbox.send(delivery.pk)
        clock.shift(timedelta(days=30))

    assert state(delivery) == ("failed", len(outbox.WAITS) + 1, "SMTPServerDisconnected")
    assert outbox.due() == []


@pytest.mark.django_db
def test_a_mail_that_failed_leaves_once_the_server_is_back(
    mail_server: type[MailServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_server, "does", fails(OSError()))
    delivery = written()
    outbox.send(delivery.pk)
    monkeypatch.setattr(mail_server, "does", staticmethod(lambda: None))

    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        tasks.send_deliveries()

    assert state(delivery) == ("sent", 2, "") and mail_server.taken == 1


@pytest.mark.django_db
def test_an_address_that_the_server_refuses_is_not_tried_again(
    mail_server: type[MailServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_server, "does", fails(SMTPRecipientsRefused({"jo@example.org": (550, b"no such user")})))
    delivery = written()

    assert not outbox.send(delivery.pk)

    assert state(delivery) == ("failed", 1, "SMTPRecipientsRefused")


# --- Two workers, and one that dies -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_it_once(mail_server: type[MailServer]) -> None:
    deliveries = [written(f"test:{number}") for number in range(10)]
    start = threading.Barrier(4)
    left: list[bool] = []

    def work() -> None:
        start.wait()
        try:
            left.extend(outbox.send(delivery.pk) for delivery in deliveries)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _each in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert mail_server.taken == 10 and left.count(True) == 10
    assert set(Delivery.objects.values_list("state", "attempts")) == {("sent", 1)}


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_before_it_sent_leaves_it_to_another(
    mail_server: type[MailServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = written()
    monkeypatch.setattr(mail_server, "does", staticmethod(lambda: os.kill(os.getpid(), signal.SIGKILL)))
    connection.close()
    child = os.fork()
    if not child:
        outbox.send(delivery.pk)
        os._exit(0)
    _pid, ended = os.waitpid(child, 0)
    monkeypatch.setattr(mail_server, "does", staticmethod(lambda: None))

    assert os.WTERMSIG(ended) == signal.SIGKILL
    assert state(delivery) == ("waiting", 1, "")
    assert not outbox.send(delivery.pk), "the claim stands"
    with time_machine.travel(timezone.now() + outbox.CLAIM + timedelta(seconds=1)):
        assert outbox.due() == [delivery.pk] and outbox.send(delivery.pk)
    assert state(delivery) == ("sent", 2, "") and mail_server.taken == 1


@pytest.mark.django_db
def test_what_kills_every_worker_is_given_up() -> None:
    delivery = written()
    Delivery.objects.update(attempts=len(outbox.WAITS) + 1)

    assert not outbox.send(delivery.pk)

    assert state(delivery)[0] == "failed" and not mailbox.outbox


# --- By the clock -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_beat_sends_what_no_message_reached() -> None:
    deliveries = [written(f"test:{number}") for number in range(3)]

    tasks.send_deliveries()

    assert len(mailbox.outbox) == 3 and {state(one)[0] for one in deliveries} == {"sent"}


@pytest.mark.django_db
def test_a_site_without_celery_sends_too() -> None:
    delivery = written()
    clock = Clock()

    with time_machine.travel(timezone.now() + timedelta(seconds=45)):
        ran = clock.tick()

    assert "comments-deliveries" in ran and state(delivery)[0] == "sent"


@pytest.mark.django_db
def test_the_words_of_what_was_sent_are_forgotten_and_the_row_stays() -> None:
    sent, waiting = written("test:1", html="<p>x</p>"), written("test:2")
    outbox.send(sent.pk)

    with time_machine.travel(timezone.now() + outbox.KEPT + timedelta(minutes=1)):
        tasks.forget_deliveries()
        assert outbox.forget() == 0
        assert outbox.mail("test:1", "jo@example.org", "Again", "Again.") == sent

    sent.refresh_from_db()
    waiting.refresh_from_db()
    assert (sent.text, sent.html, sent.subject, sent.state) == ("", "", "", "sent")
    assert waiting.text == "A text."


def test_a_webhook_that_cannot_be_asked_is_said_at_start(settings: Any) -> None:
    settings.COMMENTS = {"DESK_WEBHOOK_URL": "http://chat.example/hook"}

    assert [one.id for one in checks.check_what_leaves()] == ["comments.E006", "comments.W005"]
    settings.COMMENTS = {"DESK_WEBHOOK_URL": "https://chat.example/hook", "SITE_URL": "https://example-news.com"}
    assert checks.check_what_leaves() == []


# --- Webhooks -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_webhook_is_signed_over_its_body_and_carries_its_key(settings: Any, neighbour: Neighbour) -> None:
    settings.COMMENTS = {"ALLOW_PRIVATE_SCORERS": True}
    delivery = outbox.webhook("held:7", f"{neighbour.url}/hook", '{"text": "é"}', secret="s3cret")

    assert outbox.send(delivery.pk)

    [(path, headers, body)] = neighbour.heard
    expected = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert path == "/hook" and body == '{"text": "é"}'.encode()
    assert headers["x-comments-signature"] == f"sha256={expected}"
    assert headers["x-comments-key"] == "held:7" and headers["content-type"] == "application/json"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{}/", "https://127.0.0.1:{}/", "https://169.254.169.254/", "ftp://x/"]
)
def test_a_webhook_to_the_newsrooms_own_machines_is_not_sent(settings: Any, neighbour: Neighbour, url: str) -> None:
    settings.COMMENTS = {}
    delivery = outbox.webhook("held:7", url.format(neighbour.port), "{}")

    assert not outbox.send(delivery.pk)

    assert state(delivery) == ("waiting", 1, "ScorerFailed: refused_address") and neighbour.heard == []


@pytest.mark.django_db
def test_a_webhook_that_answers_with_an_error_is_tried_again(settings: Any, neighbour: Neighbour) -> None:
    settings.COMMENTS = {"ALLOW_PRIVATE_SCORERS": True}
    neighbour.says = answering(b"busy", 503)
    delivery = outbox.webhook("held:7", neighbour.url, "{}")

    assert not outbox.send(delivery.pk)
    assert state(delivery) == ("waiting", 1, "ScorerFailed: status 503")
    neighbour.says = answering(b"ok")
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        assert outbox.send(delivery.pk)


@pytest.mark.django_db
def test_an_address_that_does_not_fit_is_not_cut_short() -> None:
    with pytest.raises(ValueError):
        outbox.webhook("held:7", "https://chat.example/" + "x" * 500, "{}")
