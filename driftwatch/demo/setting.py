"""The demo's own installation: its configuration, policy, people and an empty directory of change records."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from driftwatch.demo.cloud import ACCOUNTS, REGIONS, ROLE
from driftwatch.demo.trail import BUCKET
from driftwatch.domain.baseline import Actor, Assurance, Method
from driftwatch.domain.canonical import sha256_hex

BASELINE: Final = "demo"
AUTHOR: Final = Actor(person="ana", method=Method.SIMULATED, assurance=Assurance.LOCAL)
APPROVER: Final = Actor(person="ben", method=Method.SIMULATED, assurance=Assurance.LOCAL)
KEY: Final = bytes.fromhex(sha256_hex(b"the demo's installation key is no secret"))
"""Known to everybody, so that the demo's baseline has the same hashes on every machine. No other installation may use it."""

CONFIG: Final = f"""\
# The demo's configuration: two simulated accounts, the second through a role.
accounts:
  - id: "{ACCOUNTS[0]}"
    name: payments
    regions: [{", ".join(REGIONS)}]
  - id: "{ACCOUNTS[1]}"
    name: shop
    role_arn: {ROLE}
    regions: [{", ".join(REGIONS)}]
# What lies in the simulated accounts; `driftwatch catalog list` names all that could be watched.
types:
{{types}}
baselines:
  - name: {BASELINE}
policy: policy.yaml
people: people.yaml
change_sources:
  - name: tickets
    kind: files
    path: changes
# The trail of the first account: who did what. `accounts` names those that it logs.
activity_sources:
  - name: trail
    kind: s3
    bucket: {BUCKET}
    region: {REGIONS[0]}
    account: "{ACCOUNTS[0]}"
    accounts: ["{ACCOUNTS[0]}"]
    delivery_lag_s: 0
    poll_s: 1
schedule:
  every: 5m
  jitter_s: 0
scan:
  confirm_absence_s: 2
operations:
  listen: 127.0.0.1:{{port}}
# The API. Whoever plays the demo is ben, who approves; ana only proposes.
product:
  listen: 127.0.0.1:{{product_port}}
  access:
    - {{{{role: operator, to: [ana]}}}}
    - {{{{role: admin, to: [ben]}}}}
# Signed statements of how the ledger stood, outside of the database: `driftwatch ledger verify --against checkpoints.jsonl`.
ledger:
  export: [checkpoints.jsonl]
"""

POLICY: Final = f"""\
# Stricter than its preset where the story needs exact times: each difference is declared.
extends: startup
production_accounts: ["{ACCOUNTS[0]}", "{ACCOUNTS[1]}"]
unknown_as: unknown
non_production_environments: [staging]
clock_tolerance_s: 0
settle_s: 0
report_transients: true
baseline: {{auto_promote: "off"}}
rules: {{R3: enforce, R4: enforce, R5: enforce}}
deviations:
  - {{rule: unknown_as, approved_by: ben, reason: "the story shows what is not known", until: 2099-12-31}}
  - {{rule: clock_tolerance_s, approved_by: ben, reason: "one machine has one clock", until: 2099-12-31}}
  - {{rule: R3, approved_by: ben, reason: "the story plays in real time", until: 2099-12-31}}
  - {{rule: R4, approved_by: ben, reason: "as in the preset", until: 2099-12-31}}
  - {{rule: R5, approved_by: ben, reason: "the story has two people", until: 2099-12-31}}
"""

PEOPLE: Final = """\
people:
  - {{id: ana, roles: [engineer], aws: [ana@acme.example]}}
  - {{id: ben, roles: [manager], os_users: [{user}]}}
  - {{id: carl, roles: [engineer], aws: ["arn:aws:iam::123456789012:user/carl"]}}
  - {{id: dora, roles: [engineer]}}
"""


TYPES: Final = (
    *(f"AWS::CloudTrail::{name}" for name in ("Trail",)),
    *(f"AWS::CloudWatch::{name}" for name in ("Alarm",)),
    *(f"AWS::DynamoDB::{name}" for name in ("Table",)),
    *(
        f"AWS::EC2::{name}"
        for name in (
            "Instance",
            "SecurityGroup",
            "VPC",
            "Subnet",
            "RouteTable",
            "InternetGateway",
            "NatGateway",
            "NetworkAcl",
            "EIP",
            "VPCEndpoint",
            "FlowLog",
            "Volume",
            "LaunchTemplate",
        )
    ),
    *(f"Driftwatch::EC2::{name}" for name in ("EbsEncryptionByDefault",)),
    *(f"AWS::ECR::{name}" for name in ("Repository",)),
    *(f"AWS::ECS::{name}" for name in ("Cluster", "Service", "TaskDefinition")),
    *(f"AWS::EFS::{name}" for name in ("FileSystem",)),
    *(f"AWS::ElasticLoadBalancingV2::{name}" for name in ("LoadBalancer", "Listener", "TargetGroup")),
    *(f"AWS::Events::{name}" for name in ("EventBus", "Rule")),
    *(f"AWS::IAM::{name}" for name in ("User", "Role", "Group", "ManagedPolicy", "AccessKey")),
    *(f"Driftwatch::IAM::{name}" for name in ("AccountPasswordPolicy", "AccountSummary")),
    *(f"AWS::KMS::{name}" for name in ("Key", "Alias")),
    *(f"AWS::Lambda::{name}" for name in ("Function",)),
    *(f"AWS::Logs::{name}" for name in ("LogGroup",)),
    *(f"AWS::RDS::{name}" for name in ("DBInstance",)),
    *(f"AWS::Route53::{name}" for name in ("HostedZone", "RecordSet")),
    *(f"AWS::S3::{name}" for name in ("Bucket",)),
    *(f"AWS::SecretsManager::{name}" for name in ("Secret",)),
    *(f"AWS::SNS::{name}" for name in ("Topic", "Subscription")),
    *(f"AWS::SQS::{name}" for name in ("Queue",)),
    *(f"AWS::SSM::{name}" for name in ("Parameter",)),
)
"""What lies in the simulated accounts, and what moto answers in full."""


def write(folder: Path, port: int, product_port: int = 8464, user: str = "nobody") -> Path:
    """Makes the demo's folder anew and answers with the path of its configuration. The OS user `user` is ben."""
    if folder.exists():
        shutil.rmtree(folder)
    (folder / "changes").mkdir(parents=True)
    state = folder / ".driftwatch"
    state.mkdir(mode=0o700)
    key = state / "installation.key"
    key.touch(mode=0o600)
    key.write_bytes(KEY)
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "people.yaml").write_text(PEOPLE.format(user=json.dumps(user)))
    config = folder / "driftwatch.yaml"
    config.write_text(CONFIG.format(port=port, product_port=product_port, types="\n".join(f'  - "{name}"' for name in TYPES)))
    return config
