"""Judgement: run every rule on a text, write down what each says, combine it to one verdict."""

from comments.screening.engine import advise, combine, failed_too_often, run
from comments.screening.verdicts import Candidate, Draft, Verdict

__all__ = ["Candidate", "Draft", "Verdict", "advise", "combine", "failed_too_often", "run"]
