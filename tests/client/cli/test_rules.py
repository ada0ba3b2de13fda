"""The commands of trust and policies, on the root."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from registry_client.cli.main import main

from ...core.evidence.ruled import policy_of, trust_of


def omr(root: Path, *words: str, data: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["--root", str(root), *words], input=data, env={})


def test_trust_is_set_and_shown(tmp_path: Path) -> None:
    assert "no trust document was set" in omr(tmp_path, "trust", "show").stdout
    done = omr(tmp_path, "trust", "set", "-", "--actor", "ada", "--reason", "first", "--json", data=trust_of("ada"))
    assert json.loads(done.stdout)["seq"] == 1
    shown = omr(tmp_path, "trust", "show")
    assert json.loads(shown.stdout) == json.loads(trust_of("ada"))
    assert "set by ada at" in shown.stderr
    assert shown.stderr.strip().endswith("event 1")
    refused = omr(tmp_path, "trust", "set", "-", data=trust_of(keyz=[]))
    assert refused.exit_code == 1
    assert "keyz is not known here" in refused.stderr


def test_policies_are_set_shown_tried_and_cleared(tmp_path: Path) -> None:
    assert omr(tmp_path, "policy", "show", "celltype").exit_code == 3
    tried = omr(tmp_path, "policy", "try", "celltype", "-", "--json", data=policy_of())
    assert json.loads(tried.stdout)["aliases"] == ["production"]
    for verb in ("try", "set"):
        done = omr(tmp_path, "policy", verb, "another", "-", data=policy_of("another", "v*"))
        assert done.exit_code == 0
        assert "warning: no new version can be called like 'v*'" in done.stderr
    assert omr(tmp_path, "policy", "clear", "another").exit_code == 0
    assert omr(tmp_path, "policy", "set", "celltype", "-", data=policy_of()).exit_code == 0
    assert omr(tmp_path, "policy", "set", "*", "-", data=policy_of("*")).exit_code == 0
    assert json.loads(omr(tmp_path, "policy", "show", "*").stdout) == json.loads(policy_of("*"))
    listed = json.loads(omr(tmp_path, "policy", "list", "--json").stdout)["policies"]
    assert [(one["task"], one["seq"]) for one in listed] == [("*", 4), ("celltype", 3)]
    assert omr(tmp_path, "policy", "clear", "celltype", "--expected-seq", "4").exit_code == 1
    assert omr(tmp_path, "policy", "clear", "celltype", "--expected-seq", "3").exit_code == 0
    assert omr(tmp_path, "policy", "show", "celltype").exit_code == 3
