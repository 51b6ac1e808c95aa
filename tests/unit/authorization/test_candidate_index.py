"""The index of records: a drift costs the records that name its resource, not all that exist."""

from __future__ import annotations

from driftwatch.domain.authorization.decide import CandidateIndex
from driftwatch.domain.change import ChangeRecord, Target
from tests.builders import drift, policy, record


class Counted(ChangeRecord):
    """A record that counts how often its scope is looked at."""

    looked: int = 0

    def __getattribute__(self, name: str) -> object:
        if name == "scope":
            Counted.looked += 1
        return super().__getattribute__(name)


def arn(number: int) -> str:
    return f"arn:aws:ec2:eu-west-1:111111111111:security-group/sg-{number:08x}"


def test_records_that_name_other_resources_are_not_looked_at() -> None:
    scopes = [
        lambda number: Target(ids=(arn(number),)),
        lambda number: Target(ids=(f"{arn(number)}*",)),
        lambda number: Target(ids=(f"sg-{number:08x}",)),
        lambda number: Target(tags={"app": (f"app-{number}",)}),
        lambda number: Target(resource_types=("AWS::EC2::SecurityGroup",), accounts=(f"{number:012d}",)),
        lambda number: Target(resource_types=(f"AWS::Other::Type{number}",)),
    ]
    plain = [record(id=f"CHG-{number}", scope=(scopes[number % len(scopes)](number),)) for number in range(1, 6001)]
    records = [Counted(**{name: getattr(item, name) for name in ChangeRecord.__dataclass_fields__}) for item in plain]
    index = CandidateIndex(records, policy())
    Counted.looked = 0
    wanted = drift(resource_id=arn(600), resource="sg-00000258", tags_before={"app": "app-3", "env": "prod"})
    found = {item.record.id for item in index.candidates(wanted)}
    assert found == {"CHG-600", "CHG-3"}
    assert Counted.looked <= 4


def test_a_target_with_very_many_accounts_and_types_is_still_found() -> None:
    wide = Target(
        accounts=(*(f"{number:012d}" for number in range(300)), "111111111111"),
        resource_types=(*(f"AWS::X::T{number}" for number in range(300)), "AWS::EC2::SecurityGroup"),
    )
    both = Target(accounts=("111111111111", "222222222222") * 10, resource_types=("AWS::EC2::SecurityGroup", "AWS::S3::Bucket") * 20)
    index = CandidateIndex([record(id="A", scope=(wide,)), record(id="B", scope=(both,))], policy())
    assert [item.record.id for item in index.candidates(drift())] == ["A", "B"]
    assert not index.candidates(drift(account="999999999999"))
