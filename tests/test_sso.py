"""The publisher's own site signs readers in: by a token that is theirs, meant for us, fresh, and good once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from comments import checks, people, posting, privacy, proof, sso
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Failure, PublisherAccount, SpentProof, Token
from newsroom.articles.models import Article
from tests.servers import CLEAN, ROOT
from tests.test_api import Caller, document, refused, said  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db

SECRET = "a secret of the publisher's, long enough"
US = {"SSO_ISSUER": "https://news.example", "SSO_AUDIENCE": "https://comments.news.example"}
ON = US | {"SSO_KEYS": {"2026-11": SECRET}}
LOGIN = "https://news.example/sign-in?from=comments"
HOW_TO = ROOT / "docs" / "how-to" / "sign-readers-in-from-your-site.md"

RSA, EC, ED = (
    rsa.generate_private_key(65537, 2048),
    ec.generate_private_key(ec.SECP256R1()),
    ed25519.Ed25519PrivateKey.generate(),
)


def public(key: Any) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def claims(**more: Any) -> dict[str, Any]:
    """Return what a token says that is good; ``None`` leaves a claim out."""
    now = int(time.time())
    said = {
        "sub": "reader-7",
        "jti": f"{time.perf_counter_ns()}",
        "iat": now,
        "exp": now + 120,
        "iss": US["SSO_ISSUER"],
        "aud": US["SSO_AUDIENCE"],
        "name": "Zephyrine Okonkwo",
        "email": "zephyrine@readers.example",
        "email_verified": True,
    } | more
    return {name: value for name, value in said.items() if value is not None}


def token(key: Any = SECRET, algorithm: str = "HS256", kid: str | None = "2026-11", **more: Any) -> str:
    return jwt.encode(claims(**more), key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def by_hand(header: dict[str, Any], said: dict[str, Any], secret: bytes = SECRET.encode()) -> str:
    """Make a token that no library would."""
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, said)]
    signature = hmac.new(secret, b".".join(parts), hashlib.sha256).digest()
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


@pytest.fixture
def on(settings: Any) -> None:
    settings.COMMENTS = ON


@pytest.fixture
def sends(settings: Any) -> None:
    """Readers who want to sign in are sent to the publisher."""
    settings.COMMENTS = ON | {"SSO_LOGIN_URL": LOGIN}


@pytest.fixture
def program(document: dict[str, Any]) -> Caller:  # noqa: F811
    return Caller(document)


def hand_in(program: Caller, given: str) -> Any:
    return program.post("sessions/", {"sso": given})


def why(answer: Any) -> tuple[str, str | None]:
    """Return the code of a refusal and what was wrong."""
    _status, code = refused(answer)
    return code, said(answer).get("why")


def user_named(name: str, **more: Any) -> Any:
    return get_user_model().objects.create_user(name, password="a long password", **more)


# --- A token becomes a session ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "key", "algorithm"),
    [
        (SECRET, SECRET, "HS256"),
        (public(RSA), RSA, "RS256"),
        (public(EC), EC, "ES256"),
        (public(ED), ED, "EdDSA"),
    ],
)
def test_a_signed_token_becomes_a_session_that_posts(
    program: Caller, discussion: Discussion, settings: Any, stored: str, key: Any, algorithm: str
) -> None:
    settings.COMMENTS = US | {"SSO_KEYS": {"2026-11": stored}}

    made = hand_in(program, token(key, algorithm))
    program.headers = {"Authorization": f"Bearer {said(made)['token']}"}
    posted = program.post("discussions/story-1/comments/", {"text": "A sentence about the night tram."})

    assert made.status_code == 201 and posted.status_code == 202
    assert said(made)["scopes"] == ["read", "write"] and said(made)["person"]["name"] == "Zephyrine Okonkwo"
    comment = Comment.objects.select_related("author__user").get()
    assert comment.author_id == said(made)["person"]["id"]
    assert comment.author.user.email == "zephyrine@readers.example" and comment.author.contact_confirmed_at
    assert not comment.author.user.has_usable_password()


def test_nothing_of_it_is_there_unless_it_is_set_up(program: Caller, client: Client, settings: Any) -> None:
    settings.COMMENTS = {}

    assert refused(hand_in(program, token())) == (404, "sso_off")
    assert client.get("/comments/sso/").status_code == client.get("/comments/sso/return/?sso=x").status_code == 404
    assert "sessionid" not in client.cookies and not get_user_model().objects.exists()


@pytest.mark.parametrize("lacking", ["SSO_KEYS", "SSO_ISSUER", "SSO_AUDIENCE"])
def test_half_set_up_is_off(program: Caller, settings: Any, lacking: str) -> None:
    settings.COMMENTS = {name: value for name, value in ON.items() if name != lacking}

    assert refused(hand_in(program, token())) == (404, "sso_off")


@pytest.mark.usefixtures("on")
def test_the_session_reads_and_writes_and_never_moderates(program: Caller) -> None:
    session = said(hand_in(program, token()))
    program.headers = {"Authorization": f"Bearer {session['token']}"}

    assert said(program.get("me/"))["id"] == session["person"]["id"]
    assert refused(program.get("moderation/queues/")) == (403, "scope_missing")


def test_the_session_ends_when_it_was_said_to(program: Caller, settings: Any, time_machine: Any) -> None:
    time_machine.move_to(timezone.now())
    settings.COMMENTS = ON | {"SSO_SESSION_DAYS": 2}
    session = said(hand_in(program, token()))
    program.headers = {"Authorization": f"Bearer {session['token']}"}

    time_machine.shift(timedelta(days=1, hours=23))
    still = program.get("me/").status_code
    time_machine.shift(timedelta(hours=2))

    assert still == 200 and refused(program.get("me/")) == (401, "bad_token")


@pytest.mark.usefixtures("on")
def test_no_cookie_has_a_part_in_it(editor: Commenter) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(editor.user)

    made = browser.post("/api/v1/sessions/", {"sso": token()}, content_type="application/json")

    assert made.status_code == 201 and json.loads(made.content)["person"]["id"] != editor.pk
    assert not made.cookies


@pytest.mark.usefixtures("on")
def test_an_old_token_in_the_header_does_not_keep_anybody_out(program: Caller) -> None:
    program.headers = {"Authorization": "Bearer nc_of-last-year"}

    assert hand_in(program, token()).status_code == 201


@pytest.mark.usefixtures("on")
def test_signing_out_makes_the_token_worthless_and_no_other(program: Caller) -> None:
    first, second = said(hand_in(program, token()))["token"], said(hand_in(program, token()))["token"]
    program.headers = {"Authorization": f"Bearer {first}"}

    out = program("DELETE", "sessions/")

    assert out.status_code == 204
    assert refused(program.get("me/")) == refused(program("DELETE", "sessions/")) == (401, "bad_token")
    program.headers = {"Authorization": f"Bearer {second}"}
    assert program.get("me/").status_code == 200


def test_any_token_may_be_given_up_and_nobody_signs_out_without_one(program: Caller, reader: Commenter) -> None:
    browser = Client()
    browser.force_login(reader.user)

    assert refused(program("DELETE", "sessions/")) == (401, "not_signed_in")
    assert browser.delete("/api/v1/sessions/").status_code == 401
    program.headers = {"Authorization": f"Bearer {Token.objects.issue(reader.user, ['write'], 1)}"}
    assert program("DELETE", "sessions/").status_code == 204


# --- Tokens that are none ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("on")
def test_a_token_is_good_once(program: Caller) -> None:
    given = token()

    first, again = hand_in(program, given), hand_in(program, given)

    assert first.status_code == 201 and refused(again) == (409, "sso_spent")
    assert Token.objects.count() == 1


@pytest.mark.usefixtures("on")
def test_a_spent_token_is_forgotten_only_once_its_date_refuses_it(program: Caller, time_machine: Any) -> None:
    time_machine.move_to(timezone.now())
    given = token()
    hand_in(program, given)

    time_machine.shift(timedelta(seconds=125))  # past exp, within the leeway
    proof.forget()
    late = refused(hand_in(program, given))
    time_machine.shift(timedelta(minutes=10))
    proof.forget()

    assert late == (409, "sso_spent") and not SpentProof.objects.exists()
    assert refused(hand_in(program, given)) == (403, "sso_expired")


@pytest.mark.usefixtures("on")
def test_a_token_that_has_expired_is_refused_and_a_clock_may_differ(program: Caller) -> None:
    now = int(time.time())

    assert refused(hand_in(program, token(iat=now - 200, exp=now - 31))) == (403, "sso_expired")
    assert hand_in(program, token(iat=now - 200, exp=now - 25)).status_code == 201
    assert hand_in(program, token(iat=now + 25, exp=now + 100)).status_code == 201
    assert why(hand_in(program, token(iat=now + 60, exp=now + 100))) == ("sso_bad_token", "iat")


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"exp": 301}, "lifetime"),
        ({"exp": 10**9}, "lifetime"),
        ({"exp": 1e300}, "lifetime"),
        ({"iat": -(10**15)}, "lifetime"),
        ({"iat": 20, "exp": 10}, "lifetime"),
    ],
)
def test_a_token_that_would_be_good_for_long_is_refused(program: Caller, changed: dict[str, Any], wrong: str) -> None:
    now = int(time.time())

    given = token(**{"iat": now, "exp": now + 60} | {name: now + value for name, value in changed.items()})

    assert why(hand_in(program, given)) == ("sso_bad_token", wrong)


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("claim", ["sub", "jti", "iat", "exp", "iss", "aud"])
def test_a_token_that_leaves_a_claim_out_is_refused(program: Caller, claim: str) -> None:
    assert why(hand_in(program, token(**{claim: None}))) == ("sso_bad_token", claim)


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("aud", "https://elsewhere.example"),
        ("aud", []),
        ("aud", ["https://comments.news.example/"]),
        ("iss", "https://news.example/"),
        ("iss", "https://evil.example"),
        ("sub", ""),
        ("sub", "x" * 256),
        ("sub", "two\nlines"),
        ("sub", "null\x00"),
        ("sub", "half \ud83d"),
        ("jti", ""),
        ("jti", "\x00"),
        ("name", ["Zephyrine"]),
        ("name", "x" * 1001),
        ("email", {"at": "readers.example"}),
        ("nonce", 7),
        ("nonce", "of a browser"),
    ],
)
def test_a_token_that_says_what_it_may_not_is_refused(program: Caller, claim: str, value: Any) -> None:
    assert why(hand_in(program, token(**{claim: value}))) == ("sso_bad_token", claim)
    assert not PublisherAccount.objects.exists() and not SpentProof.objects.exists()


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("claim", ["iat", "exp"])
@pytest.mark.parametrize(
    "value", [True, "soon", "in a minute, as text", [], {}, float("nan"), float("inf"), float("-inf"), 10**400]
)
def test_a_time_that_is_none_is_refused(program: Caller, claim: str, value: Any) -> None:
    if value == "in a minute, as text":
        value = str(int(time.time()) + 60)
    given = by_hand({"alg": "HS256", "kid": "2026-11"}, claims() | {claim: value})

    code, _why = why(hand_in(program, given))

    assert code in ("sso_bad_token", "sso_expired")


@pytest.mark.usefixtures("on")
def test_no_signature_is_no_signature(program: Caller) -> None:
    unsigned = jwt.encode(claims(), None, algorithm="none", headers={"kid": "2026-11"})  # type: ignore[arg-type]
    of_another = token("another secret of somebody else's, as long")
    head, body, signature = token().split(".")
    stripped = by_hand({"alg": "none", "kid": "2026-11"}, claims())

    assert why(hand_in(program, unsigned)) == why(hand_in(program, stripped)) == ("sso_bad_token", "alg")
    assert why(hand_in(program, of_another)) == ("sso_bad_token", "signature")
    assert why(hand_in(program, f"{head}.{body}.")) == ("sso_bad_token", "signature")
    other = base64.urlsafe_b64encode(json.dumps(claims(sub="reader-8")).encode()).rstrip(b"=").decode()
    assert why(hand_in(program, f"{head}.{other}.{signature}")) == ("sso_bad_token", "signature")


@pytest.mark.parametrize("key", [RSA, EC, ED])
def test_a_public_key_is_no_secret(program: Caller, settings: Any, key: Any) -> None:
    settings.COMMENTS = US | {"SSO_KEYS": {"2026-11": public(key)}}
    pem = public(key).encode()

    for secret in (pem, pem.strip()):
        forged = by_hand({"alg": "HS256", "typ": "JWT", "kid": "2026-11"}, claims(), secret)
        assert why(hand_in(program, forged)) == ("sso_bad_token", "alg")


def test_a_key_verifies_by_its_own_algorithm_and_no_other(program: Caller, settings: Any) -> None:
    settings.COMMENTS = US | {"SSO_KEYS": {"2026-11": public(RSA), "secret": SECRET}}

    assert why(hand_in(program, token(RSA, "RS512"))) == ("sso_bad_token", "alg")
    assert why(hand_in(program, token(RSA, "PS256"))) == ("sso_bad_token", "alg")
    assert why(hand_in(program, token(SECRET, "HS512", kid="secret"))) == ("sso_bad_token", "alg")
    assert why(hand_in(program, token(SECRET, "HS256"))) == ("sso_bad_token", "alg")


def test_an_old_key_and_a_new_one_hold_together_until_one_goes(program: Caller, settings: Any) -> None:
    settings.COMMENTS = US | {"SSO_KEYS": {"2026-11": SECRET, "2026-12": public(ED)}}
    old, new, unknown = token(), token(ED, "EdDSA", kid="2026-12"), token(kid="2026-10")

    both = [hand_in(program, each).status_code for each in (old, new)]
    of_none, unnamed = hand_in(program, unknown), hand_in(program, token(kid=None))
    settings.COMMENTS = US | {"SSO_KEYS": {"2026-12": public(ED)}}

    assert both == [201, 201]
    assert why(of_none) == why(unnamed) == ("sso_bad_token", "kid")
    assert why(hand_in(program, token())) == ("sso_bad_token", "kid")
    assert hand_in(program, token(ED, "EdDSA", kid=None)).status_code == 201


def test_refusals_are_limited_by_network_and_good_tokens_never(program: Caller, settings: Any) -> None:
    settings.COMMENTS = ON | {"SSO_REFUSED_PER_HOUR": 2}

    answers = [hand_in(program, "nonsense") for _time in range(3)]

    assert [refused(one)[0] for one in answers] == [403, 403, 429] and answers[2]["Retry-After"]
    assert hand_in(program, token()).status_code == 201


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    "body", [{}, {"sso": ""}, {"sso": 7}, {"sso": "x" * 8001}, {"sso": "x", "scopes": ["moderate"]}]
)
def test_a_body_that_is_no_sign_in_is_refused(program: Caller, body: Any) -> None:
    assert refused(program.post("sessions/", body))[0] == 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted({*claims(), "nonce", "nbf"})


@pytest.mark.usefixtures("on")
@tried(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.dictionaries(st.sampled_from(NAMES), json_values), header=st.dictionaries(st.text(max_size=5), json_values)
)
def test_whatever_the_publisher_signs_is_taken_or_refused(settings: Any, said: Any, header: Any) -> None:
    settings.COMMENTS = ON | {"SSO_REFUSED_PER_HOUR": 0}
    given = by_hand(header | {"alg": "HS256", "kid": "2026-11"}, claims() | said)

    made = Client().post("/api/v1/sessions/", {"sso": given}, content_type="application/json")

    assert made.status_code in (201, 403, 409)


@pytest.mark.usefixtures("sends")
@tried(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    garbage=st.text(max_size=60)
    | st.lists(st.binary(max_size=30), min_size=2, max_size=4).map(
        lambda parts: ".".join(base64.urlsafe_b64encode(one).decode() for one in parts)
    )
    | json_values.map(lambda header: by_hand(header, claims()))
)
def test_no_garbage_is_an_error_of_ours_at_either_door(settings: Any, garbage: str) -> None:
    settings.COMMENTS = settings.COMMENTS | {"SSO_REFUSED_PER_HOUR": 0}
    program = Client().post("/api/v1/sessions/", json.dumps({"sso": garbage}), content_type="application/json")
    browser = Client().get("/comments/sso/return/", {"sso": garbage.encode("utf-8", "replace")})

    assert program.status_code in (400, 403) and browser.status_code == 403
    assert "_auth_user_id" not in Client().session


@pytest.mark.usefixtures("on")
def test_a_header_that_nests_without_end_is_refused(program: Caller) -> None:
    nested = base64.urlsafe_b64encode(b"[" * 5000).rstrip(b"=").decode()

    assert why(hand_in(program, f"{nested}.e30.AA")) == ("sso_bad_token", "token")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on")
def test_whoever_comes_from_two_devices_at_once_is_one_person_and_a_token_is_good_once_even_then() -> None:
    same = token()

    def come(given: str) -> int:
        try:
            answer = Client().post("/api/v1/sessions/", {"sso": given}, content_type="application/json")
            return answer.status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as devices:
        answers = list(devices.map(come, [same, token(), same, token(), same, token()]))

    assert sorted(answers) == [201, 201, 201, 201, 409, 409]
    assert get_user_model().objects.count() == Commenter.objects.count() == PublisherAccount.objects.count() == 1
    assert Token.objects.count() == 4 and SpentProof.objects.count() == 4


# --- Who it is --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("on")
def test_the_same_reader_comes_back_as_themselves(program: Caller) -> None:
    first, again = said(hand_in(program, token())), said(hand_in(program, token()))
    other = said(hand_in(program, token(sub="reader-8", name="Piet", email=None)))

    assert first["person"] == again["person"] and first["token"] != again["token"]
    assert other["person"]["id"] != first["person"]["id"]
    assert get_user_model().objects.count() == 2


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("written", ["daniel@example.org", "Daniel@Example.org"])
def test_an_address_opens_nobodys_account(program: Caller, editor: Commenter, written: str, verified: bool) -> None:
    made = said(hand_in(program, token(email=written, email_verified=verified)))

    person = Commenter.objects.select_related("user").get(pk=made["person"]["id"])
    assert person.pk != editor.pk and person.user_id != editor.user_id
    assert not person.user.is_staff and not person.user.is_superuser and person.badge == ""
    # Nor does it become theirs: mails to it are not.
    assert person.user.email == "" and person.contact_confirmed_at is None


@pytest.mark.usefixtures("on")
def test_an_address_that_somebody_confirmed_here_stays_theirs(program: Caller, reader: Commenter) -> None:
    reader.user.emailaddress_set.create(email="second@readers.example", verified=True)

    made = said(hand_in(program, token(email="second@readers.example")))

    assert Commenter.objects.get(pk=made["person"]["id"]).user.email == ""


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("verified", [False, None, "true", 1, "false"])
def test_an_address_that_is_not_verified_is_not_kept(program: Caller, verified: Any) -> None:
    hand_in(program, token())

    made = said(hand_in(program, token(email="new@readers.example", email_verified=verified)))

    assert Commenter.objects.get(pk=made["person"]["id"]).user.email == ""


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    "address", ["not an address", "a@b", "x" * 260 + "@readers.example", "nul\x00@readers.example"]
)
def test_an_address_that_is_none_is_not_kept(program: Caller, address: str) -> None:
    made = said(hand_in(program, token(email=address)))

    assert Commenter.objects.get(pk=made["person"]["id"]).user.email == ""


@pytest.mark.usefixtures("on")
def test_a_new_address_is_taken_over_and_silence_leaves_the_old_one(program: Caller) -> None:
    hand_in(program, token())
    hand_in(program, token(email="new@readers.example"))

    made = said(hand_in(program, token(email=None)))

    assert Commenter.objects.get(pk=made["person"]["id"]).user.email == "new@readers.example"


@pytest.mark.usefixtures("on")
def test_a_name_that_changed_at_the_publishers_is_taken_over(program: Caller) -> None:
    hand_in(program, token())

    renamed = said(hand_in(program, token(name="Zephyrine Adeyemi")))

    assert renamed["person"]["name"] == "Zephyrine Adeyemi"


@pytest.mark.usefixtures("on")
def test_a_name_that_was_chosen_here_stays_until_it_changes_there(program: Caller) -> None:
    session = said(hand_in(program, token()))
    program.headers = {"Authorization": f"Bearer {session['token']}"}
    program("PATCH", "me/", {"name": "Zeph"})

    same = said(hand_in(program, token()))
    changed = said(hand_in(program, token(name="Zephyrine Adeyemi")))

    assert same["person"]["name"] == "Zeph" and changed["person"]["name"] == "Zephyrine Adeyemi"


@pytest.mark.usefixtures("on")
def test_namesakes_are_told_apart_and_keep_their_names(program: Caller) -> None:
    first = said(hand_in(program, token()))["person"]
    second = said(hand_in(program, token(sub="reader-8", email=None)))["person"]

    assert (first["name"], second["name"]) == ("Zephyrine Okonkwo", "Zephyrine Okonkwo 2")
    assert said(hand_in(program, token(sub="reader-8", email=None)))["person"]["name"] == second["name"]
    names = get_user_model().objects.order_by("pk").values_list("username", flat=True)
    assert names[0] == "zephyrine-okonkwo" and re.fullmatch(r"zephyrine-okonkwo-[0-9a-f]{8}", names[1])


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    "name", ["Daniel", "DANIEL", "Dan1el", "Editor", "The Newsroom", "a@b.example", "\u202e", "7", ""]
)
def test_nobody_is_shown_as_the_newsroom_or_as_nothing(
    program: Caller, person: Callable[..., Commenter], name: str
) -> None:
    person("Daniel", staff=True)

    shown = said(hand_in(program, token(name=name)))["person"]

    assert shown["name"] == f"Reader {shown['id']}"


@pytest.mark.usefixtures("on")
def test_names_from_everywhere_are_shown_as_they_are_written(program: Caller) -> None:
    for number, name in enumerate(["Özgür Şahin", "李明", "محمد علي", "नरेन्द्र\u200dसिंह"]):
        made = said(hand_in(program, token(sub=f"reader-{number}", name=name, email=None)))
        assert made["person"]["name"] == name
    assert get_user_model().objects.filter(username="李明").exists()


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("flag", ["is_staff", "is_superuser"])
def test_who_works_for_the_newsroom_is_not_signed_in_by_the_publisher(program: Caller, flag: str) -> None:
    hand_in(program, token())
    get_user_model().objects.update(**{flag: True})

    assert refused(hand_in(program, token())) == (403, "sso_staff")


@pytest.mark.usefixtures("on")
def test_an_account_that_is_switched_off_stays_so(program: Caller) -> None:
    hand_in(program, token())
    get_user_model().objects.update(is_active=False)

    assert refused(hand_in(program, token())) == (403, "sso_switched_off")


@pytest.mark.usefixtures("on")
def test_who_is_banned_is_signed_in_and_posts_nothing(
    program: Caller, editor: Commenter, discussion: Discussion
) -> None:
    person = Commenter.objects.get(pk=said(hand_in(program, token()))["person"]["id"])
    people.ban(person, made_by=editor, reason="off_topic", explanation="Enough.")

    session = said(hand_in(program, token()))
    program.headers = {"Authorization": f"Bearer {session['token']}"}

    assert said(program.get("me/"))["standing"]["state"] == "banned"
    assert refused(program.post("discussions/story-1/comments/", {"text": "Once more."}))[0] == 403


@pytest.mark.usefixtures("on")
def test_who_is_leaving_may_sign_in_to_think_better_of_it(program: Caller) -> None:
    person = Commenter.objects.get(pk=said(hand_in(program, token()))["person"]["id"])
    privacy.ask_to_erase(person, confirm=None)

    session = said(hand_in(program, token()))
    program.headers = {"Authorization": f"Bearer {session['token']}"}
    kept = program("DELETE", "me/deletion/")

    assert kept.status_code == 200 and said(kept)["deletion"] is None


@pytest.mark.usefixtures("on")
def test_who_was_erased_comes_back_as_somebody_new_with_their_ban(
    program: Caller, editor: Commenter, discussion: Discussion
) -> None:
    person = Commenter.objects.get(pk=said(hand_in(program, token()))["person"]["id"])
    people.ban(person, made_by=editor, reason="off_topic", explanation="Enough.")
    privacy.erase(person, now=True)

    assert not PublisherAccount.objects.exists() and not Token.objects.exists()
    again = Commenter.objects.get(pk=said(hand_in(program, token()))["person"]["id"])
    assert again.pk != person.pk
    with pytest.raises(Refused, match="banned"):
        posting.post_comment(again, discussion, "Here I am again.")


@pytest.mark.usefixtures("on")
def test_what_the_publisher_said_stands_in_their_download(program: Caller) -> None:
    person = Commenter.objects.get(pk=said(hand_in(program, token()))["person"]["id"])

    [part] = [one for one in privacy.kept.PARTS if one.name == "publisher_accounts"]

    [facts] = part.facts(person)
    assert (facts["issuer"], facts["subject"], facts["name"]) == (
        "https://news.example",
        "reader-7",
        "Zephyrine Okonkwo",
    )


@pytest.mark.usefixtures("on")
def test_sessions_that_are_over_are_forgotten_and_other_tokens_are_not(
    program: Caller, reader: Commenter, time_machine: Any
) -> None:
    time_machine.move_to(timezone.now())
    Token.objects.issue(reader.user, ["read"], 1, "my script")
    hand_in(program, token())
    time_machine.shift(timedelta(days=31))

    forgotten = sso.forget()

    assert forgotten == 1 and Token.objects.get().label == "my script"


# --- In a browser -----------------------------------------------------------------------------------------------------


def begin(client: Client, back: str = "/articles/night-tram/#comment-form") -> str:
    """Follow "Sign in"; return the number that the publisher is given."""
    sent = client.get("/comments/sso/", {"next": back})
    assert sent.status_code == 302
    return parse_qs(urlsplit(sent["Location"]).query)["nonce"][0]


def come_back(client: Client, nonce: str | None, **more: Any) -> Any:
    return client.get("/comments/sso/return/", {"sso": token(nonce=nonce, **more)})


def signed_in(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


@pytest.mark.usefixtures("sends")
def test_a_reader_goes_to_the_publisher_and_comes_back_to_the_box(client: Client, article: Article) -> None:
    page = client.get(article.get_absolute_url()).content.decode()
    link = re.search(r'class="comment-button" href="(/comments/sso/\?[^"]+)"', page)
    assert link is not None
    sent = client.get(link[1])
    asked = urlsplit(sent["Location"])
    query = parse_qs(asked.query)

    back = come_back(client, query["nonce"][0])

    assert f"{asked.scheme}://{asked.netloc}{asked.path}" == "https://news.example/sign-in"
    assert query["from"] == ["comments"] and query["return_to"] == ["http://testserver/comments/sso/return/"]
    assert back.status_code == 302 and back["Location"] == "/articles/night-tram/#comment-form"
    assert sent["Cache-Control"] == back["Cache-Control"] == "private, no-store"
    box = client.get(article.get_absolute_url()).content.decode()
    assert 'data-testid="comment-form"' in box and "zephyrine-okonkwo" in box
    assert client.session.get_expiry_age() > 29 * 86_400


@pytest.mark.usefixtures("sends")
def test_every_sign_in_leads_to_the_publisher(client: Client, article: Article) -> None:
    for path in (
        article.get_absolute_url(),
        "/no-such-page/",
        "/comments/me/",
        "/comments/issues/new/?code=not_signed_in",
    ):
        html = client.get(path).content.decode()
        assert "/comments/sso/" in html and 'href="/accounts/login/' not in html, path


def test_without_an_address_signing_in_is_ours(client: Client, article: Article, settings: Any) -> None:
    settings.COMMENTS = ON

    assert 'href="/accounts/login/?next=' in client.get(article.get_absolute_url()).content.decode()
    assert client.get("/comments/sso/").status_code == 404


@pytest.mark.usefixtures("sends")
def test_the_session_gets_a_new_key(client: Client) -> None:
    nonce = begin(client)
    before = client.cookies["sessionid"].value

    come_back(client, nonce)

    assert client.cookies["sessionid"].value != before and signed_in(client)


@pytest.mark.usefixtures("sends")
@pytest.mark.parametrize("nonce", [None, "", "of another browser"])
def test_a_token_that_was_not_asked_for_signs_nobody_in(client: Client, nonce: str | None) -> None:
    begin(client)

    answer = come_back(client, nonce)

    assert answer.status_code == 403 and not signed_in(client)
    html = answer.content.decode()
    assert "sso_not_asked" in html and 'href="/comments/sso/?next=%2F"' in html
    assert not get_user_model().objects.exists()


@pytest.mark.usefixtures("sends")
def test_a_link_signs_nobody_in_as_somebody_else(client: Client) -> None:
    attacker = Client()
    given = token(nonce=begin(attacker))

    answer = client.get("/comments/sso/return/", {"sso": given})

    assert answer.status_code == 403 and not signed_in(client)


@pytest.mark.usefixtures("sends")
def test_a_token_for_a_browser_is_none_for_a_program(client: Client, program: Caller) -> None:
    given = token(nonce=begin(client))

    assert why(hand_in(program, given)) == ("sso_bad_token", "nonce")
    assert client.get("/comments/sso/return/", {"sso": given}).status_code == 302


@pytest.mark.usefixtures("sends")
def test_going_back_in_the_browser_does_not_sign_in_again(client: Client) -> None:
    given = token(nonce=begin(client))
    client.get("/comments/sso/return/", {"sso": given})
    client.logout()

    assert client.get("/comments/sso/return/", {"sso": given}).status_code == 403
    assert not signed_in(client)


@pytest.mark.usefixtures("sends")
def test_a_nonce_brings_one_token_back(client: Client) -> None:
    nonce = begin(client)
    come_back(client, nonce)
    client.logout()

    assert come_back(client, nonce).status_code == 403


@pytest.mark.usefixtures("sends")
def test_several_windows_each_come_back_to_their_own_page(client: Client) -> None:
    first, second = begin(client, "/articles/one/"), begin(client, "/articles/two/")

    assert come_back(client, first)["Location"] == "/articles/one/"
    assert signed_in(client) and second != first


@pytest.mark.usefixtures("sends")
def test_windows_without_end_are_not_kept(client: Client) -> None:
    nonces = [begin(client) for _window in range(9)]

    assert len(client.session["comments_sso"]) == 5
    assert come_back(client, nonces[0]).status_code == 403
    assert come_back(client, nonces[8]).status_code == 302


@pytest.mark.usefixtures("sends")
@pytest.mark.parametrize(
    "away",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "http://testserver@evil.example/",
        "http://testserver.evil.example/",
        "\x00//evil.example",
        f"/{'x' * 2_001}",
        "",
    ],
)
def test_nobody_is_led_to_another_site(client: Client, away: str) -> None:
    back = come_back(client, begin(client, away))

    assert back["Location"] == "/"
    # Nor one who is signed in already, without the way round.
    assert client.get("/comments/sso/", {"next": away})["Location"] == "/"


@pytest.mark.usefixtures("sends")
def test_a_refusal_is_a_page_with_a_way_on_and_is_written_down(client: Client) -> None:
    now = int(time.time())
    nonce = begin(client)

    answer = come_back(client, nonce, iat=now - 300, exp=now - 60)

    html = answer.content.decode()
    assert answer.status_code == 403 and "This sign-in has expired. Sign in again." in html
    assert 'href="/comments/sso/?next=%2F"' in html and "code=sso_expired" in html
    assert "eyJ" not in html and answer["Cache-Control"] == "private, no-store"
    met = Failure.objects.get()
    assert (met.door, met.code, met.person) == ("sign_in", "sso_expired", None)


@pytest.mark.usefixtures("sends")
def test_who_works_for_the_newsroom_is_told_so_on_a_page(client: Client) -> None:
    come_back(client, begin(client))
    client.logout()
    get_user_model().objects.update(is_staff=True)

    answer = come_back(client, begin(client))

    assert answer.status_code == 403 and "You work for the newsroom" in answer.content.decode()
    assert not signed_in(client)


@pytest.mark.usefixtures("sends")
def test_the_session_of_another_person_is_not_carried_over(client: Client, reader: Commenter) -> None:
    nonce = begin(client)
    client.force_login(reader.user)
    session = client.session
    session["of"] = "mara"
    session["comments_sso"] = {nonce: "/"}
    session.save()

    come_back(client, nonce)

    assert signed_in(client) != str(reader.user_id) and "of" not in client.session


@pytest.mark.usefixtures("sends")
def test_what_was_typed_is_still_in_the_box(client: Client, article: Article) -> None:
    client.get(article.get_absolute_url())
    key = f"articles.article:{article.pk}"
    sent = client.post(
        "/comments/post/", {"discussion": key, "text": "Words I typed."}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert sent.status_code == 401 and "/comments/sso/?next=" in sent.content.decode()

    come_back(client, begin(client))

    assert "Words I typed." in client.get(article.get_absolute_url()).content.decode()


# --- Settings ---------------------------------------------------------------------------------------------------------


def private(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({"SSO_KEYS": {"a": public(RSA), "b": public(EC), "c": public(ED)}, "SSO_LOGIN_URL": LOGIN}, []),
        ({"SSO_LOGIN_URL": "http://localhost:8000/sign-in"}, []),
        ({"SSO_KEYS": {"a": "too short"}}, ["E008"]),
        ({"SSO_KEYS": {"": SECRET}}, ["E008"]),
        ({"SSO_KEYS": {"a": private(ED)}}, ["E008"]),
        ({"SSO_KEYS": {"a": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"}}, ["E008"]),
        ({"SSO_KEYS": {"a": public(ec.generate_private_key(ec.SECP384R1()))}}, ["E008"]),
        ({"SSO_KEYS": {"a": public(rsa.generate_private_key(65537, 1024))}}, ["E008"]),
        ({"SSO_ISSUER": ""}, ["E009"]),
        ({"SSO_AUDIENCE": ""}, ["E009"]),
        ({"SSO_SESSION_DAYS": 0}, ["E010"]),
        ({"SSO_LOGIN_URL": "http://news.example/sign-in"}, ["E011"]),
        ({"SSO_LOGIN_URL": "javascript:alert(1)"}, ["E011"]),
        ({"SSO_LOGIN_URL": "/sign-in"}, ["E011"]),
        ({"SSO_LOGIN_URL": "https://[news.example/"}, ["E011"]),
        ({"SSO_LOGIN_URL": "https://news.example/#sign-in"}, ["E011"]),
        ({"SSO_KEYS": {}}, ["W007"]),
        ({"SSO_KEYS": [SECRET]}, []),  # comments.E001 says it
    ],
)
def test_mistakes_in_the_settings_are_found_and_no_key_is_shown(settings: Any, changed: Any, found: list[str]) -> None:
    settings.COMMENTS = ON | changed

    told = checks.check_sso()

    assert [one.id for one in told] == [f"comments.{number}" for number in found]
    assert all(one.hint for one in told)
    assert not any(key in str(one) for one in told for key in (SECRET, "too short", "AAAA", "MC4C"))


def test_keys_that_are_none_are_refused_at_start(settings: Any) -> None:
    settings.COMMENTS = ON | {"SSO_KEYS": [SECRET]}

    [told] = checks.check_settings()

    assert told.id == "comments.E001" and "SSO_KEYS" in told.msg and SECRET not in told.msg


# --- What the how-to says ---------------------------------------------------------------------------------------------


def snippet(language: str, containing: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    return next(one for one in found if containing in one)


WRITTEN = {
    "SSO_KEYS": {"2026-11": SECRET},
    "SSO_ISSUER": "https://example-news.com",
    "SSO_AUDIENCE": "https://comments.example-news.com",
}


def test_the_how_tos_python_signs_somebody_in(program: Caller, client: Client, settings: Any) -> None:
    settings.COMMENTS = WRITTEN | {"SSO_LOGIN_URL": LOGIN}
    written: dict[str, Any] = {}
    exec(snippet("python", "def token_for"), written)
    reader = {"id": 7, "name": "Mara Lindqvist", "email": "mara@readers.example", "email_verified": True}

    made = hand_in(program, written["token_for"](reader, SECRET, "2026-11"))
    back = client.get(
        "/comments/sso/return/", {"sso": written["token_for"](reader, SECRET, "2026-11", nonce=begin(client))}
    )

    assert said(made)["person"]["name"] == "Mara Lindqvist"
    assert back.status_code == 302 and back["Location"] == "/articles/night-tram/#comment-form"


def test_the_how_tos_javascript_signs_somebody_in(program: Caller, settings: Any, tmp_path: Path) -> None:
    import shutil

    node = shutil.which("node")
    if node is None:
        pytest.skip("There is no Node on this machine.")
    settings.COMMENTS = WRITTEN
    (tmp_path / "token.mjs").write_text(
        snippet("js", "tokenFor")
        + f'\nconst reader = {{ id: 7, name: "Mara", email: "mara@readers.example", emailVerified: true }};'
        f'\nconsole.log(tokenFor(reader, "{SECRET}", "2026-11"));'
    )

    given = subprocess.run([node, str(tmp_path / "token.mjs")], capture_output=True, text=True, check=True, timeout=60)

    assert said(hand_in(program, given.stdout.strip()))["person"]["name"] == "Mara"


def test_the_how_tos_settings_are_the_settings(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSO_SECRET", SECRET)
    written: dict[str, Any] = {}
    exec(snippet("python", "SSO_LOGIN_URL"), written)
    settings.COMMENTS = written["COMMENTS"]

    assert checks.check_sso() == [] and sso.starts_here()


@pytest.mark.slow
def test_the_how_tos_provider_has_a_button_on_the_sign_in_page(tmp_path: Path) -> None:
    (tmp_path / "with_a_provider.py").write_text(
        "from newsroom.settings import *\n"
        + snippet("python", "SOCIALACCOUNT_PROVIDERS")
        + 'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}\n'
    )
    looked = """
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0)
page = Client().get("/accounts/login/?next=/articles/night-tram/")
print(page.headers["Content-Security-Policy"])
print(page.content.decode())
asked = Client().get("/accounts/oidc/example/login/?process=login")
print(asked.status_code, "site-wrap" in asked.content.decode())
"""
    env = CLEAN | {
        "DJANGO_SETTINGS_MODULE": "with_a_provider",
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "VAR_DIR": str(tmp_path),
        "LANGUAGES": "en",
    }

    done = subprocess.run(
        [sys.executable, "-m", "django", "shell", "-c", looked],
        env=env, cwd=tmp_path, capture_output=True, text=True, timeout=180,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    button = re.search(r'<a class="site-button"[^>]*href="([^"]+)">Sign in with Example News</a>', done.stdout)
    assert button is not None
    assert button[1].startswith("/accounts/oidc/example/login/?") and "night-tram" in button[1]
    assert "form-action 'self' https://login.example-news.com;" in done.stdout
    assert done.stdout.rstrip().endswith("200 True")
