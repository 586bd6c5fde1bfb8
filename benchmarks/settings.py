"""The demonstration newspaper as it is, but for what the environment changes while it is measured."""

import os

from newsroom.settings import *  # noqa: F403
from newsroom.settings import COMMENTS as OURS

COMMENTS = dict(OURS)
if "BENCH_CACHE_SECONDS" in os.environ:
    # 0: no public page is served twice; every request builds its own.
    COMMENTS["CACHE_SECONDS"] = int(os.environ["BENCH_CACHE_SECONDS"])
