"""Gates over HTTP: what is in the way is told, a refusal says what to do, and in open mode nobody overrides one."""

from __future__ import annotations

from pathlib import Path

from app import create_app
from app.config import Settings
from registry_core import CoreSettings, ModelRegistry

from ..support.packages import write_files

APPROVED = {"id": "approved", "approvals": {"at_least": 1, "by": ["reviewers"]}}


def test_a_gate_over_http(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    registry = ModelRegistry.open(str(root))
    registry.register("t", "m", "1", write_files(tmp_path / "source", {"model.pt": b"x"}), set_alias=None)
    client = create_app(Settings(core=CoreSettings(root=str(root)))).test_client()
    query = {"task": "t", "ref": "m@1", "alias": "production"}
    answer = client.get("/v1/gate", query_string=query).json
    assert (answer["gated"], answer["met"], answer["checks"]) == (False, True, [])
    gates = [{"alias": "production", "require": [APPROVED], "break_glass": {"by": ["oncall"]}}]
    registry.set_policy("t", {"schema": "omr-policy/1", "task": "t", "gates": gates})
    answer = client.get("/v1/gate", query_string=query).json
    assert (answer["gated"], answer["met"]) == (True, False)
    (check,) = answer["checks"]
    assert (check["id"], check["kind"], check["met"]) == ("approved", "approvals", False)
    assert check["needed"] == "1 approval by reviewers"
    asked = {"task": "t", "model_name": "m", "alias": "production", "version": "1", "actor": "oncall"}
    refused = client.post("/v1/promote", json=asked)
    assert (refused.status_code, refused.json["code"]) == (409, "gate_not_met")
    assert [one["id"] for one in refused.json["checks"]] == ["approved"]
    for path in ("promote", "rollback"):
        body = {name: value for name, value in asked.items() if path == "promote" or name != "version"}
        denied = client.post(f"/v1/{path}", json={**body, "override": {"reason": "now"}})
        assert (denied.status_code, denied.json["code"]) == (403, "permission_denied")
    refused = client.post("/v1/promote", json={**asked, "override": "now"})
    assert refused.status_code == 422
    reserved = {"task": "t", "model_name": "m", "version": "main", "artifacts_dir": str(tmp_path / "source")}
    assert client.post("/v1/register", json=reserved).json["code"] == "invalid_name"
