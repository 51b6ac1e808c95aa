"""A secret planted through the API is in nothing that driftwatch writes, wherever people and services put secrets.

Each plant goes in by the service's own API; then the account is scanned, baselined, exported, changed and scanned again, and every file,
document, log line, metric and output of a command is searched for it.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
import zstandard
from prometheus_client import generate_latest

from driftwatch.demo.cloud import Cloud
from driftwatch.domain.baseline import Actor, Assurance, Method
from driftwatch.operations import approvals, baseline_views, status
from driftwatch.telemetry.metrics import Metrics
from tests.integration.cli.test_story import run, shown, wired

REGION = "us-east-1"
IMAGE = "ami-0123456789abcdef0"
CHANGED = "Zebra4canary99quagga"
BEN = Actor(person="ben", method=Method.OS_USER, assurance=Assurance.LOCAL)
Plant = Callable[[str], Any]


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def role() -> str:
    iam = client("iam")
    try:
        return str(iam.get_role(RoleName="worker")["Role"]["Arn"])
    except iam.exceptions.NoSuchEntityException:
        return str(iam.create_role(RoleName="worker", AssumeRolePolicyDocument="{}")["Role"]["Arn"])


def code() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", "def handler(event, context): ...")
    return packed.getvalue()


def lambda_environment(secret: str) -> None:
    client("lambda").create_function(
        FunctionName="orders",
        Runtime="python3.12",
        Role=role(),
        Handler="main.handler",
        Code={"ZipFile": code()},
        Environment={"Variables": {"DB_PASSWORD": secret}},
    )


def build_environment(secret: str) -> None:
    client("codebuild").create_project(
        name="orders",
        source={"type": "S3", "location": "bucket/path"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "image",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": "TOKEN", "value": secret, "type": "PLAINTEXT"}],
        },
        serviceRole=role(),
    )


def batch_environment(secret: str) -> None:
    properties = {"image": "busybox", "vcpus": 1, "memory": 128, "environment": [{"name": "TOKEN", "value": secret}]}
    client("batch").register_job_definition(jobDefinitionName="nightly", type="container", containerProperties=properties)


def task_environment(secret: str) -> None:
    container = {"name": "app", "image": "busybox", "memory": 128, "environment": [{"name": "TOKEN", "value": secret}]}
    client("ecs").register_task_definition(family="app", containerDefinitions=[container])


def instance_user_data(secret: str) -> None:
    client("ec2").run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, UserData=f"#!/bin/sh\nexport TOKEN={secret}\n")


def template_user_data(secret: str) -> None:
    data = base64.b64encode(f"#!/bin/sh\n{secret}\n".encode()).decode()
    client("ec2").create_launch_template(LaunchTemplateName="app", LaunchTemplateData={"UserData": data})


def configuration_user_data(secret: str) -> None:
    client("autoscaling").create_launch_configuration(
        LaunchConfigurationName="app", ImageId=IMAGE, InstanceType="t3.micro", UserData=f"#!/bin/sh\n{secret}\n"
    )


def stack_parameter_and_output(secret: str) -> None:
    template = {
        "Parameters": {"Password": {"Type": "String"}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"Connection": {"Value": {"Ref": "Password"}}},
    }
    client("cloudformation").create_stack(
        StackName="app", TemplateBody=json.dumps(template), Parameters=[{"ParameterKey": "Password", "ParameterValue": secret}]
    )


def connection_password(secret: str) -> None:
    client("glue").create_connection(
        ConnectionInput={
            "Name": "warehouse",
            "ConnectionType": "JDBC",
            "ConnectionProperties": {"JDBC_CONNECTION_URL": "jdbc:postgresql://db/x", "USERNAME": "etl", "PASSWORD": secret},
        }
    )


def event_connection(secret: str) -> None:
    client("events").create_connection(
        Name="partner",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": secret}},
    )


def api_key(secret: str) -> None:
    client("apigateway").create_api_key(name="partner", value=secret, enabled=True)


def stage_variable(secret: str) -> None:
    gateway = client("apigateway")
    api = gateway.create_rest_api(name="orders")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    gateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK", integrationHttpMethod="GET", uri="x")
    gateway.create_deployment(restApiId=api, stageName="live", variables={"token": secret})


def http_stage_variable(secret: str) -> None:
    gateway = client("apigatewayv2")
    api = gateway.create_api(Name="orders", ProtocolType="HTTP")["ApiId"]
    gateway.create_stage(ApiId=api, StageName="live", StageVariables={"token": secret})


def pre_shared_key(secret: str) -> None:
    ec2 = client("ec2")
    customer = ec2.create_customer_gateway(Type="ipsec.1", PublicIp="203.0.113.9", BgpAsn=65000)["CustomerGateway"]["CustomerGatewayId"]
    gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    options = {"TunnelOptions": [{"PreSharedKey": secret}]}
    ec2.create_vpn_connection(CustomerGatewayId=customer, VpnGatewayId=gateway, Type="ipsec.1", Options=options)


def parameter_value(secret: str) -> None:
    client("ssm").put_parameter(Name="/app/password", Value=secret, Type="SecureString")


def plain_parameter_value(secret: str) -> None:
    client("ssm").put_parameter(Name="/app/plain", Value=secret, Type="String")


def secret_value(secret: str) -> None:
    client("secretsmanager").create_secret(Name="app/db", SecretString=secret)


def database_password(secret: str) -> None:
    client("rds").create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="admin",
        MasterUserPassword=secret,
    )


def warehouse_password(secret: str) -> None:
    client("redshift").create_cluster(ClusterIdentifier="dw", NodeType="ra3.large", MasterUsername="admin", MasterUserPassword=secret)


def cache_token(secret: str) -> None:
    client("elasticache").create_replication_group(
        ReplicationGroupId="cache", ReplicationGroupDescription="cache", AuthToken=secret, TransitEncryptionEnabled=True
    )


PLANTS: dict[Plant, tuple[str, ...]] = {
    lambda_environment: ("AWS::Lambda::Function",),
    build_environment: ("AWS::CodeBuild::Project",),
    batch_environment: ("AWS::Batch::JobDefinition",),
    task_environment: ("AWS::ECS::TaskDefinition",),
    instance_user_data: ("AWS::EC2::Instance",),
    template_user_data: ("AWS::EC2::LaunchTemplate",),
    configuration_user_data: ("AWS::AutoScaling::LaunchConfiguration",),
    stack_parameter_and_output: ("AWS::CloudFormation::Stack",),
    connection_password: ("AWS::Glue::Connection",),
    event_connection: ("AWS::Events::Connection",),
    api_key: ("AWS::ApiGateway::ApiKey",),
    stage_variable: ("AWS::ApiGateway::Stage",),
    http_stage_variable: ("AWS::ApiGatewayV2::Stage",),
    pre_shared_key: ("AWS::EC2::VPNConnection",),
    parameter_value: ("AWS::SSM::Parameter",),
    plain_parameter_value: ("AWS::SSM::Parameter",),
    secret_value: ("AWS::SecretsManager::Secret",),
    database_password: ("AWS::RDS::DBInstance",),
    warehouse_password: ("AWS::Redshift::Cluster",),
    cache_token: ("AWS::ElastiCache::ReplicationGroup",),
}
TELLS = (
    lambda_environment,
    build_environment,
    batch_environment,
    task_environment,
    instance_user_data,
    template_user_data,
    configuration_user_data,
    stack_parameter_and_output,
    connection_password,
    stage_variable,
    http_stage_variable,
)
"""Whose API tells the secret to whoever reads the configuration: a keyed hash of it must be there, so that a change of it shows."""


def canary(plant: Plant) -> str:
    return f"Zebra4canary{list(PLANTS).index(plant):02d}quagga"


class Written:
    """Everything that driftwatch wrote: where, and the bytes."""

    def __init__(self, house: Path) -> None:
        self._house = house
        self.texts: dict[str, bytes] = {}

    def output(self, *arguments: str | Path, code: int | None = None) -> None:
        for form in ([], ["--json"]):
            done = run(*arguments, *form, code=code)
            self.texts[" ".join(map(str, (*arguments, *form)))] = (done.stdout + done.stderr).encode()

    def files(self) -> Iterator[tuple[str, bytes]]:
        for path in sorted(self._house.rglob("*")):
            if path.is_file():
                yield str(path.relative_to(self._house)), path.read_bytes()
                if path.suffix == ".db":
                    yield from _documents(path)

    def holding(self, secret: str) -> list[str]:
        forms = (secret.encode(), base64.b64encode(secret.encode())[:-4])
        return [name for name, text in (*self.texts.items(), *self.files()) if any(form in text for form in forms)]


def _documents(database: Path) -> Iterator[tuple[str, bytes]]:
    """The documents of the store, which are compressed in the file."""
    with closing(sqlite3.connect(database)) as connection:
        for fingerprint, body in connection.execute("SELECT fingerprint, body FROM documents"):
            yield f"document {fingerprint!r}", zstandard.ZstdDecompressor().decompress(body)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """The demo's simulated AWS: it answers what moto alone does not."""
    running = Cloud()
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    yield running
    running.stop()


@pytest.mark.usefixtures("cloud")
def test_planted_secrets_are_in_nothing_that_is_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for plant in PLANTS:
        plant(canary(plant))
    caplog.clear()
    caplog.set_level(logging.INFO)  # what the SDK writes at debug are the replies themselves; driftwatch never lets it
    house = tmp_path / "house"
    config = house / "driftwatch.yaml"
    run("init", house)
    types = sorted({name for names in PLANTS.values() for name in names})
    text = config.read_text().replace('types: ["*"]', f"types: {json.dumps(types)}").replace("regions: all ", f"regions: [{REGION}] ")
    config.write_text(text)
    written = Written(house)
    found = shown("scan", "--config", config, code=3)
    unread = {cell["type"]: cell["reason"] for cell in found["cells"] if not cell["resources"]}
    assert unread == {}, "a plant's resource was not read: the search would prove nothing"
    _baseline(config, house)
    client("lambda").update_function_configuration(
        FunctionName="orders", Environment={"Variables": {"DB_PASSWORD": "Zebra4canary99quagga"}}
    )
    document = shown("scan", "--config", config, code=None)
    (finding,) = [item for item in document["findings"] if item["type"] == "AWS::Lambda::Function"]
    assert [change["path"] for change in finding["differences"]] == ["/Environment/Variables/DB_PASSWORD"], "the change of a secret shows"
    for arguments in (
        ("scan",),
        ("status",),
        ("findings", "list"),
        ("findings", "show", finding["id"]),
        ("findings", "why", finding["id"]),
        ("baseline", "show", "production"),
        ("baseline", "history", "production"),
        ("baseline", "diff", "production"),
        ("ledger", "head"),
        ("ledger", "verify"),
        ("policy", "show"),
    ):
        written.output(*arguments, "--config", config)
    written.texts["the log"] = caplog.text.encode()
    with wired(config) as made:
        metrics = Metrics()
        metrics.state(status.measure(made.installation))
        written.texts["metrics"] = generate_latest(metrics.registry)
    planted = {plant.__name__: canary(plant) for plant in PLANTS} | {"changed": CHANGED}
    assert {name: where for name, secret in planted.items() if (where := written.holding(secret))} == {}
    _each_is_a_keyed_hash(written)


def _baseline(config: Path, house: Path) -> None:
    version = shown("baseline", "capture", "production", "--propose", "--config", config)
    with wired(config) as made:
        whole = baseline_views.find(made.installation, version["id"])
        approvals.approve(made.installation, whole.id, BEN, seen_hash=whole.content_hash)
    run("baseline", "export", "production", house / "exported", "--config", config, code=None)
    run("ledger", "export", house / "ledger.jsonl", "--config", config, code=None)


def _each_is_a_keyed_hash(written: Written) -> None:
    """A secret that the API tells is there as a hash: else it was dropped, and a change of it would not show."""
    hashes = sum(text.count(b"hmac-sha256:") for name, text in written.files() if name.startswith("document"))
    assert hashes >= len(TELLS)
