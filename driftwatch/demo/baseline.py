"""The demo's baseline as files: what `baselines/demo` in the repository holds.

``python -m driftwatch.demo.baseline FOLDER`` writes it anew, after a change of an entry or of the simulated account.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from driftwatch import wiring
from driftwatch.demo import play, setting
from driftwatch.domain.baseline import BaselineVersion
from driftwatch.operations import exchange


def write(folder: Path) -> BaselineVersion:
    """Makes the simulated account, baselines it as the demo does, and exports that to `folder`."""
    with tempfile.TemporaryDirectory() as scratch, play.simulated_aws():
        wired = wiring.load(setting.write(Path(scratch) / "demo", 9464))
        try:
            version = play.first_baseline(wired)
            exchange.export(wired.installation, setting.BASELINE, folder, version.id)
        finally:
            wired.installation.store.close()
    return version


if __name__ == "__main__":
    sys.stdout.write(f"{write(Path(sys.argv[1])).content_hash}\n")
