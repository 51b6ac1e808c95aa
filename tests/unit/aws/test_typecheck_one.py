"""The type check of `one`: the call exists, takes what an id tells, and yields just what the listing and its details yield."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftwatch.aws.iam_policy import granted
from driftwatch.aws.typecheck import check
from driftwatch.errors import InputError
from tests.unit.aws.test_typecheck import SDK, SESSION, catalog

TABLE = """\
[[resource]]
type = "AWS::DynamoDB::Table"
service = "dynamodb"
list = { op = "ListTables", items = "TableNames" }
id = "TableName"
detail = [{ into = "@", op = "DescribeTable", params = { TableName = "$item" }, take = "Table.{TableName: TableName, TableId: TableId}" }]
reviewed = ["TableId"]
one = %s
"""

ALARM = """\
[[resource]]
type = "AWS::CloudWatch::Alarm"
service = "cloudwatch"
list = { op = "DescribeAlarms", items = "MetricAlarms[].{AlarmName: AlarmName}" }
id = "AlarmName"
one = %s
"""

FUNCTION = """\
[[resource]]
type = "AWS::Lambda::Function"
service = "lambda"
list = { op = "ListFunctions", items = "Functions[].{FunctionName: FunctionName, Handler: Handler}" }
id = "FunctionName"
reviewed = ["Handler"]
one = %s
"""

RULE = """\
[[resource]]
type = "AWS::Events::EventBus"
service = "events"
list = { op = "ListEventBuses", items = "EventBuses[].{Name: Name}", paging = "token" }
id = "Name"

[[resource]]
type = "AWS::Events::Rule"
service = "events"
parent = { type = "AWS::Events::EventBus", bind = { bus = "Name" } }
list = { op = "ListRules", params = { EventBusName = "$bus" }, items = "Rules[].{Name: Name, EventBusName: EventBusName}" }
id = ["EventBusName", "Name"]
detail = [{ into = "Managed", op = "DescribeRule", params = { Name = "$item.Name", EventBusName = "$bus" }, take = "ManagedBy" }]
reviewed = ["Managed"]
one = %s
"""

FOUND = """{ op = "GetFunctionConfiguration", items = "[{FunctionName: FunctionName, %s}]", params = { FunctionName = "$id" } }"""

GOOD = (
    (TABLE, """{ item = "$id", absent = ["ResourceNotFoundException"] }"""),
    (ALARM, """{ params = { AlarmNames = "$ids" } }"""),
    (ALARM, """{ params = { AlarmNames = ["$id"] } }"""),
    (ALARM, """{ whole = true }"""),
    (FUNCTION, FOUND % "Handler: Handler"),
    (RULE, """{ params = { EventBusName = "$bus", NamePrefix = "$item.Name" }, pattern = '(?P<bus>[^|]+)\\|.+' }"""),
)


@pytest.mark.parametrize(("entry", "one"), GOOD)
def test_a_call_that_fits_is_accepted(tmp_path: Path, entry: str, one: str) -> None:
    assert check(catalog(tmp_path, entry % one), SESSION) == []


BAD = (
    (ALARM, """{ params = { AlarmName = "$ids" } }""", "AlarmName"),
    (ALARM, """{ params = { AlarmNames = "$id" } }""", "AlarmNames: $id is a string"),
    (ALARM, """{ params = { AlarmNamePrefix = "$ids" } }""", "AlarmNamePrefix: $ids is a list"),
    (ALARM, """{ params = { AlarmNames = "$ids" }, size = 101 }""", "size 101 is more than the 100"),
    (ALARM, """{ params = { AlarmNames = "$ids" }, absent = ["AlarmNotFound"] }""", "models no error AlarmNotFound"),
    (ALARM, """{ params = { AlarmNames = ["$item.Name"] } }""", "Name"),
    (ALARM, """{ op = "DeleteAlarms", items = "[@]", params = { AlarmNames = "$ids" } }""", "reading verb"),
    (FUNCTION, """{ op = "GetFunctionConfig", items = "[@]", params = { FunctionName = "$id" } }""", "no operation GetFunctionConfig"),
    (FUNCTION, """{ op = "GetFunctionConfiguration", items = "FunctionName", params = { FunctionName = "$id" } }""", "not a list"),
    (FUNCTION, """{ op = "GetFunctionConfiguration", items = "[Function]", params = { FunctionName = "$id" } }""", "Function"),
    (FUNCTION, FOUND % "Runtime: Runtime", "Handler is missing"),
    (FUNCTION, FOUND % "Handler: Handler, Role: Role", "Role is not in what the listing and its details bring"),
    (TABLE, """{ item = { TableName = "$id" } }""", "$item"),
    (RULE, """{ params = { EventBusName = "$item.EventBusName", NamePrefix = "$item.Name" } }""", "$bus, which the id does not tell"),
)


@pytest.mark.parametrize(("entry", "one", "fault"), BAD)
def test_a_call_that_does_not_fit_is_refused_with_its_line(tmp_path: Path, entry: str, one: str, fault: str) -> None:
    problems = check(catalog(tmp_path, entry % one), SESSION)
    assert any(fault in problem.message for problem in problems), problems
    line = 1 + (entry % one).splitlines().index(f"one = {one}")
    assert {problem.line for problem in problems} == {line}


MALFORMED = (
    (ALARM, """{ params = { AlarmNames = "$ids" }, sizes = 3 }""", "did you mean size"),
    (ALARM, """{ params = { StateValue = "OK" } }""", "name nothing of the id"),
    (ALARM, """{ whole = true, params = { AlarmNames = "$ids" } }""", "whole reads the listing without an id"),
    (ALARM, """{ params = { AlarmNames = "$ids", AlarmNamePrefix = "$id" } }""", "excludes other names"),
    (ALARM, """{ params = { AlarmNamePrefix = "$id" }, size = 3 }""", "size is for $ids"),
    (ALARM, """{ params = { AlarmNames = "$ids" }, absent = ["ValidationError"] }""", "write 'Code: words"),
    (ALARM, """{ params = { AlarmNames = "$ids" }, pattern = "(" }""", "no regular expression"),
    (ALARM, """{ params = { AlarmNames = "$ids" }, pattern = ".+" }""", "no named group"),
    (ALARM, """{ params = { AlarmNames = "$ids" }, pattern = "(?P<region>.+)" }""", "region cannot be bound"),
    (ALARM, """{ item = "$id" }""", "needs a first detail"),
    (FUNCTION, """{ op = "GetFunctionConfiguration", params = { FunctionName = "$id" } }""", "items is missing"),
    (TABLE, """{ item = "$id", whole = true }""", "excludes params, op, items and whole"),
    (TABLE, """{ item = "name" }""", "nothing of the item is taken from the id"),
    (RULE, """{ whole = true }""", "listed under a parent"),
    (RULE, """{ params = { NamePrefix = "$ids" } }""", "ids of one part"),
)


@pytest.mark.parametrize(("entry", "one", "fault"), MALFORMED)
def test_what_says_nothing_or_contradicts_itself_is_refused_at_loading(tmp_path: Path, entry: str, one: str, fault: str) -> None:
    with pytest.raises(InputError) as refused:
        catalog(tmp_path, entry % one)
    assert fault in str(refused.value)


def test_a_setting_needs_no_call_of_its_own(tmp_path: Path) -> None:
    text = """\
[[resource]]
type = "Driftwatch::IAM::AccountSummary"
service = "iam"
kind = "singleton"
scope = "global"
list = { op = "GetAccountSummary", items = "SummaryMap" }
one = { whole = true }
"""
    with pytest.raises(InputError, match="read by its listing"):
        catalog(tmp_path, text)


def test_the_policy_grants_the_call_for_one(tmp_path: Path) -> None:
    made = catalog(tmp_path, FUNCTION % GOOD[4][1])
    assert "lambda:GetFunctionConfiguration" in granted(made.values(), SDK)
