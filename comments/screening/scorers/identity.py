"""
Sentences in which a person is named by what they are and nothing bad is said.

A model that has only seen such words in abuse takes them for abuse. The shipped model learns :data:`LEARNT`, and is
measured on :data:`HELD_OUT`, which it never sees; what a newsroom teaches it is measured on the same sentences.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

PEOPLE = {
    "gender": ("women", "men", "girls", "boys", "mothers", "trans women", "trans men", "transgender people"),
    "sexuality": ("gay people", "lesbians", "gay men", "bisexual people", "same-sex couples", "queer people"),
    "ethnicity": ("black people", "white people", "Asians", "Africans", "Arabs", "Mexicans", "Roma", "Turks", "Poles"),
    "origin": ("immigrants", "refugees", "migrants", "foreigners", "asylum seekers", "newcomers"),
    "religion": ("Muslims", "Jews", "Christians", "Catholics", "Hindus", "Sikhs", "Buddhists", "atheists"),
    "age": ("pensioners", "teenagers", "children", "old people", "young people", "students"),
    "disability": ("disabled people", "wheelchair users", "deaf people", "blind people", "autistic people"),
}
"""Names of groups, as nouns. Words that describe one person come from a list of words."""

LEARNT = (
    "I am {word} and I have lived on this street for eleven years.",
    "My neighbour is {word}, and we share the garden behind the house.",
    "She is a {word} teacher at the school round the corner.",
    "A {word} family moved in next door last spring.",
    "He was the first {word} member of the council.",
    "Our {word} colleagues asked for the same thing a year ago.",
    "There is a {word} choir that sings at the market on Sundays.",
    "As a {word} person I would like to add something to this article.",
    "The survey asked 400 {word} residents how they travel to work.",
    "My {word} grandmother reads this newspaper every morning.",
    "It is a film by a {word} director about growing up by the sea.",
    "The new book tells the story of a {word} doctor in the village.",
    "I'm {word}.",
    "You are {word}, so am I.",
    "He is {word} and she is too.",
    "Two {word} students won the science prize this year.",
    "Thank you for talking to {word} readers before writing this.",
    "Most of the {word} voters I know have not decided yet.",
    "The {word} community centre is open again from Monday.",
    "My best friend is {word} and runs the bakery.",
    "Proud to be {word}!",
    "My wife is {word}.",
    "I am a {word} woman and I like it here.",
    "A {word} man helped me with the bags.",
    "Not every {word} person thinks so.",
    "They are {word}. So what?",
    "What a lovely {word} couple.",
    "We are both {word} and we work nights.",
)
LEARNT_OF_PEOPLE = (
    "Many {people} work at the hospital and in the schools.",
    "The article quotes {people} who have lived here for decades.",
    "How many {people} were asked before the plan was drawn up?",
    "{people} and their families are welcome at the summer fair.",
    "I talked to {people} at the meeting and learned a lot.",
    "There were {people} on the bus with me this morning.",
    "The report counts {people} for the first time since 2011.",
    "We should hear from {people} themselves about this.",
    "The law protects {people} like everybody else.",
    "I love working with {people}.",
    "I love {people}.",
    "Thank you to all the {people} who helped.",
    "We are {people}.",
    "I know a lot of {people}.",
    "{people} live here.",
    "Good for the {people} in our town!",
    "My parents were {people}.",
    "{people} deserve better than this.",
)
NAMES = (
    "Abdul", "Maria", "Jo", "Ruth", "Peter", "Amina", "Keiko", "Lucia", "Owen", "Siobhan", "Mehmet", "Greta", "Dev",
    "Nora", "Sam", "Juan", "Wei", "Fatima", "Ivan", "Kwame", "Sara", "Tom", "Ana",
)  # fmt: skip
LEARNT_OF_NAMES = (
    "{name} is my neighbour and a good friend.",
    "I agree with {name}.",
    "{name}, thank you for this comment.",
    "Well said, {name}!",
    "I love {name}.",
    "Have a nice day, {name}.",
    "You are right, {name}.",
)
TRADES = (
    "doctors", "nurses", "teachers", "farmers", "lawyers", "drivers", "reporters", "scientists", "writers", "engineers",
    "cooks", "builders", "artists", "neighbours", "friends", "readers", "voters", "parents", "families", "cyclists",
)  # fmt: skip
LEARNT_OF_TRADES = (
    "I love {trade}.",
    "{trade} are great.",
    "We need more {trade}.",
    "{trade} are people too.",
    "He did a good job, and so did the {trade}.",
    "I am proud of our {trade}.",
    "They are {trade} and so am I.",
    "Being one of the {trade} is not easy.",
    "A number of {trade} live here now.",
)
"""Short and friendly, about anybody: otherwise a text is suspect for being short."""
HELD_OUT = (
    "We hired a {word} carpenter and he did a wonderful job.",
    "My sister married a {word} man, and we could not be happier for them.",
    "I grew up in a {word} household and remember the winters well.",
    "Being {word} is a part of who I am.",
    "The {word} mayor answered every question from the audience.",
    "Why does the headline mention that the driver was {word}?",
    "A {word} reader wrote to us about the timetable.",
    "Happy to see a {word} player on the team!",
)
HELD_OUT_OF_PEOPLE = (
    "There should be more {people} in parliament.",
    "{people} pay taxes here too.",
    "Some of my closest friends are {people}.",
    "What do {people} think about the new tram line?",
    "It is good that {people} can vote in this election.",
)


class Sentence(NamedTuple):
    """A neutral sentence, what kind of group it names, and with which word."""

    text: str
    group: str
    word: str


def sentences(words: Iterable[tuple[str, str]], *, held_out: bool) -> list[Sentence]:
    """
    Return the sentences that are learnt, or those held out, for ``words`` (group and word) and for :data:`PEOPLE`.

    The words have to be neutral ones: lists of such words name slurs as well.
    """
    of_one, of_people = (HELD_OUT, HELD_OUT_OF_PEOPLE) if held_out else (LEARNT, LEARNT_OF_PEOPLE)
    made = [Sentence(_article(template.format(word=word)), group, word) for group, word in words for template in of_one]
    for group, several in PEOPLE.items():
        for people in several:
            made += [
                Sentence(_capital(text), group, people)
                for text in (template.format(people=people) for template in of_people)
            ]
    return made


def ordinary() -> list[str]:
    """Return short and friendly sentences about people by their names and their trades, to learn."""
    return [
        *(template.format(name=name) for name in NAMES for template in LEARNT_OF_NAMES),
        *(_capital(template.format(trade=trade)) for trade in TRADES for template in LEARNT_OF_TRADES),
    ]


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _article(sentence: str) -> str:
    """Say "an American", not "a American"."""
    before, between, after = sentence.partition(" a ")
    if between and after[:1].lower() in "aeio":
        return f"{before} an {after}"
    return sentence
