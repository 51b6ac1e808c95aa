"""The settings: one value from file and environment, refused with the place, and never looser than asked for."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from driftwatch import config, plugins
from driftwatch.domain.baseline import BaselinePattern
from driftwatch.domain.notification import Route, Severity
from driftwatch.errors import InputError

BASE = """
accounts:
  - id: "012345678901"
    regions: [eu-west-1, us-gov-east-1]
  - {id: "112345678901", regions: all, role_arn: "arn:aws:iam::112345678901:role/driftwatch", external_id: abc}
baselines:
  - name: main
    types: ["AWS::EC2::*"]
"""


def load(folder: Path, text: str = BASE, **env: str) -> config.Config:
    file = folder / "driftwatch.yaml"
    file.write_text(text)
    return config.load(file, {f"DRIFTWATCH_{name}": value for name, value in env.items()})


def refused(folder: Path, text: str = BASE, **env: str) -> str:
    with pytest.raises(InputError) as error:
        load(folder, text, **env)
    return str(error.value).replace(f"{folder}/", "")


def test_defaults_are_safe(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    assert loaded.operations.address == ("127.0.0.1", 9464)
    assert not loaded.operations.open
    assert loaded.schedule.interval_s == 900
    assert loaded.store_url == f"sqlite:///{tmp_path}/.driftwatch/driftwatch.db"
    assert loaded.policy == tmp_path / "policy.yaml"
    assert loaded.accounts[1].regions == ("all",)
    assert loaded.patterns == (BaselinePattern(name="main", types=("AWS::EC2::*",)),)


def test_relative_paths_start_at_the_config_file(tmp_path: Path) -> None:
    text = BASE + "people: who/people.yaml\nallowed_signers: /etc/signers\nchange_sources: [{name: git, kind: files, path: changes}]\n"
    loaded = load(tmp_path, text, STATE_DIR="state")
    assert loaded.people == tmp_path / "who/people.yaml"
    assert loaded.allowed_signers == Path("/etc/signers")
    assert loaded.state_dir == tmp_path / "state"
    assert loaded.baselines[0].path == tmp_path / "baselines/main"
    assert loaded.change_sources[0].settings.path == tmp_path / "changes"  # type: ignore[attr-defined]


def test_the_environment_stands_above_the_file(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        BASE + "scan: {concurrency: 3, page_cap: 5}\n",
        SCAN__CONCURRENCY="7",
        EXCLUDE_TYPES='["AWS::S3::Bucket"]',
        OPERATIONS__OPEN="true",
        STORE__URL="postgresql+psycopg://me:secret@db/driftwatch",
    )
    assert (loaded.scan.concurrency, loaded.scan.page_cap) == (7, 5)
    assert loaded.exclude_types == ("AWS::S3::Bucket",)
    assert loaded.operations.open
    assert loaded.store_url.startswith("postgresql")


def test_the_environment_of_the_process_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTWATCH_SCAN__CONCURRENCY", "7")
    assert load(tmp_path).scan.concurrency != 7


def test_names_that_a_cluster_sets_are_no_settings(tmp_path: Path) -> None:
    given = load(tmp_path, PORT="tcp://10.0.0.1:9464", SERVICE_HOST="10.0.0.1", PORT_9464_TCP_ADDR="10.0.0.1")
    assert given == load(tmp_path)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"SCAN__CONCURRENCY": "0"}, "DRIFTWATCH_SCAN__CONCURRENCY:1:1: this value; expected greater than or equal to 1"),
        ({"SCAN__CONCURENCY": "1"}, 'DRIFTWATCH_SCAN__CONCURENCY:1:1: the unknown key "concurency"; expected "concurrency"'),
        ({"SCANS__X": "1"}, 'DRIFTWATCH_SCANS__X:1:1: the unknown setting scans; expected "scan"'),
        ({"TYPES": "AWS::*"}, "DRIFTWATCH_TYPES:1:1: a value that is no JSON; expected a list or mapping, written as JSON"),
        ({"STORE__URL": "mysql://x:hunter2@y"}, "DRIFTWATCH_STORE__URL:1:1: this value; expected a URL that begins with sqlite://"),
    ],
)
def test_a_bad_variable_is_named(tmp_path: Path, env: dict[str, str], message: str) -> None:
    text = refused(tmp_path, **env)
    assert text.startswith(f"environment variable {message}")
    assert "hunter2" not in text


@pytest.mark.parametrize("listen", ["0.0.0.0:9464", "[::]:9464", "10.1.2.3:80", "driftwatch.corp.example:9464"])
def test_beyond_loopback_needs_a_token_or_an_explicit_yes(tmp_path: Path, listen: str) -> None:
    assert "without a token" in refused(tmp_path, BASE + f'operations: {{listen: "{listen}"}}\n')
    load(tmp_path, BASE + f'operations: {{listen: "{listen}", open: true}}\n')
    load(tmp_path, BASE + f'operations: {{listen: "{listen}", token_file: token}}\n')


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "127.9.9.9:9464", "[::1]:9464", "localhost:9464"])
def test_loopback_needs_neither(tmp_path: Path, listen: str) -> None:
    operations = load(tmp_path, BASE + f'operations: {{listen: "{listen}"}}\n').operations
    assert (operations.token_file, operations.open) == (None, False)


OVERLAPS = [
    ("", "", True),
    ('types: ["AWS::EC2::*"]', 'types: ["AWS::S3::*"]', False),
    ('types: ["AWS::*"]', 'types: ["*::Bucket"]', True),
    ('types: ["AWS::S3::B*"]', 'types: ["AWS::S3::?ucket"]', True),
    ('types: ["AWS::S3::*s"]', 'types: ["AWS::S3::*t"]', False),
    ('types: ["AWS::S3::A?"]', 'types: ["AWS::S3::A"]', False),
    ('types: ["a*b*c"]', 'types: ["a*d*c"]', True),
    ('regions: ["eu-*"]', 'regions: [us-east-1, "ap-*"]', False),
    ('regions: ["eu-*"]', "regions: [us-east-1, eu-west-1]", True),
    ('accounts: ["0*"]', 'accounts: ["1*"]', False),
    ('accounts: ["0*"]', 'accounts: ["*901"]', True),
    ('accounts: ["9*"]', 'accounts: ["*9*", "93*"]', False),
]


@pytest.mark.parametrize(("one", "other", "overlap"), OVERLAPS)
def test_a_cell_belongs_to_one_baseline(tmp_path: Path, one: str, other: str, overlap: bool) -> None:
    items = [", ".join(filter(None, [f"name: {name}", part])) for name, part in (("one", one), ("other", other))]
    text = BASE[: BASE.index("baselines")] + "baselines:\n" + "".join(f"  - {{{item}}}\n" for item in items)
    if overlap:
        assert "the baselines one and other cover the same cells" in refused(tmp_path, text)
    else:
        load(tmp_path, text)


def test_every_problem_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = refused(tmp_path, BASE + "log: {level: loud}\nscan: {concurrency: many}\nschedule: {every: 15}\n")
    assert [line.partition(" ")[0] for line in text.splitlines()] == [
        "driftwatch.yaml:9:14:",
        "driftwatch.yaml:10:21:",
        "driftwatch.yaml:11:19:",
    ]


def test_a_missing_file_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="driftwatch init"):
        config.load(tmp_path / "driftwatch.yaml", {})


def test_watched_types_are_those_named_and_not_left_out(tmp_path: Path) -> None:
    loaded = load(tmp_path, BASE + 'types: ["AWS::EC2::*", "AWS::S3::Bucket"]\nexclude_types: ["AWS::EC2::Volume"]\n')
    watched = [name for name in ("AWS::EC2::Volume", "AWS::EC2::VPC", "AWS::S3::Bucket", "AWS::S3::BucketPolicy") if loaded.watches(name)]
    assert watched == ["AWS::EC2::VPC", "AWS::S3::Bucket"]


@pytest.mark.parametrize(
    ("product", "word"),
    [
        ('listen: "0.0.0.0:8464"', "without TLS"),
        ("tls_certificate: a.pem", "one of tls_certificate and tls_key"),
        ("public_url: ftp://x", "https"),
        ("public_url: http://driftwatch.corp.example", "https"),
        ("public_url: https://u:p@x.example, behind_tls: true", "no plain URL"),
        ("public_url: https://x.example/app, behind_tls: true", "a path"),
        ("public_url: https://x.example", "another scheme"),
        ("behind_tls: true, public_url: http://127.0.0.1:8464", "another scheme"),
        ("oidc: {issuer: http://login.corp.example, client_id: x}", "https"),
        ("oidc: {issuer: https://login.corp.example}", "client_id"),
        ("oidc: {issuer: https://login.corp.example, client_id: x, redirect_url: https://x.example/other}", "/sign-in/callback"),
        ('listen: "0.0.0.0:8464", behind_tls: true, oidc: {issuer: https://login.corp.example, client_id: x}', "public_url"),
        ("access: [{role: owner, to: [ana]}]", "viewer"),
        ("access: [{role: admin, to: []}]", "empty list"),
    ],
)
def test_a_product_listener_that_would_let_the_wrong_people_in_is_refused(tmp_path: Path, product: str, word: str) -> None:
    assert word in refused(tmp_path, BASE + f"product: {{{product}}}\n")


def test_a_public_address_is_kept_as_browsers_write_it(tmp_path: Path) -> None:
    oidc = "oidc: {issuer: https://login.corp.example, client_id: x}"
    made = load(
        tmp_path, BASE + f'product: {{listen: "0.0.0.0:8464", behind_tls: true, public_url: "https://X.example:443/", {oidc}}}\n'
    ).product
    assert (made.public_url, made.redirect_url) == ("https://x.example", "https://x.example/sign-in/callback")
    here = load(tmp_path, BASE + f"product: {{{oidc}}}\n").product
    assert here.redirect_url == "http://127.0.0.1:8464/sign-in/callback"


def test_the_schema_describes_every_setting_and_every_kind_of_source() -> None:
    schema = config.schema()
    json.dumps(schema)
    kinds = [item["properties"]["kind"]["const"] for item in schema["properties"]["change_sources"]["items"]["oneOf"]]
    assert kinds == list(plugins.words("driftwatch.change_sources"))
    kinds_of = (schema["properties"][name]["items"]["oneOf"] for name in ("change_sources", "notifiers"))
    sections = [schema, *schema["$defs"].values(), *(kind for kinds in kinds_of for kind in kinds)]
    undescribed = [
        name
        for part in sections
        for name, item in part.get("properties", {}).items()
        if not item.get("description") and "const" not in item
    ]
    assert set(undescribed) == {"name"}, "only the name of a source, which is explained with the sources"


def test_an_unknown_adapter_is_refused_with_those_that_exist() -> None:
    with pytest.raises(InputError, match=r'the change source "jria"; expected .*files'):
        plugins.load("driftwatch.change_sources", "jria")
    with pytest.raises(InputError):
        plugins.load("driftwatch.change_sources", "files.os")


# --- the installation key --------------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    key, key_id = config.installation_key(state)
    assert (len(key), len(key_id)) == (32, 16)
    assert config.installation_key(state) == (key, key_id)
    assert stat.S_IMODE((state / "installation.key").stat().st_mode) == 0o600
    assert [path.name for path in state.iterdir()] == ["installation.key"]
    assert config.installation_key(tmp_path / "other")[0] != key
    assert config.installation_key(tmp_path / "third", state / "installation.key") == (key, key_id)
    assert not (tmp_path / "third").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    config.installation_key(tmp_path)
    (tmp_path / "installation.key").chmod(mode)
    with pytest.raises(InputError, match=f"{mode:04o}"):
        config.installation_key(tmp_path)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_length_is_refused(tmp_path: Path, size: int) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"k" * size)
    file.chmod(0o600)
    with pytest.raises(InputError, match="expected 32 bytes"):
        config.installation_key(tmp_path, file)


def test_a_named_key_file_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        config.installation_key(tmp_path, tmp_path / "absent")


NOTIFIERS = """
notifiers:
  - {name: chat, kind: log}
  - {name: pager, kind: alertmanager, url: "http://127.0.0.1:9093"}
"""


def test_by_default_every_notifier_is_told_from_warnings_on(tmp_path: Path) -> None:
    routing = load(tmp_path, BASE + NOTIFIERS).notify.routing(("chat", "pager"))
    assert [(route.to, route.severities, route.types) for route in routing.routes] == [
        (("chat", "pager"), (Severity.WARNING, Severity.CRITICAL), ("*",))
    ]
    assert load(tmp_path).notify.routing(()).routes == ()


def test_routes_are_read_with_all_their_parts(tmp_path: Path) -> None:
    route = "{accounts: ['0*'], severities: [info], types: ['AWS::IAM::*'], owners: ['team-*'], to: [pager]}"
    made = load(tmp_path, f"{BASE}{NOTIFIERS}notify: {{base_url: 'https://d.example', owner_tag: team, routes: [{route}]}}\n")
    routing = made.notify.routing(("chat", "pager"))
    assert routing.routes == (
        Route(accounts=("0*",), severities=(Severity.INFO,), types=("AWS::IAM::*",), owners=("team-*",), to=("pager",)),
    )
    assert (routing.owner_tag, routing.base_url) == ("team", "https://d.example")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("notify:\n  routes:\n    - to: [chat, pagr]\n", 'driftwatch.yaml:15:18: the unknown notifier "pagr"; expected "pager"'),
        ("notify: {routes: [{to: [chat], owner: [x]}]}\n", 'the unknown key "owner"; expected "owners"'),
        ("notify: {storm: 3}\n", 'the unknown key "storm"'),
        ("notify: {routes: [{to: []}]}\n", "expected at least one element"),
        ("notify: {routes: [{to: [chat], severities: [high]}]}\n", "'info', 'warning' or 'critical'"),
        ("notify: {base_url: 'javascript:alert(1)'}\n", "a URL that begins with https:// or http://"),
    ],
)
def test_a_route_that_leads_nowhere_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in refused(tmp_path, BASE + NOTIFIERS + text)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("kind: log, level: info", 'the unknown key "level"'),
        ("kind: slack", "the notifier"),
        ("kind: webhook, url: 'https://h.example/s3cret'", "expected one of secret_file and secret_env"),
        ("kind: webhook, url: 'http://h.example/s3cret', secret_env: S", "expected https, or allow_http: true"),
        ("kind: webhook, url: 'https://user:s3cret@h.example', secret_env: S", "without a user name"),
        ("kind: webhook, url: 'https://h.example:99999/s3cret', secret_env: S", "a port from 1 to 65535"),
        ("kind: webhook, url: 'ftp://h.example/s3cret', secret_env: S", "a URL that begins with https://"),
        ("kind: webhook, url: 'https://h.example', secret_env: S, allow_private: [10.0.0.1/8]", "networks such as 10.1.2.0/24"),
        ("kind: alertmanager", 'no "url"'),
    ],
)
def test_what_a_notifier_cannot_use_is_refused_without_repeating_its_url(tmp_path: Path, settings: str, message: str) -> None:
    text = refused(tmp_path, f"{BASE}notifiers:\n  - {{name: one, {settings}}}\n")
    assert message in text
    assert "driftwatch.yaml:10:" in text
    assert "s3cret" not in text


def test_a_notifier_has_a_name_of_its_own(tmp_path: Path) -> None:
    text = BASE + "notifiers:\n  - {name: one, kind: log}\n  - {name: one, kind: log}\n"
    assert "the notifier one more than once" in refused(tmp_path, text)
