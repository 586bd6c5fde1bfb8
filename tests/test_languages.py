"""Every sentence in every language that ships, and pages that keep their shape in each."""

from __future__ import annotations

import gettext as catalogues
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from html import unescape
from importlib import import_module
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from comments.models import Reason
from comments.models.policy import SHIPPED_REASONS
from newsroom.articles.models import Article
from tests.servers import missing

ROOT = Path(settings.BASE_DIR)
LANGUAGES = [code for code, _name in settings.LANGUAGES]
CATALOGUES = [
    f"{where}/locale/{code}/LC_MESSAGES/django.po" for where in ("comments", "newsroom") for code in LANGUAGES
]
HOLE = re.compile(r"%\([a-z_A-Z0-9]+\)[sd]|%[sd]|%%|\{[a-z_]*\}")
TAG = re.compile(r"</?[a-z][^>]*>")

DIRECTION = {"ar": "rtl"}
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

# How many forms a noun has, and one number for each of them: as in the Unicode CLDR.
PLURALS = {
    "en": {1: 0, 0: 1, 2: 1},
    "de": {1: 0, 0: 1, 2: 1},
    "es": {1: 0, 0: None, 2: None},
    "fr": {1: 0, 0: 0, 2: None},
    "ar": {0: 0, 1: 1, 2: 2, 3: 3, 103: 3, 11: 4, 99: 4, 100: 5, 101: 5},
    "ko": {0: 0, 1: 0, 2: 0},
    "ja": {0: 0, 1: 0, 2: 0},
}


def needs(program: str) -> None:
    if shutil.which(program) is None:
        missing("gettext")


def _messages(catalogue: str, work: Path) -> dict[str, tuple[str, ...]]:
    """Return what a catalogue holds: msgid (with its context) → its translations. ``msgfmt`` checks it on the way."""
    compiled = work / "compiled.mo"
    subprocess.run(
        ["msgfmt", "--check", "--check-accelerators=~", "-o", str(compiled), str(ROOT / catalogue)],
        check=True,
        capture_output=True,
        text=True,
    )
    return _of(compiled)


def _of(compiled: Path) -> dict[str, tuple[str, ...]]:
    with compiled.open("rb") as file:
        found = catalogues.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    said: dict[str, dict[int, str]] = {}
    for key, words in found.items():
        name, form = key if isinstance(key, tuple) else (key, 0)
        said.setdefault(name, {})[form] = words
    return {name: tuple(forms[form] for form in sorted(forms)) for name, forms in said.items() if name}


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the sources with catalogues made anew from them, and nothing translated."""
    needs("xgettext")
    copy = tmp_path_factory.mktemp("messages")
    for name in ("comments", "newsroom", "templates"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "locale", "*.bin"))
        (copy / name / "locale").mkdir(exist_ok=True)
    (copy / "templates" / "locale").rmdir()
    shutil.copy(ROOT / "manage.py", copy)
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "-l", "de", "--no-location", "--no-wrap"],
        cwd=copy,
        env=os.environ | {"VAR_DIR": str(copy / "var")},
        check=True,
        capture_output=True,
    )
    return copy


@pytest.mark.services
@pytest.mark.parametrize("where", ["comments", "newsroom"])
def test_no_sentence_is_missing_from_any_language(where: str, collected: Path) -> None:
    wanted = _ids(collected / where / "locale/de/LC_MESSAGES/django.po")
    assert len(wanted) > 50

    for code in LANGUAGES:
        known = _ids(ROOT / where / "locale" / code / "LC_MESSAGES/django.po")

        assert not wanted - known, f"{code}: run ./run messages, then translate these"
        assert not known - wanted, f"{code}: run ./run messages; these are not said any more"


@cache
def _ids(catalogue: Path) -> frozenset[str]:
    """Return the ids in a catalogue, each with its context and plural, as ``msgcat`` writes them on one line."""
    text = subprocess.run(
        ["msgcat", "--no-wrap", "--no-location", str(catalogue)], check=True, capture_output=True, text=True
    ).stdout
    ids = set()
    for entry in re.split(r"\n\n", text):
        lines = [line for line in entry.splitlines() if not line.startswith("#")]
        name = "\n".join(lines).split("\nmsgstr")[0].removeprefix("msgstr")
        if name.startswith(("msgid", "msgctxt")) and name != 'msgid ""':
            ids.add(name)
    return frozenset(ids)


@pytest.mark.services
@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_nothing_is_left_untranslated_or_guessed(catalogue: str) -> None:
    needs("msgattrib")
    for left in ("--untranslated", "--only-fuzzy"):
        command = ["msgattrib", left, "--no-obsolete", "--no-wrap", str(ROOT / catalogue)]

        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout

        assert [line for line in said.splitlines() if line.startswith("msgid ") and line != 'msgid ""'] == []


@pytest.mark.services
@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_what_is_compiled_is_what_is_written(catalogue: str, tmp_path: Path) -> None:
    needs("msgfmt")
    written = _messages(catalogue, tmp_path)

    compiled = _of((ROOT / catalogue).with_suffix(".mo"))

    assert compiled == written, "run ./run messages"


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_translations_keep_the_holes_and_the_tags(catalogue: str) -> None:
    with (ROOT / catalogue).with_suffix(".mo").open("rb") as file:
        found = catalogues.GNUTranslations(file)._catalog  # type: ignore[attr-defined]

    for key, form in found.items():
        # Forms of a plural may leave their number out where it is always the same: msgfmt looks at those.
        source = key.rpartition("\x04")[2] if isinstance(key, str) else None
        if source:
            assert sorted(TAG.findall(form)) == sorted(TAG.findall(source)), (source, form)
            assert sorted(HOLE.findall(form)) == sorted(HOLE.findall(source)), (source, form)
            assert form.strip() or not source.strip(), source


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_number_finds_its_plural_form(code: str) -> None:
    with translation.override(code):
        forms = {number: ngettext("%(count)d reply", "%(count)d replies", number) for number in range(121)}

        for number, form in forms.items():
            assert str(number) in form % {"count": number} or number < 3, (number, form)
            # The same holes work for every number.
            assert "%" not in form % {"count": number}
    known = {number: form for number, form in PLURALS[code].items() if form is not None}
    same: dict[int, set[str]] = {}
    for number, form in known.items():
        same.setdefault(form, set()).add(forms.get(number) or "")
    assert all(len(words - {""}) == 1 for words in same.values())
    assert len({forms[number] for number in known if number in forms}) == len(set(known.values()))


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_says_something_of_its_own(code: str) -> None:
    with translation.override(code):
        said = gettext("Please let us know if you're having issues with commenting.")
        day = date_format(NOON, "DATE_FORMAT")

    assert (said == "Please let us know if you're having issues with commenting.") == (code == "en")
    assert "2026" in day


def test_the_reasons_that_ship_are_known_to_translators() -> None:
    shipped = import_module("comments.migrations.0002_shipped_reasons").SHIPPED

    assert {words for _code, public, author, *_rest in shipped for words in (public, author)} == set(SHIPPED_REASONS)


def test_a_shipped_reason_speaks_the_readers_language_and_the_newsrooms_own_words_stay() -> None:
    shipped = Reason(code="x", public_text={"en": "personal attack"})
    own = Reason(code="y", public_text={"en": "personal attack", "de": "Nicht so"})

    with translation.override("de"):
        assert str(shipped) != "personal attack"
        assert str(own) == "Nicht so"
    with translation.override("en"):
        assert str(shipped) == str(own) == "personal attack"


# --- Pages ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def article(db: None) -> Article:
    return Article.objects.create(slug="tram", headline="The tram", body="<p>It is back.</p>", published_at=NOON)


@pytest.mark.django_db
@pytest.mark.parametrize("code", LANGUAGES)
def test_a_page_says_which_language_it_speaks(code: str, client, article) -> None:
    answer = client.get(article.get_absolute_url(), headers={"Accept-Language": code})

    page = answer.content.decode()
    direction = DIRECTION.get(code, "ltr")
    assert f'<html lang="{code}" dir="{direction}">' in page
    assert answer.headers["Content-Language"] == code
    assert "Accept-Language" in answer.headers["Vary"]
    with translation.override(code):
        assert gettext("Please let us know if you're having issues with commenting.") in unescape(page)
    # The article stays in the newspaper's language and direction, and says so.
    assert '<div class="site-body" lang="en" dir="ltr">' in page


@pytest.mark.django_db
def test_a_reader_chooses_a_language_without_javascript_and_their_pages_enter_no_shared_cache(client, article) -> None:
    back = article.get_absolute_url()

    answer = client.post("/language/", {"language": "ko", "next": back}, headers={"Sec-Fetch-Site": "same-origin"})

    assert (answer.status_code, answer.headers["Location"]) == (302, back)
    page = client.get(back, headers={"Accept-Language": "de"})
    assert '<html lang="ko" dir="ltr">' in page.content.decode()
    assert "public" not in page.headers["Cache-Control"]


@pytest.mark.django_db
def test_a_choice_from_elsewhere_changes_nothing(article) -> None:
    client = Client(enforce_csrf_checks=True)

    answer = client.post("/language/", {"language": "ko"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert not client.cookies


@pytest.mark.django_db
def test_a_refusal_over_the_api_is_said_in_the_clients_language(client) -> None:
    answer = client.get("/api/v1/discussions/nowhere/", headers={"Accept-Language": "fr"})

    assert answer.status_code == 404
    with translation.override("fr"):
        assert answer.json()["detail"] == gettext("There is no discussion here.")
