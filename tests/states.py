"""
Every state of the readers' pages, in one table: how it comes about, where it is, who looks, and what shows it.

The table drives two things: ``tests/test_every_state_in_the_browser.py`` looks at each with the eyes of axe, and
``python -m tests.pictures`` takes the pictures in ``docs/reading/states.md``. ``tests/stage.py`` sets the stage.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import ROOT, Deployment, eventually, lay_out

LAID_OUT = """Promise.allSettled(document.getAnimations()
  .filter((one) => one.animationName === "comment-far").map((one) => one.finished))"""
"""Waits until what was far from the window when the page came has been laid out too."""

PHONE = {"width": 390, "height": 844}
ACTS = ("begin", "incident", "calm")
"""What is in force on every page, one after the other: nothing, an incident, guidelines that have to be accepted."""


class Newspaper(Deployment):
    """A newspaper where every state is to be found, without a worker: what is being checked stays so."""

    def start(self) -> None:
        lay_out(Path(self.env["VAR_DIR"]))
        self.facts: dict[str, Any] = self.play("begin")
        self.run(
            "web", "-m", "uvicorn", "newsroom.asgi:application", "--host", "127.0.0.1", "--port", str(self.port),
            "--log-level", "warning", "--timeout-graceful-shutdown", "1",
        )  # fmt: skip
        self.wait()

    def play(self, act: str) -> Any:
        """Let something happen, on the stage in ``tests/stage.py``; return what it says of it."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.stage", act],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def begin(self, act: str) -> None:
        """Put ``act`` in force, and wait until every page knows."""
        if act != "begin":
            self.play(act)
            page = f"{self.base}/articles/state-first/"
            eventually(lambda: ("data-incident" in httpx.get(page).text) == (act == "incident"), what=act)


@contextmanager
def newspaper(directory: Path) -> Iterator[Newspaper]:
    """Run it; stop it whatever happens."""
    paper = Newspaper(directory)
    try:
        paper.start()
        yield paper
    finally:
        paper.stop()


@dataclass(frozen=True)
class Look:
    """Somebody who looks: their page, the newspaper, and their language."""

    page: Any
    paper: Newspaper
    language: str = "en"

    def go(self, address: str) -> None:
        numbers = {name: str(number) for name, number in self.paper.facts["numbers"].items()}
        self.page.goto(address.format(**numbers, **self.paper.facts["addresses"]))

    def write(self, words: str) -> None:
        self.page.fill("#comment-text", words)
        self.page.click("[data-post]")


@dataclass(frozen=True)
class State:
    """One state. ``shows`` is a selector that finds something in it, and in no other state of the same page."""

    name: str
    sentence: str
    """What it means and what a reader can do; empty for what needs no picture."""
    open: Callable[[Look], object]
    shows: str
    who: str = ""
    act: str = "begin"
    part: str = ""
    """What the picture shows; without it what ``shows`` finds."""
    complains: str = ""
    """What a browser writes into its console by itself here: the status of an answer that is no page."""
    script: bool = True
    media: str = "screen"


def at(address: str, *clicks: str) -> Callable[[Look], None]:
    """Go to an address, with the names of comments in it, and press what is there to be pressed."""

    def opened(look: Look) -> None:
        look.go(address)
        for selector in clicks:
            look.page.locator(selector).first.click()

    return opened


def story(slug: str, *clicks: str, query: str = "") -> Callable[[Look], None]:
    return at(f"/articles/state-{slug}/{query}", *clicks)


# --- How the states come about that are more than an address ----------------------------------------------------------


def fetching(look: Look) -> None:
    """Ask for more replies, and never get them."""
    look.page.route("**/replies/**", lambda _route: None)
    story("replies", "[data-more]")(look)


def offline(look: Look) -> None:
    story("first")(look)
    look.page.context.set_offline(True)
    look.write("Sent from the tunnel under the river.")


def without_answer(look: Look) -> None:
    story("first")(look)
    look.page.route("**/comments/post/", lambda route: route.fulfill(status=502, body="<h1>no</h1>"))
    look.write("Sent into a server that is being mended.")


def signed_out(look: Look) -> None:
    story("first")(look)
    look.page.context.clear_cookies()
    look.write("Written before the session ended.")


def writing(slug: str, words: str, *clicks: str) -> Callable[[Look], None]:
    def written(look: Look) -> None:
        story(slug)(look)
        look.page.fill("#comment-text", words)
        for selector in clicks or ("[data-post]",):
            look.page.locator(selector).first.click()

    return written


def as_a_guest(look: Look) -> None:
    story("guests")(look)
    look.page.fill("#guest-name", "Piet")
    # Nobody writes the same twice.
    look.write(f"The lift is out of order, for the {id(look) % 997}th time.")


def waiting(look: Look) -> None:
    look.paper.play("waiting")
    story("fates")(look)


def news(look: Look) -> None:
    """Three comments come while the page is open; without live events it asks for them after a while."""
    look.page.clock.install()
    look.page.route("**/events/", lambda route: route.fulfill(status=204))
    story("live")(look)
    look.paper.play("news")
    for _round in range(10):
        # A process of the server trusts the version it knows for half a second.
        time.sleep(0.6)
        look.page.clock.run_for(30_000)
        if look.page.locator("[data-live][data-new]").count():
            break


def unread(look: Look) -> None:
    story("fates")(look)
    key = look.page.get_attribute("#comments", "data-key")
    look.page.goto("/healthz")
    look.page.evaluate(
        "name => localStorage.setItem(name, JSON.stringify({since: null, seen: 1, at: Date.now() / 1000 - 7200}))",
        f"comments:visit:{key}",
    )
    story("fates")(look)


def sent(address: str, fill: dict[str, str], press: str) -> Callable[[Look], None]:
    """Fill a form of the page at ``address``, in a form of ``press``, and send it."""

    def done(look: Look) -> None:
        look.go(address)
        for selector, words in fill.items():
            look.page.fill(selector, words)
        # What a browser would stop, others send.
        look.page.evaluate("document.querySelectorAll('form').forEach((form) => { form.noValidate = true; })")
        look.page.locator(press).first.click()

    return done


def too_long_a_report(look: Look) -> None:
    look.go("/comments/issues/new/?discussion=articles.article:1")
    look.page.locator("[name=kind][value=layout]").check()
    look.page.fill("#issue-text", "x" * 10_500)
    look.page.locator("[data-issue-form] [type=submit]").click()


def deleted_report(look: Look) -> None:
    look.go("/comments/issues/new/?discussion=articles.article:1")
    look.page.locator("[name=kind][value=other]").check()
    look.page.fill("#issue-text", f"Never mind, in {look.language} ({id(look)}).")
    look.page.locator("[data-issue-form] [type=submit]").click()
    look.page.wait_for_url(lambda url: "/issues/new" not in url)
    look.page.locator("details:has([value=delete]) summary").click()
    look.page.locator("[value=delete]").click()


def failed(status: int) -> Callable[[Look], None]:
    """Show the page that Django's own view made for a failure: nothing here fails at will."""

    def shown(look: Look) -> None:
        body = look.paper.facts["pages"][f"{status}-{look.language}"]
        look.page.route("**/broken/", lambda route: route.fulfill(status=status, body=body, content_type="text/html"))
        look.page.goto("/broken/")

    return shown


def forged(look: Look) -> None:
    """Send a form that nothing vouches for."""
    look.go("/accounts/login/")
    look.page.context.clear_cookies()
    look.page.fill("[name=login]", "somebody")
    look.page.fill("[name=password]", "something")
    look.page.locator("main form [type=submit]").click()


SECTION = "#comments"
BOX = "[data-composer]"
MINE = "[data-mine]"
PAGE = "main"
ISSUE = "/comments/issues/new/"

STATES = (
    # The section
    State(
        "empty",
        "Nobody has written yet: an invitation, and the box.",
        story("empty"),
        ".comment-empty",
        "visitor",
        part=SECTION,
    ),
    State("empty-signed-out", "", story("empty"), "#comment-form .comment-button"),
    State(
        "first",
        "The first comment. The choice of order stays away until there are ten.",
        story("first"),
        "[data-total]",
        "visitor",
        part=".comment-stream",
    ),
    State(
        "discussion",
        "A discussion: pinned and picked comments, answers by the newsroom, replies in their lists, and which comments "
        "are shown in which order.",
        story("full"),
        ".comment-pick",
        "visitor",
        part=SECTION,
    ),
    State("discussion-signed-out", "", story("full"), ".comment-pick"),
    State("discussion-plain", "", story("full"), ".comment-pick", "visitor", script=False),
    State("picks", "", story("full", query="?only=picks"), "[aria-current]", "visitor"),
    State(
        "menu",
        "What else can be done with a comment.",
        story("fates", ".comment-menu summary"),
        ".comment-menu[open]",
        "visitor",
        part=".comment:has(.comment-menu[open])",
    ),
    State("guidelines-open", "", story("first", ".comment-guidelines summary"), ".comment-guidelines[open]", "visitor"),
    State(
        "answering",
        "A reply is written under what it answers.",
        story("fates", "[data-stream] a[data-reply]"),
        "[data-stream] form[data-composer]",
        "visitor",
        part=".comment:has(form[data-composer])",
    ),
    State(
        "fetching",
        "More replies are on their way; nothing jumps meanwhile.",
        fetching,
        "[data-more][aria-busy]",
        "visitor",
        part=".comment-stream",
    ),
    State(
        "news",
        "New comments came while the page was open: they wait for a press, and move nothing.",
        news,
        "[data-live][data-new]",
        "visitor",
        part=".comment-stream",
    ),
    State(
        "unread",
        "What is new since the last visit, and the key Z that goes there.",
        unread,
        "[data-unread]:not([hidden])",
        "visitor",
        part=".comment-live",
    ),
    State("question", "The question of the day.", story("announced"), ".comment-question", "visitor"),
    State(
        "announcement",
        "The newsroom announces something above the comments.",
        story("announced"),
        "[data-announcement]",
        "visitor",
    ),
    State(
        "questions",
        "Readers ask, named experts answer: the tabs say which questions are shown.",
        story("questions"),
        ".comment-experts",
        "visitor",
        part=SECTION,
    ),
    State("unanswered", "", story("questions", query="?only=unanswered"), "[aria-current]", "visitor"),
    State(
        "incident",
        "Something is broken for some, the newsroom knows, and says since when.",
        story("first"),
        "[data-incident]",
        "visitor",
        act="incident",
    ),
    # Writing
    State(
        "guest",
        "Where guests may write, a name is asked for, and no picture puzzle.",
        story("guests"),
        "#guest-name",
        part=BOX,
    ),
    State("guest-waits", "", as_a_guest, f"{MINE} .comment"),
    State("read-first", "", story("read-first"), BOX, "visitor"),
    State(
        "advice",
        "Before a text is posted that would have to wait, its author hears why, once.",
        writing("first", "The figures: https://example.org/figures"),
        "[data-nudge]",
        "visitor",
        part=BOX,
    ),
    State(
        "preview",
        "The preview is made by the same code that publishes.",
        writing(
            "first", "It has to be a **third** full.\n\n> every night\n\n- or most nights\n- `n / 3`", "[name=preview]"
        ),
        "[data-preview]",
        "visitor",
        part=BOX,
    ),
    State(
        "refused",
        "Nothing was posted; the text stays in the box, and the code helps when it looks wrong.",
        writing("first", "x" * 10_050),
        "[data-notice][data-code=too_long]",
        "visitor",
        part="[data-notice]",
        complains="400",
    ),
    State(
        "offline",
        "No network: the text is safe on the device, and is sent later by itself only with consent.",
        offline,
        "[data-later]",
        "visitor",
        part=BOX,
        complains="ERR_INTERNET_DISCONNECTED",
    ),
    State(
        "server-error",
        "Something went wrong on the server's side.",
        without_answer,
        "[data-notice][data-tone=stop]",
        "visitor",
        part="[data-notice]",
        complains="502",
    ),
    State(
        "signed-out",
        "The session has ended: sign in, and the text is in the box again.",
        signed_out,
        "[data-notice] .comment-button",
        "visitor",
        part=BOX,
        complains="401",
    ),
    State(
        "accept",
        "The guidelines have changed and are accepted once, with the next comment.",
        story("first"),
        "[name=guidelines]",
        "visitor",
        act="calm",
        part=BOX,
    ),
    State(
        "closed",
        "Closed: why, and when it opens again.",
        story("closed"),
        ".comment-section #comment-form",
        "visitor",
        part=".comment-section #comment-form",
    ),
    State("over", "", story("over"), ".comment-empty", "visitor"),
    # What becomes of a comment
    State(
        "received",
        "Being checked: its author sees it at once, with what happens next.",
        waiting,
        "[data-state=received]",
        "received",
    ),
    State(
        "held",
        "Waiting for an editor: since when, because of what, and what usually passes.",
        story("fates"),
        "[data-state=held]",
        "held",
    ),
    State(
        "edited",
        "An edit is waiting; everyone sees the earlier words until it is decided.",
        story("fates"),
        "[data-state=held]",
        "edited",
    ),
    State(
        "rejected",
        "Not published: the reason, the editor's words, and the way to another editor.",
        story("fates"),
        "[data-state=rejected]",
        "rejected",
    ),
    State(
        "appeal",
        "The appeal: what was decided on what ground, and a box.",
        at("/comments/{rejected}/appeal/"),
        "#appeal-text",
        "rejected",
        part=PAGE,
    ),
    State(
        "appeal-waits",
        "The appeal waits for somebody else than who decided.",
        at("/comments/{appealed}/appeal/"),
        "#yours",
        "appealed",
        part=".comment-notice",
    ),
    State("appealed", "", story("fates"), "[data-state=rejected]", "appealed"),
    State(
        "upheld",
        "Another editor has looked, and the decision stands.",
        story("fates"),
        "[data-state=rejected]",
        "upheld",
    ),
    State(
        "overturned",
        "Another editor has overturned the decision, and the comment is public.",
        at("/comments/{overturned}/appeal/"),
        "[data-tone=good]",
        "overturned",
    ),
    State(
        "withdrawn-and-removed",
        "Taken back by its author, and removed by the newsroom: a line stays where replies stand.",
        story("gone"),
        ".comment-tombstone",
        "visitor",
        part=".comment-stream",
    ),
    State(
        "muted",
        "Somebody I muted, folded for me alone.",
        story("fates"),
        "[data-folded]",
        "muter",
        part="[data-stream]",
    ),
    # How a reader stands
    State(
        "warned",
        "A warning: read it, or say that you see it differently.",
        story("standings"),
        "[data-standing=warned]",
        "warned",
    ),
    State(
        "suspended",
        "A pause, until when, and how to object.",
        story("standings"),
        "[data-standing=suspended]",
        "suspended",
    ),
    State("banned", "Excluded: why, and the one appeal.", story("standings"), "[data-standing=banned]", "banned"),
    State(
        "leaving",
        "The account will be deleted on a day; one press keeps it.",
        story("standings"),
        "[data-standing=leaving]",
        "leaving",
    ),
    State("appeal-sanction", "", at("{appeal_sanction}"), "#appeal-text", "suspended"),
    # Words at their most extreme
    State(
        "words",
        "A very long name, Arabic, Korean, a spoiler, a quotation, code, a word without end.",
        story("words"),
        ".comment-text details",
        "visitor",
        part=".comment-stream",
    ),
    State("emoji", "", story("emoji"), "[data-stream] .comment", "visitor"),
    State("long", "Four thousand characters.", story("long"), "[data-stream] .comment", "visitor"),
    State(
        "deep",
        "Twelve levels deep: from the fifth on a line says what is answered.",
        story("deep"),
        ".comment-parent",
        "visitor",
        part=".comment-stream",
    ),
    # One comment
    State(
        "permalink",
        "One comment with what it answers and its replies.",
        at("/comments/{deeper}/"),
        "[data-target]",
        "visitor",
        part=PAGE,
    ),
    State("permalink-signed-out", "", at("/comments/{deepest}/", ".comment-guidelines summary"), "#share-url"),
    State("permalink-held", "", at("/comments/{held}/"), "[data-state=held]", "held"),
    State("replies", "", at("/comments/{many}/replies/"), "main .comment"),
    State(
        "edit",
        "The published text stays until the new one has been checked.",
        at("/comments/{own}/edit/"),
        BOX,
        "author",
        part=PAGE,
    ),
    State(
        "withdraw",
        "Taking a comment back asks once.",
        at("/comments/{own}/withdraw/"),
        "main form [type=submit]",
        "author",
        part=PAGE,
    ),
    State(
        "flag",
        "Reporting a comment: what is wrong with it, and what happens then.",
        at("/comments/{reply}/flag/"),
        "[name=reason]",
        "visitor",
        part=PAGE,
    ),
    State(
        "flag-refused",
        "",
        sent("/comments/{reply}/flag/", {}, "main form [type=submit]"),
        "[role=alert]",
        "visitor",
        complains="400",
    ),
    State("flag-own", "", at("/comments/{own}/flag/"), PAGE, "author", complains="403"),
    State("flag-signed-out", "", at("/comments/{reply}/flag/"), PAGE, complains="401"),
    State("flagged", "", at("/comments/{own}/flag/"), "[role=status]", "reporter"),
    State("react", "", at("/comments/{reply}/react/"), "main form [type=submit]", "visitor"),
    State("mute", "", at("/comments/{reply}/mute/"), "main form [type=submit]", "visitor"),
    State("follow", "", at("/comments/{many}/follow/"), "main form [type=submit]", "visitor"),
    State(
        "embed",
        "The card that stands in another site's page.",
        at("/comments/{reply}/embed/"),
        "body.comment-embed",
        part="body",
    ),
    State("person", "Who wrote this.", at("/comments/people/{writer}/"), PAGE, "visitor"),
    State("flag-person", "", at("/comments/people/{writer}/flag/"), "main form", "visitor"),
    State("unknown-comment", "", at("/comments/987654321/"), PAGE, complains="404"),
    # My own pages
    State("guidelines", "", at("/comments/guidelines/"), PAGE),
    State(
        "me",
        "My comments: everything I wrote and how it stands, my appeals, whom I muted, my data, the way out.",
        at("/comments/me/"),
        "#mine",
        "full",
        part=PAGE,
    ),
    State("me-empty", "", at("/comments/me/"), "#mine", "nobody"),
    State("me-filtered", "", at("/comments/me/?state=withdrawn"), "#mine", "full"),
    State(
        "me-refused",
        "",
        sent("/comments/me/", {"#my-name": "The Moderator"}, "form:has(#my-name) [type=submit]"),
        "[role=alert]",
        "nobody",
        complains="4",
    ),
    State("me-leaving", "", at("/comments/me/"), "[data-standing=leaving], main form[action$='/cancel/']", "leaving"),
    State(
        "notices",
        "What I was told, and what reaches me by mail.",
        at("/comments/me/notices/"),
        "#notices",
        "told",
        part=PAGE,
    ),
    State(
        "bell",
        "Who was answered sees so above the comments.",
        story("around"),
        "[data-bell]",
        "told",
        part=".comment-bell",
    ),
    State("unsubscribe", "", at("{unsubscribe}"), PAGE),
    State("unsubscribe-unknown", "", at("/comments/unsubscribe/nothing/"), PAGE, complains="404"),
    # Letting the newsroom know
    State(
        "issue",
        "Letting the newsroom know: first what can be seen from here.",
        at(f"{ISSUE}?discussion=articles.article:1"),
        "[data-issue-form]",
        part=PAGE,
    ),
    State(
        "issue-diagnosed",
        "The cause is known: the form says it first.",
        at(f"{ISSUE}?discussion=articles.article:1&comment={{rejected}}", ".comment-in-order summary"),
        ".comment-answer",
        "rejected",
        part="section[aria-labelledby=seen]",
    ),
    State("issue-suspended", "", at(f"{ISSUE}?discussion=articles.article:1"), ".comment-answer", "suspended"),
    State("issue-refused", "", too_long_a_report, "#refused", "visitor", complains="400"),
    State("issue-incident", "", at(f"{ISSUE}?discussion=articles.article:1"), "#tell-over", "visitor", act="incident"),
    State(
        "issue-settled",
        "",
        at(f"{ISSUE}?discussion=articles.article:1", "[name=answer]"),
        "[data-tone=good]",
        "suspended",
    ),
    State(
        "receipt-sent",
        "The receipt: a private page where the answer will stand.",
        at("{receipt-sent}"),
        ".comment-steps",
        part=PAGE,
    ),
    State("receipt-open", "", at("{receipt-sent}", "main details:nth-of-type(1) summary"), ".comment-steps"),
    State("receipt-mistyped", "", at("{receipt-mistyped}"), "#mail-fails"),
    State(
        "receipt-answered",
        "The newsroom has answered.",
        at("{receipt-answered}"),
        "[data-from=newsroom]",
        part="#messages",
    ),
    State("receipt-asked", "", at("{receipt-asked}"), "[data-from=newsroom]"),
    State("receipt-solved", "", at("{receipt-solved}"), ".comment-steps"),
    State("receipt-closed", "", at("{receipt-closed}"), ".comment-steps"),
    State("receipt-deleted", "", deleted_report, PAGE),
    State("receipt-unknown", "", at("/comments/issues/" + "x" * 43 + "/"), PAGE, complains="404"),
    State(
        "incidents",
        "What was broken, and since when it works again.",
        at("/comments/issues/incidents/"),
        "article.comment-notice",
        act="calm",
        part=PAGE,
    ),
    # The newspaper's own
    State("sign-in", "", at("/accounts/login/"), "[name=login]"),
    State(
        "sign-in-wrong",
        "",
        sent("/accounts/login/", {"[name=login]": "nobody", "[name=password]": "wrong"}, "main form [type=submit]"),
        ".site-wrong, [role=alert], .site-notice",
    ),
    State("sign-up", "", at("/accounts/signup/"), "[name=email]"),
    State("sign-out", "", at("/accounts/logout/"), "main form", "visitor"),
    State("forgot-password", "", at("/accounts/password/reset/"), "[name=email]"),
    State("new-password", "", at("/accounts/password/change/"), "[name=password1]", "visitor"),
    State("addresses", "", at("/accounts/email/"), PAGE, "visitor"),
    State("stale-form", "", forged, PAGE, complains="403"),
    State("403", "", failed(403), PAGE, complains="403"),
    State("404", "", at("/nowhere/"), PAGE, complains="404"),
    State("500", "", failed(500), PAGE, complains="500"),
    State("front", "", at("/"), PAGE),
    State(
        "print",
        "On paper: the words, and nothing to press.",
        story("full"),
        ".comment-pick",
        "visitor",
        part=SECTION,
        media="print",
    ),
)


class Looker:
    """A browser that looks at one state after the other: the same window, with nothing left in it from before."""

    def __init__(self, chromium: Any, paper: Newspaper, **options: Any) -> None:
        self.paper = paper
        options = {"viewport": PHONE, "reduced_motion": "reduce"} | options
        self.contexts = {
            script: chromium.new_context(base_url=paper.base, java_script_enabled=script, **options)
            for script in (True, False)
        }

    def close(self) -> None:
        for context in self.contexts.values():
            context.close()

    @contextmanager
    def window(self, who: str = "", language: str = "en", *, script: bool = True) -> Iterator[Any]:
        """Open a page for ``who``, with nothing of those before in it."""
        context = self.contexts[script]
        context.set_default_timeout(10_000)
        context.set_offline(False)
        context.clear_cookies()
        context.set_extra_http_headers({"Accept-Language": language})
        if who:
            cookie = {"name": "sessionid", "value": self.paper.facts["sessions"][who], "url": self.paper.base}
            context.add_cookies([cookie])
        page = context.new_page()
        kept = {"origin": self.paper.base, "storageTypes": "local_storage"}
        context.new_cdp_session(page).send("Storage.clearDataForOrigin", kept)
        try:
            yield page
        finally:
            # What still waits for an answer gets none.
            page.unroute_all(behavior="ignoreErrors")
            page.close()

    @contextmanager
    def at(self, state: State, language: str = "en") -> Iterator[tuple[Look, list[str]]]:
        """Bring ``state`` about; give who looks, and what their console complains of meanwhile."""
        complaints: list[str] = []

        def heard(words: str) -> None:
            if not (state.complains and state.complains in words):
                complaints.append(words)

        with self.window(state.who, language, script=state.script) as page:
            page.on("console", lambda said: heard(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: heard(str(error)))
            look = Look(page, self.paper, language)
            state.open(look)
            page.locator(state.shows).first.wait_for(state="attached")
            page.emulate_media(media=state.media)
            yield look, complaints


@pytest.fixture(scope="session")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newspaper]:
    """Run the newspaper of all states, once for every test that looks at it."""
    with newspaper(tmp_path_factory.mktemp("states")) as running:
        yield running
