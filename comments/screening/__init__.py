"""Judgement: ask every rule and scorer, write down what each says, combine it to one verdict."""

from comments.screening.engine import advise, combine, failed_too_often, run
from comments.screening.verdicts import Candidate, Draft, Policy, Verdict
from comments.screening.watch import Watched, health

__all__ = [
    "Candidate",
    "Draft",
    "Policy",
    "Verdict",
    "Watched",
    "advise",
    "combine",
    "failed_too_often",
    "health",
    "run",
]
