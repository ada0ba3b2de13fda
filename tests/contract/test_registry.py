"""Every way into the registry keeps the registry contract, in memory and on a filesystem."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry_core import ModelRegistry
from registry_core.storage.contract import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage

from ..support.servers import gunicorn
from .adapters import Cli, Core, Http, Remote
from .place import MODEL, TASK, InMemory, Kept, OnDisk, Place, settings
from .registry import RegistryContract


def placed(
    sources: Path, root: str, opener: Callable[[], Storage], kept: Kept, make: Callable[[ModelRegistry], Core]
) -> Place:
    def replica() -> ModelRegistry:
        return ModelRegistry.open(settings=settings(root=root), storage=opener())

    return Place(make(replica()), opener(), kept, sources, replica, root)


def on_filesystem(tmp_path: Path, make: Callable[[ModelRegistry], Core]) -> Place:
    root = tmp_path / "root"
    root.mkdir()
    return placed(tmp_path / "sources", str(root), lambda: FilesystemStorage(root), OnDisk(), make)


def in_memory(tmp_path: Path, make: Callable[[ModelRegistry], Core]) -> Place:
    storage = MemoryStorage()
    return placed(tmp_path / "sources", "memory://contract", lambda: storage, InMemory(storage.state.packages), make)


class TestCoreOnFilesystem(RegistryContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return on_filesystem(tmp_path, Core)


class TestCoreInMemory(RegistryContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return in_memory(tmp_path, Core)


class TestHttp(RegistryContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return on_filesystem(tmp_path, Http)

    def refuses_page(self, place: Place, filters: dict[str, int]) -> None:
        answer = _http(place).client.get("/v1/history", params={"task": TASK, "model": MODEL, **filters})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert answer.json()["errors"].keys() == filters.keys()

    def test_health_says_what_it_is(self, place: Place) -> None:
        answer = _http(place).call("GET", "/health")
        assert answer["service"] == "omnibioai-model-registry"
        assert answer["registry_root_configured"] is True
        assert answer.keys() == {"service", "version", "registry_root_configured"}

    def test_a_registration_says_where_it_is(self, place: Place) -> None:
        fields = {"task": TASK, "model_name": MODEL, "version": "1", "artifacts_dir": str(place.source())}
        answer = _http(place).client.post("/v1/register", json=fields)
        assert _http(place).client.get(answer.headers["Location"]).json()["version"] == "1"

    def test_what_is_not_known_is_named(self, place: Place) -> None:
        way = _http(place)
        fields = {"task": TASK, "model_name": MODEL, "version": "1", "artifacts_dir": str(place.source())}
        answer = way.call("POST", "/v1/register", succeeds=201, **fields, set_allias="x")
        assert answer["alias_set"] == "latest"
        assert len(answer["warnings"]) == 1
        assert "set_allias" in answer["warnings"][0]
        assert "verfy" in way.call("GET", "/v1/resolve", task=TASK, ref=f"{MODEL}@1", verfy="x")["warnings"][0]


def _http(place: Place) -> Http:
    assert isinstance(place.way, Http)
    return place.way


class TestCommandLine(RegistryContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return on_filesystem(tmp_path, lambda registry: Cli(registry, str(tmp_path / "root")))


@pytest.fixture(scope="module")
def many_roots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """(the address of a real gunicorn, the directory below which it serves every registry)."""
    base = tmp_path_factory.mktemp("many")
    with gunicorn(base, workers=2, args=["tests.contract.many_roots:application"]) as server:
        yield server.url, base


class TestClient(RegistryContract):
    @pytest.fixture
    def place(self, many_roots: tuple[str, Path], tmp_path: Path) -> Place:
        return served(many_roots, tmp_path, lambda registry, _, url: Remote(registry, url))


class TestCommandLineOverHttp(RegistryContract):
    @pytest.fixture
    def place(self, many_roots: tuple[str, Path], tmp_path: Path) -> Place:
        return served(many_roots, tmp_path, lambda registry, root, url: Cli(registry, root, url=url))


def served(many_roots: tuple[str, Path], tmp_path: Path, make: Callable[[ModelRegistry, str, str], Core]) -> Place:
    """A new registry below those that the server has."""
    url, base = many_roots
    name = f"{len(list(base.iterdir()))}"
    root = base / name / "root"
    root.mkdir(parents=True)
    return placed(
        tmp_path / "sources",
        str(root),
        lambda: FilesystemStorage(root),
        OnDisk(),
        lambda registry: make(registry, str(root), f"{url}/at/{name}"),
    )


def test_a_story_told_by_processes_of_their_own(tmp_path: Path) -> None:
    """``omr`` as a person runs it: one process a call."""
    place = on_filesystem(tmp_path, lambda registry: Cli(registry, str(tmp_path / "root"), in_process=False))
    place.way.register(TASK, MODEL, "1", place.source(), {"note": "ü"}, actor="ada")
    assert place.way.promote(TASK, MODEL, "production", "1", expected_version=None)["seq"] == 2
    assert place.way.resolve(TASK, f"{MODEL}@production")["verified"] is True
    assert place.way.check()["clean"] is True
