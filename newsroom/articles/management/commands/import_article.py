from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from newsroom.articles.importing import MAX_FILE_BYTES, NotAnArticle, read_article
from newsroom.articles.models import Article, Section
from newsroom.articles.publishing import keep


class Command(BaseCommand):
    help = "Import articles from plain text, Markdown or HTML files. Importing a file again updates its article."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="UTF-8 text, Markdown or HTML")
        parser.add_argument("--slug", default="", help="address of the article; by default made from its title")
        parser.add_argument("--publish", action="store_true", help="show it to readers; otherwise it is a draft")
        parser.add_argument("--title", default="", help="headline, instead of the one in the file")
        parser.add_argument("--section", default="", help=f"one of: {', '.join(Section.values)}")
        parser.add_argument("--byline", default="", help="who wrote it")

    def handle(self, *args: Any, **options: Any) -> None:
        files: list[Path] = options["files"]
        for option in ("slug", "title"):
            if options[option] and len(files) > 1:
                raise CommandError(f"--{option} names one article; {len(files)} files were given.")
        for path in files:
            try:
                imported = read_article(
                    _content_of(path),
                    path.name,
                    slug=options["slug"],
                    title=" ".join(options["title"].split()),
                    section=options["section"],
                    byline=options["byline"],
                )
                article, is_new = keep(imported, publish=options["publish"])
            except NotAnArticle as problem:
                raise CommandError(f"{path}: {problem}") from None
            done = "imported" if is_new else "updated"
            self.stdout.write(f"{done} {article.slug} ({_state_of(article)}) {article.get_absolute_url()}")


def _content_of(path: Path) -> bytes:
    if path.is_dir():
        raise NotAnArticle("It is a directory.")
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise NotAnArticle("There is no such file.") from None
    except OSError as problem:
        raise NotAnArticle(f"It cannot be read: {problem.strerror}.") from None


def _state_of(article: Article) -> str:
    if article.is_published:
        return "published"
    return "planned" if article.published_at else "draft"
