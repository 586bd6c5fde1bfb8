"""Judgement: ask every rule and scorer, write down what each says, combine it to one verdict."""

from comments.screening.engine import (
    FAILED,
    Judged,
    advise,
    against_what_stands,
    combine,
    failed_too_often,
    run,
    run_many,
    warm_up,
    worth_changing,
)
from comments.screening.verdicts import Candidate, Draft, Policy, Verdict, latest_run
from comments.screening.watch import Watched, health, scorers

__all__ = [
    "FAILED",
    "Candidate",
    "Draft",
    "Judged",
    "Policy",
    "Verdict",
    "Watched",
    "advise",
    "against_what_stands",
    "combine",
    "failed_too_often",
    "health",
    "latest_run",
    "run",
    "run_many",
    "scorers",
    "warm_up",
    "worth_changing",
]
