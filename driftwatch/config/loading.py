"""From the file and the environment to the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel
from pydantic_settings import EnvSettingsSource, SettingsError

from driftwatch import plugins
from driftwatch.config.model import Config
from driftwatch.config.sections import Source
from driftwatch.documents.fields import nearest
from driftwatch.documents.models import Location, filled
from driftwatch.documents.problems import Problems
from driftwatch.documents.reader import read, read_file
from driftwatch.documents.tree import ListNode, MapNode, Node, shown
from driftwatch.errors import InputError, Place

B = TypeVar("B", bound=BaseModel)

FILE: Final = "driftwatch.yaml"
PREFIX: Final = "DRIFTWATCH_"
SOURCES: Final = {
    "change_sources": "driftwatch.change_sources",
    "activity_sources": "driftwatch.aws.cloudtrail",
    "notifiers": "driftwatch.notifiers",
}
"""The sections whose members are read by adapters, and the packages of those."""


def load(path: Path | None, env: Mapping[str, str]) -> Config:
    """The settings of the file at `path` (default: driftwatch.yaml here) under those of `env`; raises InputError with every problem.

    A variable DRIFTWATCH_SCAN__CONCURRENCY stands above the key `concurrency` of `scan`; lists are written as JSON.
    """
    file = path or Path(FILE)
    if not file.exists():
        raise InputError("no such file", expected="a config file: `driftwatch init` writes one", place=Place(str(file)))
    node = read(read_file(file), str(file))
    problems = Problems()
    variables = {name: value for name, value in env.items() if name.startswith(PREFIX)}
    given = _environment(variables, problems)
    config = filled(Config, node, problems, given=given, place_of=lambda location: _variable_of(location, variables))
    if config is None:
        raise problems.error()
    for section in SOURCES:
        for index, source in enumerate(getattr(config, section)):
            _fill_source(source, _item(node, section, index), problems, (section, index), variables)
    _check_routes(config, node, problems, variables)
    problems.check()
    return _anchored(config, file.resolve().parent)


def schema() -> dict[str, Any]:
    """The JSON schema of driftwatch.yaml, with the keys of every kind of source."""
    document = Config.model_json_schema()
    for section, package in SOURCES.items():
        kinds = []
        for word in plugins.words(package):
            settings = plugins.load(package, word).Settings.model_json_schema()
            document.setdefault("$defs", {}).update(settings.pop("$defs", {}))
            settings["properties"] = {"name": {"type": "string"}, "kind": {"const": word}} | settings["properties"]
            settings["required"] = ["name", "kind", *settings.get("required", ())]
            kinds.append(settings)
        document["properties"][section]["items"] = {"oneOf": kinds}
    document["$defs"].pop(Source.__name__)
    return document


class _Variables(EnvSettingsSource):
    """pydantic's reading of environment variables, from the mapping that it is given instead of the process."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(Config, case_sensitive=False, env_prefix=PREFIX, env_nested_delimiter="__")

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._variables.items()}


def _environment(variables: Mapping[str, str], problems: Problems) -> dict[str, Any]:
    """The values of the variables; one for a section that does not exist is refused.

    A name without ``__`` that is no setting is left alone: a cluster sets such names for its services (DRIFTWATCH_PORT).
    """
    for name in variables:
        section = name.removeprefix(PREFIX).partition("__")[0].lower()
        if "__" in name and section not in Config.model_fields:
            problems.add(_place(name), f"the unknown setting {section}", nearest(section, Config.model_fields))
    try:
        return _Variables(variables)()
    except SettingsError as error:
        word = next((part for part in str(error).split('"')[1::2]), "").upper()
        name = next((name for name in variables if name.startswith(PREFIX + word)), PREFIX + word)
        raise InputError("a value that is no JSON", expected="a list or mapping, written as JSON", place=_place(name)) from error


def _place(variable: str) -> Place:
    return Place(f"environment variable {variable}")


def _variable_of(location: Location, variables: Mapping[str, str]) -> Place | None:
    """The variable that a value came from."""
    for length in range(len(location), 0, -1):
        name = PREFIX + "__".join(str(part) for part in location[:length]).upper()
        if name in variables:
            return _place(name)
    return None


def _item(node: Node, key: str, index: int) -> Node:
    listed = node.entries.get(key) if isinstance(node, MapNode) else None
    return listed.items[index] if isinstance(listed, ListNode) and index < len(listed.items) else MapNode(node.place, {}, {})


def _fill_source(source: Source, node: Node, problems: Problems, at: Location, variables: Mapping[str, str]) -> None:
    outside = _variable_of(at, variables)
    kind = node.entries["kind"].place if isinstance(node, MapNode) and "kind" in node.entries else node.place
    adapter = plugins.load(SOURCES[str(at[0])], source.kind, outside or kind)
    entries = {key: item for key, item in node.entries.items() if key not in {"name", "kind"}} if isinstance(node, MapNode) else {}
    own = MapNode(node.place, entries, node.keys if isinstance(node, MapNode) else {})
    source.give(filled(adapter.Settings, own, problems, given=source.model_extra, place_of=lambda _: outside))


def _check_routes(config: Config, node: Node, problems: Problems, variables: Mapping[str, str]) -> None:
    """Each route names notifiers that exist: a finding must not be told to nobody by a slip of the pen."""
    known = [notifier.name for notifier in config.notifiers]
    section = node.entries.get("notify") if isinstance(node, MapNode) else None
    for number, route in enumerate(config.notify.routes):
        listed = _item(section or node, "routes", number)
        to = listed.entries.get("to") if isinstance(listed, MapNode) else None
        for index, name in enumerate(route.to):
            if name not in known:
                item = to.items[index] if isinstance(to, ListNode) and index < len(to.items) else listed
                place = _variable_of(("notify", "routes", number, "to", index), variables) or item.place
                problems.add(place, f"the unknown notifier {shown(name)}", nearest(name, known) if known else "one of `notifiers`")


def _anchored(model: B, folder: Path) -> B:
    """The model with relative paths made absolute, from `folder`."""
    changed = {name: _anchored_value(getattr(model, name), folder) for name in type(model).model_fields}
    return model.model_copy(update=changed)


def _anchored_value(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        return folder / (value.expanduser() if str(value).startswith("~/") else value)
    if isinstance(value, Source):
        value.give(_anchored(value.settings, folder))
        return value
    if isinstance(value, BaseModel):
        return _anchored(value, folder)
    return tuple(_anchored_value(item, folder) for item in value) if isinstance(value, tuple) else value
