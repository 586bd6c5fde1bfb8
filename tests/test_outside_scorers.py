"""Scorers that other people run: what they are sent, what may be asked, and what happens when they do not answer."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from comments import conf, moderation, policy, posting, screening, tasks
from comments.breaker import Breaker
from comments.checks import check_scorers
from comments.models import Comment, Commenter, Decision, Discussion, Finding, Lesson, Status
from comments.screening import sentences
from comments.screening.scorers import CommentView, Health, Score, ScorerFailed
from comments.screening.scorers.akismet import akismet
from comments.screening.scorers.http import endpoint, signature
from comments.screening.scorers.openai_style import moderation as moderations
from comments.screening.scorers.outside import BODY_LIMIT, OutsideScorer, _trust, call, complaint, may_be_asked

Post = Callable[..., Comment]

AKISMET = "comments.screening.scorers.akismet.akismet"
MODERATION = "comments.screening.scorers.openai_style.moderation"
ENDPOINT = "comments.screening.scorers.http.endpoint"
SECRET = "s3cret-of-the-newsroom"
WORDS = "The night tram stops at the harbour again."
DESK = "/admin/comments/desk/"


class Neighbour:
    """Somebody else's server, on a free port of loopback. ``says`` answers; ``heard`` is what it was sent."""

    def __init__(self, secure: ssl.SSLContext | None = None) -> None:
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.says: Callable[[BaseHTTPRequestHandler], None] = answering({"p": 0.25})
        neighbour = self

        class Ear(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                neighbour.heard.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                neighbour.says(self)

            def log_message(self, *_args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_args: None  # type: ignore[method-assign]  # callers hang up on purpose
        if secure:
            self.server.socket = secure.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.url = f"{'https' if secure else 'http'}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def answering(
    body: object, status: int = 200, headers: dict[str, str] | None = None
) -> Callable[[BaseHTTPRequestHandler], None]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def says(ear: BaseHTTPRequestHandler) -> None:
        ear.send_response(status)
        ear.send_header("Content-Length", str(len(raw)))
        for name, value in (headers or {}).items():
            ear.send_header(name, value)
        ear.end_headers()
        ear.wfile.write(raw)

    return says


@pytest.fixture
def neighbour() -> Iterator[Neighbour]:
    made = Neighbour()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def nobody_failed_before() -> None:
    for scorer in (akismet, moderations, endpoint):
        scorer.breaker = Breaker(failures=3, seconds=10)


@pytest.fixture
def asked(neighbour: Neighbour, settings: Any) -> Neighbour:
    """Let the scorer of the site's own stand beside all rules, at the neighbour's address."""
    settings.COMMENTS = here(neighbour)
    return neighbour


def here(neighbour: Neighbour, **more: Any) -> dict[str, Any]:
    return {
        "RULES": [ENDPOINT, *conf.RULES],
        "RULE_MILLISECONDS": 60_000,
        "ALLOW_PRIVATE_SCORERS": True,
        "SCORER_URL": neighbour.url + "/score",
        "SCORER_SECRET": SECRET,
        "SCORER_MILLISECONDS": 5_000,
    } | more


def finding(comment: Comment, rule: str = "endpoint") -> Finding:
    return Finding.objects.filter(revision__comment=comment, rule=rule).latest("id")


def why(url: str, **more: Any) -> tuple[str, int | None]:
    with pytest.raises(ScorerFailed) as failed:
        call(url, b"{}", **({"milliseconds": 5_000, "allow_private": True} | more))
    assert failed.value.__suppress_context__ or failed.value.__context__ is None
    return failed.value.why, failed.value.status


# --- Where a text may be sent ---------------------------------------------------------------------------------------

NOWHERE = [
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.0",
    "::",
    "0.1.2.3",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "ff02::1",
    "192.0.2.1",
    "2001:db8::1",
    "198.18.0.1",
    "fec0::1",
    "100::1",
    "::127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:a9fe:a9fe::",
    "2001:0:7f00:1::",
    "nonsense",
    "1.2.3",
    "1.2.3.4.5",
]
OUR_OWN = [
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "fd00::1",
    "fc00::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
]
THIS_MACHINE = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
ANYWHERE = ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "172.32.0.1", "::ffff:8.8.8.8", "100.128.0.1"]


@pytest.mark.parametrize("address", NOWHERE)
def test_no_setting_opens_what_is_nobodys_place_to_answer(address: str) -> None:
    assert not may_be_asked(address)
    assert not may_be_asked(address, allow_private=True)


@pytest.mark.parametrize("address", OUR_OWN)
def test_the_newsrooms_own_network_is_open_by_a_setting_and_by_https(address: str) -> None:
    assert not may_be_asked(address)
    assert may_be_asked(address, allow_private=True)
    assert not may_be_asked(address, allow_private=True, secure=False)


@pytest.mark.parametrize("address", THIS_MACHINE)
def test_this_machine_is_open_by_a_setting_and_then_also_without_tls(address: str) -> None:
    assert not may_be_asked(address)
    assert may_be_asked(address, allow_private=True)
    assert may_be_asked(address, allow_private=True, secure=False)


@pytest.mark.parametrize("address", ANYWHERE)
def test_public_addresses_are_asked_by_https_only(address: str) -> None:
    assert may_be_asked(address)
    assert not may_be_asked(address, allow_private=True, secure=False)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "localhost"],
)
def test_however_this_machine_is_spelt_it_is_not_asked(host: str, neighbour: Neighbour) -> None:
    assert why(f"https://{host}:{neighbour.port}/", allow_private=False) == ("refused_address", None)
    assert neighbour.heard == []


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_without_the_setting_only_public_addresses_are_asked(address: Any) -> None:
    if may_be_asked(str(address)):
        inside = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
        assert (inside or address).is_global
        assert not address.is_multicast and not address.is_link_local


def resolving(monkeypatch: pytest.MonkeyPatch, answers: list[list[str]]) -> list[str]:
    """Let the name server, which is other people's, say one list after the other; return what it is asked."""
    questions: list[str] = []

    def says(host: str, port: int, **_more: Any) -> list[Any]:
        questions.append(host)
        found = answers.pop(0)
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", says)
    return questions


@pytest.mark.parametrize(
    "addresses", [["8.8.8.8", "127.0.0.1"], ["10.0.0.7", "8.8.8.8"], ["8.8.8.8", "169.254.169.254"]]
)
def test_a_name_with_one_private_address_among_public_ones_is_not_asked(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, [addresses])

    assert why("https://scorer.example/", allow_private=False)[0] == "refused_address"


def test_a_name_is_looked_up_once_and_the_connection_goes_to_what_was_checked(
    neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = resolving(monkeypatch, [["127.0.0.1"], ["169.254.169.254"]])

    call(f"http://scorer.example:{neighbour.port}/", b"{}", milliseconds=5_000, allow_private=True)

    assert questions == ["scorer.example"]
    assert neighbour.heard[0][1]["host"] == f"scorer.example:{neighbour.port}"


def test_a_name_that_nobody_knows_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: Any, **_more: Any) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    assert why("https://scorer.example/")[0] == "unreachable"


def test_a_name_server_that_does_not_answer_costs_no_more_than_the_scorer_may(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: gate.wait(30) and [])
    began = time.monotonic()

    assert why("https://scorer.example/", milliseconds=100)[0] == "timeout"

    assert time.monotonic() - began < 5
    gate.set()


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://scorer.example/score?a=b", True),
        ("https://scorer.example:8443", True),
        ("https://[2606:4700::1111]/", True),
        ("http://scorer.example/", False),
        ("ftp://scorer.example/", False),
        ("file:///etc/passwd", False),
        ("//scorer.example/", False),
        ("scorer.example", False),
        ("https://", False),
        ("https:///score", False),
        ("https://user:word@scorer.example/", False),
        ("https://@scorer.example/", False),
        ("https://scorer.example:99999/", False),
        ("https://scorer.example:0/", False),
        ("https://scorer.example/ HTTP/1.1", False),
        ("https://scorer.example/\r\nX: y", False),
        ("https://scorer.example/\n", False),
        ("https://scörer.example/", False),
        ("https://scorer.example/#part", False),
        ("https://[::1/", False),
        ("", False),
    ],
)
def test_an_address_is_https_with_a_host_and_nothing_hidden_in_it(url: str, allowed: bool) -> None:
    assert (complaint(url) == "") is allowed
    if not allowed:
        assert why(url, allow_private=False)[0] == "refused_address"


def test_no_proxy_of_the_environment_is_asked(neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")

    assert call(neighbour.url, b"{}", milliseconds=5_000, allow_private=True).json() == {"p": 0.25}


# --- What does not count as an answer -------------------------------------------------------------------------------


def slow(ear: BaseHTTPRequestHandler) -> None:
    time.sleep(2)


def dripping(ear: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then: each arrives in time, all of them never do."""
    ear.send_response(200)
    ear.send_header("Content-Length", "1000")
    ear.end_headers()
    for _ in range(60):
        ear.wfile.write(b" ")
        ear.wfile.flush()
        time.sleep(0.05)


def dripping_headers(ear: BaseHTTPRequestHandler) -> None:
    ear.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(60):
        ear.wfile.write(f"X-{number}: y\r\n".encode())
        ear.wfile.flush()
        time.sleep(0.05)


@pytest.mark.parametrize("says", [slow, dripping, dripping_headers])
def test_a_server_that_takes_its_time_is_left_in_time(neighbour: Neighbour, says: Any) -> None:
    neighbour.says = says
    began = time.monotonic()

    assert why(neighbour.url, milliseconds=250)[0] == "timeout"

    assert time.monotonic() - began < 1.5


def test_a_server_that_never_takes_the_call_is_left_in_time() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        began = time.monotonic()

        assert why(f"http://127.0.0.1:{full.getsockname()[1]}/", milliseconds=250)[0] == "timeout"

        assert time.monotonic() - began < 1.5
        for one in waiting:
            one.close()


def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))

        assert why(f"http://127.0.0.1:{held.getsockname()[1]}/") == ("unreachable", None)


def hanging_up(ear: BaseHTTPRequestHandler) -> None:
    ear.connection.shutdown(socket.SHUT_RDWR)


def no_http(ear: BaseHTTPRequestHandler) -> None:
    ear.wfile.write(b"220 mail.example ready\r\n")


def endless_headers(ear: BaseHTTPRequestHandler) -> None:
    ear.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(5_000):
        ear.wfile.write(b"X-Filler: " + b"y" * 200 + b"\r\n")


def endless_continue(ear: BaseHTTPRequestHandler) -> None:
    for _ in range(20_000):
        ear.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> Callable[[BaseHTTPRequestHandler], None]:
    def says(ear: BaseHTTPRequestHandler) -> None:
        ear.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces:
            ear.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        ear.wfile.write(end)

    return says


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (answering({"p": 0.5}, status=500), ("status", 500)),
        (answering({"p": 0.5}, status=503), ("status", 503)),
        (answering({"p": 0.5}, status=401), ("status", 401)),
        (answering(b"", status=301, headers={"Location": "http://169.254.169.254/latest/"}), ("status", 301)),
        (answering(b"", status=307, headers={"Location": "/elsewhere"}), ("status", 307)),
        (answering(b" " * (BODY_LIMIT + 1)), ("bad_answer", None)),
        (answering({"p": 0.5}, headers={"Content-Encoding": "gzip"}), ("bad_answer", None)),
        (chunked(b" " * 50_000, b" " * 50_000), ("bad_answer", None)),
        (chunked(b"{", end=b"zz\r\n"), ("bad_answer", None)),
        (hanging_up, ("unreachable", None)),
        (no_http, ("bad_answer", None)),
        (endless_headers, ("bad_answer", None)),
        (endless_continue, ("bad_answer", None)),
    ],
)
def test_what_is_no_answer_is_told_by_its_code(neighbour: Neighbour, says: Any, expected: Any) -> None:
    neighbour.says = says

    assert why(neighbour.url) == expected
    assert len(neighbour.heard) == 1


def test_an_answer_in_pieces_is_read(neighbour: Neighbour) -> None:
    neighbour.says = chunked(b'{"p": ', b"0.5}")

    assert call(neighbour.url, b"{}", milliseconds=5_000, allow_private=True).json() == {"p": 0.5}


ANSWERS_OF_NO_USE = [
    b"",
    b"null",
    b"<html>sign in first</html>",
    b'{"p": NaN}',
    b'{"p": Infinity}',
    b'{"p": 1e999}',
    b'{"p": 1.01}',
    b'{"p": -0.01}',
    b'{"p": true}',
    b'{"p": "0.5"}',
    b'{"p": [0.5]}',
    b'{"q": 0.5}',
    b"[0.5]",
    b"0.5",
    b'{"p": 0.5',
    b'{"p": 0.5, "labels": {"insult": 7}}',
    b'{"p": 0.5, "labels": ["insult"]}',
    b"\xff\xfe",
    b"[" * 60_000,
    b'{"attributeScores": {}}',
    b'{"attributeScores": {"TOXICITY": 0.8}}',
    b'{"attributeScores": {"TOXICITY": {"summaryScore": {"value": NaN}}}}',
    b'{"attributeScores": "TOXICITY"}',
]


@pytest.mark.parametrize("body", ANSWERS_OF_NO_USE)
def test_an_answer_that_is_no_score_is_none(asked: Neighbour, body: bytes) -> None:
    asked.says = answering(body)

    with pytest.raises(ScorerFailed, match="bad_answer"):
        endpoint.score([CommentView(WORDS)])


WHAT_ANSWERS_NAME = "p labels version attributeScores TOXICITY summaryScore value results model category_scores hate"
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.just(10**400), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(WHAT_ANSWERS_NAME.split()), inner, max_size=4),
    ),
    max_leaves=12,
)


@settings_of_hypothesis(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=anything)
def test_whatever_is_answered_is_a_score_or_a_failure(asked: Neighbour, settings: Any, answer: Any) -> None:
    settings.COMMENTS = here(asked, MODERATION_URL=asked.url)
    asked.says = answering(answer)

    for scorer in (endpoint, moderations):
        with contextlib.suppress(ScorerFailed):
            [score] = scorer.score([CommentView(WORDS)])
            assert score.p is None or 0 <= score.p <= 1
            assert all(0 <= p <= 1 for p in score.labels.values()) and len(score.version) <= 40


# --- Transport security ---------------------------------------------------------------------------------------------


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[Neighbour, str]]:
    """A neighbour with a certificate for ``scorer.example``, and the file of who signed it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed, so there is no certificate to try")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    elliptic = ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subject = ["-subj", "/CN=scorer.example", "-addext", "subjectAltName=DNS:scorer.example"]
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", *elliptic, *subject, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    made = Neighbour(context)
    _trust.cache_clear()
    yield made, str(certificate)
    made.stop()
    _trust.cache_clear()


def test_a_certificate_must_be_trusted_and_for_the_name_that_was_asked(
    secured: tuple[Neighbour, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    neighbour, authority = secured
    resolving(monkeypatch, [["127.0.0.1"]] * 3)

    assert why(f"https://scorer.example:{neighbour.port}/")[0] == "not_trusted"

    monkeypatch.setenv("SSL_CERT_FILE", authority)
    _trust.cache_clear()
    answer = call(f"https://scorer.example:{neighbour.port}/", b"{}", milliseconds=5_000, allow_private=True)
    assert answer.json() == {"p": 0.25}

    assert why(f"https://other.example:{neighbour.port}/")[0] == "not_trusted"
    assert len(neighbour.heard) == 1


def test_a_server_that_speaks_no_tls_is_unreachable(neighbour: Neighbour) -> None:
    assert why(neighbour.url.replace("http:", "https:"))[0] == "unreachable"


# --- The breaker ----------------------------------------------------------------------------------------------------


def test_after_three_failures_a_server_is_left_alone_and_then_tried_again(asked: Neighbour) -> None:
    now = [100.0]
    endpoint.breaker = Breaker(failures=3, seconds=10, clock=lambda: now[0])
    asked.says = answering({}, status=503)

    told = [failing(endpoint) for _ in range(5)]

    assert told == ["status", "status", "status", "breaker_open", "breaker_open"]
    assert len(asked.heard) == 3
    assert endpoint.health().ok is False

    asked.says = answering({"p": 0.1})
    now[0] += 11
    assert [score.p for score in endpoint.score([CommentView(WORDS)] * 2)] == [0.1, 0.1]
    assert endpoint.health() == Health(True)


def failing(scorer: OutsideScorer) -> str:
    with pytest.raises(ScorerFailed) as failed:
        scorer.score([CommentView(WORDS)])
    return failed.value.why


@pytest.mark.parametrize("says", [answering({}, status=400), answering({}, status=413), answering(b"no score")])
def test_nobody_can_switch_a_server_off_by_posting_what_it_refuses(asked: Neighbour, says: Any) -> None:
    asked.says = says

    for _ in range(5):
        failing(endpoint)
    asked.says = answering({"p": 0.1})

    assert endpoint.score([CommentView(WORDS)])[0].p == 0.1


def test_each_provider_has_a_breaker_of_its_own(asked: Neighbour, settings: Any) -> None:
    settings.COMMENTS = here(asked, MODERATION_URL=asked.url)
    asked.says = answering({}, status=503)
    for _ in range(4):
        failing(endpoint)

    assert endpoint.breaker.is_open
    assert failing(moderations) == "status"


# --- A scorer of one's own ------------------------------------------------------------------------------------------


def test_a_score_is_on_record_and_objects_to_nothing(asked: Neighbour, reader: Commenter, post: Post) -> None:
    asked.says = answering({"p": 0.97, "labels": {"insult": 0.97, "threat": 0.1}, "version": "house-7"})

    comment = post(reader, WORDS)

    found = finding(comment)
    assert comment.status == Status.PUBLISHED
    assert (found.code, found.score, found.rule_version) == ("score", 0.97, "house-7")
    assert found.evidence == {"scorer": "endpoint", "p": 0.97, "labels": {"insult": 0.97, "threat": 0.1}}
    assert (comment.decisions.get().score, comment.decisions.get().scorer_version) == (0.97, "house-7")


def test_it_is_told_the_text_what_it_answers_and_where_and_nothing_of_the_author(
    asked: Neighbour, reader: Commenter, post: Post, person: Any
) -> None:
    parent = post(person("lena"), "When does **it** stop?")

    comment = post(reader, WORDS, parent=parent)

    path, headers, body = asked.heard[-1]
    assert path == "/score" and headers["content-type"] == "application/json"
    assert json.loads(body) == {
        "text": WORDS,
        "parent_text": "When does it stop?",
        "language": "",
        "url": "/stories/1/",
        "comment_id": comment.pk,
    }
    assert b"mara" not in body


def test_a_parent_that_is_not_published_is_not_sent(
    asked: Neighbour, reader: Commenter, post: Post, person: Any, decide: Any, editor: Commenter
) -> None:
    parent = post(person("lena"), "This will be taken down.")
    answer = posting.post_comment(reader, parent.discussion, WORDS, parent=parent)
    decide(parent, "reject", editor)

    moderation.screen(answer.pk, answer.version)

    assert json.loads(asked.heard[-1][2])["parent_text"] == ""


def test_no_opinion_is_no_failure(asked: Neighbour, reader: Commenter, post: Post) -> None:
    asked.says = answering({"p": None})

    comment = post(reader, WORDS)

    assert (comment.status, finding(comment).code, finding(comment).score) == (Status.PUBLISHED, "no_score", None)


def test_an_answer_in_the_shape_of_perspective_is_understood(asked: Neighbour, reader: Commenter, post: Post) -> None:
    asked.says = answering(
        {
            "attributeScores": {
                "TOXICITY": {"spanScores": [], "summaryScore": {"value": 0.8, "type": "PROBABILITY"}},
                "INSULT": {"summaryScore": {"value": 0.9}},
            },
            "languages": ["en"],
        }
    )

    found = finding(post(reader, WORDS))

    assert (found.score, found.rule_version) == (0.8, "perspective")
    assert found.evidence["labels"] == {"insult": 0.9, "toxicity": 0.8}


def test_what_a_stranger_calls_things_cannot_break_the_record(asked: Neighbour, reader: Commenter, post: Post) -> None:
    named = {"fine": 0.4, "a\u0000b": 0.9, "<script>": 0.9, "x" * 41: 0.9, "": 0.9}
    asked.says = answering({"p": 0.5, "labels": named | {f"n{n}": 0.1 for n in range(50)}, "version": "\u0000" * 60})

    found = finding(post(reader, WORDS))

    assert (found.score, found.rule_version) == (0.5, "endpoint")
    assert "fine" in found.evidence["labels"] and len(found.evidence["labels"]) == 20


def documented(name: str) -> Callable[..., bool]:
    """Return a function as it stands in the page on other scorers."""
    page = (Path(__file__).resolve().parent.parent / "docs/how-to/other-scorers.md").read_text()
    [code] = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if f"def {name}" in code]
    scope: dict[str, Any] = {}
    exec(code, scope)
    found: Callable[..., bool] = scope[name]
    return found


def test_the_check_that_the_docs_give_takes_our_signature_and_no_other(asked: Neighbour) -> None:
    is_genuine = documented("is_genuine")
    endpoint.score([CommentView(WORDS)])
    _path, headers, body = asked.heard[0]
    header, now = headers["x-comments-signature"], time.time()

    assert is_genuine(SECRET, header, body, now)
    assert not is_genuine("another secret", header, body, now)
    assert not is_genuine(SECRET, header, body + b" ", now)
    assert not is_genuine(SECRET, header, body, now + 600)
    assert not is_genuine(SECRET, re.sub(r"t=\d+", f"t={int(now) + 600}", header), body, now + 600)
    assert not is_genuine(SECRET, "", body, now)
    assert not is_genuine(SECRET, "t=,v1=é", body, now)


def test_a_signature_is_what_it_always_was() -> None:
    assert signature("key", b'{"text": "a"}', 1_700_000_000) == (
        "t=1700000000,v1=6e6abc5a766dccec8359b3fc08df3f8f049b9b92da98f2c025444895819543af"
    )


# --- An OpenAI-style endpoint ---------------------------------------------------------------------------------------


def test_the_highest_category_of_a_moderation_endpoint_is_the_score(
    neighbour: Neighbour, reader: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = here(
        neighbour,
        RULES=[MODERATION, *conf.RULES],
        MODERATION_URL=neighbour.url,
        MODERATION_KEY="sk-one-two",
        MODERATION_MODEL="omni",
    )
    scores = {"harassment": 0.61, "hate/threatening": 0.02, "illicit": None}
    neighbour.says = answering({"model": "omni-2024", "results": [{"flagged": True, "category_scores": scores}]})

    comment = post(reader, WORDS)

    path, headers, body = neighbour.heard[0]
    assert (path, headers["authorization"]) == ("/v1/moderations", "Bearer sk-one-two")
    assert json.loads(body) == {"model": "omni", "input": WORDS}
    found = finding(comment, "moderation")
    assert (found.score, found.rule_version, comment.status) == (0.61, "omni-2024", Status.PUBLISHED)
    assert found.evidence["labels"] == {"harassment": 0.61, "hate/threatening": 0.02}


@pytest.mark.parametrize("under", ["", "/", "/v1", "/v1/"])
def test_a_model_of_ones_own_needs_no_key_and_no_name(neighbour: Neighbour, settings: Any, under: str) -> None:
    settings.COMMENTS = here(neighbour, MODERATION_URL=neighbour.url + under)
    neighbour.says = answering({"results": [{"category_scores": {"hate": 0.5}}]})

    [score] = moderations.score([CommentView(WORDS)])

    path, headers, body = neighbour.heard[0]
    assert (score.p, score.version) == (0.5, "moderations v1")
    assert path == "/v1/moderations" and "authorization" not in headers and json.loads(body) == {"input": WORDS}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"results": []},
        {"results": {}},
        {"results": [{"category_scores": {}}]},
        {"results": [{"category_scores": {"hate": "high"}}]},
        {"results": [{"flagged": True}]},
        [],
        "flagged",
    ],
)
def test_an_answer_without_categories_is_none(neighbour: Neighbour, settings: Any, answer: Any) -> None:
    settings.COMMENTS = here(neighbour, MODERATION_URL=neighbour.url)
    neighbour.says = answering(answer)

    assert failing(moderations) == "bad_answer"


# --- Akismet --------------------------------------------------------------------------------------------------------


@pytest.fixture
def with_akismet(neighbour: Neighbour, settings: Any) -> Neighbour:
    settings.COMMENTS = here(
        neighbour,
        RULES=[AKISMET, *conf.RULES],
        AKISMET_URL=neighbour.url,
        AKISMET_KEY="key-1-2-3",
        AKISMET_SITE="https://example-news.com/",
    )
    neighbour.says = answering(b"false")
    return neighbour


@pytest.mark.parametrize(
    ("says", "p"),
    [
        (answering(b"false"), 0.02),
        (answering(b"true"), 0.9),
        (answering(b"true", headers={"X-akismet-pro-tip": "discard"}), 0.99),
    ],
)
def test_akismets_answers_become_scores(
    with_akismet: Neighbour, reader: Commenter, post: Post, says: Any, p: float
) -> None:
    with_akismet.says = says

    comment = post(reader, WORDS)

    assert (finding(comment, "akismet").score, comment.status) == (p, Status.PUBLISHED)


def test_akismet_is_told_what_we_have_and_no_name(
    with_akismet: Neighbour, reader: Commenter, person: Any, discussion: Discussion
) -> None:
    for author, network in ((reader, "network-1"), (person("jo"), "network-1"), (person("kim"), "network-2")):
        comment = posting.post_comment(author, discussion, f"{WORDS} {author.name}", network_key=network)
        moderation.screen(comment.pk, comment.version)

    path, headers, body = with_akismet.heard[0]
    sent = parse_qs(body.decode())
    assert (path, headers["content-type"]) == ("/1.1/comment-check", "application/x-www-form-urlencoded")
    assert sent.pop("comment_content") == [f"{WORDS} mara"]
    [address] = sent.pop("user_ip")
    assert address.startswith("2001:db8:")
    assert sent == {
        "api_key": ["key-1-2-3"],
        "blog": ["https://example-news.com/"],
        "blog_charset": ["UTF-8"],
        "permalink": ["https://example-news.com/stories/1/"],
        "comment_type": ["comment"],
    }
    addresses = [parse_qs(body.decode())["user_ip"][0] for _path, _headers, body in with_akismet.heard]
    assert addresses[0] == addresses[1] != addresses[2]


def test_akismet_is_told_name_and_mail_address_when_the_site_says_so(
    with_akismet: Neighbour, reader: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = settings.COMMENTS | {"AKISMET_AUTHOR": True}

    post(reader, WORDS)

    sent = parse_qs(with_akismet.heard[0][2].decode())
    assert (sent["comment_author"], sent["comment_author_email"]) == (["mara"], ["mara@example.org"])


@pytest.mark.parametrize("body", [b"invalid", b"", b"1", b'"true"', b"Missing required field: blog."])
def test_a_key_that_akismet_does_not_know_holds(
    with_akismet: Neighbour, reader: Commenter, post: Post, body: bytes
) -> None:
    with_akismet.says = answering(body)

    comment = post(reader, WORDS)

    assert comment.status == Status.HELD
    assert finding(comment, "akismet").evidence == {"scorer": "akismet", "why": "bad_answer"}


def lesson(decision: Decision) -> Lesson:
    made: Lesson = Lesson.objects.create(
        decision=decision, revision=decision.revision, rejected=decision.verdict == "reject", made_by=decision.made_by
    )
    return made


def test_akismet_hears_of_what_it_missed_and_of_what_it_took_for_spam(
    with_akismet: Neighbour, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    missed, right = post(reader, "Cheap watches, all brands."), post(reader, "An honest sentence.")
    with_akismet.says = answering(b"true")
    mistaken, spam = post(reader, "My own watch stopped."), post(reader, "More cheap watches here.")
    lessons = [
        lesson(decide(missed, "reject", editor, reason="spam")),
        lesson(decide(right, "reject", editor, reason="off_topic")),
        lesson(decide(mistaken, "publish", editor)),
        lesson(decide(spam, "reject", editor, reason="spam")),
    ]
    with_akismet.heard.clear()

    akismet.learn(lessons)

    told = [(path, parse_qs(body.decode())["comment_content"][0]) for path, _headers, body in with_akismet.heard]
    assert told == [
        ("/1.1/submit-spam", "Cheap watches, all brands."),
        ("/1.1/submit-ham", "My own watch stopped."),
    ]


def test_an_editors_decision_reaches_akismet_once_through_the_task(
    with_akismet: Neighbour, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    decision = decide(post(reader, "Cheap watches, all brands."), "reject", editor, reason="spam")
    with_akismet.heard.clear()

    tasks.learn_from(decision.pk)
    tasks.learn_from(decision.pk)

    assert [path for path, _headers, _body in with_akismet.heard] == ["/1.1/submit-spam"]


def test_akismet_hears_when_a_rejection_for_spam_is_taken_back(
    with_akismet: Neighbour, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    comment = post(reader, "A watch that I really found.")
    first = lesson(decide(comment, "reject", editor, reason="spam"))
    second = lesson(decide(comment, "publish", editor))
    with_akismet.heard.clear()

    akismet.learn([first, second])

    assert [path for path, _headers, _body in with_akismet.heard] == ["/1.1/submit-spam", "/1.1/submit-ham"]


def test_a_text_that_akismet_never_saw_is_not_sent_to_it_for_learning(
    with_akismet: Neighbour, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    with_akismet.says = answering({}, status=500)
    comment = post(reader, WORDS)
    with_akismet.says = answering(b"thanks")
    with_akismet.heard.clear()

    akismet.learn([lesson(decide(comment, "reject", editor, reason="spam"))])

    assert with_akismet.heard == []


def test_akismet_hears_nothing_while_it_is_switched_off(
    with_akismet: Neighbour, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    comment = post(reader, "Cheap watches, all brands.")
    made = lesson(decide(comment, "reject", editor, reason="spam"))
    policy.set_value("switched_off", ["akismet"], made_by=editor)
    with_akismet.heard.clear()

    akismet.learn([made])

    assert with_akismet.heard == []


def test_a_correction_that_does_not_arrive_stops_nothing(
    with_akismet: Neighbour, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    one, two = post(reader, "Cheap watches, all brands."), post(reader, "Cheap watches, other brands.")
    lessons = [lesson(decide(comment, "reject", editor, reason="spam")) for comment in (one, two)]
    with_akismet.heard.clear()
    with_akismet.says = answering({}, status=500)

    akismet.learn(lessons)

    assert len(with_akismet.heard) == 2


# --- What a failure means for the comment ---------------------------------------------------------------------------


def test_a_server_that_is_away_holds_and_the_editor_reads_why(
    asked: Neighbour, reader: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = here(asked, SCORER_MILLISECONDS=150)
    asked.says = slow

    comment = post(reader, WORDS)

    found = finding(comment)
    assert comment.status == Status.HELD
    assert (found.code, found.evidence) == ("scorer_failed", {"scorer": "endpoint", "why": "timeout"})
    assert sentences.for_editor(found.code, found.evidence) == "The HTTP scorer did not answer in time"
    assert sentences.for_author(found.code, found.evidence) == (
        "it could not be checked by itself; this is not about what you wrote"
    )


def test_where_it_may_fail_the_others_decide(asked: Neighbour, reader: Commenter, post: Post, settings: Any) -> None:
    settings.COMMENTS = here(asked, MAY_FAIL=["endpoint"])
    asked.says = answering({}, status=503)

    fine, linked = post(reader, WORDS), post(reader, "Read https://elsewhere.example/ for the rest.")

    assert (fine.status, linked.status) == (Status.PUBLISHED, Status.HELD)
    assert finding(fine).evidence == {"scorer": "endpoint", "why": "status", "status": 503}


def test_editors_may_let_it_fail_without_a_release(
    asked: Neighbour, reader: Commenter, editor: Commenter, post: Post
) -> None:
    asked.says = answering({}, status=503)
    assert post(reader, WORDS).status == Status.HELD

    policy.set_value("may_fail", ["endpoint"], made_by=editor)

    assert post(reader, f"{WORDS} Again.").status == Status.PUBLISHED


@pytest.mark.parametrize("path", [AKISMET, MODERATION, ENDPOINT])
def test_every_other_signal_is_asked_though_a_provider_is_down(
    path: str, neighbour: Neighbour, reader: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = here(
        neighbour,
        RULES=[path, *conf.RULES, "tests.test_outside_scorers.certain"],
        AKISMET_URL=neighbour.url,
        AKISMET_KEY="k",
        AKISMET_SITE="https://example-news.com/",
        MODERATION_URL=neighbour.url,
        PREMODERATE=True,
        HOLD_FIRST=3,
    )
    neighbour.says = hanging_up

    comment = post(reader, "Read https://elsewhere.example/ for the rest.")

    found = [*Finding.objects.filter(revision__comment=comment).order_by("id").values_list("code", flat=True)]
    assert found[0] == "scorer_failed"
    assert {"links", "new_author", "premoderated", "passed"} <= {*found}
    assert finding(comment, "certain").score == 0.125


class Certain:
    """A scorer that runs here."""

    name, version, sends_text_offsite = "certain", "1", False
    p: float = 0.125

    def score(self, items: Any) -> list[Score]:
        return [Score(self.p) for _item in items]

    def learn(self, decisions: Any) -> None:
        pass

    def health(self) -> Health:
        return Health(True)


certain = Certain()


class Beside(Certain):
    """A scorer whose answer is no probability."""

    name, p = "beside", float("nan")


def test_a_score_that_is_no_probability_is_a_failure_whoever_gives_it(
    reader: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = {"RULES": ["tests.test_outside_scorers.Beside", *conf.RULES]}

    comment = post(reader, WORDS)

    assert comment.status == Status.HELD
    assert finding(comment, "beside").evidence == {"scorer": "beside", "why": "bad_answer"}


def test_what_nobody_has_posted_yet_stays_on_the_site(
    asked: Neighbour, reader: Commenter, discussion: Discussion
) -> None:
    screening.advise("Not sent yet.", reader, discussion)

    assert asked.heard == []


def test_a_scorer_that_is_switched_off_is_not_asked(
    asked: Neighbour, reader: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = here(asked, SWITCHED_OFF=["endpoint"])
    asked.says = answering({}, status=503)

    assert post(reader, WORDS).status == Status.PUBLISHED
    assert asked.heard == [] and "endpoint" not in [each.name for each in screening.health()]


# --- What is kept to ourselves --------------------------------------------------------------------------------------


@pytest.mark.parametrize("says", [slow, hanging_up, answering({}, status=500), answering(b"Tram Tram Tram")])
def test_neither_the_text_nor_a_key_is_logged_or_kept(
    neighbour: Neighbour, reader: Commenter, post: Post, settings: Any, caplog: Any, says: Any
) -> None:
    keys = {"AKISMET_KEY": "hush-akismet", "MODERATION_KEY": "hush-moderation", "SCORER_SECRET": "hush-scorer"}
    settings.COMMENTS = here(
        neighbour,
        RULES=[AKISMET, MODERATION, ENDPOINT],
        AKISMET_URL=neighbour.url,
        AKISMET_SITE="https://example-news.com/",
        MODERATION_URL=neighbour.url,
        SCORER_MILLISECONDS=150,
        **keys,
    )
    neighbour.says = says

    with caplog.at_level(logging.DEBUG):
        comment = post(reader, "Tram words that nobody may find in a log.")

    kept = [*Finding.objects.filter(revision__comment=comment).values_list("evidence", flat=True)]
    for words in (caplog.text, repr(kept), *(str(record.exc_info) for record in caplog.records)):
        assert "hush-" not in words and "Tram" not in words
    assert caplog.text.count("failed (") == 3


def test_settings_do_not_show_their_keys(settings: Any) -> None:
    # Where the site itself stands is no secret.
    names = [name for name in conf.KNOWN if re.search("KEY|SECRET|URL", name) and name != "SITE_URL"]
    settings.COMMENTS = {name: f"https://hush.example/{name}" for name in names} | {"SSO_KEYS": {"one": "hush"}}

    assert "hush" not in repr(conf.get()).replace("https://hush.example/AKISMET_URL", "")
    assert len(names) >= 7


def test_a_key_of_the_wrong_type_is_refused_without_being_shown(settings: Any) -> None:
    from django.core.exceptions import ImproperlyConfigured

    settings.COMMENTS = {"SCORER_SECRET": b"hush"}

    with pytest.raises(ImproperlyConfigured, match="SCORER_SECRET") as refused:
        conf.get()
    assert "hush" not in str(refused.value)


def test_a_key_with_a_line_break_adds_no_header(neighbour: Neighbour, settings: Any) -> None:
    settings.COMMENTS = here(neighbour, MODERATION_URL=neighbour.url, MODERATION_KEY="a\r\nX-Other: b")

    assert failing(moderations) == "not_set_up"
    assert neighbour.heard == []


# --- What the newsroom is told --------------------------------------------------------------------------------------


def ids(settings: Any, **given: Any) -> list[str]:
    settings.COMMENTS = given
    return [str(message.id) for message in check_scorers()]


def test_the_shipped_rules_send_nothing_anywhere(db: None, settings: Any) -> None:
    settings.COMMENTS = {}

    assert check_scorers() == []
    assert not any(each.offsite for each in screening.health())


@pytest.mark.parametrize("path", [AKISMET, MODERATION, ENDPOINT])
def test_a_scorer_that_is_not_set_up_is_an_error_and_holds(
    path: str, reader: Commenter, post: Post, settings: Any
) -> None:
    assert ids(settings, RULES=[path, *conf.RULES]) == ["comments.E005", "comments.W004"]

    comment = post(reader, WORDS)

    name = path.rsplit(".", 1)[-1]
    assert comment.status == Status.HELD
    assert finding(comment, name).evidence == {"scorer": name, "why": "not_set_up"}


def test_what_sends_texts_away_is_named_until_it_is_silenced(settings: Any) -> None:
    own = {"RULES": [ENDPOINT], "SCORER_URL": "https://scorer.example/", "SCORER_SECRET": "s"}
    assert ids(settings, **own) == ["comments.W004"]

    settings.COMMENTS = own
    settings.SILENCED_SYSTEM_CHECKS = ["comments.W004"]
    assert all(message.is_silenced() for message in check_scorers())


@pytest.mark.parametrize("url", ["http://scorer.example/", "https://a:b@scorer.example/", "scorer.example"])
def test_an_address_that_will_never_be_asked_is_an_error(settings: Any, url: str) -> None:
    assert ids(settings, RULES=[ENDPOINT], SCORER_URL=url, SCORER_SECRET="s") == ["comments.E005", "comments.W004"]


def test_checks_survive_rules_that_cannot_be_imported(settings: Any) -> None:
    assert ids(settings, RULES=["nowhere.at_all", "comments.screening.scorers.nothing"]) == []


@pytest.fixture
def desk(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


def watched(name: str = "endpoint") -> screening.Watched:
    [found] = [each for each in screening.health() if each.name == name]
    return found


def notices(desk: Client) -> list[str]:
    cache.clear()  # what the desk knows of scorers is a few seconds old
    shown = desk.get(DESK).content.decode()
    return [
        " ".join(re.sub(r"<[^>]+>", " ", found).split()) for found in re.findall(r'class="notice.*?</p>', shown, re.S)
    ]


def test_the_desk_says_that_a_scorer_does_not_answer_until_it_does(
    asked: Neighbour, desk: Client, reader: Commenter, post: Post
) -> None:
    post(reader, WORDS)
    assert notices(desk) == []

    asked.says = answering({}, status=503)
    post(reader, f"{WORDS} Two.")
    [said] = notices(desk)
    assert "The HTTP scorer answered with an error (503)." in said
    assert "Comments that it cannot check wait for an editor." in said
    assert (watched().health.ok, watched().offsite) == (False, True)

    asked.says = answering({"p": 0.1})
    post(reader, f"{WORDS} Three.")
    assert notices(desk) == []


def test_the_notice_says_so_where_comments_are_decided_without_it(
    asked: Neighbour, desk: Client, reader: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = here(asked, MAY_FAIL=["endpoint"])
    asked.says = answering({}, status=503)

    post(reader, WORDS)

    assert "Comments are decided without it." in notices(desk)[0]


def test_a_failure_of_long_ago_says_nothing_of_now(
    asked: Neighbour, reader: Commenter, post: Post, time_machine: Any
) -> None:
    asked.says = answering({}, status=503)
    post(reader, WORDS)
    assert not watched().health.ok

    time_machine.move_to(timezone.now() + timezone.timedelta(minutes=11))

    assert watched().health.ok


def test_a_scorer_that_cannot_even_say_how_it_is_does_not_break_the_desk(desk: Client, settings: Any) -> None:
    settings.COMMENTS = {"RULES": ["tests.test_outside_scorers.Speechless", *conf.RULES]}

    assert "The scorer “speechless” failed (RuntimeError)." in notices(desk)[0]


class Speechless(Certain):
    name = "speechless"

    def health(self) -> Health:
        raise RuntimeError("out of order")


def test_looking_after_scorers_is_one_query_however_much_was_found(
    asked: Neighbour, reader: Commenter, post: Post, settings: Any
) -> None:
    def queries() -> int:
        screening.health()
        with CaptureQueriesContext(connection) as captured:
            screening.health()
        return len([one for one in captured if "policyversion" not in one["sql"]])

    few = queries()
    for number in range(5):
        post(reader, f"{WORDS} {number}.")
    assert (few, queries()) == (1, 1)

    settings.COMMENTS = {"RULES": [path for path in conf.RULES if ".scorers." not in path]}
    assert queries() == 0


def test_readiness_does_not_depend_on_other_peoples_servers(asked: Neighbour, reader: Commenter, post: Post) -> None:
    asked.says = answering({}, status=503)
    post(reader, WORDS)

    assert Client().get("/readyz").status_code == 200


def test_programs_read_the_same_sentence_as_editors(
    asked: Neighbour, reader: Commenter, post: Post, desk: Client
) -> None:
    asked.says = answering({}, status=503)
    comment = post(reader, WORDS)

    cards = desk.get("/api/v1/moderation/comments/").json()["results"]

    [said] = [
        found for card in cards if card["id"] == comment.pk for found in card["findings"] if found["rule"] == "endpoint"
    ]
    assert (said["code"], said["detail"]) == ("scorer_failed", "The HTTP scorer answered with an error (503)")
