"""The type check of `absent`, `strip`, `every`, `unreadable`, ids with bound names, and several embedded documents in one map."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftwatch.aws.typecheck import check
from driftwatch.errors import InputError
from tests.unit.aws.test_typecheck import SESSION, catalog, errors

POLICY = """\
[[resource]]
type = "Driftwatch::IAM::AccountPasswordPolicy"
service = "iam"
kind = "singleton"
scope = "global"
list = { op = "GetAccountPasswordPolicy", items = "PasswordPolicy", absent = ["NoSuchEntity"] }
"""

ZONES = """\
[[resource]]
type = "AWS::Route53::HostedZone"
service = "route53"
scope = "global"
list = { op = "ListHostedZones", items = "HostedZones", strip = { Id = "/hostedzone/" } }
id = "Id"

[[resource]]
type = "AWS::Route53::RecordSet"
service = "route53"
scope = "global"
parent = { type = "AWS::Route53::HostedZone", bind = { zone = "Id" } }
list = { op = "ListResourceRecordSets", params = { HostedZoneId = "$zone" }, items = "ResourceRecordSets" }
id = ["$zone", "Name", "Type", "SetIdentifier"]
arn = "arn:{partition}:demo:::{zone}/{Name}"
sets = { "ResourceRecords" = ["Value"] }
"""

FUNCTION = """\
[[resource]]
type = "AWS::Lambda::Function"
service = "lambda"
list = { op = "ListFunctions", items = "Functions" }
id = "FunctionName"
unreadable = ["Environment.Error"]
drop = ["Layers", "FileSystemConfigs"]
"""

QUEUE = """\
[[resource]]
type = "AWS::SQS::Queue"
service = "sqs"
list = { op = "ListQueues", items = "QueueUrls[].{QueueUrl: @}" }
id = "QueueUrl"
reviewed = ["Attributes.*"]
drop = ["Attributes.RedrivePolicy.noise", "Attributes.RedriveAllowPolicy.noise", "Attributes.Policy.noise"]
[resource.sets]
"Attributes.RedrivePolicy.queues" = []
"Attributes.RedriveAllowPolicy.sourceQueueArns" = []
"Attributes.Policy.Statement" = ["Sid"]
[resource.json]
"Attributes.Policy" = "iam-policy"
"Attributes.RedrivePolicy" = "json"
"Attributes.RedriveAllowPolicy" = "json"
[[resource.detail]]
into = "Attributes"
op = "GetQueueAttributes"
params = { QueueUrl = "$item.QueueUrl", AttributeNames = ["All"] }
take = "Attributes"
"""


@pytest.mark.parametrize("text", [POLICY, ZONES, FUNCTION, QUEUE])
def test_a_good_entry_has_no_problem(tmp_path: Path, text: str) -> None:
    assert errors(tmp_path, text) == []


MISTAKES = [
    (POLICY, "NoSuchEntity", "NoSuchEntry", "models no error NoSuchEntry"),
    (ZONES, "strip = { Id", "strip = { ID", "strip: there is no member ID in HostedZone; did you mean Id?"),
    (ZONES, "strip = { Id", "strip = { Config", "strip: Config is an object, not a text"),
    (ZONES, '["$zone"', '["$zoen"', "id: $zoen is not bound; did you mean $zone?"),
    (ZONES, '["$zone"', '["$zone.Id"', "id: $zone.Id is not bound"),
    (ZONES, '["$zone"', '["$item"', "id: $item is not bound"),
    (ZONES, "/{Name}", "/{zon}", "arn: there is no member zon"),
    (FUNCTION, "Environment.Error", "Environment.Eror", "unreadable: there is no member Eror"),
    (FUNCTION, "Environment.Error", "Environment[].Error", "unreadable: [] is applied"),
    (QUEUE, '"Attributes.Policy.Statement" = ["Sid"]', '"Attribute.Policy.Statement" = ["Sid"]', "did you mean Attributes?"),
]


@pytest.mark.parametrize(("text", "before", "after", "words"), MISTAKES, ids=[after for _, _, after, _ in MISTAKES])
def test_a_mistake_is_found(tmp_path: Path, text: str, before: str, after: str, words: str) -> None:
    assert text.count(before) == 1
    found = [problem.message for problem in errors(tmp_path, text.replace(before, after))]
    assert any(words in message for message in found), found


@pytest.mark.parametrize(
    ("text", "before", "after", "words"),
    [
        (POLICY, "absent = [", 'off = ["NoSuchEntity"], absent = [', "NoSuchEntity cannot mean both"),
        (ZONES, '["$zone", "Name", "Type", "SetIdentifier"]', '"$zone"', "id names nothing of the item itself"),
        (FUNCTION, '"Environment.Error"', '"Environment..Error"', "is no path"),
        (POLICY, "absent", "every = 0, absent", "greater than or equal to 1"),
        (POLICY, "absent", 'every = "on-change", absent', "integer"),
    ],
)
def test_an_entry_that_contradicts_itself_is_not_even_loaded(tmp_path: Path, text: str, before: str, after: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        catalog(tmp_path, text.replace(before, after))
    assert words in str(refused.value)


def test_known_keys_of_a_map_stay_known_beside_an_embedded_document(tmp_path: Path) -> None:
    """What one `json` path says of a map must not undo another, nor make the map take any key."""
    found = errors(tmp_path, QUEUE.replace('["Attributes.*"]', '["Attributes.*", "Attributes.RedrivePolic"]'))
    assert len(found) == 1
    assert "did you mean RedrivePolicy?" in found[0].message


def test_a_detail_may_be_read_every_now_and_then(tmp_path: Path) -> None:
    for value in ("6", '"on-change"'):
        text = QUEUE.replace('take = "Attributes"', f'take = "Attributes"\nevery = {value}')
        assert not [problem for problem in check(catalog(tmp_path, text), SESSION) if "every" in problem.message]


def test_what_makes_a_resource_unreadable_needs_no_review(tmp_path: Path) -> None:
    reviewed = "".join(problem.message for problem in check(catalog(tmp_path, FUNCTION), SESSION))
    assert "Environment.Variables" in reviewed
    assert "Environment.Error" not in reviewed
