"""What lies in the simulated accounts: about 150 resources of more than 25 types, the same ones in every run.

The trail comes first in each account, so that it logs how all the rest was made.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any, Final

from driftwatch.demo import people
from driftwatch.demo.cloud import ACCOUNTS, REGIONS
from driftwatch.demo.trail import NAME, bucket_of

Client = Callable[[str, str], Any]
"""A client of a service in a region."""
TAGS: Final = [{"Key": "env", "Value": "prod"}, {"Key": "owner", "Value": "platform"}]
TRUST: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "Service", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def seed(made: dict[str, Client]) -> None:
    """Creates everything, one call after the other: the order fixes the ids."""
    for account, client in made.items():
        _log(client, account)
        _identity(client)
        _account_wide(client, account)
        for region in REGIONS:
            _compute(client, region, account, _network(client, region))
            _data(client, region)
            _messages(client, region)
            _watching(client, region)
    _edge(made[ACCOUNTS[0]])
    _people(made[ACCOUNTS[0]])


def _identity(client: Client) -> None:
    iam = client("iam", "us-east-1")
    iam.update_account_password_policy(MinimumPasswordLength=14, RequireSymbols=True, RequireNumbers=True, MaxPasswordAge=90)
    policy = {"Version": "2012-10-17", "Statement": [{"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]}
    read = iam.create_policy(PolicyName="read-objects", PolicyDocument=json.dumps(policy))["Policy"]["Arn"]
    iam.create_group(GroupName="engineers")
    for name in ("deploy", "lambda-runtime", "auditor"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Description=f"{name} role", Tags=TAGS)
        iam.attach_role_policy(RoleName=name, PolicyArn=read)
    for name in ("ci", "backup"):
        iam.create_user(UserName=name, Tags=TAGS)
        iam.add_user_to_group(GroupName="engineers", UserName=name)
    iam.create_access_key(UserName="ci")


def _people(client: Client) -> None:
    """The users and roles of the story, and who may become them."""
    iam = client("iam", "us-east-1")
    for name in people.USERS:
        iam.create_user(UserName=name)
        iam.create_access_key(UserName=name)
    account = people.ACCOUNT
    directory, issuer = f"arn:aws:iam::{account}:saml-provider/{people.DIRECTORY}", f"arn:aws:iam::{account}:oidc-provider/{people.ISSUER}"
    iam.create_open_id_connect_provider(Url=f"https://{people.ISSUER}", ClientIDList=["sts.amazonaws.com"])
    for name, path, principal, action in (
        (people.ENGINEER, people.RESERVED, {"Federated": directory}, ["sts:AssumeRoleWithSAML", "sts:TagSession"]),
        (people.MANAGER, people.RESERVED, {"Federated": directory}, ["sts:AssumeRoleWithSAML", "sts:TagSession"]),
        (people.DEPLOYER, "/", {"Federated": issuer}, ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"]),
        (people.EMERGENCY, "/", {"AWS": f"arn:aws:iam::{account}:user/carl"}, ["sts:AssumeRole"]),
    ):
        trust = {"Sid": "Enter", "Effect": "Allow", "Principal": principal, "Action": action}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=document)


def _log(client: Client, account: str) -> None:
    """The trail and its bucket (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html)."""
    bucket = bucket_of(account)
    service = {"Service": "cloudtrail.amazonaws.com"}
    check = {"Sid": "Check", "Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}"}
    write = {
        "Sid": "Write",
        "Effect": "Allow",
        "Principal": service,
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/AWSLogs/{account}/*",
        "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}},
    }
    _bucket(client, account, bucket, REGIONS[0], check, write)
    trail = client("cloudtrail", REGIONS[0])
    trail.create_trail(Name=NAME, S3BucketName=bucket, IsMultiRegionTrail=True)
    trail.start_logging(Name=NAME)


def _account_wide(client: Client, account: str) -> None:
    for name, region in (("data", REGIONS[1]), ("assets", REGIONS[0])):
        _bucket(client, account, f"acme-{account[:3]}-{name}", region)


def _bucket(client: Client, account: str, bucket: str, region: str, *statements: dict[str, Any]) -> None:
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    regional = client("s3", region)
    regional.create_bucket(Bucket=bucket, **place)
    regional.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    regional.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=_BLOCKED)
    regional.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": TAGS})
    own = {"Sid": "Own", "Effect": "Allow", "Principal": {"AWS": account}, "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = {"Version": "2012-10-17", "Statement": [own, *statements]}
    regional.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


_BLOCKED: Final = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}


def _network(client: Client, region: str) -> dict[str, str]:
    ec2 = client("ec2", region)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{region}{zone}")["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab")
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{region}.s3", RouteTableIds=[table], VpcEndpointType="Gateway")
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address)
    groups = {}
    for name, port in (("web", 443), ("payments", 8443), ("database", 5432)):
        group = ec2.create_security_group(GroupName=name, Description=f"{name} servers", VpcId=vpc)["GroupId"]
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.0.0.0/16", "Description": "inside"}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        ec2.create_tags(Resources=[group], Tags=TAGS)
        groups[name] = group
    return {"vpc": vpc, "subnet": subnets[0], "subnet_b": subnets[1], **groups}


def _compute(client: Client, region: str, account: str, network: dict[str, str]) -> None:
    ec2 = client("ec2", region)
    ec2.run_instances(
        ImageId="ami-0abcdef1234567890",
        MinCount=2,
        MaxCount=2,
        InstanceType="t3.micro",
        SubnetId=network["subnet"],
        SecurityGroupIds=[network["web"]],
        UserData="#!/bin/sh\nexport DB_PASSWORD=a-secret-of-the-demo\n",
        TagSpecifications=[{"ResourceType": "instance", "Tags": TAGS}],
    )
    ec2.create_volume(AvailabilityZone=f"{region}a", Size=100, Encrypted=True)
    ec2.create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": "ami-0abcdef1234567890", "InstanceType": "t3.micro"}
    )
    ec2.enable_ebs_encryption_by_default()
    for name in ("orders", "invoices"):
        client("lambda", region).create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=f"arn:aws:iam::{account}:role/lambda-runtime",
            Handler="main.handler",
            Code={"ZipFile": _archive()},
            Timeout=30,
            MemorySize=256,
            Environment={"Variables": {"LEVEL": "info", "TOKEN": "a-secret-of-the-demo"}},
        )
    cluster = client("ecs", region)
    cluster.create_cluster(clusterName="apps")
    container = {"name": "web", "image": "nginx:1.29", "memory": 256, "environment": [{"name": "TOKEN", "value": "a-secret-of-the-demo"}]}
    cluster.register_task_definition(family="web", containerDefinitions=[container])
    cluster.create_service(cluster="apps", serviceName="web", taskDefinition="web", desiredCount=2)
    balancer = client("elbv2", region)
    lb = balancer.create_load_balancer(Name="web", Subnets=[network["subnet"], network["subnet_b"]], SecurityGroups=[network["web"]])
    group = balancer.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=network["vpc"])["TargetGroups"][0]["TargetGroupArn"]
    balancer.create_listener(
        LoadBalancerArn=lb["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )


def _archive() -> bytes:
    """A zip with a fixed date, so that its hash is the same in every run."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(zipfile.ZipInfo("main.py", (2026, 1, 1, 0, 0, 0)), "def handler(event, context):\n    return event\n")
    return data.getvalue()


def _data(client: Client, region: str) -> None:
    key = client("kms", region).create_key(Description="data", Tags=[{"TagKey": "env", "TagValue": "prod"}])["KeyMetadata"]["KeyId"]
    client("kms", region).create_alias(AliasName="alias/data", TargetKeyId=key)
    for name in ("sessions", "carts"):
        client("dynamodb", region).create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
    client("rds", region).create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.t3.small",
        Engine="postgres",
        EngineVersion="16.3",
        AllocatedStorage=50,
        MasterUsername="app",
        MasterUserPassword="a-secret-of-the-demo",
        DeletionProtection=True,
    )
    client("ecr", region).create_repository(repositoryName="web", imageScanningConfiguration={"scanOnPush": True})
    client("secretsmanager", region).create_secret(Name="db/orders", SecretString="a-secret-of-the-demo")
    client("ssm", region).put_parameter(Name="/orders/password", Value="a-secret-of-the-demo", Type="SecureString")
    client("efs", region).create_file_system(CreationToken="shared", Encrypted=True)


def _messages(client: Client, region: str) -> None:
    topic = client("sns", region).create_topic(Name="alerts")["TopicArn"]
    queue = client("sqs", region).create_queue(QueueName="orders", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    client("sqs", region).create_queue(QueueName="orders-dead")
    arn = client("sqs", region).get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("sns", region).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    client("events", region).put_rule(Name="nightly", ScheduleExpression="rate(1 day)", State="ENABLED")
    client("events", region).put_targets(Rule="nightly", Targets=[{"Id": "queue", "Arn": arn}])


def _watching(client: Client, region: str) -> None:
    logs = client("logs", region)
    for name in ("/aws/lambda/orders", "/aws/lambda/invoices"):
        logs.create_log_group(logGroupName=name)
        logs.put_retention_policy(logGroupName=name, retentionInDays=30)
    client("cloudwatch", region).put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )


def _edge(client: Client) -> None:
    route53 = client("route53", "us-east-1")
    zone = route53.create_hosted_zone(Name="acme.example", CallerReference="demo")["HostedZone"]["Id"]
    records = [
        {"Name": f"{name}.acme.example", "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": f"192.0.2.{number}"}]}
        for number, name in enumerate(("www", "api", "shop"), start=10)
    ]
    changes = [{"Action": "CREATE", "ResourceRecordSet": record} for record in records]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
