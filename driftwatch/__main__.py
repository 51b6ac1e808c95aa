"""``python -m driftwatch`` and the `driftwatch` command."""

from __future__ import annotations


def main() -> None:
    from driftwatch.cli.main import app

    app()


if __name__ == "__main__":
    main()
