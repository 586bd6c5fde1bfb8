"""The scorers that ship: the same everywhere, quick, small, honest about what they are, and never a reason to crash."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from comments.models import Comment, Commenter, Finding, Status
from comments.screening import sentences
from comments.screening.engine import scorer
from comments.screening.scorers import CommentView, Score, Scorer, cards, features, identity, linear, training
from comments.screening.scorers.linear import local, spam
from comments.screening.scorers.weights import SHIPPED, BrokenModel, load, packed, unpacked, warm

pytestmark = pytest.mark.django_db  # What the newsroom taught is asked for, if anything was.

ROOT = Path(__file__).resolve().parent.parent
CORPORA = ROOT.parent / "shared" / "corpora"
Post = Callable[..., Comment]


def score(text: str, by: linear.Linear = local) -> Score:
    [answer] = by.score([CommentView(text)])
    return answer


def p(text: str, by: linear.Linear = local) -> float:
    found = score(text, by).p
    assert found is not None
    return found


# --- What is read in a text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("You are a p4thetic l1ar", "you are a pathetic liar"),
        ("i d i o t", "idiot"),
        ("i.d.i.o.t today", "idiot today"),
        ("FUUUUUNNNY", "funy"),
        ("h\u200bate", "hate"),
        ("\uff28\uff45\uff4c\uff4c\uff4f Caf\u00e9", "hello cafe"),
        ("sh!t and @pples", "shit and pples"),
        ("covid19 in 2020, the 2nd", "covid19 in 2020 the 2nd"),
        ("don\u2019t", "dont"),
        ("see https://example.net/a/b?c now", "see http example.net now"),
        ("I am a b", "i am a b"),
        ("", ""),
    ],
)
def test_a_text_is_folded_before_it_is_read(typed: str, read: str) -> None:
    assert features.fold(typed) == read


@given(st.text(max_size=300))
def test_every_text_has_buckets_that_are_distinct_sorted_and_within_bounds(text: str) -> None:
    found = features.buckets(text)

    assert found == sorted(set(found))
    assert all(0 <= bucket < 1 << features.BITS for bucket in found)
    assert all(0 <= word.start < word.end <= len(text) for word in features.words(text))


def test_another_process_with_another_hash_seed_reads_the_same() -> None:
    text = "You are a p4thetic l1ar, and the Stra\u00dfenbahn is late \U0001f921!"
    program = (
        "import django; django.setup()\n"
        "from comments.screening.scorers import CommentView, features, linear\n"
        f"text = {text!r}\n"
        "print(features.buckets(text), linear.local.score([CommentView(text)])[0].p)"
    )

    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "DJANGO_SETTINGS_MODULE": "newsroom.settings"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1", "4711")
    }

    assert printed == {f"{features.buckets(text)} {p(text)}"}


# --- What the scorers say -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given_by", [local, spam])
def test_the_shipped_scorers_are_scorers(given_by: linear.Linear) -> None:
    assert isinstance(given_by, Scorer)
    assert scorer(f"comments.screening.scorers.linear.{given_by.name}") is given_by
    assert (given_by.sends_text_offsite, given_by.health().ok) == (False, True)
    assert [type(one) for one in given_by.score([CommentView("One."), CommentView("Two.")])] == [Score, Score]
    assert given_by.learn([]) is None


def test_an_insult_scores_above_thanks() -> None:
    assert p("You are a pathetic liar") > 10 * p("Thank you for this article")
    assert p("you st*pid id!ot, go f u c k yourself") > 0.5 > p("The tram line costs more than it brings.")


def test_advertising_scores_above_an_opinion() -> None:
    assert p("Check out my channel and subscribe!!! http://free.example/", spam) > 0.5
    assert p("I disagree with the council: the bridge should stay open.", spam) < 0.1


def test_the_words_that_raised_a_score_are_named_as_they_were_typed() -> None:
    text = "Well, you (p4thetic) id!ot, the tram is late."

    top = score(text).top

    assert 1 <= len(top) <= 3
    assert {"p4thetic", "id!ot"} <= {text[start:end] for start, end, _weight in top}
    assert all(weight > linear.NOTABLE for _start, _end, weight in top)
    assert score("Thank you for this article.").top == ()


def test_a_text_in_another_script_gets_no_opinion() -> None:
    assert score("\uc774 \uae30\uc0ac\ub294 \uc815\ub9d0 \uc88b\uc544\uc694").p is None
    assert (
        score("\u042d\u0442\u043e \u0445\u043e\u0440\u043e\u0448\u0430\u044f \u0441\u0442\u0430\u0442\u044c\u044f").p
        is None
    )
    assert score("\U0001f600 100 %").p is not None


def test_a_larger_logit_never_means_a_smaller_probability() -> None:
    ps = [linear.site.combine(logit / 4, [1, 2, 3])[0] for logit in range(-80, 81)]

    assert ps == sorted(ps)
    assert all(0 <= probability <= 1 for probability in ps)


def test_neutral_sentences_about_groups_of_people_stay_low() -> None:
    words = [("sexuality", "gay"), ("religion", "muslim"), ("ethnicity", "black"), ("gender", "trans"), ("age", "old")]
    neutral = identity.sentences(words, held_out=True)

    flagged = [one.text for one in neutral if warm().label(p(one.text)) != "low"]

    assert len(neutral) > 200
    assert len(flagged) <= 0.05 * len(neutral), flagged
    assert not {one.text for one in neutral} & {one.text for one in identity.sentences(words, held_out=False)}


@pytest.mark.skipif(not CORPORA.is_dir(), reason="The corpora of hostile input are not on this machine.")
@pytest.mark.parametrize("name", ["homoglyphs", "bidi_lines", "zalgo_zero_width", "emoji"])
def test_odd_unicode_is_scored_like_anything_else(name: str) -> None:
    with (CORPORA / "unicode" / f"{name}.jsonl").open(encoding="ascii") as lines:
        texts = [entry if isinstance(entry := json.loads(line), str) else json.dumps(entry) for line in lines]

    answers = [one for by in (local, spam) for one in by.score([CommentView(text) for text in texts])]

    assert texts
    assert all(one.p is None or 0 <= one.p <= 1 for one in answers)


# --- How quickly ----------------------------------------------------------------------------------------------------

HOSTILE = {
    "letters apart": "a " * 5_000,
    "one word": "x" * 10_000,
    "ligatures": "\ufdfa" * 10_000,
    "ligatures apart": "\ufdfa " * 5_000,
    "ideographs": "".join(map(chr, range(0x4E00, 0x4E00 + 10_000))),
    "marks": "e\u0301\u0302\u0303" * 2_500,
    "stars": "*a" * 5_000,
    "insults": " idiot moron" * 900,
    "new words": " ".join(f"{number:x}word" for number in range(1_400)),
    "links": "http://" * 1_400,
    "domains": "a.b." * 2_500,
    "lone surrogates": "\ud800" * 10_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_costs_little(name: str) -> None:
    started = time.process_time()
    score(HOSTILE[name])
    score(HOSTILE[name], spam)

    assert time.process_time() - started < 0.25


def test_a_thousand_comments_take_less_than_a_second() -> None:
    dice = random.Random(1)
    parts = [*identity.LEARNT, *identity.HELD_OUT, "You are an idiot and a liar.", "It costs too much, whoever pays."]
    texts = [" ".join(dice.choices(parts, k=3)) for _number in range(1_000)]
    score("once")

    started = time.process_time()
    local.score([CommentView(text) for text in texts])

    assert sum(map(len, texts)) / len(texts) > 120
    assert time.process_time() - started < 1


# --- Files that are not used ----------------------------------------------------------------------------------------


def test_the_shipped_files_are_small() -> None:
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) <= 300_000
    assert {file.name for file in SHIPPED.iterdir()} == {
        "MODEL_CARD.md",
        "spam.bin",
        "spam.json",
        "toxicity.bin",
        "toxicity.json",
    }


def test_a_file_is_read_as_it_was_written() -> None:
    content = (SHIPPED / "toxicity.bin").read_bytes()

    assert packed(unpacked(content, "toxicity.bin")) == content


def _with_byte_changed(content: bytes) -> bytes:
    return content[:5_000] + bytes([content[5_000] ^ 1]) + content[5_001:]


def _of_another_spec(content: bytes) -> bytes:
    return packed(replace(unpacked(content, ""), spec="w1-16-0"))


def _without_a_number(content: bytes) -> bytes:
    return packed(replace(unpacked(content, ""), scale=float("nan")))


def _of_fewer_weights(content: bytes) -> bytes:
    whole = unpacked(content, "")
    return packed(replace(whole, data=whole.data[:1_000]))


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "checksum": (_with_byte_changed, "does not match its checksum"),
    "cut off": (lambda content: content[:-700], "bytes long"),
    "longer": (lambda content: content + b"more", "bytes long"),
    "empty": (lambda _content: b"", "is not a file of weights"),
    "foreign": (lambda _content: b"\x80\x05pickle" * 100, "is not a file of weights"),
    "spec": (_of_another_spec, "was made for the features w1-16-0"),
    "numbers": (_without_a_number, "numbers that make no probability"),
    "fewer": (_of_fewer_weights, "does not hold 262144 weights"),
    "kind": (lambda _content: (SHIPPED / "spam.bin").read_bytes(), "holds weights for spam"),
}


@pytest.fixture
def broken(tmp_path: Path, settings: Any) -> Callable[[bytes | None], None]:
    """Let the app use a folder of models whose toxicity.bin is ``content``, or is missing."""

    def put(content: bytes | None) -> None:
        (tmp_path / "spam.bin").write_bytes((SHIPPED / "spam.bin").read_bytes())
        if content is not None:
            (tmp_path / "toxicity.bin").write_bytes(content)
        settings.COMMENTS = {"MODELS_FOLDER": str(tmp_path)}

    return put


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_not_whole_is_refused_with_a_sentence(name: str, broken: Callable[..., None]) -> None:
    spoil, sentence = BROKEN[name]
    broken(spoil((SHIPPED / "toxicity.bin").read_bytes()))

    with pytest.raises(BrokenModel, match=sentence):
        score("Any text at all.")
    assert not local.health().ok and sentence in local.health().detail and local.health().detail.endswith(".")
    assert (local.version, spam.health().ok) == ("broken", True)


@pytest.mark.parametrize("content", [None, b"nothing of the kind"])
def test_a_comment_that_could_not_be_scored_waits(
    content: bytes | None, broken: Callable[..., None], reader: Commenter, post: Post
) -> None:
    broken(content)

    comment = post(reader, "Nothing is wrong with this one.")

    assert comment.status == Status.HELD
    finding = Finding.objects.get(code="scorer_failed")
    assert (finding.rule, finding.evidence) == ("local", {"scorer": "local", "error": "BrokenModel"})
    assert "failed (BrokenModel)" in sentences.for_editor(finding.code, finding.evidence)
    assert "could not be checked" in sentences.for_author(finding.code, finding.evidence)


def test_a_file_that_was_put_right_is_used_at_once(tmp_path: Path, broken: Callable[..., None]) -> None:
    broken(b"")
    assert not local.health().ok

    broken((SHIPPED / "toxicity.bin").read_bytes())

    assert local.health().ok and p("You are a pathetic liar") > 0.1
    assert load(tmp_path / "toxicity.bin").version == "warm-1"


# --- On the desk ----------------------------------------------------------------------------------------------------


def test_every_comment_has_its_scores_on_record(reader: Commenter, post: Post) -> None:
    comment = post(reader, "Thank you for this article about the night tram.")

    found = {one.rule: one for one in Finding.objects.filter(code="score")}
    assert comment.status == Status.PUBLISHED
    assert set(found) == {"local", "spam"}
    assert {(one.verdict, one.rule_version) for one in found.values()} == {("publish", "warm-1"), ("publish", "spam-1")}
    assert sentences.for_editor("score", found["local"].evidence).startswith("Score low")


def test_the_desk_marks_the_words_of_a_high_score_and_is_silent_on_a_low_one(
    reader: Commenter, editor: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = {"PREMODERATE": True}
    desk = Client()
    desk.force_login(editor.user)
    insult = post(reader, "What an idiot this mayor is.")
    calm = post(reader, "The second bridge was cheaper than the first.")

    shown = {
        comment: desk.get("/admin/comments/desk/", {"open": comment.pk}).content.decode() for comment in (insult, calm)
    }

    assert "Looks like what editors remove" in shown[insult] and ">idiot</mark>" in shown[insult]
    assert "Looks like" not in shown[calm] and "<code>local</code>" not in shown[calm]


def test_an_author_never_reads_of_a_score(client: Client, reader: Commenter, post: Post, settings: Any) -> None:
    settings.COMMENTS = {"PREMODERATE": True}
    post(reader, "What an idiot this mayor is.")
    client.force_login(reader.user)

    told = client.get("/comments/me/").content.decode()

    assert "What an idiot this mayor is." in told and "Waiting for an editor since" in told
    assert "score" not in told.lower() and "editors remove" not in told


# --- score_comments -------------------------------------------------------------------------------------------------


def scored(*lines: bytes, more: tuple[str, ...] = ()) -> tuple[int, list[dict[str, Any]], str]:
    done = subprocess.run(
        [sys.executable, "manage.py", "score_comments", *more],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": "sqlite:////nowhere/at/all.sqlite3"},
        input=b"".join(line + b"\n" for line in lines),
        capture_output=True,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def test_each_line_is_scored_without_a_database() -> None:
    text = "You are a pathetic liar"
    status, answers, _said = scored(json.dumps({"text": text}).encode(), b'{"text": "Thank you.", "id": 4}')

    assert status == 0
    assert [set(answer) for answer in answers] == [{"p", "label", "version", "top"}] * 2
    assert answers[0]["p"] == pytest.approx(p(text), abs=1e-6)
    assert (answers[0]["label"], answers[1]["label"], answers[0]["version"]) == ("high", "low", "warm-1")
    assert all(text[word["start"] : word["end"]] == word["text"] for word in answers[0]["top"])


def test_a_bad_line_is_answered_and_the_next_one_scored() -> None:
    bad = [
        b"not json",
        b'{"text": 3}',
        b"[]",
        b"",
        b"\xff\xfe\xfa",
        b"[" * 100_000,
        b'{"text": "' + b"x" * 1_500_000 + b'"}',
    ]
    status, answers, said = scored(b'{"text": "One."}', *bad, b'{"text": "Two \\ud800."}', more=("--scorer", "spam"))

    assert status == 1
    assert len(answers) == len(bad) + 2
    assert all(set(answer) == {"error"} for answer in answers[1:-1])
    assert answers[0]["version"] == answers[-1]["version"] == "spam-1"
    assert said == f"CommandError: {len(bad)} lines could not be scored.\n"


# --- train_model ----------------------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write a small set of texts, of which those with one of four words are labelled."""
    dice = random.Random(7)
    folder = tmp_path / "data"
    folder.mkdir()
    calm = ["tram", "council", "bridge", "river", "market", "school", "budget", "harbour", "garden", "winter"]

    def rows() -> Iterator[tuple[str, int]]:
        for _number in range(500):
            words = dice.choices(calm, k=8)
            if label := dice.random() < 0.5:
                words[dice.randrange(8)] = dice.choice(["nitwit", "dunce", "oaf", "buffoon"])
            yield " ".join(words), int(label)

    for name in ("civil_comments_toxic_spans.train.csv", "wikipedia_jigsaw_toxic.train.csv"):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            written = csv.writer(file)
            written.writerow(["text", "toxic"])
            written.writerows(rows())
    (folder / training.WORDS).write_text(
        "type,subtype,connotation,word\nidentity,religion,neutral,sikh\nidentity,ethnicity,toxic,slurword\n"
    )
    return folder


def test_a_model_is_trained_to_the_same_bytes_each_time(data: Path, tmp_path: Path) -> None:
    said = StringIO()
    for name in ("one", "two"):
        call_command(
            "train_model", data=str(data), out=str(tmp_path / name / "toxicity.bin"), named="own-1", stdout=said
        )

    first, second = (tmp_path / name / "toxicity.bin" for name in ("one", "two"))
    card = json.loads((tmp_path / "one" / "toxicity.json").read_text())
    assert first.read_bytes() == second.read_bytes()
    assert (tmp_path / "one" / "MODEL_CARD.md").read_text() == (tmp_path / "two" / "MODEL_CARD.md").read_text()
    trained = load(first)
    assert trained.logit(features.buckets("tram nitwit river")) > trained.logit(features.buckets("tram bridge river"))
    assert card["metrics"]["held_out"]["news"]["auc"] > 0.95
    assert "slurword" not in json.dumps(card) and "slurword" not in str(identity.sentences([], held_out=False))
    assert "pass 3 of 3" in said.getvalue()


def test_a_trained_model_takes_the_place_of_the_shipped_one(data: Path, tmp_path: Path, settings: Any) -> None:
    call_command("train_model", data=str(data), out=str(tmp_path / "toxicity.bin"), named="own-1", stdout=StringIO())

    settings.COMMENTS = {"MODELS_FOLDER": str(tmp_path)}

    assert score("The mayor is a nitwit.").version == "own-1"


def test_data_that_teach_nothing_are_refused(tmp_path: Path) -> None:
    out = str(tmp_path / "toxicity.bin")
    with pytest.raises(CommandError, match="There is no folder"):
        call_command("train_model", data=str(tmp_path / "none"), out=out, stdout=StringIO())
    with pytest.raises(CommandError, match="holds no texts of both kinds"):
        call_command("train_model", data=str(tmp_path), out=out, stdout=StringIO())
    (tmp_path / "wikipedia_jigsaw_toxic.train.csv").write_text("text,toxic\nOne.,1\nTwo.,maybe\n")
    with pytest.raises(CommandError, match=r"line 3: toxic is not 0 or 1"):
        call_command("train_model", data=str(tmp_path), out=out, stdout=StringIO())
    assert not (tmp_path / "toxicity.bin").exists()


# --- What the card says ---------------------------------------------------------------------------------------------


def card(kind: str) -> dict[str, Any]:
    return dict(json.loads((SHIPPED / f"{kind}.json").read_text()))


@pytest.mark.parametrize("kind", ["toxicity", "spam"])
def test_the_card_is_of_the_file_beside_it(kind: str) -> None:
    content = (SHIPPED / f"{kind}.bin").read_bytes()

    assert card(kind)["sha256"] == training.sha256(content).hexdigest()
    assert card(kind)["name"] == load(SHIPPED / f"{kind}.bin").version
    assert card(kind)["sha256"] in (SHIPPED / "MODEL_CARD.md").read_text()


def test_the_shipped_models_are_as_good_as_promised() -> None:
    held_out, bias = card("toxicity")["metrics"]["held_out"], card("toxicity")["bias"]

    assert held_out["jigsaw"]["auc"] >= 0.95 and held_out["news"]["auc"] >= 0.68
    assert bias["flagged"] <= 0.15 and bias["flagged_on_calm_site"] <= 0.15
    assert card("toxicity")["metrics"]["calibration_error"] <= 0.03
    assert card("spam")["metrics"]["held_out"]["video"]["auc"] >= 0.9


def test_nothing_was_learnt_from_tweets_and_everything_is_attributed() -> None:
    files = [file for kind in ("toxicity", "spam") for file in card(kind)["files"]]
    notice = (ROOT / "NOTICE").read_text()
    described = [card("toxicity"), card("spam")]

    assert not [file["file"] for file in files if "tweet" in file["file"] or "NC" in file["licence"]]
    assert all(file["origin"] in notice and file["licence"] in notice for file in files)
    assert notice == cards.notice(described)
    assert (SHIPPED / "MODEL_CARD.md").read_text() == cards.model_card(described)
