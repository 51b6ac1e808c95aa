"""What lies in the fake account of the benchmarks: one account, two regions, of every type that moto knows, in two sizes.

The sizes are numbers per region (per account for what is global), besides what moto puts into an empty account by itself: a default VPC
with its subnets, group, route table and network ACL in each region.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tests.catalog.test_shipped import PROMISED

ACCOUNT = "123456789012"
REGIONS = ("eu-west-1", "us-east-1")
HELD = frozenset(PROMISED - {"AWS::S3::AccountPublicAccessBlock"})
"""The types that are read: those of the main job but one, whose host name begins with the account id and does not resolve on loopback."""
ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "AWS_ACCESS_KEY_ID": "AKIABENCHBENCHBENCH0",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_DEFAULT_REGION": REGIONS[0],
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Numbers per region; the second group is per account."""

    vpcs: int
    subnets: int
    """Of each VPC."""
    groups: int
    instances: int
    volumes: int
    addresses: int
    templates: int
    tables: int
    functions: int
    keys: int
    log_groups: int
    alarms: int
    databases: int
    secrets: int
    parameters: int
    topics: int
    queues: int
    balancers: int
    """Each with one listener and one target group."""

    users: int
    """Each with one access key."""
    roles: int
    policies: int
    buckets: int
    """In the first region every second one, the others in the second."""
    zones: int
    records: int
    """Of each zone, besides the two that every zone has."""


SIZES: Mapping[str, Size] = MappingProxyType(
    {
        "small": Size(
            vpcs=1,
            subnets=2,
            groups=3,
            instances=3,
            volumes=2,
            addresses=1,
            templates=1,
            tables=2,
            functions=2,
            keys=2,
            log_groups=3,
            alarms=2,
            databases=1,
            secrets=2,
            parameters=12,
            topics=2,
            queues=2,
            balancers=2,
            users=3,
            roles=4,
            policies=2,
            buckets=3,
            zones=2,
            records=3,
        ),
        "medium": Size(
            vpcs=2,
            subnets=3,
            groups=60,
            instances=50,
            volumes=50,
            addresses=10,
            templates=5,
            tables=10,
            functions=20,
            keys=6,
            log_groups=40,
            alarms=30,
            databases=8,
            secrets=10,
            parameters=60,
            topics=12,
            queues=20,
            balancers=4,
            users=30,
            roles=80,
            policies=50,
            buckets=20,
            zones=2,
            records=40,
        ),
        "large": Size(
            vpcs=6,
            subnets=6,
            groups=250,
            instances=200,
            volumes=150,
            addresses=30,
            templates=15,
            tables=40,
            functions=70,
            keys=20,
            log_groups=150,
            alarms=120,
            databases=30,
            secrets=40,
            parameters=200,
            topics=40,
            queues=70,
            balancers=15,
            users=100,
            roles=300,
            policies=200,
            buckets=60,
            zones=4,
            records=60,
        ),
    }
)
"""`small` is what the calls are counted by hand for; `large` has about 4,000 resources, `medium` is for a quick run."""

Client = Callable[[str, str], Any]
_TAGS = [{"Key": "env", "Value": "prod"}, {"Key": "owner", "Value": "platform"}]
_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def seed(url: str, size: Size) -> None:
    """Creates everything in the account behind `url`."""
    import boto3

    session = boto3.Session(aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"], aws_secret_access_key="simulated")
    made: dict[tuple[str, str], Any] = {}

    def client(service: str, region: str) -> Any:
        if (service, region) not in made:
            made[service, region] = session.client(service, region_name=region, endpoint_url=url)
        return made[service, region]

    _identity(client, size)
    _buckets(client, size)
    _zones(client, size)
    for region in REGIONS:
        network = _network(client, region, size)
        _machines(client, region, size, network)
        _functions(client, region, size)
        _balancers(client, region, size, network)
        _data(client, region, size)
        _messages(client, region, size)
        _watching(client, region, size)


def _identity(client: Client, size: Size) -> None:
    iam = client("iam", "us-east-1")
    iam.update_account_password_policy(MinimumPasswordLength=14, RequireSymbols=True)
    arns = [iam.create_policy(PolicyName=f"policy-{n}", PolicyDocument=_policy(n))["Policy"]["Arn"] for n in range(size.policies)]
    iam.create_group(GroupName="engineers")
    for number in range(size.roles):
        iam.create_role(RoleName=f"role-{number}", AssumeRolePolicyDocument=_TRUST, Description=f"role {number}", Tags=_TAGS)
        iam.attach_role_policy(RoleName=f"role-{number}", PolicyArn=arns[number % len(arns)])
    for number in range(size.users):
        iam.create_user(UserName=f"user-{number}", Tags=_TAGS)
        iam.create_access_key(UserName=f"user-{number}")


def _policy(number: int) -> str:
    statements = [
        {
            "Sid": f"S{sid}",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": f"arn:aws:s3:::bucket-{number}/{sid}/*",
        }
        for sid in range(3)
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _buckets(client: Client, size: Size) -> None:
    for number in range(size.buckets):
        name, region = f"bench-bucket-{number}", REGIONS[number % 2]
        s3 = client("s3", region)
        s3.create_bucket(Bucket=name, **({} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}))
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": _TAGS})
        s3.put_bucket_policy(Bucket=name, Policy=_policy(number))


def _zones(client: Client, size: Size) -> None:
    route53 = client("route53", "us-east-1")
    for number in range(size.zones):
        zone = route53.create_hosted_zone(Name=f"zone-{number}.example", CallerReference=str(number))["HostedZone"]["Id"]
        records = [
            {"Name": f"h{n}.zone-{number}.example", "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": f"192.0.2.{n}"}]}
            for n in range(size.records)
        ]
        route53.change_resource_record_sets(
            HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record} for record in records]}
        )


def _network(client: Client, region: str, size: Size) -> list[str]:
    """The subnets of the first VPC."""
    ec2 = client("ec2", region)
    first: list[str] = []
    vpc = ""
    for number in range(size.vpcs):
        vpc = ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.{number}.{n}.0/24", AvailabilityZone=f"{region}{'abc'[n % 3]}")["Subnet"][
                "SubnetId"
            ]
            for n in range(size.subnets)
        ]
        first = first or subnets
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{region}.s3", RouteTableIds=[table], VpcEndpointType="Gateway")
    for number in range(size.groups):
        group = ec2.create_security_group(GroupName=f"group-{number}", Description="a group", VpcId=vpc)["GroupId"]
        rules = [
            {
                "IpProtocol": "tcp",
                "FromPort": port,
                "ToPort": port,
                "IpRanges": [{"CidrIp": f"10.{port % 8}.0.0/16"}, {"CidrIp": "10.9.0.0/16"}],
            }
            for port in (443, 8443, 9000 + number % 100)
        ]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    addresses = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(size.addresses)]
    ec2.create_nat_gateway(SubnetId=first[0], AllocationId=addresses[0])
    return first


def _machines(client: Client, region: str, size: Size, subnets: list[str]) -> None:
    ec2 = client("ec2", region)
    ec2.run_instances(
        ImageId="ami-0abcdef1234567890",
        MinCount=size.instances,
        MaxCount=size.instances,
        InstanceType="t3.micro",
        SubnetId=subnets[0],
        UserData="#!/bin/sh\necho started\n",
        TagSpecifications=[{"ResourceType": "instance", "Tags": _TAGS}],
    )
    for number in range(size.volumes):
        ec2.create_volume(AvailabilityZone=f"{region}a", Size=8 + number, Encrypted=True)
    for number in range(size.templates):
        data = {"ImageId": "ami-0abcdef1234567890", "InstanceType": "t3.micro"}
        ec2.create_launch_template(LaunchTemplateName=f"template-{number}", LaunchTemplateData=data)


def _functions(client: Client, region: str, size: Size) -> None:
    for number in range(size.functions):
        client("lambda", region).create_function(
            FunctionName=f"function-{number}",
            Runtime="python3.12",
            Role=f"arn:aws:iam::{ACCOUNT}:role/role-0",
            Handler="main.handler",
            Code={"ZipFile": _archive()},
            Environment={"Variables": {"LEVEL": "info", "TOKEN": f"token-{number}"}},
            Tags={"env": "prod"},
        )


def _archive() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(zipfile.ZipInfo("main.py", (2026, 1, 1, 0, 0, 0)), "def handler(event, context):\n    return event\n")
    return data.getvalue()


def _balancers(client: Client, region: str, size: Size, subnets: list[str]) -> None:
    elb = client("elbv2", region)
    for number in range(size.balancers):
        made = elb.create_load_balancer(Name=f"balancer-{number}", Subnets=subnets[:2], Tags=_TAGS)["LoadBalancers"][0]
        target = elb.create_target_group(Name=f"target-{number}", Protocol="HTTP", Port=80, VpcId=made["VpcId"])["TargetGroups"][0]
        action = {"Type": "forward", "TargetGroupArn": target["TargetGroupArn"]}
        elb.create_listener(LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[action])


def _data(client: Client, region: str, size: Size) -> None:
    for number in range(size.tables):
        client("dynamodb", region).create_table(
            TableName=f"table-{number}",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
    for number in range(size.keys):
        key = client("kms", region).create_key(Description=f"key {number}")["KeyMetadata"]["KeyId"]
        client("kms", region).create_alias(AliasName=f"alias/key-{number}", TargetKeyId=key)
    for number in range(size.databases):
        client("rds", region).create_db_instance(
            DBInstanceIdentifier=f"database-{number}",
            DBInstanceClass="db.t3.small",
            Engine="postgres",
            AllocatedStorage=50,
            MasterUsername="app",
            MasterUserPassword="simulated",
            Tags=_TAGS,
        )
    for number in range(size.secrets):
        client("secretsmanager", region).create_secret(Name=f"secret-{number}", SecretString="simulated", Tags=_TAGS)
    for number in range(size.parameters):
        client("ssm", region).put_parameter(Name=f"/app/parameter-{number}", Value=str(number), Type="String")


def _messages(client: Client, region: str, size: Size) -> None:
    sns, sqs = client("sns", region), client("sqs", region)
    for number in range(size.queues):
        sqs.create_queue(QueueName=f"queue-{number}", tags={"env": "prod"})
    for number in range(size.topics):
        topic = sns.create_topic(Name=f"topic-{number}", Tags=_TAGS)["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{region}:{ACCOUNT}:queue-0")


def _watching(client: Client, region: str, size: Size) -> None:
    logs, cloudwatch = client("logs", region), client("cloudwatch", region)
    for number in range(size.log_groups):
        logs.create_log_group(logGroupName=f"/app/log-{number}", tags={"env": "prod"})
    for number in range(size.alarms):
        cloudwatch.put_metric_alarm(
            AlarmName=f"alarm-{number}",
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
            Tags=_TAGS,
        )
    if region == REGIONS[0]:
        client("cloudtrail", region).create_trail(Name="main", S3BucketName="bench-bucket-0")
