"""Messages for the tests of notifiers."""

from __future__ import annotations

from datetime import UTC, datetime

from driftwatch.domain.message import Message, Told, messages, one_each
from driftwatch.domain.notification import Phase, Severity

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def told(number: int = 1, **fields: object) -> Told:
    values: dict[str, object] = {
        "finding": f"finding-{number}",
        "revision": 1,
        "phase": Phase.FIRING,
        "severity": Severity.CRITICAL,
        "account": "111111111111",
        "region": "eu-west-1",
        "type": "AWS::EC2::SecurityGroup",
        "resource": f"sg-{number}",
        "baseline": "production",
        "verdict": "unauthorized",
        "state": "open",
        "title": f"[critical] sg-{number} was changed",
        "what": "changed /IpPermissions",
        "who": "mallory by AuthorizeSecurityGroupIngress (cli)",
        "why": "no change record allowed this",
        "since": datetime(2026, 3, 10, 11, 0, tzinfo=UTC),
        "link": f"https://drift.example/findings/finding-{number}",
    }
    return Told(**values | fields)  # type: ignore[arg-type]


def singly(number: int) -> list[Message]:
    return one_each([told(index) for index in range(1, number + 1)], NOW)


def together(number: int, storm_after: int = 20) -> list[Message]:
    return messages([told(index) for index in range(1, number + 1)], storm_after, NOW)
