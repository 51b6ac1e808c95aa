"""Hostile and mistaken inputs: (which file it poses as, its bytes, the whole message that refuses it)."""

from __future__ import annotations

RECORD = b"id: CHG-1\ncreated_at: 2026-03-09T09:00:00Z\n"
CONFIG = b'accounts: [{id: "111111111111"}]\nbaselines: [{name: main}]\n'

CASES: list[tuple[str, bytes, str]] = [
    ("policy", b"", "policy.yaml:1:1: nothing in it; expected one document"),
    ("policy", b"\xff\xfee\x00x\x00t\x00", "policy.yaml:1:1: the byte 0xff, which is not UTF-8; expected a file in UTF-8"),
    ("policy", b"extends: start\xfcp\n", "policy.yaml:1:15: the byte 0xfc, which is not UTF-8; expected a file in UTF-8"),
    ("policy", b"extends: startup\nsettle_s: 1\x00\n", "policy.yaml:2:12: the control character U+0000; expected text without it"),
    ("policy", b"extends: startup\nnote: a\x1b[31m\n", "policy.yaml:2:8: the control character U+001B; expected text without it"),
    (
        "policy",
        b"extends: startup\n---\nextends: startup\n",
        "policy.yaml:3:1: a second document (after ---); expected one document in this file",
    ),
    (
        "policy",
        b"extends: [startup\n",
        "policy.yaml:2:1: no valid YAML or JSON: did not find expected ',' or ']' while parsing a flow sequence",
    ),
    (
        "policy",
        b"extends: startup\n\tsettle_s: 1\n",
        "policy.yaml:2:1: no valid YAML or JSON: found a tab character that violates indentation while scanning a plain scalar",
    ),
    (
        "policy",
        b"extends: startup\nextends: enterprise\n",
        'policy.yaml:2:1: the key "extends" a second time (first on line 1); expected each key once',
    ),
    (
        "policy",
        b"extends: !!python/object/apply:os.system [id]\n",
        'policy.yaml:1:10: the tag "tag:yaml.org,2002:python/object/apply:os.system"; expected the value alone: tags are refused',
    ),
    ("policy", b"extends: !preset startup\n", 'policy.yaml:1:10: the tag "!preset"; expected the value alone: tags are refused'),
    (
        "policy",
        b"extends: &x startup\nroles: {a: *x}\n",
        "policy.yaml:1:10: the anchor &x; expected the value alone: anchors and aliases are refused",
    ),
    ("policy", b"base: {a: 1}\nroles: *nowhere\n", "policy.yaml:2:8: the alias *nowhere; expected the value itself: aliases are refused"),
    (
        "policy",
        b"extends: startup\nrules:\n  <<: {R1: enforce}\n",
        "policy.yaml:3:3: the merge key <<; expected the keys written out: merge keys are refused",
    ),
    ("policy", b"extends: startup\n? [a, b]\n: c\n", "policy.yaml:2:3: a list or mapping as a key; expected a word"),
    ("policy", b"extends: startup\n~: c\n", "policy.yaml:2:1: a key without a name; expected a word"),
    ("policy", b"extends: startup\nroles: " + b"[" * 200_000, "policy.yaml:2:57: more than 50 levels; expected flatter nesting"),
    ("policy", b"- " * 100_000, "policy.yaml:1:101: more than 50 levels; expected flatter nesting"),
    (
        "policy",
        b"extends: startup\nignore: [" + b"1," * 200_000 + b"1]",
        "policy.yaml:2:400000: more than 200000 values; expected a smaller file",
    ),
    ("policy", b"x" * (1 << 20) + b"x", "policy.yaml:1:1: 1048577 bytes; expected at most 1048576"),
    ("policy", b"just text\n", "policy.yaml:1:1: just text without quotes; expected a policy: a mapping of keys to values"),
    ("policy", b"- extends: startup\n", "policy.yaml:1:1: a list; expected a policy: a mapping of keys to values"),
    (
        "policy",
        b"%TAG ! tag:evil,2000:\n---\nextends: !x startup\n",
        'policy.yaml:3:10: the tag "tag:evil,2000:x"; expected the value alone: tags are refused',
    ),
    ("policy", b"rules: {R1: enforce}\n", 'policy.yaml:1:1: no "extends"; expected a policy with "extends"'),
    ("policy", b"extends: strict\n", 'policy.yaml:1:10: the preset "strict"; expected one of startup, scaleup, enterprise'),
    (
        "policy",
        b"extends: no\n",
        'policy.yaml:1:10: no without quotes; expected text; quote it: "no" (without quotes YAML reads it as true, false or null)',
    ),
    (
        "policy",
        b"extends: startup\nrules: {R3: off}\n",
        (
            'policy.yaml:2:13: off without quotes; expected one of enforce, warn, off; quote it: "off" (without q'
            "uotes YAML reads it as true, false or null)"
        ),
    ),
    (
        "policy",
        b"extends: startup\nrules: {R0: enforce, R20: enforce}\n",
        "".join(
            f'policy.yaml:2:{column}: the rule "{rule}"; expected one of the rules that exist: '
            f"R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, R11, R12, R13, R14, R15, R16, R17, R18, R19{end}"
            for column, rule, end in ((9, "R0", "\n"), (22, "R20", ""))
        ),
    ),
    ("policy", b"extends: startup\nrules: {R3: strict}\n", "policy.yaml:2:13: strict without quotes; expected one of enforce, warn, off"),
    (
        "policy",
        b"extends: scaleup\nrules: {R3: warn}\n",
        (
            "policy.yaml:2:9: R3 looser than the preset scaleup has it; expected a deviation that somebody approv"
            'ed: deviations: [{rule: R3, approved_by: ..., reason: "...", until: YYYY-MM-DD}]'
        ),
    ),
    (
        "policy",
        b"extends: scaleup\nrules: {R13: warn}\ndeviations: [{rule: R13, approved_by: sam, reason: x y, until: 2027-01-01}]\n",
        "policy.yaml:2:9: R13 below the preset scaleup; expected enforce: no deviation may soften R13",
    ),
    (
        "policy",
        b"extends: startup\nrules: {R1: warn}\n",
        "policy.yaml:2:9: R1 below the preset startup; expected enforce: no deviation may soften R1",
    ),
    (
        "policy",
        b"extends: enterprise\nclock_tolerance_s: 900\n",
        (
            "policy.yaml:2:1: clock_tolerance_s looser than the preset enterprise has it; expected a deviation th"
            'at somebody approved: deviations: [{rule: clock_tolerance_s, approved_by: ..., reason: "...", until:'
            " YYYY-MM-DD}]"
        ),
    ),
    (
        "policy",
        b"extends: enterprise\napprovals: {role_groups: [[manager, engineer]]}\n",
        (
            "policy.yaml:2:13: approvals.role_groups looser than the preset enterprise has it; expected a deviati"
            'on that somebody approved: deviations: [{rule: approvals.role_groups, approved_by: ..., reason: "...'
            '", until: YYYY-MM-DD}]'
        ),
    ),
    (
        "policy",
        b'extends: enterprise\nrequire_attribute_paths_for: ["AWS::KMS::Key"]\n',
        (
            "policy.yaml:2:1: require_attribute_paths_for looser than the preset enterprise has it; expected a de"
            "viation that somebody approved: deviations: [{rule: require_attribute_paths_for, approved_by: ..., r"
            'eason: "...", until: YYYY-MM-DD}]'
        ),
    ),
    (
        "policy",
        b"extends: startup\nproduction_accounts: []\n",
        "policy.yaml:2:22: an empty list; expected at least one element, or no such key at all",
    ),
    (
        "policy",
        b"extends: startup\nproduction_accounts: [012345678901]\n",
        'policy.yaml:2:23: the number 012345678901; expected text; quote it: "012345678901"',
    ),
    (
        "policy",
        b'extends: startup\nproduction_accounts: ["12345"]\n',
        'policy.yaml:2:23: "12345"; expected an account id: twelve digits in quotes',
    ),
    (
        "policy",
        b"extends: startup\nclock_tolerance: 5\n",
        'policy.yaml:2:1: the unknown key "clock_tolerance"; expected "clock_tolerance_s"',
    ),
    (
        "policy",
        b"extends: startup\nclock_tolerance_s: true\n",
        "policy.yaml:2:20: true without quotes; expected a whole number from 0 to 86400, without quotes",
    ),
    (
        "policy",
        b"extends: startup\nclock_tolerance_s: 9999999999999999999999\n",
        "policy.yaml:2:20: 9999999999999999999999 without quotes; expected a whole number from 0 to 86400, without quotes",
    ),
    (
        "policy",
        b"extends: startup\nclock_tolerance_s: .nan\n",
        "policy.yaml:2:20: .nan without quotes; expected a whole number from 0 to 86400, without quotes",
    ),
    (
        "policy",
        b"extends: startup\nclock_tolerance_s: 0x10\n",
        "policy.yaml:2:20: 0x10 without quotes; expected a whole number from 0 to 86400, without quotes",
    ),
    (
        "policy",
        b'extends: startup\nclock_tolerance_s: "60"\n',
        'policy.yaml:2:20: "60"; expected a whole number from 0 to 86400, without quotes',
    ),
    ("policy", b"extends: startup\nderive_window: yes\n", "policy.yaml:2:16: yes without quotes; expected true or false, without quotes"),
    (
        "policy",
        b"extends: startup\nbaseline: {auto_promote: off}\n",
        (
            'policy.yaml:2:26: off without quotes; expected one of authorized_only, off; quote it: "off" (without'
            " quotes YAML reads it as true, false or null)"
        ),
    ),
    (
        "policy",
        b"extends: startup\napprovals: {min_count: 0}\n",
        "policy.yaml:2:24: 0 without quotes; expected a whole number from 1 to 20",
    ),
    (
        "policy",
        b"extends: startup\ndeviations: [{rule: R3, approved_by: sam, until: 2027-02-30}]\n",
        (
            'policy.yaml:2:14: no "reason"; expected a deviation with "reason"\npolicy.yaml:2:50: 2027-02-30 witho'
            "ut quotes, a day that does not exist; expected a day such as 2026-03-31"
        ),
    ),
    (
        "policy",
        b"extends: startup\ndeviations: [{rule: R33, approved_by: sam, reason: why, until: 2027-02-28}]\n",
        'policy.yaml:2:21: R33 without quotes; expected "R3"',
    ),
    (
        "policy",
        b"extends: startup\nidentities: {bob: [b@x], eve: [B@x]}\n",
        'policy.yaml:2:26: "B@x", which belongs to bob already; expected each name with one person',
    ),
    ("policy", b"extends: startup\ngroups: {netops: [bob]}\n", 'policy.yaml:2:10: "netops"; expected "group:netops"'),
    (
        "policy",
        b'extends: startup\nignore: [{resource_types: ["*"], attribute_paths: [/**]}]\n',
        "policy.yaml:2:52: /** without quotes, which covers the whole resource; expected paths of single attributes",
    ),
    (
        "policy",
        b"extends: startup\nmachine_actors: [{principals: []}]\n",
        "policy.yaml:2:31: an empty list; expected at least one element, or no such key at all",
    ),
    (
        "policy",
        b"extends: startup\npipelines: [role/x]\n",
        "policy.yaml:2:13: role/x without quotes; expected a pipeline: a mapping of keys to values",
    ),
    (
        "policy",
        b"extends: startup\nzzz: []\n",
        (
            'policy.yaml:2:1: the unknown key "zzz"; expected one of acknowledge_target_h, allow_account_wide, approvals, baseline, '
            "candidate_horizon_h, clock_tolerance_s, delete_requires_explicit, derive_window, derived_window_max_h, deviations, emergency, "
            "evaluate_all_writers, exceptions, extends, freezes, groups, identities, ignore, machine_actors, min_assurance, "
            "non_production_environments, pipeline_only, pipelines, pipelines_require_link, privileged_actors, production_accounts, "
            "report_transients, require_attribute_paths_for, reviews, roles, rules, settle_s, snapshot_interval_max_h, templates, tests, "
            "unknown_as, version, window_mode"
        ),
    ),
    (
        "policy",
        b"extends: startup\nrequire_attribute_paths_for: [" + b"a" * 1001 + b"]\n",
        "policy.yaml:2:31: a pattern of 1001 characters; expected at most 1000",
    ),
    ("people", b"people: []\nteam: x\n", 'people.yaml:2:1: the unknown key "team"; expected one of people'),
    ("people", b"{}\n", 'people.yaml:1:1: no "people"; expected a list of persons'),
    (
        "people",
        b"- id: bob\n- id: bob\n",
        'people.yaml:2:3: "bob", which belongs to bob already (line 1); expected each name with one person',
    ),
    (
        "people",
        b"- id: bob\n  github: [eve]\n- id: eve\n",
        'people.yaml:3:3: "eve", which belongs to bob already (line 2); expected each name with one person',
    ),
    (
        "people",
        b"- {id: bob, os_users: [root]}\n- {id: eve, os_users: [root]}\n",
        'people.yaml:2:24: "root", which belongs to bob already (line 1); expected each name with one person',
    ),
    (
        "people",
        b"- {id: bob, ssh_principals: [b@x]}\n- {id: eve, ssh_principals: [b@x]}\n",
        'people.yaml:2:30: "b@x", which belongs to bob already (line 1); expected each name with one person',
    ),
    (
        "people",
        b'- {id: bob, oidc: [{iss: a, sub: "1"}]}\n- {id: eve, oidc: [{iss: a, sub: "1"}]}\n',
        'people.yaml:2:13: "a 1", which belongs to bob already (line 1); expected each name with one person',
    ),
    (
        "people",
        b'- {id: "group:admins"}\n',
        'people.yaml:1:8: "group:admins"; expected the name of a person: group: and role/ begin the names of groups and automation',
    ),
    ("people", b"- {id: 1001}\n", 'people.yaml:1:8: the number 1001; expected text; quote it: "1001"'),
    (
        "people",
        b'- {id: "bob\\u200b"}\n',
        "people.yaml:1:8: the invisible character U+200B in a name; expected a name of visible characters",
    ),
    ("people", b"- {id: bob, oidc: [{iss: a}]}\n", 'people.yaml:1:20: no "sub"; expected an OIDC identity with "sub"'),
    ("people", b"- {id: bob, role: [manager]}\n", 'people.yaml:1:13: the unknown key "role"; expected "roles"'),
    ("people", b"- {id: bob, roles: manager}\n", "people.yaml:1:20: manager without quotes; expected a list"),
    ("people", b"bob\n", "people.yaml:1:1: bob without quotes; expected a list of persons"),
    ("people", b'- {id: " bob"}\n', 'people.yaml:1:8: " bob"; expected a name without white space around it'),
    (
        "people",
        b"- {id: Bob}\n- {id: bob}\n",
        'people.yaml:2:4: "bob", which belongs to Bob already (line 1); expected each name with one person',
    ),
    (
        "change",
        RECORD + b"state: aproved\n",
        (
            "c.yaml:3:8: aproved without quotes; expected one of draft, requested, approved, scheduled, implement"
            "ing, review, closed, rejected, cancelled"
        ),
    ),
    ("change", RECORD + b"statee: approved\n", 'c.yaml:3:1: the unknown key "statee"; expected "state"'),
    ("change", b"id: CHG-1\n", 'c.yaml:1:1: no "created_at"; expected a change record with "created_at"'),
    (
        "change",
        b'id: "CHG\\n1"\ncreated_at: 2026-03-09T09:00:00Z\n',
        "c.yaml:1:5: the invisible character U+000A in a name; expected a name of visible characters",
    ),
    ("change", b"id: 4711\ncreated_at: 2026-03-09T09:00:00Z\n", 'c.yaml:1:5: the number 4711; expected text; quote it: "4711"'),
    (
        "change",
        b"id: CHG-1\ncreated_at: 2026-03-09T09:00:00\n",
        (
            'c.yaml:2:13: 2026-03-09T09:00:00 without quotes, a time without a zone; expected "2026-03-09T09:00:0'
            '0Z" for UTC, or an offset such as +01:00'
        ),
    ),
    (
        "change",
        b"id: CHG-1\ncreated_at: 2026-13-09T09:00:00Z\n",
        "c.yaml:2:13: 2026-13-09T09:00:00Z without quotes, a time that does not exist; expected a time such as 2026-03-10T12:00:00Z",
    ),
    (
        "change",
        b"id: CHG-1\ncreated_at: 2026-03-09\n",
        "c.yaml:2:13: 2026-03-09 without quotes; expected a time such as 2026-03-10T12:00:00Z",
    ),
    (
        "change",
        b"id: CHG-1\ncreated_at: 0001-01-01T00:00:00+23:00\n",
        "c.yaml:2:13: 0001-01-01T00:00:00+23:00 without quotes, a time that does not exist; expected a time such as 2026-03-10T12:00:00Z",
    ),
    (
        "change",
        b"id: CHG-1\ncreated_at: 1741510800\n",
        "c.yaml:2:13: 1741510800 without quotes; expected a time such as 2026-03-10T12:00:00Z",
    ),
    (
        "change",
        RECORD + b"windows:\n- {start: 2026-03-10T12:00:00Z, end: 2026-03-10T10:00:00Z}\n",
        "c.yaml:4:33: a window that ends before it starts; expected an end after the start",
    ),
    ("change", RECORD + b"windows: [{start: 2026-03-10T12:00:00Z}]\n", 'c.yaml:3:11: no "end"; expected a window with "end"'),
    (
        "change",
        RECORD + b"approvals: [{who: mia, decision: yes, at: 2026-03-09T15:00:00Z}]\n",
        (
            'c.yaml:3:34: yes without quotes; expected one of approved, rejected, withdrawn; quote it: "yes" (wit'
            "hout quotes YAML reads it as true, false or null)"
        ),
    ),
    (
        "change",
        RECORD + b"approvals: [{who: mia, at: 2026-03-09T15:00:00Z}]\n",
        'c.yaml:3:13: no "decision"; expected an approval with "decision"',
    ),
    ("change", RECORD + b"approvals: {who: mia}\n", "c.yaml:3:12: a mapping; expected a list"),
    (
        "change",
        RECORD + b'approvals: [{who: "m\\u202eia", decision: approved, at: 2026-03-09T15:00:00Z}]\n',
        "c.yaml:3:19: the invisible character U+202E in a name; expected a name of visible characters",
    ),
    (
        "change",
        RECORD + b"scope: [{accounts: [123456789012]}]\n",
        'c.yaml:3:21: the number 123456789012; expected text; quote it: "123456789012"',
    ),
    ("change", RECORD + b"scope: [{ids: []}]\n", "c.yaml:3:15: an empty list; expected at least one element, or no such key at all"),
    ("change", RECORD + b"scope: [{id: [x]}]\n", 'c.yaml:3:10: the unknown key "id"; expected "ids"'),
    (
        "change",
        RECORD + b"scope: [{attribute_paths: [Tags]}]\n",
        'c.yaml:3:28: Tags without quotes; expected a path that starts with /, such as "/Tags"',
    ),
    (
        "change",
        RECORD + b"scope: [{operations: [transient]}]\n",
        "c.yaml:3:23: transient without quotes; expected one of created, updated, deleted",
    ),
    ("change", RECORD + b'scope: [{ids: ["' + b"*a" * 501 + b'"]}]\n', "c.yaml:3:16: a pattern of 1002 characters; expected at most 1000"),
    (
        "change",
        RECORD + b"scope: [{tags: {env: no}}]\n",
        'c.yaml:3:22: no without quotes; expected text; quote it: "no" (without quotes YAML reads it as true, false or null)',
    ),
    (
        "change",
        RECORD + b"scope: [{expected: [{path: /A, equals: 1, absent: true}]}]\n",
        "c.yaml:3:21: equals and absent; expected one of equals, one_of, matches, min, max, absent",
    ),
    (
        "change",
        RECORD + b"scope: [{expected: [{path: /A, min: 5, max: 1}]}]\n",
        "c.yaml:3:40: max 1 below min 5; expected max at least as large as min",
    ),
    (
        "change",
        RECORD + b"scope: [{expected: [{path: /A, equals: off}]}]\n",
        'c.yaml:3:40: off without quotes; expected "off" in quotes for the word, or true, false or null',
    ),
    (
        "change",
        RECORD + b"scope: [{expected: [{path: /A, equals: 0123}]}]\n",
        'c.yaml:3:40: 0123 without quotes; expected "0123" in quotes, or a plain decimal number',
    ),
    (
        "change",
        RECORD + b"scope: [{expected: [{path: /A, min: .inf}]}]\n",
        'c.yaml:3:37: .inf without quotes; expected ".inf" in quotes, or a plain decimal number',
    ),
    (
        "change",
        RECORD + b"scope: [{expected: [{path: /A, absent: false}]}]\n",
        "c.yaml:3:32: absent: false; expected absent: true, or another condition",
    ),
    (
        "change",
        RECORD + b'tests: [{environment: dev, kind: unit, automated: "true", result: passed, finished_at: 2026-03-09T15:00:00Z}]\n',
        'c.yaml:3:51: "true"; expected true or false, without quotes',
    ),
    ("change", b"- 1\n", "c.yaml:1:3: 1 without quotes; expected a change record: a mapping of keys to values"),
    (
        "change",
        b"changes: {id: CHG-1}\n",
        (
            'c.yaml:1:1: no "id"; expected a change record with "id"\nc.yaml:1:1: no "created_at"; expected a chan'
            'ge record with "created_at"\nc.yaml:1:1: the unknown key "changes"; expected one of approvals, artifa'
            "ct_ref, authors, cancelled_at, closed_at, created_at, id, implemented_at, implementers, incident_id,"
            " material_changed_at, observations, outcome, rejected_at, requester, reviews, risk, rollback_plan, r"
            "un_ids, scope, source, state, template_id, tests, title, type, url, windows"
        ),
    ),
    (
        "change",
        RECORD + b"raw_hash: abc\n",
        (
            'c.yaml:3:1: the unknown key "raw_hash"; expected one of approvals, artifact_ref, authors, cancelled_'
            "at, closed_at, created_at, id, implemented_at, implementers, incident_id, material_changed_at, obser"
            "vations, outcome, rejected_at, requester, reviews, risk, rollback_plan, run_ids, scope, source, stat"
            "e, template_id, tests, title, type, url, windows"
        ),
    ),
    ("change", RECORD + b'title: "a\\0b"\n', "c.yaml:3:8: the control character U+0000 in a text; expected text without it"),
    (
        "change",
        RECORD + b"stale_since: 2026-03-09T09:00:00Z\n",
        (
            'c.yaml:3:1: the unknown key "stale_since"; expected one of approvals, artifact_ref, authors, cancell'
            "ed_at, closed_at, created_at, id, implemented_at, implementers, incident_id, material_changed_at, ob"
            "servations, outcome, rejected_at, requester, reviews, risk, rollback_plan, run_ids, scope, source, s"
            "tate, template_id, tests, title, type, url, windows"
        ),
    ),
    (
        "change.json",
        b'{"id": "CHG-1", "created_at": "2026-03-09T09:00:00Z",}',
        "c.json:1:54: no valid JSON: }; expected a key in double quotes",
    ),
    ("change.json", b'{"id": "CHG-1", "id": "CHG-2"}', 'c.json:1:17: the key "id" a second time (first on line 1); expected each key once'),
    ("change.json", b'{"id": "CHG-1", "created_at": NaN}', 'c.json:1:31: no valid JSON: "NaN}"; expected a value'),
    ("change.json", b"{'id': 1}", "c.json:1:2: no valid JSON: \"'id': 1}\"; expected a key in double quotes"),
    ("config", b"accounts: []\nbaselines: [{name: main}]\n", "driftwatch.yaml:1:11: an empty list; expected at least one element"),
    ("config", b"baselines: [{name: main}]\n", 'driftwatch.yaml:1:1: no "accounts"; expected "accounts" here'),
    (
        "config",
        b"accounts: [{id: 012345678901}]\nbaselines: [{name: main}]\n",
        'driftwatch.yaml:1:17: 012345678901 without quotes; expected "012345678901" in quotes, or a plain decimal number',
    ),
    (
        "config",
        b"accounts: [{id: 123456789012}]\nbaselines: [{name: main}]\n",
        'driftwatch.yaml:1:17: 123456789012 without quotes; expected text; quote it: "123456789012"',
    ),
    (
        "config",
        b'accounts: [{id: "1234"}]\nbaselines: [{name: main}]\n',
        'driftwatch.yaml:1:17: "1234"; expected an account id: twelve digits in quotes',
    ),
    (
        "config",
        b'accounts: [{id: "111111111111", regions: [moon]}]\nbaselines: [{name: main}]\n',
        "driftwatch.yaml:1:43: moon without quotes; expected a region such as eu-west-1",
    ),
    (
        "config",
        b'accounts: [{id: "111111111111", role_arn: "arn:aws:iam::222222222222:role/R"}]\nbaselines: [{name: main}]\n',
        "driftwatch.yaml:1:12: a role_arn of another account than 111111111111; expected a role in this account",
    ),
    (
        "config",
        b'accounts: [{id: "111111111111"}, {id: "111111111111"}]\nbaselines: [{name: main}]\n',
        "driftwatch.yaml:1:11: the account 111111111111 more than once; expected each once",
    ),
    (
        "config",
        b'accounts: [{id: "111111111111"}]\nbaselines: [{name: a, types: ["AWS::*"]}, {name: b, types: ["*::Bucket"]}]\n',
        "driftwatch.yaml:2:12: the baselines a and b cover the same cells; expected each cell in one baseline: narrow their patterns",
    ),
    (
        "config",
        b'accounts: [{id: "111111111111"}]\nbaselines: [{name: ../a}]\n',
        "driftwatch.yaml:2:20: ../a without quotes; expected a name of small letters, digits, . _ and -",
    ),
    ("config", CONFIG + b"sacn: {}\n", 'driftwatch.yaml:3:1: the unknown key "sacn"; expected "scan"'),
    (
        "config",
        CONFIG + b"scan: {concurrency: true}\n",
        "driftwatch.yaml:3:21: true without quotes; expected a value other than true and false",
    ),
    ("config", CONFIG + b"scan: {concurrency: 1000}\n", "driftwatch.yaml:3:21: 1000 without quotes; expected less than or equal to 64"),
    ("config", CONFIG + b"scan: fast\n", "driftwatch.yaml:3:7: fast without quotes; expected a mapping of keys to values"),
    (
        "config",
        CONFIG + b"schedule: {every: often}\n",
        "driftwatch.yaml:3:19: often without quotes; expected a number and s, m, h or d, such as 15m",
    ),
    (
        "config",
        CONFIG + b'schedule: {cron: "61 * * * *"}\n',
        (
            'driftwatch.yaml:3:18: "61 * * * *"; expected a cron line of five fields (Error validating expression'
            " '61': the last value (61) is higher than the maximum value (59))"
        ),
    ),
    ("config", CONFIG + b'schedule: {every: 5m, cron: "1 * * * *"}\n', "driftwatch.yaml:3:11: every and cron; expected one of them"),
    (
        "config",
        CONFIG + b'operations: {listen: "0.0.0.0:9464"}\n',
        (
            "driftwatch.yaml:3:13: 0.0.0.0:9464, which other machines can reach, without a token; expected token_"
            "file, or open: true where everybody may read it"
        ),
    ),
    (
        "config",
        CONFIG + b'operations: {listen: "9464"}\n',
        'driftwatch.yaml:3:22: "9464"; expected an address and a port, such as 127.0.0.1:9464',
    ),
    (
        "config",
        CONFIG + b"operations: {open: yes}\n",
        'driftwatch.yaml:3:20: yes without quotes; expected "yes" in quotes for the word, or true, false or null',
    ),
    (
        "config",
        CONFIG + b'store: {url: "mysql://me:hunter2@db/x"}\n',
        "driftwatch.yaml:3:14: this value; expected a URL that begins with sqlite:// or postgresql+psycopg://",
    ),
    (
        "config",
        CONFIG + b"change_sources: [{name: git, kind: file, path: x}]\n",
        'driftwatch.yaml:3:36: the change source "file"; expected "files" (there are: files, register)',
    ),
    ("config", CONFIG + b"change_sources: [{name: git, kind: files}]\n", 'driftwatch.yaml:3:18: no "path"; expected "path" here'),
    (
        "config",
        CONFIG + b"change_sources: [{name: git, kind: files, path: x, recursive: true}]\n",
        'driftwatch.yaml:3:52: the unknown key "recursive"; expected one of max_file_bytes, max_files, path',
    ),
    (
        "config",
        CONFIG + b"log: {level: loud}\n",
        "driftwatch.yaml:3:14: loud without quotes; expected 'debug', 'info', 'warning' or 'error'",
    ),
    ("config", CONFIG + b'policy: "a\\0b"\n', "driftwatch.yaml:3:9: 'a\\x00b'; expected text of visible characters"),
    (
        "config",
        CONFIG + b'types: ["AWS::EC2::[A-Z]"]\n',
        'driftwatch.yaml:3:9: "AWS::EC2::[A-Z]"; expected a resource type or a pattern, such as "AWS::EC2::*"',
    ),
]
