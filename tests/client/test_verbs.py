"""The verbs that the contract suite does not call: lists, health, and long work in the background of a real service."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_client import RegistryClient
from registry_core import (
    ArtifactsRefused,
    InvalidParameter,
    ModelNotFound,
    OperationNotFound,
    Progress,
    __version__,
)

from ..support.machine import MIB
from ..support.packages import write_files, write_package
from .conftest import Service


@pytest.fixture
def filled(service: Service, model: str, area: Path) -> Service:
    registry = service.registry
    for version, f1 in (("1", 0.5), ("2", 0.75), ("3", 0.9)):
        source = write_package(area / f"source-{version}")
        registry.register("t", model, version, source, {"metrics": {"f1": f1}, "tags": {"tissue": "blood"}})
    registry.promote("t", model, "production", "2")
    return service


def test_the_service_lives(client: RegistryClient) -> None:
    assert client.health().service == "omnibioai-model-registry"
    assert client.health().version == __version__
    assert client.catalog_state.models_total >= 0


def test_lists_are_those_of_the_core(filled: Service, client: RegistryClient, model: str) -> None:
    registry = filled.registry
    for filters in (
        {"model_name": model},
        {"model_name": model, "limit": 2, "sort": "-created_at"},
        {"model_name": model, "metric_gte": ("f1:0.7",), "metric_lte": ("f1:0.8",)},
        {"model_name": model, "tags": ("tissue:blood",), "alias": "production", "stage": "production"},
        {"model_name": model, "text": "torch"},
        {"model_name": "nobody"},
    ):
        found = client.list_models(**filters)  # type: ignore[arg-type]
        assert found.to_dict() == registry.list_models(**filters).to_dict(), filters  # type: ignore[arg-type]
    assert {task.to_dict()["task"] for task in client.list_tasks()} >= {"t"}
    in_order = {"alias": "production", "sort": "-bytes", "limit": 1}
    for asked in ({}, {"q": model}, {"fact": ("load:none",)}, in_order, {"without_alias": "latest"}):
        assert client.list_summaries(**asked) == registry.list_summaries(**asked), asked  # type: ignore[arg-type]
    first, whole = client.list_summaries(limit=1, sort="name"), registry.list_summaries(limit=1000).items
    following = client.list_summaries(limit=1, sort="name", cursor=first.next).items if first.next else []
    assert [*first.items, *following] == whole[:2]
    with pytest.raises(InvalidParameter):
        client.list_summaries(sort="metric:f1")
    newest = {"order": "desc", "since": "2020-01-01", "q": model}
    assert client.activity(limit=3) == registry.activity(limit=3)
    assert (
        client.activity(before=client.activity(limit=3).next, limit=2).events == registry.activity(limit=5).events[3:]
    )
    assert client.history("t", model, limit=2, **newest) == registry.history("t", model, limit=2, **newest)  # type: ignore[arg-type]
    with pytest.raises(InvalidParameter):
        client.history("t", model, before="x")
    with pytest.raises(InvalidParameter):
        client.list_models(limit=0)
    with pytest.raises(InvalidParameter):
        client.list_models(metric_gte=("f1",))


def test_raw_lines_come_as_they_lie_in_the_journal(filled: Service, client: RegistryClient, model: str) -> None:
    registry, journal = filled.registry, filled.root / f"tasks/t/models/{model}/audit/promotions.jsonl"
    journal.write_bytes(journal.read_bytes() + b'{"alias": "caf\xe9"}\n')
    found, after = list[bytes](), 0
    while True:
        page = client.journal_lines("t", model, after=after, limit=2)
        assert page == registry.journal_lines("t", model, after=after, limit=2)
        found += page.lines
        if page.next is None:
            break
        after = page.next
    assert b"".join(line + b"\n" for line in found) == journal.read_bytes()
    assert len(found) > 4
    assert client.journal_lines().lines == registry.journal_lines().lines
    with pytest.raises(ModelNotFound):
        client.journal_lines("t", "nobody")
    with pytest.raises(InvalidParameter):
        client.journal_lines("t", None)


def test_pages_follow_one_another(filled: Service, client: RegistryClient, model: str) -> None:
    seen, cursor = [], None
    while True:
        page = client.list_models(model_name=model, limit=1, cursor=cursor)
        seen += [item["version"] for item in page.items]
        assert page.total == 3
        cursor = page.next
        if cursor is None:
            break
    assert sorted(seen) == ["1", "2", "3"]


def test_long_work_in_the_background_of_a_real_service(
    service: Service, client: RegistryClient, model: str, area: Path
) -> None:
    source = write_files(area / "large", {"model.pt": bytes(24 * MIB), "label.json": b"{}"})
    heard: list[Progress] = []
    done = client.register("t", model, "1", source, progress=heard.append)
    assert (done.version, done.alias_set) == ("1", "latest")
    proven = client.verify("t", f"{model}@1", wait=True)
    plain = client.verify("t", f"{model}@1")
    assert (proven.files_checked, proven.bytes_checked, proven.package_digest) == (
        *(plain.files_checked, plain.bytes_checked),
        plain.package_digest,
    )
    found = client.resolve("t", f"{model}@latest", progress=heard.append)
    assert found == client.resolve("t", f"{model}@latest")
    assert heard[-1].files_done == heard[-1].files_total == 3


def test_failures_in_the_background_are_those_of_the_call(client: RegistryClient, model: str, area: Path) -> None:
    with pytest.raises(ArtifactsRefused):
        client.register("t", model, "1", area / "nothing", wait=True)
    with pytest.raises(ModelNotFound):
        client.verify("t", f"{model}@1", wait=True)
    with pytest.raises(OperationNotFound):
        client.operation("0" * 32)
