"""The house rules: layers, small modules and functions, no side effects at import, nothing undocumented."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "driftwatch"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations/versions" not in path.as_posix())
DOCS = "\n".join(path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))])


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_imports_go_down_only() -> None:
    """The layers contract of pyproject.toml holds."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules_stay_under_300_lines() -> None:
    long = {relative(path): lines for path in MODULES if (lines := len(path.read_text().splitlines())) > 300}
    assert not long


def test_functions_stay_near_40_lines() -> None:
    long = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.end_lineno and node.end_lineno - node.lineno + 1 > 45:
                long[f"{relative(path)}:{node.lineno} {node.name}"] = node.end_lineno - node.lineno + 1
    assert not long


@pytest.mark.parametrize("word", ["utils", "helpers", "managers", "common", "misc"])
def test_no_module_is_named_after_nothing(word: str) -> None:
    assert not [relative(path) for path in MODULES if word in path.parts or path.stem == word]


@pytest.mark.slow
def test_nothing_happens_at_import() -> None:
    """Importing every module of the product starts no thread, opens no socket and reads no AWS setting."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in MODULES]
    program = f"""
import importlib, sys, threading
import urllib3  # binds a socket when it is imported, to learn whether there is IPv6; that is not ours to change
def watch(event, args):
    if event in ("socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen"):
        raise SystemExit(f"{{event}} at import: {{args}}")
sys.addaudithook(watch)
for name in {[name for name in names if "migrations" not in name and not name.endswith("__main__")]!r}:
    importlib.import_module(name)
assert threading.active_count() == 1, threading.enumerate()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_does_not_import_the_sdk() -> None:
    """`driftwatch --help` stays quick: boto3, deepdiff and moto are imported where they are used."""
    program = (
        "import sys\nfrom driftwatch.cli.main import app\n"
        "heavy = [name for name in ('boto3', 'botocore', 'deepdiff', 'moto') if name in sys.modules]\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def commands(group: object, prefix: str = "driftwatch") -> Iterator[str]:
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}"


def test_docs_name_every_command() -> None:
    from driftwatch.cli.main import app

    missing = [name for name in commands(typer.main.get_command(app)) if name not in DOCS]
    assert not missing


def settings(schema: dict, node: dict, prefix: str = "") -> Iterator[str]:
    for name, field in node.get("properties", {}).items():
        yield prefix + name
        for part in [field, field.get("items", {}), *field.get("anyOf", [])]:
            target = part.get("$ref") or part.get("items", {}).get("$ref")
            if target:
                yield from settings(schema, schema["$defs"][target.rpartition("/")[2]], f"{prefix}{name}.")


def test_docs_name_every_setting() -> None:
    from driftwatch.config import schema

    document = schema()
    missing = sorted({name for name in settings(document, document) if f"`{name}`" not in DOCS})
    assert not missing


def test_docs_name_every_metric() -> None:
    """Every metric that can be exposed stands in the docs, and no documented metric is gone."""
    from driftwatch.telemetry.metrics import Metrics
    from tests.builders import measures

    metrics = Metrics()
    metrics.state(measures(accounts=200))
    names = {family.name for family in metrics.registry.collect()}
    assert len(names) > 20
    missing = sorted(name for name in names if f"`{name}" not in DOCS)
    assert not missing


def test_the_project_names_no_registry_and_no_path_of_a_machine() -> None:
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    needles = ("/" + "work/", "/" + "simple/", "index" + "-url", "registry" + ".npmjs", "pypi" + ".org")
    hits = []
    for name in files:
        path = ROOT / name
        if path.suffix in {".pyc", ".png"} or not path.is_file():
            continue
        text = path.read_text(errors="replace")
        hits += [f"{name}: {needle}" for needle in needles if needle in text]
    assert not hits
