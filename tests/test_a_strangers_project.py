"""A Django project that knows nothing of us installs the app in the README's five steps, under a model of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import CLEAN, ROOT

SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "a stranger's secret"
ALLOWED_HOSTS = ["testserver"]
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages", "django.contrib.staticfiles", "matches",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "stranger.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
    "context_processors": ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
                           "django.contrib.messages.context_processors.messages"]}}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
STATIC_URL = "/static/"
"""

MODELS = """
from django.db import models

class MatchReport(models.Model):
    title = models.CharField(max_length=100)

    def __str__(self):
        return self.title

    def get_absolute_url(self):
        return f"/matches/{self.pk}/"
"""

URLS = """
from django.contrib import admin
from django.shortcuts import get_object_or_404, render
from django.urls import include, path
from matches.models import MatchReport

def match(request, pk):
    return render(request, "match.html", {"article": get_object_or_404(MatchReport, pk=pk)})

urlpatterns = [path("matches/<int:pk>/", match), path("admin/", admin.site.urls)]
"""

BASE = (
    "<!doctype html><html lang='en'><head><title>{% block title %}{% endblock %}</title></head>"
    "<body>{% block content %}{% endblock %}</body></html>"
)

STORY = """
from django.contrib.auth.models import User
from django.test import Client
from matches.models import MatchReport

report = MatchReport.objects.create(title="Two late goals")
User.objects.create_user("fan", password="a long password")
anyone, fan = Client(), Client(enforce_csrf_checks=False)
fan.force_login(User.objects.get(username="fan"))
page = anyone.get(report.get_absolute_url())
assert page.status_code == 200, page.status_code
assert 'data-key="matches.matchreport:1"' in page.content.decode()
words = page.content.decode().replace("&#x27;", "'")
assert "Please let us know if you're having issues with commenting." in words
assert not page.cookies
where = "/api/v1/discussions/matches.matchreport:1/comments/"
sent = fan.post(where, {"text": "What a *night*."}, content_type="application/json")
assert sent.status_code == 202, sent.content
from django.core.management import call_command
import datetime
from comments.models import Revision
Revision.objects.update(created_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))
call_command("sweep")
from comments import threads
threads.pages.clear()
page = anyone.get(report.get_absolute_url()).content.decode()
assert "<p>What a <em>night</em>.</p>" in page, page
assert anyone.get("/comments/issues/new/").status_code == 200
assert anyone.get("/api/v1/schema/").status_code == 200
print("the section stands")
"""


def snippets() -> list[str]:
    """Return the code blocks of the README's section on installing, in order."""
    section = (ROOT / "README.md").read_text().split("## Install it in your own site")[1].split("\n## ")[0]
    return re.findall(r"```\w+\n(.*?)```", section, re.DOTALL)


@pytest.mark.slow
def test_five_steps_put_a_section_under_a_strangers_model(tmp_path: Path) -> None:
    settings_snippet, urls_snippet, migrate, template = snippets()
    project, app = tmp_path / "stranger", tmp_path / "matches"
    for folder in (project, app, app / "templates"):
        folder.mkdir()
        (folder / "__init__.py").touch()

    # Steps 1 and 2: what the README says about settings, word for word, merged into the stranger's own lists.
    read: dict[str, object] = {}
    exec(settings_snippet, read)
    (project / "settings.py").write_text(
        SETTINGS
        + f"INSTALLED_APPS += {read['INSTALLED_APPS']!r}\nMIDDLEWARE = {read['MIDDLEWARE']!r} + MIDDLEWARE\n"
        + f"COMMENTS = {read['COMMENTS']!r}\n"
    )
    # Step 3.
    line = next(line for line in urls_snippet.splitlines() if "comments.urls" in line)
    (project / "urls.py").write_text(URLS + f"urlpatterns += [\n{line}\n]\n")
    (app / "models.py").write_text(MODELS)
    (app / "templates" / "base.html").write_text(BASE)
    # Step 5.
    load = re.search(r"\{% load newsroom_comments %\}", template)
    assert load
    assert "{% comments_assets %}" in template
    assert "{% comments article %}" in template
    (app / "templates" / "match.html").write_text(
        f"{load.group()}<html><head>{{% comments_assets %}}</head><body>{{% comments article %}}</body></html>"
    )
    env = CLEAN | {"DJANGO_SETTINGS_MODULE": "stranger.settings", "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}

    def manage(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "django", *command],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    manage("makemigrations", "matches")
    # Step 4.
    assert "manage.py migrate" in migrate
    manage("migrate")
    manage("check")

    assert "the section stands" in manage("shell", "-c", STORY)
