"""Who the caller's credentials are, and which regions that account has switched on."""

from __future__ import annotations

from dataclasses import dataclass

from driftwatch.errors import DriftwatchError

SWITCHED_ON = ("opt-in-not-required", "opted-in")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What AWS says of the caller. `regions` is empty where it does not say which are switched on, for the reason in `trouble`."""

    account: str
    arn: str
    partition: str
    regions: tuple[str, ...]
    profile: str | None = None
    trouble: str | None = None


def who_am_i(profile: str | None) -> Identity:
    """Asks STS who the caller is, and EC2 which regions are switched on; raises DriftwatchError with what AWS answered.

    Credentials, endpoint and region are found as boto3 finds them: environment, profile, container and instance roles, AWS_ENDPOINT_URL.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 3, "mode": "standard"})
    try:
        session = boto3.Session(profile_name=profile)
        region = session.region_name or "us-east-1"
        identity = session.client("sts", region_name=region, config=config).get_caller_identity()
        account, arn = str(identity["Account"]), str(identity["Arn"])
    except KeyError as error:
        raise DriftwatchError("what answered as STS is not AWS: its reply names no account; look at AWS_ENDPOINT_URL") from error
    except (BotoCoreError, ClientError) as error:
        raise DriftwatchError(
            f"AWS could not be asked: {error}; give credentials as for any boto3 program (environment, profile, role)"
        ) from error
    try:
        answer = session.client("ec2", region_name=region, config=config).describe_regions(
            Filters=[{"Name": "opt-in-status", "Values": list(SWITCHED_ON)}]
        )
        regions = tuple(
            sorted(item["RegionName"] for item in answer.get("Regions", ()) if item.get("OptInStatus", SWITCHED_ON[0]) in SWITCHED_ON)
        )
        trouble = None if regions else "EC2 named none"
    except (BotoCoreError, ClientError) as error:
        regions, trouble = (), str(error)
    return Identity(account=account, arn=arn, partition=arn.split(":")[1], regions=regions, profile=profile, trouble=trouble)
