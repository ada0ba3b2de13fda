"""Gates over HTTP: what is in the way is told, a refusal says what to do, and in open mode nobody overrides one."""

from __future__ import annotations

from pathlib import Path

from app import create_app
from app.config import IdentitySettings, Settings
from registry_core import CoreSettings, ModelRegistry

from ..core.access.ruled import written
from ..support.issuer import AUDIENCE, issuer_server
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


def test_a_version_in_the_place_of_a_gated_alias_is_given_to_nobody_by_that_name(tmp_path: Path) -> None:
    """Whoever asks for what was approved gets no bytes of a version that only has the name."""
    root = tmp_path / "root"
    root.mkdir()
    registry = ModelRegistry.open(str(root))
    registry.register("t", "m", "champion", write_files(tmp_path / "source", {"README.md": b"# x"}))
    client = create_app(Settings(core=CoreSettings(root=str(root)))).test_client()
    commit = client.get("/hf/api/models/t/m/revision/champion").json["sha"]
    gates = [{"alias": "ch*", "require": [{"id": "usable", "not_archived": {}}]}]
    registry.set_policy("t", {"schema": "omr-policy/1", "task": "t", "gates": gates})
    paths = {
        "/v1/resolve?task=t&ref=m@champion&verify=false": "/v1/resolve?task=t&ref=m@latest&verify=false",
        "/v1/show?task=t&ref=m@champion&verify=true": "/v1/show?task=t&ref=m@latest&verify=true",
        "/v1/facts?task=t&ref=m@champion&details=true": "/v1/facts?task=t&ref=m@latest&details=true",
        **{
            path.replace("@", "champion"): path.replace("@", "latest")
            for path in (
                "/v1/files/t/m/@/",
                "/v1/files/t/m/@/README.md",
                "/v1/archive/t/m/@",
                "/ui/raw/t/m/@/README.md",
                "/hf/api/models/t/m/revision/@",
                "/hf/api/models/t/m/tree/@",
                "/hf/api/models/t/m/commits/@",
            )
        },
        "/hf/t/m/resolve/champion/README.md": f"/hf/t/m/resolve/{commit}/README.md",
    }
    for refused, given in paths.items():
        answer = client.get(refused)
        assert (answer.status_code, (answer.json or {}).get("code")) == (409, "gate_not_met"), refused
        assert "stands in its place" in answer.headers.get("X-Error-Message", answer.json["detail"])
        assert client.head(refused).status_code == 409
        assert client.get(given).status_code == 200, given
    asked = {"data": {"paths": "README.md"}}
    assert client.post("/hf/api/models/t/m/paths-info/champion", **asked).status_code == 409
    assert client.post("/hf/api/models/t/m/paths-info/latest", **asked).status_code == 200
    proven = client.post("/v1/verify", json={"task": "t", "ref": "m@champion"})
    assert (proven.status_code, proven.json["code"]) == (409, "gate_not_met")
    shown = client.get("/v1/show?task=t&ref=m@champion").json
    assert shown["package_dir"] is None
    assert shown["warnings"][0].startswith("gate_not_met: A policy guards the alias 'champion'")
    page = client.get("/ui/models/t/m/versions/champion")
    assert (page.status_code, str(root) in page.text) == (200, False), "it is looked at, so that it can be deleted"


def test_the_glass_is_broken_by_whoever_calls_and_not_by_whom_he_names(tmp_path: Path) -> None:
    """Who promotes is who the issuer says; a name in ``actor`` opens nothing, and neither does the right to promote."""
    root = tmp_path / "root"
    root.mkdir()
    with issuer_server() as issuer:
        registry = ModelRegistry.open(str(root))
        for version in ("1", "2"):
            registry.register("t", "m", version, write_files(tmp_path / version, {"f": b"x"}), set_alias=None)
        registry.promote("t", "m", "production", "1")
        rules = [{"who": ["authenticated"], "on": ["t/*"], "role": "approver"}]
        registry.set_access_rules(written(admins=["user:chief"], rules=rules))
        people = {who: {"groups": [], "principals": [f"{issuer.url}|{who}"]} for who in ("night", "day")}
        registry.set_trust_document({"schema": "omr-trust/1", "people": people})
        fixed = {"id": "fixed", "findings": {"none_of": ["blocking"]}, "overridable": False}
        glass = {"by": ["night"], "reason_min_characters": 10}
        gates = [{"alias": "production", "require": [APPROVED, fixed], "break_glass": glass}]
        registry.set_policy("t", {"schema": "omr-policy/1", "task": "t", "gates": gates})
        identity = IdentitySettings("required", oidc_issuer=issuer.url, oidc_audience=AUDIENCE)
        client = create_app(Settings(core=CoreSettings(root=str(root)), identity=identity)).test_client()
        override = {"reason": "the night is on fire", "ticket": "OPS-1"}

        def move(who: str, verb: str = "promote", **more: object) -> tuple[int, str]:
            body = {"task": "t", "model_name": "m", "alias": "production", "override": override, **more}
            body |= {"version": "2"} if verb == "promote" else {}
            headers = {"Authorization": f"Bearer {issuer.token(sub=who)}"}
            answer = client.post(f"/v1/{verb}", json=body, headers=headers)
            return answer.status_code, str(answer.json.get("override") or answer.json.get("code"))

        before = registry.history("t", "m").events
        assert move("day", actor="night") == (409, "day is none of night.")
        assert move("chief", actor="night") == (409, "who asks is none of night.")
        assert move("night", override={"reason": "too short"}) == (409, "its reason has less than 10 characters.")
        assert move("night", override={"reason": " " * 40}) == (422, "invalid_parameter")
        finding = registry.open_finding("t", "m", "2", "blocking", "it is wrong")
        assert move("night") == (409, "fixed cannot be done without.")
        registry.resolve_finding("t", "m", "2", finding.id, reason="it is not")
        assert len(registry.history("t", "m").events) == len(before) + 2
        assert move("night")[0] == 200
        bearer = {"Authorization": f"Bearer {issuer.token(sub='day')}"}
        told = client.get("/v1/resolve?task=t&ref=m@production", headers=bearer)
        (warning,) = told.json["warnings"]
        assert "by night less than a minute ago: the night is on fire (OPS-1)" in warning
        assert move("day", "rollback") == (409, "day is none of night.")
        assert move("night", "rollback")[0] == 200
    gates_of = [event.gate for event in registry.history("t", "m").events if event.gate is not None]
    assert [one["override"]["unmet"] for one in gates_of] == [["approved"], ["approved"]]
    assert registry.audit_gates("t", "m").faults == []
