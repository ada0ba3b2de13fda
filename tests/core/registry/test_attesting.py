"""Signed documents and findings by the verbs, and who may take away what blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import (
    AttestationNotFound,
    AttestationRefused,
    FindingNotFound,
    InvalidParameter,
    ModelRegistry,
    PermissionDenied,
)
from registry_core.storage.memory.root import MemoryStorage

from ...support.packages import open_registry, write_package
from .guarded import OWN, PEOPLE, house


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    (tmp_path / "root").mkdir()
    registry = open_registry(tmp_path / "root")
    registry.register("t", "m", "1", write_package(tmp_path / "1"))
    return registry


def test_what_no_key_has_signed_is_not_kept(registry: ModelRegistry) -> None:
    for document in (b"", b"{}", b"\xff", b"[" * 100_000):
        with pytest.raises(AttestationRefused) as refused:
            registry.attest("t", "m@1", document)
        assert refused.value.detail["why"] == "malformed"
    assert registry.attestations("t", "m@1").attestations == []
    with pytest.raises(AttestationNotFound):
        registry.attestation("t", "m", "1", "0" * 64)


def test_a_finding_is_open_until_an_event_ends_it(registry: ModelRegistry) -> None:
    opened = registry.open_finding("t", "m", "1", "blocking", "two cell types are mixed up", actor="ada")
    assert registry.keeps_back("t", "m", "1", opened.id)
    with pytest.raises(InvalidParameter):
        registry.resolve_finding("t", "m", "1", opened.id)  # without a reason
    with pytest.raises(FindingNotFound):
        registry.resolve_finding("t", "m", "1", opened.id + 1, reason="another")
    registry.resolve_finding("t", "m", "1", opened.id, reason="trained anew")
    (found,) = registry.findings("t", "m@1").findings
    assert (found.severity, found.is_open, found.is_dismissed) == ("blocking", False, False)


def test_a_blocking_finding_is_not_ended_by_whoever_may_only_write(tmp_path: Path) -> None:
    operator = house(MemoryStorage(), tmp_path).registry
    opened = operator.open_finding(OWN, "m", "1", "blocking", "wrong")
    publisher = operator.as_(PEOPLE["publisher"])
    with pytest.raises(PermissionDenied):
        publisher.resolve_finding(OWN, "m", "1", opened.id, reason="it is not")
    for who in ("publisher", "approver", "maintainer"):
        with pytest.raises(PermissionDenied):
            operator.as_(PEOPLE[who]).dismiss_finding(OWN, "m", "1", opened.id, reason="no")
    operator.as_(PEOPLE["approver"]).resolve_finding(OWN, "m", "1", opened.id, reason="looked at it")
    assert not operator.findings(OWN, "m@1").findings[0].is_open
