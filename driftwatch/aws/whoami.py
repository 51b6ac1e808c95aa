"""Who the caller's credentials are, and which regions that account has switched on."""

from __future__ import annotations

from dataclasses import dataclass

from driftwatch.errors import DriftwatchError


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What AWS says of the caller."""

    account: str
    arn: str
    partition: str
    regions: tuple[str, ...]
    profile: str | None = None


def who_am_i(profile: str | None) -> Identity:
    """Asks STS who the caller is, and EC2 which regions are switched on; raises DriftwatchError with what AWS answered."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        session = boto3.Session(profile_name=profile)
        region = session.region_name or "us-east-1"
        identity = session.client("sts", region_name=region).get_caller_identity()
        answer = session.client("ec2", region_name=region).describe_regions(
            Filters=[{"Name": "opt-in-status", "Values": ["opt-in-not-required", "opted-in"]}]
        )
    except (BotoCoreError, ClientError) as error:
        raise DriftwatchError(
            f"AWS could not be asked: {error}; give credentials as for any boto3 program (environment, profile, role)"
        ) from error
    regions = tuple(sorted(item["RegionName"] for item in answer["Regions"]))
    return Identity(
        account=identity["Account"], arn=identity["Arn"], partition=identity["Arn"].split(":")[1], regions=regions, profile=profile
    )
