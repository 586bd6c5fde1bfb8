"""The demonstration shows the mail it sent; nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client

HOSTILE = "<script>alert(1)</script>"
BACKEND = "django.core.mail.backends.filebased.EmailBackend"


def mail_goes_to(settings: Any, backend: str, folder: Path) -> None:
    if hasattr(settings, "MAILERS"):
        options = {"file_path": str(folder)} if "filebased" in backend else {}
        settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": options}}
    else:
        settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = backend, str(folder)


@pytest.fixture
def demonstration(settings: Any, tmp_path: Path) -> Path:
    settings.DEMONSTRATION = True
    settings.DEBUG = False
    settings.PUBLIC = False
    mail_goes_to(settings, BACKEND, tmp_path / "mail")
    return tmp_path / "mail"


def send(subject: str = "A reply to you", text: str = "Hello.", html: str = "<p>Hello.</p>") -> None:
    message = EmailMultiAlternatives(
        subject, text, None, ["jo@example.org"], headers={"List-Unsubscribe": "<https://record.example/u/1/>"}
    )
    message.attach_alternative(html, "text/html")
    message.send()


@pytest.mark.django_db
def test_what_was_sent_is_listed_and_shown_as_text_and_as_html_that_may_do_nothing(demonstration: Path) -> None:
    send(f"Ünïcode {HOSTILE}", f"{HOSTILE} https://record.example/comments/7/", f"<p>{HOSTILE}</p>")

    listed = Client().get("/mail/").content.decode()
    [name] = [part.split('"')[0] for part in listed.split('href="/mail/')[1:] if part.split('"')[0]]
    shown = Client().get(f"/mail/{name}").content.decode()

    assert "Ünïcode &lt;script&gt;" in listed
    assert HOSTILE not in listed + shown
    assert '<a href="https://record.example/comments/7/"' in shown
    assert 'sandbox srcdoc="&lt;p&gt;&lt;script&gt;' in shown
    assert "List-Unsubscribe" in shown


@pytest.mark.django_db
def test_without_mail_there_is_a_page_that_says_so(demonstration: Path) -> None:
    assert "Nothing has been sent yet" in Client().get("/mail/").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("without", ["demonstration", "files", "loopback", "privacy"])
def test_anywhere_else_there_is_no_such_page(without: str, demonstration: Path, settings: Any) -> None:
    send()
    [file] = demonstration.glob("*.log")
    here = {"REMOTE_ADDR": "127.0.0.1"}
    assert Client(**here).get(f"/mail/{file.stem}-0/").status_code == 200

    if without == "demonstration":
        settings.DEMONSTRATION = False
    elif without == "files":
        mail_goes_to(settings, "django.core.mail.backends.smtp.EmailBackend", demonstration)
    elif without == "loopback":
        here["REMOTE_ADDR"] = "192.0.2.7"
    else:
        settings.PUBLIC = True

    assert Client(**here).get("/mail/").status_code == 404
    assert Client(**here).get(f"/mail/{file.stem}-0/").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["..%2Fsecret-key-0", "..", "secret-0", "%00-0", "-", "*-0", "x-1"])
def test_no_name_leads_out_of_the_folder(name: str, demonstration: Path) -> None:
    send()
    secret = demonstration.parent / "secret.log"
    secret.write_text("To: nobody\n\na secret")

    answer = Client().get(f"/mail/{name}/")

    assert answer.status_code == 404
    secret.unlink()


def test_the_site_does_not_show_mail_by_itself() -> None:
    from newsroom import settings as written

    assert written.DEMONSTRATION is False
