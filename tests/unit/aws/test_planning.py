"""What a scan plans to read: every wanted cell is in a unit, in a gap, or not enabled; and nothing is listed twice."""

from __future__ import annotations

import pytest

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.catalog import Entry, Kind, ListCall, Parent
from driftwatch.aws.planning import Discovery, Place, listings, plan
from driftwatch.aws.sessions import Account
from driftwatch.domain.resource import GLOBAL, Cell
from driftwatch.domain.scan import Plan
from driftwatch.domain.snapshot import GapReason
from tests.fakes import FakeCaller

ACCOUNT = Account(id="111122223333")


def entry(name: str, op: str = "ListThings", **fields: object) -> Entry:
    params = fields.pop("params", ({},))
    listing = ListCall(op=op, items=f"{name}s", params=params)  # type: ignore[arg-type]
    return Entry(type=f"AWS::Demo::{name}", service="demo", id=("Name",), list=listing, **fields)  # type: ignore[arg-type]


def child(name: str, parent: str, **fields: object) -> Entry:
    above = Parent(type=f"AWS::Demo::{parent}", bind={"parent": "Name"})
    return entry(name, op=f"List{name}s", kind=Kind.CHILD, parent=above, params=({"Of": "$parent"},), **fields)


def catalog(*entries: Entry) -> dict[str, Entry]:
    return {one.type: one for one in entries}


def planned(entries: dict[str, Entry], *places: Place, types: list[str] | None = None) -> Plan:
    return plan(entries, types or list(entries), places or (Place(account=ACCOUNT, regions=("r1", "r2")),), lambda cell: True)


def cells_of(result: Plan) -> set[tuple[str, str]]:
    return {(cell.region, cell.type.rpartition("::")[2]) for unit in result.units for cell in unit.cells}


def test_entries_that_share_a_listing_are_one_unit_in_each_region() -> None:
    result = planned(catalog(entry("User"), entry("Group"), entry("Other", op="ListOthers")))
    assert sorted(len(unit.cells) for unit in result.units) == [1, 1, 2, 2]
    assert len({unit.id for unit in result.units}) == 4


def test_the_same_operation_with_other_parameters_is_another_question() -> None:
    assert len(listings(catalog(entry("A", params=({"X": 1},)), entry("B", params=({"X": 2},))), ["AWS::Demo::A", "AWS::Demo::B"])) == 2


def test_a_child_is_read_with_its_parent_down_to_grandchildren() -> None:
    result = planned(catalog(entry("Api"), child("Stage", "Api"), child("Method", "Stage")))
    assert [len(unit.cells) for unit in result.units] == [3, 3]


def test_a_child_alone_takes_its_parent_along_but_not_its_cell() -> None:
    entries = catalog(entry("Api"), child("Stage", "Api"))
    result = planned(entries, types=["AWS::Demo::Stage"])
    assert cells_of(result) == {("r1", "Stage"), ("r2", "Stage")}
    assert {unit.id.rpartition("/")[0].rpartition("/")[2] for unit in result.units} == {"demo:ListThings"}


def test_a_global_type_is_asked_once_and_one_by_region_has_a_cell_for_each() -> None:
    result = planned(catalog(entry("User", scope="global"), entry("Bucket", op="ListBuckets", scope="global", item_region="Region")))
    assert [unit.region for unit in result.units] == [GLOBAL, GLOBAL]
    assert cells_of(result) == {(GLOBAL, "User"), ("r1", "Bucket"), ("r2", "Bucket")}


def test_a_pinned_type_is_asked_in_its_region_whatever_regions_are_read() -> None:
    (unit,) = planned(catalog(entry("Acl", scope="us-east-1"))).units
    assert (unit.region, unit.cells[0].region) == (GLOBAL, GLOBAL)
    assert "/us-east-1/" in unit.id
    china = Place(account=Account(id="1", partition="aws-cn"), regions=("cn-north-1",))
    assert len(planned(catalog(entry("Acl", scope="us-east-1")), china).not_enabled) == 1


def test_a_region_that_a_service_does_not_have_is_not_enabled() -> None:
    result = planned(catalog(entry("Thing", regions=("r1",))))
    assert cells_of(result) == {("r1", "Thing")}
    assert [cell.region for cell in result.not_enabled] == ["r2"]


def test_an_account_that_cannot_be_read_makes_every_cell_of_it_a_gap_and_no_unit() -> None:
    failed = CallFailed(GapReason.CREDENTIALS, operation="sts:GetCallerIdentity", detail="another account")
    good = Place(account=Account(id="999988887777"), regions=("r1",))
    result = planned(
        catalog(entry("User", scope="global"), entry("Thing")), Place(account=ACCOUNT, regions=("r1", "r2"), failed=failed), good
    )
    assert {unit.account for unit in result.units} == {"999988887777"}
    assert {(gap.cell.region, gap.reason) for gap in result.gaps} == {
        (GLOBAL, GapReason.CREDENTIALS),
        ("r1", GapReason.CREDENTIALS),
        ("r2", GapReason.CREDENTIALS),
    }


def test_only_wanted_cells_are_planned() -> None:
    def wanted(cell: Cell) -> bool:
        return cell.region == "r2" and cell.type.endswith("User")

    entries = catalog(entry("User"), entry("Group"))
    result = plan(entries, list(entries), [Place(account=ACCOUNT, regions=("r1", "r2"))], wanted)
    assert [[cell.region for cell in unit.cells] for unit in result.units] == [["r2"]]


# --- discovery -------------------------------------------------------------------------------------------------------------------------


def discover(account: Account, answers: dict[str, object], sdk: tuple[str, ...] = ("r1", "r9")) -> Place:
    caller = FakeCaller(answers={"sts:GetCallerIdentity": {"Account": ACCOUNT.id}, **answers})
    return Discovery(lambda _account: caller, lambda _account: sdk).place(account)


REGIONS = {"Regions": [{"RegionName": "r1", "OptInStatus": "opt-in-not-required"}, {"RegionName": "r2", "OptInStatus": "not-opted-in"}]}


def test_enabled_regions_are_found_and_switched_off_ones_are_told_apart_from_unknown_ones() -> None:
    assert discover(ACCOUNT, {"ec2:DescribeRegions": REGIONS}).regions == ("r1",)
    place = discover(Account(id=ACCOUNT.id, regions=("r1", "r2", "r3")), {"ec2:DescribeRegions": REGIONS})
    assert (place.regions, place.disabled, place.unknown, place.failed) == (("r1",), ("r2",), ("r3",), None)


def test_a_failed_discovery_falls_back_to_what_was_known_and_reads_nothing() -> None:
    failed = CallFailed(GapReason.DENIED, operation="ec2:DescribeRegions", detail="no")
    answers: list[object] = [REGIONS, failed]
    caller = FakeCaller(answers={"sts:GetCallerIdentity": {"Account": ACCOUNT.id}, "ec2:DescribeRegions": lambda *_: answers.pop(0)})
    discovery = Discovery(lambda _account: caller, lambda _account: ("r1", "r9"))
    assert discovery.place(ACCOUNT).failed is None
    second = discovery.place(ACCOUNT)
    assert (second.regions, second.failed) == (("r1",), failed)
    assert discover(ACCOUNT, {"ec2:DescribeRegions": failed}).regions == ("r1", "r9")


@pytest.mark.parametrize("reply", [{"Account": "999988887777"}, {}, {"Account": None}])
def test_another_account_than_the_configured_one_is_never_read(reply: dict[str, object]) -> None:
    place = discover(ACCOUNT, {"sts:GetCallerIdentity": reply, "ec2:DescribeRegions": REGIONS})
    assert place.failed is not None
    assert place.failed.reason is GapReason.CREDENTIALS
