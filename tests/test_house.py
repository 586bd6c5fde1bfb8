"""The house rules, kept by reading the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APP = sorted(p for p in (ROOT / "comments").rglob("*.py") if "migrations" not in p.parts)
SITE = sorted(p for p in (ROOT / "newsroom").rglob("*.py") if "migrations" not in p.parts)
TEMPLATES = sorted([*(ROOT / "comments").rglob("*.html"), *(ROOT / "templates").rglob("*.html")])


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def test_the_sanitizers_are_imported_in_one_file_of_the_app() -> None:
    importers = {
        named(path)
        for path in APP
        if re.search(r"^\s*(import|from) (bleach|nh3|markdown_it)\b", path.read_text(), re.MULTILINE)
    }

    assert importers == {"comments/text.py"}


def test_a_status_is_set_in_one_file() -> None:
    setters = {
        named(path)
        for path in APP + SITE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign | ast.AugAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute) and target.attr == "status" and "self" not in ast.unparse(target)
    }

    assert setters == {"comments/moderation.py"}


def test_no_queryset_update_sets_a_status_elsewhere() -> None:
    setters = {
        named(path)
        for path in APP + SITE
        for call in calls(path)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in ("update", "bulk_update")
        and any(keyword.arg == "status" for keyword in call.keywords)
    }

    assert setters <= {"comments/moderation.py"}


def test_messages_are_published_after_the_commit_only() -> None:
    wrong = [
        f"{named(path)}:{call.lineno}"
        for path in APP + SITE
        for call in calls(path)
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("delay", "send_task")
    ]

    assert wrong == []


def test_no_task_is_put_off_by_the_broker() -> None:
    wrong = [
        f"{named(path)}:{call.lineno}"
        for path in APP + SITE
        for call in calls(path)
        if any(keyword.arg in ("countdown", "eta") for keyword in call.keywords)
    ]

    assert wrong == []


def test_only_sanitized_html_is_marked_safe() -> None:
    markers = {named(path) for path in APP + SITE if re.search(r"\bmark_safe\(|SafeString\(", path.read_text())}
    allowed = {
        "comments/text.py",  # what the sanitizers made
        "comments/templatetags/newsroom_comments.py",  # the section's own cached bytes
        "comments/pages/folding.py",  # what was printed already, and a line of ours around a part of it
        "comments/pages/mold.py",  # a comment whose every value was escaped one by one
        "comments/pages/section.py",
        "comments/pages/views.py",
        "comments/desk/views.py",
        "comments/desk/cards.py",
        "newsroom/articles/body.py",
        "newsroom/articles/models.py",
        "newsroom/articles/views.py",
    }

    assert markers <= allowed, markers - allowed


def test_templates_mark_only_html_of_the_sanitizer_as_safe() -> None:
    marked = {
        (named(path), expression)
        for path in TEMPLATES
        for expression in re.findall(r"\{\{\s*([\w.]+)\s*\|\s*safe\s*\}\}", path.read_text())
    }

    assert {
        expression for _path, expression in marked if not re.search(r"(html|body|stream|section)$", expression)
    } == set()
    assert not any("{% autoescape off" in path.read_text() for path in TEMPLATES)


def test_no_page_has_inline_script_style_or_handlers() -> None:
    wrong = [
        (named(path), found.group(0))
        for path in TEMPLATES
        for found in re.finditer(r"<script(?![^>]*\bsrc=)[^>]*>|\sstyle=|<style|\son[a-z]+=", path.read_text())
        if "application/json" not in found.group(0)
    ]

    assert wrong == []


def test_no_file_has_a_forbidden_name() -> None:
    forbidden = {"utils", "helpers", "common", "core", "misc", "services", "manager"}

    assert [named(path) for path in APP + SITE if path.stem in forbidden] == []


def test_the_app_never_imports_the_site() -> None:
    importers = [
        named(path) for path in APP if re.search(r"^\s*(import|from) newsroom(?!_)", path.read_text(), re.MULTILINE)
    ]

    assert importers == []


@pytest.mark.parametrize("folder", ["comments", "newsroom", "templates", "tests", "docs", "deploy", "benchmarks"])
def test_nothing_names_a_place_outside_the_repository(folder: str) -> None:
    texts = [
        p for p in (ROOT / folder).rglob("*") if p.suffix in {".py", ".md", ".html", ".js", ".css", ".toml", ".yaml"}
    ]

    wrong = [named(p) for p in texts if re.search(r"(?<![\w.])/(work|farm|root)/", p.read_text(errors="replace"))]
    assert wrong == []
