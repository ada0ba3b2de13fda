"""Where the store fails right after the event: the change stands, is pending, and whoever comes next finishes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import CoreSettings, ModelRegistry, NotFound, StorageUnavailable
from registry_core.format.layout import is_package
from registry_core.storage.contract import Facts, StorageOptions
from registry_core.storage.object_store.store import ObjectStorage

from ..contract.storage import Bytes
from ..support.packages import write_files
from ..support.seaweed import REGION, Seaweed

TASK, MODEL = "celltype", "pbmc"
WORDS: dict[str, Any] = {"reason": "because"}


def failing(step: str) -> Callable[..., ObjectStorage]:
    """A store that answers no more once it is asked for the step by which a package follows an event."""

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise StorageUnavailable("the store is gone")

    def opened(*args: Any) -> ObjectStorage:
        storage = ObjectStorage(*args)
        setattr(storage.packages, step, fail)
        return storage

    return opened


STEPS = {"delete": "retire", "restore": "reinstate", "purge": "erase", "archive": "annotate", "adopt": "annotate"}


def plant(storage: ObjectStorage) -> None:
    """A version of older software."""
    files = {"model.pt": b"w", "more": b"x", "model_meta.json": b"{}"}
    sums = b"50e721e49c013f00c62cf59f2163542a9d8df02464efeb615d31051b0fddc326  model.pt\n"
    with storage.packages.stage(f"tasks/{TASK}/models/{MODEL}/versions/old") as staging:
        for path, data in {**files, "sha256sums.txt": sums}.items():
            staging.add(path, Bytes(data))
        staging.seal()
        staging.publish(Facts(None, None))


def is_there(registry: ModelRegistry) -> bool:
    try:
        return registry.verify(TASK, f"{MODEL}@2").files_checked > 0
    except NotFound:
        return False


VERBS: dict[str, tuple[Callable[[ModelRegistry], Any], Callable[[ModelRegistry], bool]]] = {
    "delete": (
        lambda registry: registry.delete(TASK, MODEL, "2", **WORDS),
        lambda registry: not is_there(registry),
    ),
    "restore": (lambda registry: registry.restore(TASK, MODEL, "2"), is_there),
    "purge": (
        lambda registry: registry.purge(0),
        lambda registry: registry.purge(0, dry_run=True).purged == [] and not is_there(registry),
    ),
    "archive": (
        lambda registry: registry.stage(TASK, MODEL, "2", "archived", **WORDS),
        lambda registry: len(registry.resolve(TASK, f"{MODEL}@2").warnings) == 1,
    ),
    "adopt": (
        lambda registry: registry.adopt(),
        lambda registry: (
            registry.verify(TASK, f"{MODEL}@old").warnings == []
            and registry.resolve(TASK, f"{MODEL}@old", verify=False).package_digest is not None
        ),
    ),
}


@pytest.mark.parametrize("then", ["recover", "sweep", "change"])
@pytest.mark.parametrize("verb", VERBS)
def test_the_store_fails_after_the_event(
    tmp_path: Path, seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch, verb: str, then: str
) -> None:
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    root, options = seaweed.new_root(), StorageOptions(endpoint=seaweed.endpoint, region=REGION)

    def opened(kind: Callable[..., ObjectStorage] = ObjectStorage) -> ModelRegistry:
        return ModelRegistry.open(settings=CoreSettings(root=root, workers=2), storage=kind(root, options, is_package))

    if verb == "adopt":
        plant(ObjectStorage(root, options, is_package))
    source = write_files(tmp_path / "source", {"model.pt": b"weights", "deep/er": b"1"})
    for version in ("1", "2"):
        opened().register(TASK, MODEL, version, source, set_alias=None)
    if verb in ("restore", "purge"):
        opened().delete(TASK, MODEL, "2", **WORDS)
    run, is_done = VERBS[verb]
    if verb == "adopt":
        assert [finding.severity for finding in run(opened(failing(STEPS[verb]))).refused] == ["damage"]
    else:
        with pytest.raises(StorageUnavailable) as failed:
            run(opened(failing(STEPS[verb])))
        assert failed.value.detail["committed"] is True
    severities = [finding.severity for finding in opened().check().findings]
    assert "damage" not in severities
    assert "pending" in severities
    registry = opened()
    if then == "recover":
        assert registry.recover() == [f"{TASK}/{MODEL}"]
    elif then == "sweep":
        assert registry.sweep(0).finished == [f"{TASK}/{MODEL}"]
    else:
        registry.tag(TASK, MODEL, "1", "key", "value")
    assert is_done(registry)
    assert is_done(opened())
    assert opened().check().findings == []
    assert opened().audit_verify(TASK, MODEL).events == opened().history(TASK, MODEL).events[-1].seq
