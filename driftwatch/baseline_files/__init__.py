"""`baselines/` as files: exported for review, signed in git, and read back only when every hash holds."""
