"""An AWS of moto, and a CloudTrail that speaks its wire format, where the SDK finds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from tests.contract.activity_sources.trail import BUCKET, REGION
from tests.fake_cloudtrail import FakeCloudTrail, fake_cloudtrail
from tests.moto_server import moto_server


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Clients as a test uses them, not through driftwatch."""

    s3: Any
    sqs: Any
    trail: FakeCloudTrail


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    nowhere = str(tmp_path_factory.getbasetemp() / "none")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", nowhere)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with moto_server() as url, fake_cloudtrail() as trail:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", trail.url)
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield Cloud(s3=s3, sqs=boto3.client("sqs", region_name=REGION), trail=trail)
