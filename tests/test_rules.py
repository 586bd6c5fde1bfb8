"""The built-in rules: each hit and not hit, in several languages, and what a section or an article sets otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import access, checks, conf, languages, moderation, people, policy, posting, tasks, text, thresholds
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Finding, Fingerprint, Status
from comments.screening import Candidate, Draft, sentences
from comments.screening.rules import author, language, personal_data, repeats, score
from comments.screening.rules import text as words
from tests import test_api
from tests.test_api import Caller, said

call, document = test_api.call, test_api.document
Post = Callable[..., Comment]
Person = Callable[..., Commenter]


@pytest.fixture(autouse=True)
def no_rule_is_slow(settings: Any) -> None:
    settings.COMMENTS = {"RULE_MILLISECONDS": 60_000, "POSTS_PER_MINUTE": 0}


def allow(settings: Any, **values: Any) -> None:
    settings.COMMENTS = settings.COMMENTS | {name.upper(): value for name, value in values.items()}


def candidate(typed: str, **more: Any) -> Candidate:
    facts: dict[str, Any] = {"author": None, "discussion": None} | more
    return Candidate(text=typed, rendered=text.to_html(typed), **facts)


def codes(comment: Comment) -> list[str]:
    found = Finding.objects.filter(revision__comment=comment).exclude(code__in=["passed", "score", "no_score"])
    return list(found.values_list("code", flat=True).order_by("id"))


def marked(typed: str, drafts: Iterator[Draft]) -> list[str]:
    return [typed[start:end] for draft in drafts for start, end in draft.spans]


# --- The words -------------------------------------------------------------------------------------------------------


def test_a_short_text_waits_only_where_a_least_length_is_set(reader: Commenter, post: Post, settings: Any) -> None:
    assert post(reader, "Well said.").status == Status.PUBLISHED
    allow(settings, hold_under_characters=12)

    assert codes(post(reader, "Hear, hear.")) == ["short"]
    assert post(reader, "Hear, hear, I say.").status == Status.PUBLISHED


@pytest.mark.parametrize(
    ("shouted", "typed"),
    [
        (True, "WHY IS THE NIGHT TRAM STILL NOT RUNNING ON SUNDAYS"),
        (True, "WARUM FÄHRT DIE STRASSENBAHN IMMER NOCH NICHT AM SONNTAG"),
        (True, "ПОЧЕМУ НОЧНОЙ ТРАМВАЙ ДО СИХ ПОР НЕ ХОДИТ ПО ВОСКРЕСЕНЬЯМ"),
        (True, "ΓΙΑΤΙ ΔΕΝ ΥΠΑΡΧΕΙ ΑΚΟΜΑ ΝΥΧΤΕΡΙΝΟ ΤΡΑΜ"),
        (False, "Why is the night tram still not running on Sundays?"),
        (False, "NATO, the EU and UNESCO met in the USA."),
        (False, "YES! GREAT NEWS!"),
        (False, "일요일에는 왜 아직도 야간 전차가 다니지 않습니까 정말 궁금합니다 여러분"),
        (False, "لماذا لا يعمل الترام الليلي أيام الأحد حتى الآن يا جماعة"),
        (False, "なぜ日曜日に夜のトラムがまだ走っていないのですか NHK さん教えてください"),
        (False, "See https://example.org/A/VERY/LONG/PATH/IN/CAPITALS/HERE it is all there"),
    ],
)
def test_shouting_is_a_matter_of_capitals_where_there_are_any(shouted: bool, typed: str, db: None) -> None:
    assert [draft.code for draft in words.hold_shouting(candidate(typed))] == ["shouting"] * shouted


@pytest.mark.parametrize(
    ("only", "typed"),
    [
        (True, "😀😀😀"),
        (True, "👍🏽 👍🏽!!!"),
        (True, "🇰🇷🇰🇷"),
        (True, "1️⃣2️⃣"),
        (True, "👨‍👩‍👧 ❤️"),
        (False, "Great 👍"),
        (False, "좋아요 👍"),
        (False, "10 😀"),
        (False, "!!!"),
    ],
)
def test_nothing_but_emoji_is_something_an_editor_looks_at(only: bool, typed: str, db: None) -> None:
    assert [draft.code for draft in words.hold_only_emoji(candidate(typed))] == ["only_emoji"] * only


@pytest.mark.parametrize(
    ("kind", "typed", "expected"),
    [
        ("phone", "Call me on 0171 2345678 tonight", "0171 2345678"),
        ("phone", "Meine Nummer: +49 (171) 234 56 78.", "+49 (171) 234 56 78"),
        ("phone", "It is (415) 555-2671, ask for Jo", "(415) 555-2671"),
        ("phone", "appelez 06 12 34 56 78", "06 12 34 56 78"),
        ("phone", "문의 010-1234-5678 입니다", "010-1234-5678"),
        ("phone", "Llámame 612 345 678", "612 345 678"),
        ("phone", "０１７１ ２３４５６７８", "０１７１ ２３４５６７８"),
        ("email", "Write to mara.k@example.net please", "mara.k@example.net"),
        ("email", "m\u200bara＠example.net", "m\u200bara＠example.net"),
        ("iban", "Pay to DE89 3704 0044 0532 0130 00 now", "DE89 3704 0044 0532 0130 00"),
        ("iban", "GB82WEST12345698765432.", "GB82WEST12345698765432"),
        ("card", "my card 4111 1111 1111 1111 is", "4111 1111 1111 1111"),
        ("address", "He lives at 12 Harbour Street, the coward", "12 Harbour Street"),
        ("address", "Er wohnt in der Hafenstraße 12.", "Hafenstraße 12"),
        ("address", "Elle habite 12 rue de la Paix", "12 rue de la Paix"),
        ("address", "Vive en la calle Mayor 12", "calle Mayor 12"),
    ],
)
def test_personal_data_waits_and_is_marked(kind: str, typed: str, expected: str, db: None) -> None:
    [draft] = personal_data.hold_personal_data(candidate(typed))

    assert draft.facts == {"kinds": [kind]}
    [(start, end)] = draft.spans
    assert typed[start:end].strip() == expected
    assert "personal data" not in sentences.for_author("personal_data", draft.facts)


@pytest.mark.parametrize(
    "typed",
    [
        "From 1914-1918 to 1939-1945, and 2019/2020.",
        "They won 3-0, 2-1 and 4:3; 7-6 6-4 6-7 7-5 in the final.",
        "It cost 1,250,000 euros, or 1.250.000, or 12 000 000 000 dollars.",
        "On 24.11.2026 at 10.30, or 2026-11-24 10:46:00, 01.02.2026 - 03.02.2026.",
        "ISBN 978-0-306-40615-7 and ISBN 0-306-40615-2",
        "Pi is 3.14159265358979, a third 0.333333333, here 48.8566, 2.3522",
        "Article 0451234567, case no. 0212345678, #0123456789",
        "In 2024 Wall Street lost, and 10 Downing Street said nothing.",
        "https://example.org/2026/11/24-0171234567?m=mara@example.net",
        "192.168.100.123 and page 123-456",
        "1234567890123456 and DE89 3704 0044 0532 0130 03 pass no checksum",
        "Call 1-800-273-8255 if you need somebody to talk to",
        "Auf der Bundesstraße 12 war Stau, 12 people stood on Main Street.",
        "인구는 51 740 000 명입니다",
    ],
)
def test_the_figures_of_the_news_are_no_personal_data(typed: str, db: None) -> None:
    assert personal_data.find(typed) == []


def test_the_newsrooms_own_address_may_be_named(reader: Commenter, post: Post, settings: Any) -> None:
    allow(settings, own_domains=["example.org"])

    assert post(reader, "Write to letters@desk.example.org instead.").status == Status.PUBLISHED
    assert "personal_data" in codes(post(reader, "Write to letters@desk.example.com instead."))


@pytest.mark.parametrize("piece", ["1 ", "0-", "a.@", "aa@a.", "DE89 ", "4111 ", "1 Aa. ", "calle de ", "Rue "])
def test_no_text_makes_the_search_for_personal_data_slow(piece: str) -> None:
    started = time.thread_time()
    personal_data.find((piece * 10_000)[:10_000])

    assert time.thread_time() - started < 0.2


def test_an_allowed_domain_never_counts_and_a_refused_one_rejects(reader: Commenter, post: Post, settings: Any) -> None:
    allow(settings, allowed_domains=["*.Wikipedia.org", "https://bücher.example/"], refused_domains=["casino.example"])

    assert post(reader, "See https://en.wikipedia.org/wiki/Tram").status == Status.PUBLISHED
    assert post(reader, "See https://www.bücher.example/tram today").status == Status.PUBLISHED
    assert codes(post(reader, "See https://notwikipedia.org/ instead")) == ["links"]
    rejected = post(reader, "Win at https://WWW.Casino.example/now")
    assert rejected.status == Status.REJECTED and rejected.decisions.get().reason == "spam"
    assert "refused_domain" in codes(rejected)
    assert "refused_domain" not in codes(post(reader, "Not https://mycasino.example/ at all"))


@pytest.mark.parametrize("listed", ["пример.example", "xn--e1afmkfd.example", "ПРИМЕР.example"])
def test_a_domain_in_another_script_is_the_same_however_it_is_written(
    listed: str, reader: Commenter, post: Post, settings: Any
) -> None:
    allow(settings, refused_domains=[listed])

    comment = post(reader, "Смотрите https://www.пример.example/ сегодня")

    finding = Finding.objects.get(code="refused_domain")
    assert comment.status == Status.REJECTED and finding.evidence["spans"]


@pytest.mark.parametrize(
    ("waits", "typed"),
    [
        (True, "Der Nachtbus fährt endlich wieder, und ich freue mich sehr darüber."),
        (
            True,
            "밤 전차가 드디어 돌아와서 정말 기쁩니다. 여러분도 그렇지요? 저는 매일 타고 다닐 생각입니다.",
        ),
        (False, "The night tram is finally back, and I am so glad about it."),
        (False, "El tranvía nocturno ha vuelto por fin y estoy muy contento con ello."),
        (False, "Genau so!"),
        (False, "hahaha lol rofl omg thats sooo good man hahahahaa"),
    ],
)
def test_a_language_that_is_not_read_here_waits_if_it_is_sure(waits: bool, typed: str, db: None, settings: Any) -> None:
    pytest.importorskip("py3langid")
    allow(settings, languages=["en-GB", "es"])

    assert [draft.code for draft in language.hold_other_language(candidate(typed))] == ["language"] * waits


def test_without_the_library_no_language_is_objected_to_and_a_check_says_so(
    reader: Commenter, editor: Commenter, post: Post, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "py3langid", None)
    monkeypatch.setitem(__import__("sys").modules, "py3langid.langid", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    allow(settings, languages=["en"])
    languages._guesser.cache_clear()
    with pytest.raises(Refused, match="extra_missing"):
        policy.set_value("languages", ["en"], made_by=editor)

    assert post(reader, "Der Nachtbus fährt endlich wieder, und ich freue mich sehr darüber.").status == "published"
    assert "comments.W003" in [message.id for message in checks.check_settings()]
    languages._guesser.cache_clear()


# --- The author ------------------------------------------------------------------------------------------------------


def test_a_new_author_waits_until_editors_have_approved_enough(
    reader: Commenter, editor: Commenter, post: Post, decide: Any, settings: Any
) -> None:
    for number in range(3):
        assert post(reader, f"Published unread, number {number}.").status == Status.PUBLISHED
    allow(settings, hold_first=2)

    first, second = post(reader, "Read by an editor, one."), post(reader, "Read by an editor, two.")
    assert codes(first) == ["new_author"]
    assert Finding.objects.filter(code="new_author").last().evidence == {"approved": 0, "needed": 2}
    decide(first, "publish", editor)
    decide(first, "publish", editor)
    assert codes(post(reader, "Approving one comment twice is one approval.")) == ["new_author"]

    decide(second, "publish", editor)
    assert post(reader, "Two were approved, so this one is not held.").status == Status.PUBLISHED

    decide(second, "reject", editor)
    assert codes(post(reader, "One of the two was taken down again.")) == ["new_author"]


def test_a_high_rate_of_rejections_waits_from_a_sample_on(
    reader: Commenter, editor: Commenter, post: Post, decide: Any, settings: Any
) -> None:
    allow(settings, flood_comments=0)
    for number in range(4):
        decide(post(reader, f"Something that was rejected, number {number}."), "reject", editor)
    assert post(reader, "Four rejections are no sample yet.").status == Status.PUBLISHED

    waiting = post(reader, "With the one before there are five to judge by.")
    assert codes(waiting) == ["rejection_rate"]
    assert Finding.objects.get(code="rejection_rate").evidence == {"rejected": 4, "decided": 5, "days": 90}

    Comment.objects.filter(author=reader).update(created_at=timezone.now() - timedelta(days=91))
    assert post(reader, "What is long ago does not count.").status == Status.PUBLISHED


def test_nobody_is_judged_by_a_rate_of_nothing(reader: Commenter, settings: Any, discussion: Discussion) -> None:
    allow(settings, rejection_rate_sample=0)
    reader.rejected_count = 3

    assert [*author.hold_rejection_rate(candidate("Nothing was decided.", author=reader, discussion=discussion))] == []


def test_everything_by_a_premoderated_person_waits(reader: Commenter, person: Person, post: Post) -> None:
    reader.premoderated_at = timezone.now()
    reader.save()

    assert codes(post(reader, "An editor reads this first.")) == ["premoderated_person"]
    assert post(person("jo"), "Nobody has to read this first.").status == Status.PUBLISHED


@pytest.mark.parametrize(("kind", "code"), [("ban", "banned"), ("suspend", "suspended")])
def test_what_had_arrived_when_its_author_was_shut_out_waits(
    kind: str, code: str, reader: Commenter, editor: Commenter, person: Person, discussion: Discussion
) -> None:
    theirs, other = (posting.post_comment(who, discussion, f"Sent by {who} in time.") for who in (reader, person("jo")))
    more = {"until": timezone.now() + timedelta(days=3)} if kind == "suspend" else {}
    people.VERBS[kind](reader, made_by=editor, reason="spam", **more)

    for comment in (theirs, other):
        moderation.screen(comment.pk, comment.version)

    finding = Finding.objects.get(code=code)
    assert finding.revision.comment == theirs and finding.verdict == "hold"
    assert ("until" in finding.evidence) == (kind == "suspend")
    assert codes(other) == []
    for speak in (sentences.for_author, sentences.for_editor):
        assert speak(code, finding.evidence) != speak("nonsense", {})


def test_a_domain_of_which_everything_waits(reader: Commenter, editor: Commenter, post: Post) -> None:
    people.premoderate(reader, made_by=editor, target="domain")

    assert codes(post(reader, "An editor reads this first.")) == ["premoderated_person"]
    assert post(editor, "Nobody has to read this first.").status == Status.PUBLISHED


def test_an_expert_is_trusted_where_the_newsroom_says_so(reader: Commenter, post: Post, settings: Any) -> None:
    allow(settings, premoderate=True)
    Commenter.objects.filter(pk=reader.pk).update(badge="expert")
    reader.refresh_from_db()
    assert post(reader, "As a tram driver I can say this.").status == Status.HELD

    allow(settings, trust_experts=True)

    comment = post(reader, "As a tram driver I can say that: https://example.net/")
    assert (comment.status, codes(comment)) == (Status.PUBLISHED, ["expert"])


# --- Again and again -------------------------------------------------------------------------------------------------

PETITION = "Sign the petition of the harbour friends before Sunday, every single signature counts for our old harbour."


def test_ones_own_words_slightly_changed_wait(reader: Commenter, post: Post) -> None:
    post(reader, PETITION)

    comment = post(reader, PETITION.replace("before Sunday", "before Monday") + " Thank you!")

    assert codes(comment) == ["repeat"]
    [finding] = Finding.objects.filter(code="repeat")
    assert sentences.for_author("repeat", finding.evidence) == "you posted nearly the same text before"


def test_ones_own_short_words_wait_when_they_come_too_often(reader: Commenter, post: Post) -> None:
    told = [codes(post(reader, typed)) for typed in ("Buy now", "buy now!!", "BUY  NOW...", "Well said", "2-1", "3-1")]

    assert told == [[], [], ["repeat"], [], [], []]
    assert codes(post(reader, "The tram will come at noon!")) == []
    assert codes(post(reader, "the  tram will come at noon?!?")) == ["repeat"]


def test_a_campaign_of_three_people_is_found_though_each_changed_some_words(person: Person, post: Post) -> None:
    first = post(person("jo"), PETITION)
    second = post(person("kim"), "Dear all! " + PETITION.replace("every single", "each and every"))
    third = post(person("lee"), PETITION.replace("harbour friends", "friends of the harbour"))

    assert (codes(first), codes(second), codes(third)) == ([], [], ["campaign"])
    evidence = Finding.objects.get(code="campaign").evidence
    assert evidence == {"first": first.pk, "comments": 3, "people": 3, "days": 7}
    assert third.status == Status.HELD


def test_a_campaign_is_found_where_the_text_was_passed_on_with_words_of_ones_own(person: Person, post: Post) -> None:
    own = "I have lived here for forty years. "
    for name in ("jo", "kim"):
        post(person(name), f"{own if name == 'kim' else ''}{PETITION}")

    assert codes(post(person("lee"), PETITION + " My children think so too.")) == ["campaign"]


def test_a_korean_campaign_is_found_too(person: Person, post: Post) -> None:
    typed = "항구 친구들의 청원에 일요일까지 서명해 주십시오. 우리의 오래된 항구를 위해 서명 하나하나가 소중합니다."
    for name in ("jo", "kim"):
        post(person(name), typed.replace("소중합니다", "중요합니다" if name == "jo" else "귀합니다"))

    assert codes(post(person("lee"), typed)) == ["campaign"]


def test_common_words_by_many_people_are_no_campaign(person: Person, post: Post, settings: Any) -> None:
    allow(settings, repeat_hours=0)
    typed = ["I agree", "Well said", "Thank you for this article, I agree with every word."]

    for name in ("jo", "kim", "lee", "max"):
        for one in typed:
            assert post(person(f"{name}{typed.index(one)}"), one).status == Status.PUBLISHED


def test_those_who_quote_the_same_comment_are_no_campaign(person: Person, post: Post) -> None:
    post(person("jo"), PETITION)
    replies = {"kim": "Why should I do that? It is only a harbour.", "lee": "Gladly, where can it be signed?"}

    for name, answer in replies.items():
        assert codes(post(person(name), f"> {PETITION}\n\n{answer}")) == []


def test_two_that_are_screened_at_once_cannot_both_miss_the_other(
    person: Person, discussion: Discussion, settings: Any
) -> None:
    allow(settings, campaign_people=2, repeat_hours=0)
    comments = [posting.post_comment(person(name), discussion, f"{PETITION} {name}") for name in ("jo", "kim")]
    seen: list[list[str]] = []

    # Each has written its fingerprint before either looks.
    for comment in comments:
        mine = candidate(f"{PETITION}", author=comment.author, discussion=discussion, comment=comment)
        repeats._remember(
            comment, repeats.fingerprint(repeats.shingles(repeats.squeezed(mine.text))), comment.created_at
        )
    for comment in comments:
        mine = candidate(PETITION, author=comment.author, discussion=discussion, comment=comment)
        seen.append([draft.code for draft in repeats.hold_campaign(mine)])

    assert seen == [["campaign"], ["campaign"]]


def test_looking_for_campaigns_costs_one_insert_and_one_select(reader: Commenter, discussion: Discussion) -> None:
    comment = posting.post_comment(reader, discussion, PETITION)
    mine = candidate(PETITION, author=reader, discussion=discussion, comment=comment)

    with CaptureQueriesContext(connection) as queries:
        assert [*repeats.hold_campaign(mine)] == []

    asked = [query["sql"].split()[0] for query in queries.captured_queries]
    assert [one for one in asked if one not in ("SAVEPOINT", "RELEASE", "SET")] == ["INSERT", "SELECT"]


def test_an_edited_text_leaves_one_fingerprint_and_old_ones_are_forgotten(reader: Commenter, post: Post) -> None:
    comment = post(reader, PETITION)
    posting.edit_comment(reader, comment, PETITION.replace("harbour", "station").replace("Sunday", "the end of May"))
    comment.refresh_from_db()
    moderation.screen(comment.pk, comment.version)
    assert Fingerprint.objects.filter(comment=comment).count() == repeats.BANDS

    tasks.forget_fingerprints()
    assert Fingerprint.objects.count() == repeats.BANDS
    Fingerprint.objects.update(created_at=timezone.now() - timedelta(days=8))
    tasks.forget_fingerprints()
    assert Fingerprint.objects.count() == 0


def test_alike_texts_share_a_band_and_others_do_not() -> None:
    one = repeats.fingerprint(repeats.shingles(repeats.squeezed(PETITION)))
    other = repeats.fingerprint(repeats.shingles(repeats.squeezed(PETITION.replace("single", "last"))))
    unlike = (
        "The night tram was late again and nobody at the stop knew when the next one would come, if it came at all."
    )

    assert len(set(one)) == repeats.BANDS and set(one) & set(other)
    assert not set(one) & set(repeats.fingerprint(repeats.shingles(repeats.squeezed(unlike))))
    assert all(0 <= value < 2**63 for value in one)
    assert repeats.fingerprint(frozenset()) == []


def test_the_longest_text_leaves_its_fingerprint_in_no_time() -> None:
    import random

    typed = "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz ", k=10_000))
    started = time.thread_time()
    repeats.fingerprint(repeats.shingles(repeats.squeezed(typed)))

    assert time.thread_time() - started < 0.1


# --- Scores ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("You are all idiots and should be ashamed.", "held"),
        ("Shut up, you stupid moron.", "held"),
        ("What a stupid decision, and the council knows it.", "published"),
        ("I am ashamed of this town. Nobody on the council rides this tram, ever!", "published"),
        ("As a gay man I walked home alone from that stop for years.", "published"),
    ],
)
def test_as_delivered_an_insult_waits_and_an_angry_sentence_appears(
    words: str, status: str, post: Any, reader: Any
) -> None:
    assert post(reader, words).status == status


@pytest.mark.parametrize(
    ("limit", "given", "waits"),
    [(90, 0.91, True), (90, 0.9, True), (90, 0.89, False), (0, 1.0, False), (90, None, False)],
)
def test_a_score_over_the_limit_waits_and_its_author_is_told_no_number(
    limit: int, given: float | None, waits: bool, db: None, settings: Any
) -> None:
    allow(settings, hold_over_score=limit)
    asked = candidate("Whatever the scorer was shown.")
    asked.findings.append(Draft("score", "publish", score=given, rule="local"))

    drafts = [*score.hold_score(asked)]

    assert [draft.code for draft in drafts] == ["score_over"] * waits
    assert all(sentences.for_author(d.code, d.facts) == "it has to be read by an editor" for d in drafts)


# --- Site, section, article ------------------------------------------------------------------------------------------


def test_a_setting_is_inherited_from_site_to_section_to_article_and_changes_what_happens(
    call: Callable[..., Caller],
    reader: Commenter,
    editor: Commenter,
    discussion: Discussion,
    post: Post,
) -> None:
    Discussion.objects.filter(pk=discussion.pk).update(section="Opinion")
    discussion.refresh_from_db()
    desk, mine, texts = call(editor, "moderate"), call(reader, "read", "write"), iter(range(99))

    def outcome() -> str:
        sent = mine.post(
            "discussions/story-1/comments/", {"text": f"Look at https://example.net/{next(texts)} for the figures."}
        )
        comment = Comment.objects.get(pk=said(sent)["id"])
        moderation.screen(comment.pk, comment.version)
        comment.refresh_from_db()
        return comment.status

    def set_links(value: int | None, **where: str) -> Any:
        changed = desk("PUT", "moderation/settings/links_allowed/", {"value": value, **where})
        assert changed.status_code == 200, changed.content
        return said(changed)

    assert outcome() == Status.HELD  # as installed: no link

    set_links(1)
    assert outcome() == Status.PUBLISHED

    set_links(0, section="Opinion")
    assert outcome() == Status.HELD

    here = set_links(2, discussion="story-1")
    assert outcome() == Status.PUBLISHED
    assert [(level["level"], level["value"]) for level in here["chain"]] == [
        ("discussion", 2),
        ("section", 0),
        ("site", 1),
        ("project", 0),
    ]

    set_links(None, discussion="story-1")
    assert outcome() == Status.HELD
    set_links(None, section="Opinion")
    assert outcome() == Status.PUBLISHED


def test_a_change_made_by_another_process_counts_for_the_next_comment(
    reader: Commenter, editor: Commenter, post: Post
) -> None:
    assert post(reader, "Nobody waits yet.").status == Status.PUBLISHED
    kept = thresholds.in_force()

    policy.set_value("premoderate", True, made_by=editor)
    thresholds._kept = kept  # what this process would still believe

    assert post(reader, "Everybody waits now.").status == Status.HELD


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ({}, "Every comment on the site waits"),
        ({"section": "Opinion"}, "Every comment in this section waits"),
        ({"discussion": True}, "Every comment here waits"),
    ],
)
def test_the_desk_is_told_at_which_level_everything_waits(
    where: Any, sentence: str, reader: Commenter, editor: Commenter, discussion: Discussion, post: Post
) -> None:
    Discussion.objects.filter(pk=discussion.pk).update(section="Opinion")
    discussion.refresh_from_db()
    policy.set_value(
        "premoderate", True, made_by=editor, **({"discussion": discussion} if "discussion" in where else where)
    )

    post(reader, "Wherever it was set, it waits.")

    finding = Finding.objects.get(code="premoderated")
    assert sentences.for_editor("premoderated", finding.evidence) == sentence


def test_every_rule_has_a_sentence_for_its_author_and_one_for_editors() -> None:
    import ast
    from pathlib import Path

    folder = Path(author.__file__).parent
    found = {
        node.args[0].value
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "Draft"
        and isinstance(node.args[0], ast.Constant)
    }
    unchecked = sentences.for_author("no such code", {})

    assert len(found) > 20
    for code in found - {"staff", "expert"}:
        assert sentences.for_author(code, {}) != unchecked, code
        assert sentences.for_editor(code, {}) != code.replace("_", " ").capitalize(), code


def test_every_setting_of_the_panel_is_a_setting_with_a_meaning() -> None:
    assert all(hasattr(conf.Settings(), name) and conf.meanings()[name] for name in conf.PANEL)
    assert set(conf.PANEL.values()) <= {"site", "section", "discussion"}


@pytest.mark.parametrize("rule", [rule for rule in conf.RULES if ".rules." in rule])
def test_a_rule_can_be_switched_off_by_its_name(rule: str) -> None:
    from django.utils.module_loading import import_string

    assert callable(import_string(rule)) and access.is_staff(None) is False
