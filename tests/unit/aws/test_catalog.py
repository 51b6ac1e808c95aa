"""Loading the catalogue: strict, with the line of every mistake, and without the SDK."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from driftwatch.aws.catalog import Kind, Paging, load, read_files, together
from driftwatch.aws.entry import expression, path_segments
from driftwatch.errors import InputError

GROUP = """\
service = "ec2"

[[resource]]
type = "AWS::EC2::SecurityGroup"
list = { op = "DescribeSecurityGroups", items = "SecurityGroups" }
id = "GroupId"
tags = "Tags"
drop = ["OwnerId"]
[resource.sets]
"IpPermissions" = ["IpProtocol", "FromPort", "ToPort"]
"""


def write(tmp_path: Path, text: str, name: str = "ec2.toml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(InputError) as refused:
        read_files([write(tmp_path, text)])
    return str(refused.value)


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ('id = "GroupId"', 'idd = "GroupId"', 6, "unknown key idd; did you mean id?"),
        ("op = ", "opp = ", 5, "unknown key opp; did you mean op?"),
        ('items = "SecurityGroups"', 'items = "SecurityGroups", pageing = "single"', 5, "did you mean paging?"),
        ('drop = ["OwnerId"]', 'drop = "OwnerId"', 8, "drop"),
        ('drop = ["OwnerId"]', 'drop = ["Owner..Id"]', 8, "is no path"),
        ('tags = "Tags"', "tags = 7", 7, "tags"),
        ('"IpPermissions" =', '"IpPermissions[" =', 10, "is no path"),
        ('id = "GroupId"\n', "", 4, "id is missing"),
        ('type = "AWS::EC2::SecurityGroup"', 'type = "SecurityGroup"', 4, "type"),
        ('tags = "Tags"', 'tags = "Tags[].Key"', 7, "must name one member"),
        ('tags = "Tags"', 'reviewed = ["*"]', 7, "name the members"),
        ('tags = "Tags"', 'kind = "child"', 7, "go together"),
        ('tags = "Tags"', 'scope = "globl"', 7, "scope"),
        ('tags = "Tags"', 'secret = { "X" = "hidden" }', 7, "secret"),
        ('tags = "Tags"', 'json = { "X" = "xml" }', 7, "json"),
        ('tags = "Tags"', 'lift = { "X" = ["Key"] }', 7, "lift"),
        ('tags = "Tags"', 'detail = [{ into = "A", op = "GetA", every = 0 }]', 7, "every"),
        ('tags = "Tags"', 'detail = [{ into = "A", op = "GetA", every = "often" }]', 7, "every"),
        (
            'tags = "Tags"',
            'detail = [{ into = "A", op = "GetA", every = 2, join = { list = "A", match = "B", on = "C" } }]',
            7,
            "one by one",
        ),
        ('tags = "Tags"', 'detail = [{ into = "A", op = "GetA", batch = { param = "x", size = "2", match = "y" } }]', 7, "size"),
        ('tags = "Tags"', 'detail = [{ into = "A", op = "GetA" }, { into = "A", op = "GetB" }]', 7, "two details go into A"),
        ('tags = "Tags"', 'parent = { type = "AWS::EC2::VPC", bind = { Vpc = "VpcId" } }', 7, "bind"),
        ('service = "ec2"', 'servce = "ec2"', 1, "unknown key servce"),
        ('tags = "Tags"', 'tags = "Tags', 7, "no TOML"),
    ],
)
def test_a_mistake_is_refused_with_its_line(tmp_path: Path, before: str, after: str, line: int, words: str) -> None:
    text = refusal(tmp_path, GROUP.replace(before, after))
    assert f"ec2.toml:{line}:" in text
    assert words in text


def test_every_mistake_of_all_files_is_named_at_once(tmp_path: Path) -> None:
    bad = write(tmp_path, GROUP.replace("id =", "idd ="))
    other = write(tmp_path, GROUP.replace("tags =", "tgas =").replace("SecurityGroup", "VPC"), "vpc.toml")
    with pytest.raises(InputError) as refused:
        read_files([bad, other])
    assert "ec2.toml:6" in str(refused.value)
    assert "vpc.toml:7" in str(refused.value)


def test_the_line_is_found_in_the_right_detail(tmp_path: Path) -> None:
    details = 'detail = [\n  { into = "A", op = "GetA", take = "A" },\n  { into = "B", op = "GetB", tkae = "B" },\n]'
    assert "ec2.toml:9:" in refusal(tmp_path, GROUP.replace('tags = "Tags"', details))


def test_a_type_written_twice_is_refused(tmp_path: Path) -> None:
    text = refusal(tmp_path, GROUP + GROUP.removeprefix('service = "ec2"\n'))
    assert "written twice, first at" in text
    assert "ec2.toml:13" in text


@pytest.mark.parametrize("alias", ["AWS::EC2::SecurityGroup", "AWS::EC2::Thing"])
def test_an_alias_that_means_two_types_is_refused(tmp_path: Path, alias: str) -> None:
    second = (
        f'\n[[resource]]\ntype = "AWS::EC2::VPC"\naliases = ["{alias}"]\nlist = {{ op = "DescribeVpcs", items = "Vpcs" }}\nid = "VpcId"\n'
    )
    third = second.replace("EC2::VPC", "EC2::Subnet") if alias.endswith("Thing") else ""
    assert alias in refusal(tmp_path, GROUP + second + third)


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "ec2.toml"
    path.write_bytes(b'service = "ec2"\n# \xff\n')
    with pytest.raises(InputError, match=r"ec2\.toml:2:1: not UTF-8"):
        read_files([path])


def test_a_missing_directory_or_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no directory"):
        load([tmp_path / "none"])
    with pytest.raises(InputError, match="is no file"):
        read_files([tmp_path / "none.toml"])


FULL = """\
[[resource]]
type = "AWS::X::Thing"
aliases = ["AWS::X::Other"]
service = "x"
scope = "us-east-1"
regions = ["us-east-1", "eu-west-1"]
item_region = "Region"
list = { op = "ListThings", params = [{ A = "1" }, { A = "2" }], items = "Things", paging = "token", off = ["Off"], every = 4 }
keep = "Status != 'GONE'"
parent = { type = "AWS::X::Parent", bind = { parent = "Arn" } }
id = ["A", "B"]
arn = "arn:{partition}:x:::{A}"
label = "Name"
tags = "Tags"
owner = "Owner"
detail = [
  { into = "@", op = "GetThings", params = { Ids = "$item" }, take = "Things", batch = { param = "Ids", size = 10, match = "A", missing = "No" } },
  { into = "More", op = "ListMore", take = "X", join = { list = "More", match = "A", on = "A" }, absent = ["None"], off = ["Off"] },
  { into = "+", op = "GetRest", every = "on-change", paging = "single" },
]
drop = ["When"]
reviewed = ["Name"]
sets = { "L" = ["K"], "S" = [] }
ordered = ["O"]
lift = { "Attributes" = ["Key", "Value"] }
json = { "P" = "iam-policy" }
lower = ["N"]
secret = { "V" = "map-values" }
iam = { "x:ListThings" = ["x:List"] }
events = ["CreateThing"]
note = "why"
"""  # noqa: E501 - an inline table of TOML stands on one line


def test_every_field_of_the_grammar_is_read(tmp_path: Path) -> None:
    catalog = read_files([write(tmp_path, FULL)])
    entry = catalog["AWS::X::Thing"]
    assert entry.kind is Kind.CHILD, "a parent makes it a child"
    assert entry.parent
    assert (entry.parent.type, entry.parent.bind) == ("AWS::X::Parent", {"parent": "Arn"})
    assert (entry.list.params, entry.list.paging, entry.list.off, entry.list.every) == (({"A": "1"}, {"A": "2"}), Paging.TOKEN, ("Off",), 4)
    assert (entry.scope, entry.regions, entry.item_region, entry.owner) == ("us-east-1", ("us-east-1", "eu-west-1"), "Region", "Owner")
    assert (entry.id, entry.arn, entry.label, entry.note) == (("A", "B"), "arn:{partition}:x:::{A}", "Name", "why")
    batched, joined, merged = entry.detail
    assert batched.batch
    assert (batched.batch.size, batched.batch.match, batched.batch.missing) == (10, "A", "No")
    assert joined.join
    assert (joined.join.list, joined.join.match, joined.join.on) == ("More", "A", "A")
    assert (joined.absent, joined.off) == (("None",), ("Off",))
    assert (merged.every, merged.take, merged.paging) == ("on-change", "@", Paging.SINGLE)
    assert entry.iam == {"x:ListThings": ("x:List",)}
    assert entry.operations == ("ListThings", "GetThings", "ListMore", "GetRest")
    rules = catalog.normalisation(entry)
    assert (rules.tags, rules.drop, rules.ordered, rules.lower) == ("Tags", ("When",), ("O",), ("N",))
    assert (rules.sets, rules.lift) == ({"L": ("K",), "S": ()}, {"Attributes": ("Key", "Value")})
    assert (rules.json, rules.secret) == ({"P": "iam-policy"}, {"V": "map-values"})
    found = catalog.find("AWS::X::Other")
    assert found is entry
    assert catalog.children("AWS::X::Parent") == (entry,)
    assert catalog.by_service == {"x": (entry,)}


def test_defaults(tmp_path: Path) -> None:
    entry = read_files([write(tmp_path, GROUP)])["AWS::EC2::SecurityGroup"]
    assert (entry.kind, entry.scope, entry.list.params, entry.list.paging) == (Kind.LIST, "regional", ({},), None)
    assert entry.id == ("GroupId",)


def test_extra_directories_add_to_the_package_and_may_not_redefine_it(tmp_path: Path) -> None:
    write(tmp_path, FULL, "x.toml")
    assert set(load([tmp_path])) == {*load(), "AWS::X::Thing"}
    own = next(iter(load()))
    write(tmp_path, FULL.replace("AWS::X::Thing", own).replace('aliases = ["AWS::X::Other"]\n', ""), "y.toml")
    with pytest.raises(InputError, match="written twice"):
        load([tmp_path])


def test_together_prefers_the_first(tmp_path: Path) -> None:
    first = read_files([write(tmp_path, GROUP)])
    second = read_files([write(tmp_path, GROUP.replace('tags = "Tags"\n', "") + FULL, "b.toml")])
    both = together(first, second)
    assert both["AWS::EC2::SecurityGroup"].tags == "Tags"
    assert "AWS::X::Thing" in both


def test_the_place_of_an_entry_and_of_a_word_in_it(tmp_path: Path) -> None:
    catalog = read_files([write(tmp_path, GROUP + "\n" + FULL)])
    assert catalog.place("AWS::X::Thing").line == 12
    assert catalog.place("AWS::X::Thing", "detail", "ListMore", "absent").line == 29
    assert catalog.place("AWS::EC2::SecurityGroup", "sets", "IpPermissions").line == 10


def test_loading_the_package_is_quick_and_needs_no_sdk() -> None:
    """Every command loads the catalogue: `status` must not wait for botocore. The bound is in seconds of the processor."""
    program = """
import sys, time
from driftwatch.aws.catalog import load
started = time.process_time()
load()
print(time.process_time() - started, "botocore" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    seconds, sdk = done.stdout.split()
    assert sdk == "False"
    assert float(seconds) < 0.3
    assert load() is load(), "read once"


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("A", ("A",)),
        ("A.B[].C", ("A", "B", "[]", "C")),
        ("A[][]", ("A", "[]", "[]")),
        ('A.*."b.c"[]', ("A", "*", "b.c", "[]")),
    ],
)
def test_steps_of_a_path(path: str, steps: tuple[str, ...]) -> None:
    assert path_segments(path) == steps


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("$item", ("item", "")),
        ("$item.A.B", ("item", "A.B")),
        ("$account", ("account", "")),
        ("$Latest", None),
        ("$", None),
        ("item", None),
        (7, None),
    ],
)
def test_expressions_of_parameters(value: object, meaning: tuple[str, str] | None) -> None:
    assert expression(value) == meaning
