"""Judgement: ask every rule and scorer, write down what each says, combine it to one verdict."""

from comments.screening.engine import FAILED, advise, against_what_stands, combine, failed_too_often, run
from comments.screening.verdicts import Candidate, Draft, Policy, Verdict, latest_run

__all__ = [
    "FAILED",
    "Candidate",
    "Draft",
    "Policy",
    "Verdict",
    "advise",
    "against_what_stands",
    "combine",
    "failed_too_often",
    "latest_run",
    "run",
]
