"""What a reload checks besides the configuration, before anything replaces what is in force."""

from __future__ import annotations

from driftwatch.wiring import Wired


def checked(loaded: Wired) -> str | None:
    """Reads what else is fallible, the baselines' files and the secrets; answers with the token. Ends the new collector on a failure."""
    try:
        for folder in loaded.baseline_folders.values():
            if folder.exists():
                loaded.installation.baseline_files.read(folder)
        loaded.client_secret()
        return loaded.token()
    except BaseException:
        loaded.end_calls()
        raise
