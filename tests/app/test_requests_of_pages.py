"""What a page asks of an object store: counted where requests leave for it, of a replica that serves for a while."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from app import create_app
from app.config import Settings
from registry_core import CoreSettings, ModelRegistry
from registry_core.format.layout import is_package
from registry_core.storage.contract import StorageOptions
from registry_core.storage.object_store.store import ObjectStorage

from ..support.bucket import count_requests
from .pages.filling import fill
from .pages.visiting import Visitor

URL = "s3://registries/root"
MODELS = 30
AT_MOST = {"/ui/": 2, "/ui/?q=number&task=task-1": 2}


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    return count_requests(monkeypatch)


def _opened(store: MemoryStore, catalogue: Path) -> ModelRegistry:
    settings = CoreSettings(root=URL, workers=1, catalog_dir=str(catalogue))
    storage = ObjectStorage(URL, StorageOptions(), is_package, store=store)
    return ModelRegistry.open(settings=settings, storage=storage)


def test_a_page_asks_for_little_however_many_models_it_shows(tmp_path: Path, requests: Counter[str]) -> None:
    store = MemoryStore()
    fill(_opened(store, tmp_path / "of-the-writer"), tmp_path / "source", MODELS, versions=1)
    registry = _opened(store, tmp_path / "of-the-reader")
    visit = Visitor(create_app(Settings(threads=8), registry).test_client())
    visit.get("/ui/")  # builds the index
    asked = {}
    for address in AT_MOST:
        requests.clear()
        visit.get(address)
        asked[address] = dict(requests)
    assert all(sum(asked[address].values()) <= most for address, most in AT_MOST.items()), asked
