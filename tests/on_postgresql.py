"""Run the suite on a PostgreSQL of its own: ``python -m tests.on_postgresql [pytest arguments]``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from tests.servers import ROOT, postgresql


def main() -> int:
    with tempfile.TemporaryDirectory() as directory, postgresql() as url:
        env = os.environ | {"DATABASE_URL": url, "VAR_DIR": f"{directory}/var"}
        return subprocess.call([sys.executable, "-m", "pytest", *sys.argv[1:]], env=env, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
