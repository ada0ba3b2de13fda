"""Any bytes in the place of a journal, manifest, document or list of uploads: an answer or a typed error, and soon."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as Settings

from registry_core import ModelRegistry, RegistryError

from ..support import fuzzing
from ..support.machine import MIB, memory_backed, remove_tree
from ..support.packages import open_registry
from . import damage

SOON_S = 60.0
EXAMPLES = 40
KINDS = [
    kind for kind in damage.KINDS if kind not in ("lock", "catalogue", "upload data", "artifact", "older artifact")
]


@dataclass
class Shelf:
    """A registry of which one file is replaced by others."""

    made: damage.Made
    area: Path

    def path(self, kind: str) -> Path:
        return self.made.root / self.made.kinds[kind][0]


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    area = Path(tempfile.mkdtemp(prefix="registry-bytes-", dir=memory_backed(64 * MIB)))
    yield Shelf(damage.make(area), area)
    remove_tree(area)


@pytest.fixture
def kept(shelf: Shelf) -> Iterator[Shelf]:
    """The shelf, as it was again for the next test."""
    shutil.copytree(shelf.made.root, shelf.area / "kept", symlinks=True)
    yield shelf
    remove_tree(shelf.made.root)
    (shelf.area / "kept").rename(shelf.made.root)


def fuzz(shelf: Shelf, kind: str, how: Settings) -> None:
    path = shelf.path(kind)
    for place in (path.parent, path):
        place.chmod(0o755)
    real = path.read_bytes()

    @how
    @given(fuzzing.nearly(real))
    def read(data: bytes) -> None:
        path.write_bytes(data)
        registry = None
        with suppress(RegistryError):
            registry = open_registry(shelf.made.root)
            registry.check()
        if registry is not None:
            for reader in readers(shelf, kind, registry):
                damage_free(reader, shelf)

    read()


def damage_free(call: Callable[[], Any], shelf: Shelf) -> None:
    began = time.monotonic()
    said = damage.ask(call, shelf.made.root)
    assert said.code != damage.UNTYPED, said.value
    assert time.monotonic() - began < SOON_S


def readers(shelf: Shelf, kind: str, registry: ModelRegistry) -> Iterator[Callable[[], Any]]:
    """The questions that read a file of the kind: few, because they are asked of many bytes."""
    task, model = ("older", shelf.path(kind).relative_to(shelf.made.root).parts[3]) if _is_older(kind) else ("t", "m")
    if kind.startswith(("upload", "operation")):
        yield lambda: registry.upload(shelf.made.upload)
        yield lambda: registry.operation(shelf.made.operation)
        yield lambda: registry.register("t", "m", "new", upload_id=shelf.made.upload)
        return
    for selector in ("1", "2", "4", "5", "latest", "production"):
        yield lambda selector=selector: registry.show(task, f"{model}@{selector}", verify=True)
    yield lambda: registry.resolve(task, f"{model}@latest", as_of="2100-01-01T00:00:00Z")
    yield lambda: registry.artifacts(task, f"{model}@1")
    yield lambda: registry.metrics(task, f"{model}@1")
    yield lambda: registry.list_aliases(task, model)
    yield lambda: registry.history(task, model)
    yield lambda: registry.audit_verify(task, model)
    yield lambda: registry.hub_commits(task, model)
    yield lambda: registry.promote(task, model, "staging", "1", expected_version="9")
    yield lambda: registry.tag(task, model, "1", "k", "v") if kind in ("state", "metadata") else None


def _is_older(kind: str) -> bool:
    return kind.startswith("older") or kind == "baseline"


@pytest.mark.parametrize("kind", KINDS)
def test_any_bytes(kept: Shelf, kind: str) -> None:
    fuzz(kept, kind, fuzzing.short(EXAMPLES))


@pytest.mark.slow
@pytest.mark.timeout(fuzzing.SOAK_S + 600)
@pytest.mark.parametrize("kind", KINDS)
def test_any_bytes_for_long(kept: Shelf, kind: str) -> None:
    fuzzing.for_the_time_of_a_soak(lambda: fuzz(kept, kind, fuzzing.long()))
