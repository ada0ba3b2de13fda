"""Whoever takes the registry over has little to go on: no privileges, nothing to write to but the data, and limits."""

from __future__ import annotations

from typing import Any

import pytest

from .test_deploy import kubernetes, load, unit

PODS = {
    "Deployment": lambda found: found["Deployment"]["spec"]["template"]["spec"],
    "CronJob": lambda found: found["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"],
}


@pytest.mark.parametrize("kind", PODS)
def test_a_pod_has_no_privileges_and_limits(kind: str) -> None:
    pod = PODS[kind](kubernetes())
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_only_clients_reach_the_pods_and_they_reach_only_the_store() -> None:
    found = kubernetes()
    policy = found["NetworkPolicy"]["spec"]
    assert policy["podSelector"]["matchLabels"] == found["Deployment"]["spec"]["selector"]["matchLabels"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    (into,) = policy["ingress"]
    assert into["from"], "an empty list would let everybody in"
    (port,) = found["Deployment"]["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert into["ports"] == [{"port": port["name"]}]
    (out,) = policy["egress"]
    assert {rule["port"] for rule in out["ports"]} == {53, 443}


def test_compose_gives_no_privileges_and_limits() -> None:
    services: dict[str, Any] = load("compose.yaml")["services"]
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"mem_limit", "pids_limit"} <= set(service), name
    assert all(
        mount.endswith(":ro") for mount in services["registry"]["volumes"] if not mount.endswith("/data/model_registry")
    )


def test_the_unit_gives_no_privileges_and_limits() -> None:
    found = unit()
    for name, value in {
        "ProtectSystem": "strict",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "AmbientCapabilities": "",
        "PrivateDevices": "yes",
        "RestrictSUIDSGID": "yes",
        "SystemCallFilter": "@system-service",
    }.items():
        assert found[f"Service.{name}"] == [value]
    assert {"Service.MemoryMax", "Service.TasksMax"} <= set(found)
