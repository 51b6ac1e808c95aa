"""Mutation check of the decision core: ``python -m tests.mutation [FILE...]``. Every mutant that no test notices needs a reason.

Every comparison, boundary, boolean operator, condition, sign, choice of extremes and member of an enumeration in the core is changed, one
at a time, in a temporary copy of the package, and the unit tests of the core are run against it up to the first failure. A mutant that
survives is a hole in the tests, or makes no difference: then `tests.mutation_reasons` says why.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from driftwatch.domain import activity, change, decision, drift, exception
from driftwatch.domain.authorization import policy
from tests.mutation_reasons import REASONS

ROOT: Final = Path(__file__).parent.parent
CORE: Final = Path("driftwatch/domain/authorization")
NAMES: Final = ("approvals", "decide", "evidence", "exceptions", "judgement", "matching", "moment", "paths", "windows")
TESTS: Final = (
    "test_rule_*.py",
    "test_exceptions.py",
    "test_identities.py",
    "test_candidate_index.py",
    "test_decision_cases.py",
    "test_decision_procedure.py",
    "test_hostile_records.py",
    "test_explanations.py",
    "test_remedies.py",
    "test_decision_properties.py",
)
CLOSEST: Final[Mapping[str, tuple[str, ...]]] = {
    "approvals": ("rule_approval", "rule_emergency"),
    "evidence": ("rule_peer_review", "rule_test_evidence"),
    "exceptions": ("exceptions",),
    "matching": ("rule_scope", "decision_procedure"),
    "moment": ("rule_approval", "rule_record_state"),
    "rules_actor": ("rule_actor",),
    "rules_approval": ("rule_approval", "rule_edited"),
    "rules_evidence": ("rule_peer_review", "rule_test_evidence", "rule_rollback"),
    "rules_kinds": ("rule_emergency", "rule_template"),
    "rules_scope": ("rule_scope", "rule_value"),
    "rules_time": ("rule_freeze", "rule_window", "rule_record_state"),
    "windows": ("rule_window", "rule_template"),
}
"""The tests that are likeliest to notice a mutant of a file; they are run alone first, to save time."""
PROFILE: Final = """
from hypothesis import Phase, settings
settings.register_profile("mutation", max_examples=10, database=None, derandomize=True, phases=[Phase.generate], deadline=None)
settings.load_profile("mutation")
"""

OPPOSITES: Final[Mapping[type[ast.AST], tuple[type[ast.AST], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.BitOr: (ast.BitAnd,),
}
CALLS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
OUTCOMES: Final = ("PASS", "FAIL", "UNKNOWN", "PENDING", "NOT_APPLICABLE")
_RULE: Final = re.compile(r"R\d+")
_ENUMS: Final = {
    name: list(found.__members__)
    for module in (activity, change, decision, drift, exception, policy)
    for name, found in vars(module).items()
    if hasattr(found, "__members__") and found.__module__ == module.__name__
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one file. `key` names it in a way that survives edits elsewhere in the file."""

    file: str
    line: int
    key: str
    source: str


def files() -> list[str]:
    rules = sorted(path.stem for path in (ROOT / CORE).glob("rules*.py"))
    return [*rules, *NAMES]


def mutants(file: str) -> list[Mutant]:
    """Every mutant of a file, in the order of its text."""
    tree = ast.parse((ROOT / CORE / f"{file}.py").read_text())
    types = {id(inner) for outer in ast.walk(tree) for kind in _types(outer) for inner in ast.walk(kind)}
    seen: Counter[str] = Counter()
    found = []
    for place, node in enumerate(ast.walk(tree)):
        for changed in _changes(node) if id(node) not in types else ():
            mutated = deepcopy(tree)
            site = next(item for number, item in enumerate(ast.walk(mutated)) if number == place)
            _take_over(site, changed)
            key = f"{file}:{_owner(tree, node)}: {_short(node)} -> {_short(changed)}"
            seen[key] += 1
            found.append(
                Mutant(
                    file=file,
                    line=getattr(node, "lineno", 0),
                    key=key if seen[key] == 1 else f"{key} #{seen[key]}",
                    source=ast.unparse(ast.fix_missing_locations(mutated)),
                )
            )
    return sorted(found, key=lambda mutant: mutant.line)


def _types(node: ast.AST) -> Iterator[ast.AST]:
    """What is written for readers and mypy only: annotations, and how a dataclass is made."""
    for field in ("annotation", "returns"):
        if isinstance(kind := getattr(node, field, None), ast.AST):
            yield kind
    if isinstance(node, ast.ClassDef):
        yield from node.decorator_list


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that may stand in the place of this one, each a different program."""
    yield from _operators(node)
    yield from _names(node)
    match node:
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str() as value) if _RULE.fullmatch(value):
            yield ast.Constant("R0")
        case ast.If(test=test) | ast.IfExp(test=test) if isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.NamedExpr):
            negated = deepcopy(node)
            negated.test = ast.UnaryOp(ast.Not(), deepcopy(test))
            yield negated


def _operators(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                for other in OPPOSITES.get(type(operator), ()):
                    operators = [*node.ops[:place], other(), *node.ops[place + 1 :]]
                    yield ast.Compare(node.left, operators, node.comparators)  # type: ignore[arg-type]
        case ast.BoolOp():
            yield ast.BoolOp(OPPOSITES[type(node.op)][0](), node.values)  # type: ignore[arg-type]
        case ast.BinOp(right=right) if type(node.op) in OPPOSITES and not (isinstance(right, ast.Constant) and right.value is None):
            yield ast.BinOp(node.left, OPPOSITES[type(node.op)][0](), node.right)  # type: ignore[arg-type]
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand


def _names(node: ast.AST) -> Iterator[ast.AST]:
    """Another choice of extremes, another member of an enumeration."""
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in CALLS:
            yield ast.Call(ast.Name(CALLS[name], ast.Load()), node.args, node.keywords)
        case ast.Attribute(value=ast.Name(id=name), attr=member) if member in _ENUMS.get(name, ()):
            yield ast.Attribute(node.value, _next(_ENUMS[name], member), ast.Load())
        case ast.Name(id=name, ctx=ast.Load()) if name in OUTCOMES:
            yield ast.Name(_next(OUTCOMES, name), ast.Load())


def _next(members: Sequence[str], member: str) -> str:
    return members[(members.index(member) + 1) % len(members)]


def _take_over(site: ast.AST, changed: ast.AST) -> None:
    """Makes the node another one in its place, whoever holds it."""
    site.__class__ = type(changed)
    site.__dict__.clear()
    site.__dict__.update(deepcopy(changed).__dict__)


def _owner(tree: ast.Module, node: ast.AST) -> str:
    """The innermost function or class, or the name, that the node stands in."""
    name = "module"
    for outer in ast.walk(tree):
        if isinstance(outer, ast.FunctionDef | ast.ClassDef) and any(inner is node for inner in ast.walk(outer)):
            name = outer.name
    return name


def _short(node: ast.AST) -> str:
    if isinstance(node, ast.If):
        return f"if {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())


class Bench:
    """A copy of the package and of the core's tests, in which one mutant at a time is run."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        shutil.copytree(ROOT / "driftwatch", folder / "driftwatch", ignore=shutil.ignore_patterns("__pycache__"))
        there = folder / "tests/unit/authorization"
        there.mkdir(parents=True)
        for name in ("__init__.py", "builders.py"):
            shutil.copy(ROOT / "tests" / name, folder / "tests" / name)
        for path in (ROOT / "tests/unit/authorization").glob("*.py"):
            shutil.copy(path, there / path.name)
        shutil.copy(ROOT / "pyproject.toml", folder / "pyproject.toml")
        (folder / "conftest.py").write_text(PROFILE)
        self._tests = [str(path.relative_to(folder)) for pattern in TESTS for path in sorted(there.glob(pattern))]
        self._written = 0

    def survives(self, mutant: Mutant | None) -> bool:
        """Whether all tests pass with the mutant (None: with the package as it is). One that never ends is noticed."""
        if mutant is None:
            return self._passes(self._tests)
        path = self._folder / CORE / f"{mutant.file}.py"
        original = path.read_text()
        closest = [
            f"tests/unit/authorization/test_{name}.py" for name in CLOSEST.get(mutant.file, ("decision_procedure", "decision_cases"))
        ]
        try:
            self._write(path, mutant.source)
            return self._passes(closest) and self._passes(self._tests)
        finally:
            self._write(path, original)

    def _write(self, path: Path, source: str) -> None:
        """Writes a module with a time that no earlier version of it had: Python compares times in seconds to see what it has compiled."""
        path.write_text(source)
        self._written += 1
        os.utime(path, (self._written, self._written))

    def _passes(self, tests: Sequence[str]) -> bool:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", *tests]
        environment = {"PYTHONPATH": str(self._folder)}
        try:
            done = subprocess.run(command, cwd=self._folder, capture_output=True, check=False, timeout=self._seconds, env=environment)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the mutants of the files that are named (none: of all); 1 when one survives without a reason, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description="Changes the decision core, and sees whether a test fails."
    )
    parser.add_argument("names", nargs="*", metavar="FILE", help=f"only these: {', '.join(files())}")
    parser.add_argument("--list", action="store_true", help="print the mutants and run nothing")
    parser.add_argument("--only", metavar="TEXT", help="only mutants whose line contains this")
    parser.add_argument("--seconds", type=float, default=120, help="how long the tests of one mutant may take (default 120)")
    parser.add_argument("--jobs", type=int, default=2, help="how many to run at a time (default 2)")
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.names) - set(files())):
        parser.error(f"there is no file {', '.join(unknown)}; there are {', '.join(files())}")
    made = [mutant for file in chosen.names or files() for mutant in mutants(file) if not chosen.only or chosen.only in mutant.key]
    if chosen.list:
        print(*(f"{mutant.file}.py:{mutant.line} {mutant.key}" for mutant in made), sep="\n")
        return 0
    started = time.monotonic()
    survivors = run(made, jobs=chosen.jobs, seconds=chosen.seconds)
    return report(made, survivors, time.monotonic() - started, whole=not chosen.only)


def run(made: Sequence[Mutant], *, jobs: int, seconds: float) -> list[Mutant]:
    """The mutants that no test noticed."""
    with ExitStack() as stack:
        free: SimpleQueue[Bench] = SimpleQueue()
        for _ in range(jobs):
            free.put(Bench(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="driftwatch-mutation-"))), seconds))
        first = free.get()
        if not first.survives(None):
            raise SystemExit("the tests fail without any mutant; mend that first")
        free.put(first)

        def survives(mutant: Mutant) -> bool:
            bench = free.get()
            try:
                alive = bench.survives(mutant)
            finally:
                free.put(bench)
            if alive:
                print(f"survives: {mutant.file}.py:{mutant.line} {mutant.key}", flush=True)
            return alive

        with ThreadPoolExecutor(jobs) as pool:
            return [mutant for mutant, alive in zip(made, pool.map(survives, made), strict=True) if alive]


def report(made: Sequence[Mutant], survivors: Sequence[Mutant], seconds: float, *, whole: bool) -> int:
    """Prints what survived, with the reasons; also the reasons that no survivor needs any more."""
    unexplained = [mutant for mutant in survivors if mutant.key not in REASONS]
    print(f"{len(made)} mutants in {seconds:.0f} s: {len(made) - len(survivors)} noticed, {len(survivors)} survive")
    for mutant in survivors:
        print(f"  {mutant.file}.py:{mutant.line} {mutant.key}\n    {REASONS.get(mutant.key, 'NO REASON: a test is missing')}")
    tried = {mutant.file for mutant in made} if whole else set()
    idle = sorted(key for key in REASONS if key.partition(":")[0] in tried and key not in {mutant.key for mutant in survivors})
    for key in idle:
        print(f"  reason without a survivor: {key}")
    return 1 if unexplained or idle else 0


if __name__ == "__main__":
    sys.exit(main())
