"""
Set the stage: every state of the readers' pages, in the database of a newspaper that runs beside us.

``python -m tests.stage begin`` makes stories, people and what happened to them, through the verbs that would have made
them in life, and prints where each is found. What changes every page at once, or happens while somebody looks, comes
later, when it is asked for by name. See ``tests/states.py``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsroom.settings")
    django.setup()

from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from django.utils import timezone
from django.views import defaults

from comments import (
    appeals,
    discussions,
    guidelines,
    jobs,
    moderation,
    muting,
    people,
    policy,
    posting,
    privacy,
    questions,
    reactions,
)
from comments import issues as reports
from comments.exceptions import CommentChanged
from comments.issues import answers, incidents
from comments.models import Comment, Commenter, Decider, Discussion, Guidelines, Incident, Status, Trigger
from comments.notifications import choices, following, telling
from comments.screening import Verdict
from newsroom.articles import publishing
from newsroom.articles.models import Article

PASSWORD = "the tide turns twice"

RULES = """1. Argue with *what* was said, not with who said it.
2. Stay with the subject of the article.
3. No personal data of others.
4. Say where a figure comes from."""

ARABIC = "كنت على متن القطار الليلي مرتين هذا الأسبوع. وصل في موعده، لكن المحطة الأخيرة بلا إنارة حتى الخامسة صباحا."
KOREAN = "야간 트램을 매일 탑니다. 병원 뒷문까지 걸어가는 길이 어두워서 걱정입니다. 가로등을 먼저 세워 주세요."
EMOJI = "🚋🌙👏"
LONG_NAME = "Maximiliane-Antoinette Freifrau von Hohenstaufen-Wolfenbüttel zu Hammerschmidt"


def person(key: str, name: str) -> Commenter:
    """Return a reader with an account, a name and a mail address."""
    users = get_user_model().objects
    user = users.create_user(key, f"{key}@estuary-record.example", PASSWORD)
    user.first_name, _space, user.last_name = name[:140].partition(" ")
    user.save()
    made = Commenter.objects.for_user(user)
    made.name = name
    made.save(update_fields=["name"])
    return made


def story(slug: str, headline: str, **facts: Any) -> Discussion:
    """Print an article of three sentences and open its discussion."""
    made = Article.objects.create(
        slug=f"state-{slug}",
        headline=headline,
        standfirst="Three nights on the line that the city wants to keep.",
        body="<p>Between one and five in the morning there is now a tram every forty minutes.</p>",
        byline="Ines Okafor",
        published_at=timezone.now(),
        **({"section": "city"} | facts),
    )
    publishing.sync_discussion(made)
    return discussions.get(discussions.key_for(made))


class Stage:
    """Who writes where. What a reader writes is screened at once; what an editor has to decide, they decide."""

    def __init__(self) -> None:
        self.moderator = Commenter.objects.get(user__username="moderator")
        self.editor = Commenter.objects.get(user__username="editor")
        self.facts: dict[str, Any] = {"sessions": {}, "numbers": {}, "addresses": {}}

    def reader(self, key: str, name: str) -> Commenter:
        """Return a reader who is signed in, in a session that is kept under ``key``."""
        made = person(key, name)
        client = Client()
        client.force_login(made.user, backend="django.contrib.auth.backends.ModelBackend")
        self.facts["sessions"][key] = client.cookies["sessionid"].value
        return made

    def posted(self, author: Commenter, where: Discussion, words: str, parent: Comment | None = None) -> Comment:
        """Write and screen it: published, or held with its reason."""
        comment = posting.post_comment(author, where, words, parent=parent)
        moderation.screen(comment.pk, comment.version)
        comment.refresh_from_db()
        return comment

    def published(
        self, author: Commenter, where: Discussion, words: str, parent: Comment | None = None, name: str = ""
    ) -> Comment:
        comment = self.posted(author, where, words, parent)
        if comment.status != Status.PUBLISHED:
            self.decided(comment, "publish")
        if name:
            self.facts["numbers"][name] = comment.pk
        return comment

    def decided(self, comment: Comment, action: str, reason: str = "", explanation: str = "") -> Comment:
        verdict = Verdict(action, reason=reason, explanation=explanation)
        for _time in range(2):
            try:
                moderation.decide(
                    comment, verdict, decider=Decider.EDITOR, trigger=Trigger.SCREENING, made_by=self.moderator
                )
                break
            except CommentChanged:
                comment.refresh_from_db()
        comment.refresh_from_db()
        return comment

    def rejected(self, author: Commenter, where: Discussion, words: str, name: str = "") -> Comment:
        comment = self.decided(
            self.posted(author, where, words),
            "reject",
            "personal_attack",
            "Please make the point without guessing at the other person's life.",
        )
        if name:
            self.facts["numbers"][name] = comment.pk
        return comment

    def told(self, comment: Comment) -> None:
        """Tell whoever has to hear of the last decision about ``comment``."""
        telling.tell(comment.decisions.order_by("-pk").values_list("pk", flat=True)[0])

    # --- Stories ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        guidelines.publish(RULES, made_by=self.editor)
        self.writers = [
            self.reader(f"writer{number}", name)
            for number, name in enumerate(
                ("Jo Petersen", "Ruth Adeyemi", "Callum Rae", "Pilar Quesada", "Keiko Mori", "Owen Blake")
            )
        ]
        self.reader("visitor", "Hanne Dahl")
        for part in (
            self.discussions,
            self.texts,
            self.fates,
            self.standings,
            self.openings,
            self.around,
            self.own_pages,
            self.receipts,
            self.failures,
        ):
            part()

    def discussions(self) -> None:
        jo, ruth, callum, pilar, keiko, owen = self.writers
        story("empty", "A lamp room reopens")
        first = story("first", "The shelter at Custom House")
        self.published(jo, first, "The 02:52 was on time on all three nights I took it. That alone is news.")
        full = story("full", "Three nights on the night tram", question="Where would you want a stop at night?")
        begun = self.published(
            ruth, full, "Does the trial include the hospital's back entrance? From the main stop it is ten minutes."
        )
        answer = self.published(
            self.editor,
            full,
            "I asked the operator: the back entrance opens at 05:00. It is in the article now.",
            begun,
        )
        thanks = self.published(jo, full, "Thank you. **That** is what the nurses in our building asked.", answer)
        self.published(callum, full, "> ten minutes\n\nAnd unlit for most of the way.", begun, name="reply")
        self.published(pilar, full, "They promised lamps in spring. I will look again in April.", thanks, name="deeper")
        moderation.pin(begun, made_by=self.moderator)
        pick = self.published(
            pilar, full, "I have driven this line for nine years. The 03:32 carries the bakers, the 04:12 the cleaners."
        )
        moderation.feature(pick, made_by=self.moderator)
        for other in (jo, ruth, callum, keiko):
            reactions.react(other, pick, "like")
        reactions.react(owen, begun, "like")
        for number, words in enumerate(
            (
                "It has to be a third full, every night. The council's own paper says so.",
                "Three things decide this:\n\n- the wages at night,\n- the track works,\n- who pays the guards.",
                "My shift ends at two. Before the trial I waited until five.",
                "The bus did the same for half the money, until 2011.",
                "Please print how many people rode, night by night.",
                "I would rather have a later last tram than one all night.",
                "The stop at Custom House needs a roof before winter.",
                "Nobody has asked the drivers yet.",
            )
        ):
            self.published(self.writers[number % 6], full, words)
        for number in range(6):
            self.published(self.writers[number], full, f"Line {number + 1} of this conversation is mine, too.", pick)
        gone = story("gone", "What the council left out")
        taken = self.published(jo, gone, "I was wrong about the figures, and I take this back.")
        removed = self.published(callum, gone, "You people should not be let near a tram.")
        for parent in (taken, removed):
            self.published(owen, gone, "I answer this all the same.", parent)
        posting.withdraw_comment(jo, taken)
        self.decided(removed, "reject", "personal_attack", "About the person, not the tram.")
        live = story("live", "The first night in December")
        self.published(jo, live, "Full at one, empty at three.")
        many = story("replies", "One question, many answers")
        root = self.published(ruth, many, "Which stop do you use at night?", name="many")
        for number in range(16):
            self.published(self.writers[number % 6], many, f"The one at the harbour, number {number}.", root)

    def texts(self) -> None:
        """What people write, at its most extreme."""
        jo, ruth, callum, *_others = self.writers
        words = story("words", "All the words there are")
        noble = self.reader("noble", LONG_NAME)
        self.published(noble, words, "Short words under a long name.")
        self.published(ruth, words, ARABIC)
        self.published(callum, words, KOREAN)
        self.published(ruth, words, "How the vote went?\n\n>! Eleven to nine, and the mayor left the room.")
        self.published(
            callum,
            words,
            "> The target in month six is thirty-four.\n\nThat is *not* what the paper says:\n\n"
            "    month one: 20\n    month six: 34\n\nSee https://estuary-record.example/articles/night-tram/ for both.",
        )
        self.published(jo, words, "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 3)
        self.published(jo, story("emoji", "No words at all"), EMOJI)
        long = story("long", "A long answer")
        sentence = "The people who clean the offices go home when the last tram has left, and nobody counts them. "
        self.published(ruth, long, "\n\n".join(sentence * 6 for _ in range(7))[:4000])
        deep = story("deep", "Twelve levels down")
        parent = None
        for level in range(13):
            parent = self.published(
                self.writers[level % 6], deep, f"Level {level}: I see it differently.", parent, name="deepest"
            )

    def fates(self) -> None:
        """What may become of a comment, as its author sees it."""
        where = story("fates", "What becomes of a comment")
        self.published(self.writers[0], where, "The first word under this story.")
        self.reader("received", "Tobias Wren")
        held = self.reader("held", "Amina Yusuf")
        self.facts["numbers"]["held"] = self.posted(held, where, "The minutes: https://example.org/minutes").pk
        edited = self.reader("edited", "Lucía Ferrer")
        mine = self.published(edited, where, "The first three nights were on time.", name="mine")
        self.facts["numbers"]["mine"] = mine.pk
        again = posting.edit_comment(edited, mine, "The first three nights were on time: https://example.org/board")
        moderation.screen(again.pk, again.version)
        own = self.reader("author", "Greta Lindholm")
        self.published(own, where, "I checked against the timetable, not against the board.", name="own")
        for name, outcome in (("rejected", ""), ("appealed", "wait"), ("upheld", "uphold"), ("overturned", "overturn")):
            reader = self.reader(name, "Mehmet Aydın")
            comment = self.rejected(reader, where, f"You clearly never had a job in your life. ({name})", name=name)
            self.told(comment)
            if outcome:
                asked = appeals.appeal(reader, comment, "I meant the council, not the person. I can write it anew.")
            if outcome in ("uphold", "overturn"):
                appeals.rule_on(asked, outcome, "I have read both, and the sentence before.", made_by=self.editor)
        follower = self.reader("reporter", "Siobhan Kerr")
        moderation.flag(follower, Comment.objects.get(pk=self.facts["numbers"]["own"]), "off_topic", "")
        muter = self.reader("muter", "Nora Quist")
        muting.mute(muter, self.writers[0])

    def standings(self) -> None:
        """How readers stand who were sanctioned, or are leaving."""
        where = story("standings", "Who may write here")
        said = {"made_by": self.editor, "reason": "personal_attack"}
        for name in ("warned", "suspended", "banned", "leaving"):
            reader = self.reader(name, "Peter Vermeer")
            comment = self.published(reader, where, f"What {name} me was this sentence.")
            more = said | {"comment": comment, "explanation": "You argue with people, not with what they say (rule 1)."}
            if name == "warned":
                people.warn(reader, **more)
            elif name == "suspended":
                made = people.suspend(reader, until=timezone.now() + timedelta(days=3), **more)
                self.facts["addresses"]["appeal_sanction"] = people.appeal_path(made)
            elif name == "banned":
                people.ban(reader, **more)
            else:
                privacy.ask_to_erase(reader, confirm=PASSWORD)

    def openings(self) -> None:
        """Whether a discussion takes comments, and what sort."""
        closed = story("closed", "The vote is tonight")
        self.published(self.writers[0], closed, "I will be there.")
        discussions.close(
            closed,
            reason="Editors read along in this section on weekdays from 8:00 to 20:00.",
            opens_at=timezone.now() + timedelta(hours=9),
        )
        over = story("over", "The vote was yesterday")
        discussions.close(over)
        read = story("read-first", "A name in the news")
        policy.set_value("premoderate", True, discussion=read, made_by=self.editor)
        guests = story("guests", "Open the library on Sundays", section="opinion")
        self.published(self.writers[1], guests, "The reading room, at least.")
        asks = story("questions", "Ask the people who run the night tram", comment_form="qa")
        questions.name_expert(asks, self.writers[3], "Night operations, Estuary Transit", made_by=self.editor)
        asked = self.published(self.writers[0], asks, "Why does the 03:32 wait four minutes at the bridge?")
        self.published(self.writers[3], asks, "For the night bus from the airport. From May it will be two.", asked)
        self.published(self.writers[1], asks, "Who decides in spring whether it stays?")
        told = story("announced", "A tram for the hospital", question="Which stop should it have?")
        policy.set_value(
            "announcement", "Comments move to a new home on Monday night.", discussion=told, made_by=self.editor
        )
        self.published(self.writers[2], told, "Where to?")

    def around(self) -> None:
        """What is told, followed and embedded."""
        where = story("around", "Lights along the quay")
        reader = self.reader("told", "Mara Lindqvist")
        mine = self.published(reader, where, "Which quay, the north or the south?", name="answered")
        for writer in self.writers[:3]:
            self.told(self.published(writer, where, f"The north one, says {writer.name}.", mine))
        following.follow(reader, where)
        following.follow(reader, Comment.objects.get(pk=self.facts["numbers"]["many"]))
        muting.mute(reader, self.writers[5])
        self.facts["addresses"]["unsubscribe"] = f"/comments/unsubscribe/{choices.token_of(reader)}/"
        self.facts["numbers"]["writer"] = self.writers[1].pk

    def own_pages(self) -> None:
        """My comments, with everything on them."""
        where = story("mine", "A year of nights")
        reader = self.reader("full", "Dev Patel")
        self.told(self.published(reader, where, "A year ago I would have walked."))
        self.posted(reader, where, "The figures for the year: https://example.org/year")
        refused = self.rejected(reader, where, "Whoever wrote this cannot count to ten.")
        self.told(refused)
        appeals.appeal(reader, refused, "It was about the sum in the third paragraph.")
        posting.withdraw_comment(reader, self.published(reader, where, "Never mind what I said."))
        muting.mute(reader, self.writers[4])
        export = privacy.export(reader)
        jobs.run(export.job_id)
        self.reader("nobody", "Sam Oduya")

    def receipts(self) -> None:
        """Reports to the newsroom, and how they went."""
        where = Discussion.objects.get(key=discussions.key_for(Article.objects.get(slug="state-first")))

        def told(name: str, **more: Any) -> Any:
            made = reports.report(
                "cannot_post",
                "I press the button and nothing happens.",
                discussion=where,
                reporter=self.reader(f"asks-{name}", "Ruth Okoro"),
                context={"page": "/articles/state-first/"},
                browser="Firefox 145",
                system="Android",
                **more,
            )
            self.facts["addresses"][f"receipt-{name}"] = f"/comments/issues/{made.token}/"
            return made

        told("sent", email="ruth@example.org")
        told("mistyped", email="ruth@example")
        answer = "Thank you. Your browser kept an old page; load it again while holding Shift, and it works."
        answers.answer(told("answered"), answer, self.editor)
        answers.answer(told("asked"), "Does it happen on the telephone, too?", self.editor, asks=True)
        solved = told("solved")
        answers.answer(solved, answer, self.editor)
        reports.solve(solved)
        answers.close(told("closed"), self.editor, words="We could not find it again in two weeks.")

    def failures(self) -> None:
        """Django's own pages for what goes wrong, as its views give them."""
        self.facts["pages"] = {}
        for language in ("en", "ar"):
            request = RequestFactory().get("/broken/", headers={"accept-language": language})
            from django.contrib.auth.models import AnonymousUser
            from django.utils import translation

            request.user = AnonymousUser()
            with translation.override(language):
                self.facts["pages"][f"500-{language}"] = defaults.server_error(request).content.decode()
                self.facts["pages"][f"403-{language}"] = defaults.permission_denied(
                    request, PermissionError("no")
                ).content.decode()

    # --- Later --------------------------------------------------------------------------------------------------------

    def waiting(self) -> None:
        """Somebody posts, and nobody has looked at it yet."""
        author = Commenter.objects.get(user__username="received")
        where = Discussion.objects.get(key=discussions.key_for(Article.objects.get(slug="state-fates")))
        count = Comment.objects.filter(author=author).count()
        posting.post_comment(author, where, "This was posted a moment ago" + "." * (count + 1))

    def news(self) -> None:
        """Three comments come while somebody reads."""
        where = Discussion.objects.get(key=discussions.key_for(Article.objects.get(slug="state-live")))
        for author in Commenter.objects.filter(user__username__in=("writer1", "writer2", "writer3")):
            count = Comment.objects.filter(discussion=where).count()
            if asked := guidelines.to_accept(author):
                guidelines.accept(author, asked.number)
            self.published(author, where, f"News of the night, number {count}.")

    def incident(self) -> None:
        """Something does not work for some, and the newsroom says so."""
        if not Incident.objects.exists():
            incidents.begin(
                self.editor,
                title="Posting fails for some",
                text="Since 14:20 posting fails for some readers. Your text stays in the box; please try again later.",
            )

    def calm(self) -> None:
        """It works again; from now on the guidelines have to be accepted."""
        for one in Incident.objects.filter(state__in=("proposed", "confirmed", "watching")):
            incidents.end(one, self.editor, text="Posting works again since 15:05.")
        policy.set_value("accept_guidelines", True, made_by=self.editor)
        if Guidelines.objects.count() < 2:
            guidelines.publish(RULES + "\n5. One name for each person.", made_by=self.editor)


def main(acts: list[str]) -> None:
    stage = Stage()
    for act in acts:
        play: Callable[[], None] = getattr(stage, act)
        play()
    print(json.dumps(stage.facts))


if __name__ == "__main__":
    main(sys.argv[1:])
