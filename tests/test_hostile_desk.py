"""
Hostile text in every field there is, on every page of the desk and of the admin panel: nothing of it is alive.

What readers and editors can type is written over with the corpus ``shared/corpora/xss`` beside the repository (without
it: with a few payloads), and so is what nobody should be able to type. A parser looks at every page with some of it in
every field, and a browser at every page with all of it.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import html5lib
import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.staticfiles import finders
from django.db import connection, models
from django.test import Client
from django.urls import URLPattern
from django.utils import timezone

from comments import guidelines, house_rules, issues, moderation, person_flags, policy, questions, roles
from comments.models import (
    Appeal,
    Assignment,
    Audit,
    AuditEntry,
    AutoApproval,
    BulkAction,
    Comment,
    Commenter,
    Delivery,
    Desk,
    Discussion,
    Incident,
    IncidentUpdate,
    IssueGroup,
    IssueNote,
    Job,
    Note,
    Phrase,
    Revision,
    Sanction,
    SanctionWords,
    SavedQueue,
    Token,
)
from tests.servers import ROOT, missing
from tests.test_house_rules import LINKS, rule

CORPUS = ROOT.parent / "shared" / "corpora" / "xss"
FEW = [
    "<script>ran('script')</script>",
    "\"><img src=x onerror=ran('img')>",
    "' onmouseover=ran('attribute') x='",
    "javascript:ran('address')",
    "</textarea></title></script><svg onload=ran('svg')>",
    "</option></select><iframe srcdoc='<script>parent.ran(1)</script>'>",
    "{{ constructor.constructor('ran(1)')() }}",
    "<style>@import 'https://evil.example/'</style><base href='https://evil.example/'>",
    "<!--><details open ontoggle=ran('details')>-->",
    '<a href="data:text/html,<script>ran(1)</script>">x</a>',
    "\u202e<form action=https://evil.example/><button>Approve</button>",
]

LONGEST = 40_000

LEFT_ALONE = {
    # Safe HTML, made by the sanitizers from the text beside it, and what they are called.
    "html",
    "sanitizer_version",
    # What the database or the code itself counts on, and nobody types.
    "password",
    "path",
    "text_hash",
    "network_key",
    "token",
    "digest",
    "codename",
    "app_label",
    "model",
    "scopes",
    "code",
    "rule",
    "evidence",
    "definition",
    "arguments",
    "memory",
    "result",
    "weights",
    "metrics",
    "thresholds",
    "why",
    "headers",
    "territorial_scope",
}


def corpus() -> list[str]:
    if not CORPUS.is_dir():
        pytest.skip(f"the corpus of hostile HTML is not there: {CORPUS.name} beside the repository")
    found: list[str] = []
    for name in ("payloads.jsonl", "generated.jsonl", "parser_fragments.jsonl"):
        found += [json.loads(line)["html"] for line in (CORPUS / name).read_text().splitlines()]
    return [text.replace("\x00", "") for text in dict.fromkeys(found)]


# --- A newsroom with one of everything --------------------------------------------------------------------------------


@pytest.fixture
def newsroom(
    settings: Any,
    reader: Commenter,
    editor: Commenter,
    post: Callable[..., Comment],
    decide: Any,
    discussion: Discussion,
) -> Client:
    """Let everything happen once, and return the browser of somebody who may open everything."""
    settings.COMMENTS = {"RULE_MILLISECONDS": 60_000, "HOLD_UNDER_CHARACTERS": 500}
    Discussion.objects.filter(pk=discussion.pk).update(section="City", question="What now?")
    comments = [post(reader, f"Number {number}: see https://elsewhere.example/{number}") for number in range(4)]
    first, second, third, _fourth = comments
    decide(first, "publish", editor, private_note="note")
    rejection = decide(second, "reject", editor, explanation="why", private_note="note")
    moderation.flag(editor, first, "spam", "a note")
    post(reader, "An answer.", parent=first)
    Audit.objects.create(revision=first.revisions.get(), probability=0.5, section="City")
    Note.objects.create(comment=third, text="note", made_by=editor)
    Note.objects.create(person=reader, text="note", made_by=editor)
    Assignment.objects.create(comment=third, to_person=editor, note="note", made_by=editor)
    ban = Sanction.objects.create(kind="ban", person=reader, reason="spam", made_by=editor, legal_ground="law")
    SanctionWords.objects.create(sanction=ban, explanation="why", private_note="note")
    Sanction.objects.create(kind="ban", email_domain="x.example", made_by=editor)
    Appeal.objects.create(decision=rejection, appellant=reader, text="why", due_at=timezone.now() + timedelta(days=1))
    report = issues.report("layout", "It looks broken.", email="m@example.org", discussion=discussion, reporter=reader)
    issues.answer(report, "Thank you.", editor)
    incident = Incident.objects.create(stream="editor", title="Slow", text="We know.", state="confirmed")
    IncidentUpdate.objects.create(incident=incident, state="confirmed", text="We know.", is_public=True, made_by=editor)
    report.context = dict.fromkeys(issues.CONTEXT, "x")
    report.group = IssueGroup.objects.create(title="Broken", incident=incident, made_by=editor)
    report.client_error, report.browser, report.cause = "TypeError", "Firefox 145", "layout"
    report.save()
    IssueNote.objects.create(report=report, text="note", made_by=editor)
    Phrase.objects.create(phrase="casino", kind="banned", note="note", added_by=editor.user)
    house_rules.create("Links", rule(LINKS), made_by=editor, note="note")
    policy.set_value("closed_sentence", "Back at eight.", made_by=editor, note="note")
    policy.set_value("refused_domains", ["x.example"], made_by=editor, section="City")
    policy.set_value("refused_domains", ["y.example"], made_by=editor, discussion=discussion)
    policy.set_value("announcement", "We move on Monday.", made_by=editor)
    guidelines.publish("1. Be kind.", made_by=editor, note="note")
    person_flags.flag(editor, reader, "spam", "a note")
    questions.name_expert(discussion, reader, "Doctor", made_by=editor)
    group = Group.objects.create(name="Interns")
    group.permissions.add(Permission.objects.get(codename="see_desk"))
    roles.give(reader.user, [group.pk], ["City"], made_by=editor, note="note")
    AuditEntry.objects.create(kind="note", subject="s", before={"a": "b"}, after=["c"], note="n", made_by=editor)
    SavedQueue.objects.create(name="mine", query="tram", made_by=editor, is_shared=True)
    BulkAction.objects.create(query="tram", verdict="reject", reason="spam", explanation="why", made_by=editor)
    Delivery.objects.create(way="mail", key="k", to="x@example.org", subject="s", text="t", error="e")
    Token.objects.issue(editor.user, ["read"], 1, label="label")
    Job.objects.create(kind="rule_trial", subject="s", error="e", made_by=editor, state="failed")
    AutoApproval.objects.create(section="City", state="off", limit=0.05)
    client = Client()
    client.force_login(editor.user)
    return client


ONCE = {("SectionAccess", "section"), ("AnswerTemplate", "name")}
"""Texts that may stand once only, together with another field."""


def every_model() -> list[Any]:
    ours = [model for model in admin.site._registry if model._meta.app_label == "comments" and not model._meta.proxy]
    return [*ours, get_user_model(), Group]


def fill(payloads: Iterator[str], longest: int = 0) -> int:
    """
    Write over every text that anybody typed with what comes next, and return how many texts that were.

    Past the verbs, the forms and Django's own checks: whatever they would refuse is there all the same. ``longest`` is
    more than a field takes, for a database that does not mind.
    """
    written = 0
    for model in every_model():
        rows: Any = models.QuerySet(model)
        for field in model._meta.concrete_fields:
            if field.name in LEFT_ALONE or field.choices or field.is_relation or field.primary_key:
                continue
            for row in rows.all():
                before = getattr(row, field.attname)
                if (model.__name__, field.name) == ("Setting", "name") or before in (None, "", {}, []):
                    continue
                if isinstance(field, models.JSONField):
                    value = _inside(before, payloads)
                elif isinstance(field, models.CharField | models.TextField):
                    most = longest or field.max_length or 2_000
                    value = "".join(itertools.takewhile(bool, _some(payloads, most)))[:most]
                    if field.unique or (model.__name__, field.name) in ONCE:
                        value = f"{row.pk}{value}"[:most]
                else:
                    continue
                rows.filter(pk=row.pk).update(**{field.name: value})
                written += 1
    return written


def _some(payloads: Iterator[str], most: int) -> Iterator[str]:
    length = 0
    for text in payloads:
        yield f"{text}\n" if length else text
        length += len(text) + 1
        if length >= most:
            return


def _inside(value: Any, payloads: Iterator[str]) -> Any:
    """Return ``value`` with other texts in it, and one more name where names are free."""
    if isinstance(value, dict):
        return {name: _inside(one, payloads) for name, one in value.items()} | {"x": next(payloads)}
    if isinstance(value, list):
        return [_inside(one, payloads) for one in value] + [next(payloads)]
    return next(payloads) if isinstance(value, str) else value


def addresses() -> Iterator[str]:
    """Return every page of the desk and of the admin panel that there is something on."""
    hostile = FEW[1]
    first = Comment.objects.order_by("pk").first().pk
    places = {
        model: [*model._base_manager.order_by("pk").values_list("pk", flat=True)[:3]]
        for model in (*every_model(), Revision)
    }
    desk = "/admin/comments/desk/"
    for pattern in admin.site._registry[Desk].get_urls():
        name, route = str(pattern.name or ""), str(pattern.pattern)
        if not isinstance(pattern, URLPattern) or not name.startswith("comments_desk_"):
            continue
        if "<" not in route:
            yield desk + route
            yield f"{desk}{route}?{urlencode({'q': hostile, 'who': hostile, 'section': hostile, 'cursor': hostile})}"
            continue
        for pk in sorted({pk for pks in places.values() for pk in pks if isinstance(pk, int)}):
            yield desk + re.sub(r"<[^:>]*:[^>]*>", str(pk), route)
    for queue in ("to_decide", "reported", "audit", "published", "rejected", "appeals", hostile):
        yield f"{desk}?{urlencode({'queue': queue, 'open': first, 'after': hostile})}"
    for one in Comment.objects.order_by("pk"):
        yield f"{desk}?open={one.pk}"
    yield f"{desk}settings/?{urlencode({'section': hostile, 'article': hostile})}"
    for key, section in Discussion.objects.values_list("key", "section"):
        yield f"{desk}settings/?{urlencode({'article': key})}"
        yield f"{desk}settings/?{urlencode({'section': section})}"
    yield "/admin/"
    yield "/admin/comments/"
    for model, pks in places.items():
        there = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        yield there
        yield f"{there}?{urlencode({'q': hostile})}"
        for pk in pks[:2]:
            yield from (f"{there}{pk}/change/", f"{there}{pk}/history/")
        if pks and model is Phrase:
            yield f"{there}{pks[0]}/delete/"


def pages(client: Client) -> Iterator[tuple[str, str]]:
    """Return every page with its address. What is not there, or not for looking, is left out; a crash fails."""
    for address in dict.fromkeys(addresses()):
        answer = client.get(address)
        assert answer.status_code < 500, address
        if answer.status_code in (200, 400, 404) and answer.get("Content-Type", "").startswith("text/html"):
            yield address, answer.content.decode()


# --- By a parser ------------------------------------------------------------------------------------------------------

GONE = ("iframe", "object", "embed", "base", "frame", "style", "math", "audio", "video", "marquee")


def alive(html: str) -> list[str]:
    """Return what in a page could run, load or send something that the templates did not put there."""
    found = []
    for element in html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False).iter():
        tag = element.tag
        if not isinstance(tag, str):
            continue
        name = tag.rpartition("}")[2]
        if name in GONE:
            found.append(name)
        if name == "script" and not (
            element.get("src", "").startswith(("/static/", "/admin/jsi18n/"))
            or element.get("type") == "application/json"
        ):
            found.append(f"script {element.attrib}")
        for attribute, value in element.attrib.items():
            said = re.sub(r"[\x00-\x20]+", "", str(value)).lower()
            if str(attribute).lower().startswith("on") or attribute == "style":
                found.append(f"{name} {attribute}")
            if attribute in ("href", "src", "action", "formaction", "srcset", "data", "poster") and (
                re.match(r"(javascript|data|vbscript):", said) or (name != "a" and not re.match(r"(/|#|\?|\.|$)", said))
            ):
                found.append(f"{name} {attribute}={value[:60]}")
    return found


@pytest.mark.slow
def test_no_field_comes_alive_on_any_page_of_the_desk_or_the_panel(newsroom: Client) -> None:
    before = dict(pages(newsroom))
    wrong = {address: found for address, html in before.items() if (found := alive(html))}
    assert wrong == {}, "the pages themselves"

    assert fill(itertools.cycle(FEW)) > 100
    shown = dict(pages(newsroom))

    wrong = {address: found for address, html in shown.items() if (found := alive(html))}
    assert wrong == {}
    assert len(shown) >= 0.9 * len(before) > 80
    everything = "".join(shown.values())
    assert "&lt;script&gt;ran(" in everything and everything.count("&lt;svg onload") > 50


# --- By a browser -----------------------------------------------------------------------------------------------------

CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

WATCH = """
window.__ran = [];
for (const name of ["alert", "confirm", "prompt", "print", "open", "ran"])
  window[name] = (...a) => { window.__ran.push(name + ": " + a); };
"""

TRY = """
() => {
  const found = [...window.__ran];
  for (const node of document.querySelectorAll("iframe,object,embed,base,frame,math,audio,video,style"))
    found.push("element: " + node.outerHTML.slice(0, 200));
  for (const node of document.querySelectorAll("script"))
    if (!/^http:\\/\\/desk\\.example\\/(static|admin\\/jsi18n)\\//.test(node.src) && node.type !== "application/json")
      found.push("script: " + node.outerHTML.slice(0, 200));
  for (const node of document.querySelectorAll("*"))
    for (const attribute of node.attributes)
      if (attribute.name.startsWith("on")) found.push("handler: " + node.outerHTML.slice(0, 200));
  for (const node of document.querySelectorAll("a[href]"))
    if (!["http:", "https:", "mailto:"].includes(node.protocol)) found.push("address: " + node.outerHTML.slice(0, 200));
  for (const node of document.querySelectorAll("form"))
    if (new URL(node.getAttribute("action") || "", location).origin !== "http://desk.example")
      found.push("form: " + node.outerHTML.slice(0, 200));
  return found;
}
"""


@pytest.mark.services
@pytest.mark.slow
@pytest.mark.skipif(connection.vendor != "sqlite", reason="fields longer than they may be: SQLite")
def test_nothing_of_the_corpus_runs_on_any_page_of_the_desk_or_the_panel(newsroom: Client) -> None:
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    if not binary:
        missing("Chromium")
    texts = corpus()
    size = sum(map(len, texts))
    # A dozen fields hold all of the corpus, so that names, texts, notes, reports and user agents each have much of it.
    written = fill(itertools.cycle(texts), longest=LONGEST)
    shown = dict(pages(newsroom))
    assert written * LONGEST > 10 * size

    found, asked_for = run_in_chromium(str(binary), shown)

    assert found == [] and asked_for == []
    print(f"{len(texts)} payloads in {written} fields on {len(shown)} pages: nothing ran")


def run_in_chromium(binary: str, shown: dict[str, str]) -> tuple[list[str], list[str]]:
    """
    Open every page as it was sent, with its own scripts and without a policy; return what ran and what was asked for.
    """
    from playwright.sync_api import sync_playwright

    found: list[str] = []
    elsewhere: list[str] = []
    current = {"html": ""}

    def answer(route: Any) -> None:
        url = route.request.url
        if not url.startswith("http://desk.example/"):
            elsewhere.append(url)
            route.abort()
        elif route.request.resource_type == "document":
            route.fulfill(body=current["html"], content_type="text/html; charset=utf-8")
        elif (path := finders.find(url.partition("/static/")[2].partition("?")[0])) and "/static/" in url:
            kind = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}.get(Path(path).suffix, "")
            route.fulfill(body=Path(path).read_bytes(), content_type=kind)
        else:
            route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=CHROMIUM)
        page = browser.new_page()
        page.add_init_script(WATCH)
        page.route("**/*", answer)
        page.on("dialog", lambda dialog: (found.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        for address, html in shown.items():
            current["html"] = html
            page.goto(f"http://desk.example{address}", wait_until="load")
            found += [f"{address}: {one}" for one in page.evaluate(TRY)]
        browser.close()
    return found, elsewhere
