"""I12, the root is itself: another one in its place, or none, is never taken for it, by a verb or by a service.

On a filesystem, on an object store and in memory; the service is a real one, with two workers.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from registry_core import CoreSettings, DestinationDiffers, ModelRegistry, NotConfigured, NotFound
from registry_core.format.layout import is_package
from registry_core.registry import opening
from registry_core.storage import Storage
from registry_core.storage.contract import StorageOptions
from registry_core.storage.memory.root import MemoryStorage
from registry_core.storage.object_store.store import ObjectStorage

from ..app.curl import assert_problem, get, post
from ..faults import forks, raw
from ..support.machine import MIB, memory_backed, remove_tree
from ..support.packages import write_package
from ..support.servers import PREFIX, gunicorn, wait_until

ID = "0123456789abcdef0123456789abcdef"


class Place(ABC):
    """A root, whose content somebody takes away and brings back."""

    url = ""
    storage: Storage | None = None

    def open(self, **settings: object) -> ModelRegistry:
        """The registry as another process has it."""
        return ModelRegistry.open(settings=CoreSettings(root=self.url, **settings), storage=self.storage)  # type: ignore[arg-type]

    @abstractmethod
    def take_away(self) -> Callable[[], None]:
        """An empty root is in the place now; returns what brings the other one back."""


class OnDisk(Place):
    def __init__(self, top: Path) -> None:
        self._root = top / "root"
        self._root.mkdir()
        self.url = str(self._root)

    def take_away(self) -> Callable[[], None]:
        away = self._root.with_name("away")
        self._root.rename(away)
        self._root.mkdir()

        def bring_back() -> None:
            assert raw.tree(self._root) == {}, "something was written into a root that is not ours"
            self._root.rmdir()
            away.rename(self._root)

        return bring_back


class InBucket(Place):
    url = "s3://registries/root"

    def __init__(self) -> None:
        self._store = MemoryStore()
        self.storage = ObjectStorage(self.url, StorageOptions(), is_package, store=self._store)

    def take_away(self) -> Callable[[], None]:
        keys = [meta["path"] for chunk in obstore.list(self._store) for meta in chunk]
        kept = {key: bytes(obstore.get(self._store, key).bytes()) for key in keys}
        obstore.delete(self._store, keys)

        def bring_back() -> None:
            assert [*obstore.list(self._store)] == [], "something was written into a root that is not ours"
            for key, data in kept.items():
                obstore.put(self._store, key, data)

        return bring_back


class InMemory(Place):
    url = "memory://"

    def __init__(self) -> None:
        self.storage = self._memory = MemoryStorage()

    def take_away(self) -> Callable[[], None]:
        state = self._memory.state
        kept = {name: dict(getattr(state, name)) for name in ("documents", "logs", "packages")}
        for name in kept:
            getattr(state, name).clear()

        def bring_back() -> None:
            for name, content in kept.items():
                assert getattr(state, name) == {}, "something was written into a root that is not ours"
                getattr(state, name).update(content)

        return bring_back


def unseal(top: Path) -> None:
    for directory, _, _ in os.walk(top):
        os.chmod(directory, 0o755)


@pytest.fixture(params=["disk", "bucket", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(opening, "LOOK_EVERY_S", 0.0)
    yield {"disk": lambda: OnDisk(tmp_path), "bucket": InBucket, "memory": InMemory}[request.param]()
    unseal(tmp_path)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[OnDisk]:
    yield OnDisk(tmp_path)
    unseal(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_package(tmp_path / "source")


def refused(reason: str, verb: Callable[[], object]) -> None:
    with pytest.raises(NotConfigured) as caught:
        verb()
    assert caught.value.detail["reason"] == reason


def test_I12_the_root_is_itself(place: Place, source: Path) -> None:
    registry = place.open()
    registry.register("t", "m", "1", source)
    assert re.fullmatch("[0-9a-f]{32}", registry.id or "")
    bring_back = place.take_away()
    refused("root_changed", lambda: registry.register("t", "m", "1", source))
    refused("root_changed", registry.check_root)
    if not isinstance(place, InBucket):  # there a read would be a request more
        for verb in (
            lambda: registry.resolve("t", "m@1"),
            lambda: registry.promote("t", "m", "production", "1"),
            lambda: registry.sweep(0),
            registry.list_tasks,
            lambda: registry.begin_upload("t", "m"),
            lambda: registry.upload("0" * 32),
            lambda: registry.operation("0" * 32),
            registry.check,
            registry.recover,
        ):
            refused("root_changed", verb)
    bring_back()
    registry.promote("t", "m", "production", "1")
    registry.register("t", "m", "2", source)
    assert registry.check().is_clean


def test_I12_another_registry_in_the_place_is_not_ours(place: Place, source: Path) -> None:
    registry = place.open()
    registry.register("t", "m", "1", source)
    place.take_away()
    place.open().register("t", "other", "1", source)  # by a process that saw nothing else there
    refused("root_changed", lambda: registry.register("t", "m", "1", source))
    refused("root_changed", registry.check_root)


def test_I12_opening_and_reading_write_nothing(place: Place) -> None:
    registry = place.open()
    assert registry.check().is_clean
    with pytest.raises(NotFound):
        registry.resolve("t", "m@1")
    with pytest.raises(NotFound):
        registry.promote("t", "m", "production", "1")
    assert registry.id is None
    assert place.open().id is None


def test_I12_all_who_begin_at_once_see_one_id(disk: OnDisk, source: Path) -> None:
    def register(number: int) -> str | None:
        registry = ModelRegistry.open(settings=CoreSettings(root=disk.url))
        registry.register("t", f"m{number}", "1", source)
        return registry.id

    found = {outcome.get() for outcome in forks.race([lambda number=n: register(number) for n in range(8)])}
    assert found == {place_id(disk)}


def place_id(disk: OnDisk) -> str:
    said: str = json.loads((Path(disk.url) / "registry.json").read_bytes())["id"]
    return said


def test_I12_none_becomes_an_id_in_the_same_place_only(disk: OnDisk, source: Path) -> None:
    registry = disk.open()
    disk.open().register("t", "m", "1", source)  # another process makes it a registry
    assert registry.resolve("t", "m@1").version == "1"
    late = disk.open()
    bring_back = disk.take_away()
    refused("root_changed", lambda: late.resolve("t", "m@1"))
    bring_back()
    assert late.resolve("t", "m@1").version == "1"


def test_I12_where_none_was_seen_another_directory_with_an_id_is_not_taken(tmp_path: Path, source: Path) -> None:
    disk = OnDisk(tmp_path)
    (Path(disk.url) / "tasks/t/models/m").mkdir(parents=True)  # older software's, without an id
    registry = disk.open()
    assert registry.check().is_clean
    Path(disk.url).rename(tmp_path / "older")
    Path(disk.url).mkdir()
    disk.open().register("t", "m", "1", source)
    refused("root_changed", lambda: registry.resolve("t", "m@1"))
    unseal(tmp_path)


def test_I12_what_is_swapped_within_the_directory_is_noticed(disk: OnDisk, source: Path) -> None:
    registry = disk.open()
    registry.register("t", "m", "1", source)
    said = Path(disk.url) / "registry.json"
    ours = said.read_bytes()
    said.write_text(json.dumps({"format": 1, "id": ID}))
    refused("root_changed", lambda: registry.resolve("t", "m@1"))
    said.unlink()
    refused("root_changed", lambda: registry.resolve("t", "m@1"))
    said.write_bytes(ours)
    assert registry.resolve("t", "m@1").version == "1"


@pytest.mark.parametrize("wrong", ['""', "null", "7", '"../../x"', '"ABCDEF0123456789ABCDEF0123456789"', '["0"]'])
def test_I12_an_id_of_another_form_is_refused(disk: OnDisk, wrong: str) -> None:
    (Path(disk.url) / "registry.json").write_text(f'{{"format": 1, "id": {wrong}}}')
    refused("unknown_format", disk.open)


def test_I12_without_create_nothing_is_made_until_somebody_says_so(place: Place, source: Path) -> None:
    refused("root_empty", lambda: place.open(create=False))
    made = ModelRegistry.init(settings=CoreSettings(root=place.url, create=False), storage=place.storage)
    registry = place.open(create=False)
    assert registry.id == made.id is not None
    registry.register("t", "m", "1", source)
    again = ModelRegistry.init(settings=CoreSettings(root=place.url), storage=place.storage)
    assert again.id == made.id


def test_I12_older_software_s_registry_is_read_as_it_is_and_gets_its_id_at_the_first_change(
    disk: OnDisk, source: Path
) -> None:
    disk.open().register("t", "m", "1", source)
    (Path(disk.url) / "registry.json").unlink()
    for said in (None, {"format": 1, "more": "kept"}):
        if said is not None:
            (Path(disk.url) / "registry.json").write_text(json.dumps(said))
        registry = disk.open(create=False)
        assert registry.resolve("t", "m@1").version == "1"
        assert registry.id is None
    registry.promote("t", "m", "production", "1")
    assert registry.id == place_id(disk)
    assert json.loads((Path(disk.url) / "registry.json").read_bytes()) == {
        "format": 1, "more": "kept", "id": registry.id
    }  # fmt: skip


def test_I12_an_id_can_be_asked_for(place: Place, source: Path) -> None:
    refused("root_empty", lambda: place.open(id=ID))
    assert ModelRegistry.init(settings=CoreSettings(root=place.url, id=ID), storage=place.storage).id == ID
    place.open(id=ID).register("t", "m", "1", source)
    refused("root_changed", lambda: place.open(id="f" * 32))


def test_I12_a_root_that_cannot_be_written_to_is_served_without_an_id(source: Path) -> None:
    top = Path(tempfile.mkdtemp(prefix="registry-identity-", dir=memory_backed(64 * MIB)))
    top.chmod(0o755)
    disk = OnDisk(top)
    disk.open().register("t", "m", "1", source)
    (Path(disk.url) / "registry.json").unlink()
    Path(disk.url).chmod(0o555)

    def serve() -> tuple[str | None, str]:
        registry = disk.open()
        registry.identify()
        return registry.id, registry.resolve("t", "m@1").version

    answered = forks.run_as_ordinary_user(serve)
    remove_tree(top)
    assert answered.get() == (None, "1")


def test_I12_migration_makes_an_empty_root_the_same_registry_and_no_other(
    place: Place, tmp_path: Path, source: Path
) -> None:
    registry = place.open()
    registry.register("t", "m", "1", source)
    target = tmp_path / "copy"
    target.mkdir()
    registry.migrate_to(ModelRegistry.open(target, settings=CoreSettings()))
    copy = ModelRegistry.open(target, settings=CoreSettings(id=registry.id))
    assert copy.resolve("t", "m@1").version == "1"
    registry.register("t", "m", "2", source)
    assert registry.migrate_to(copy).versions_copied == 1
    other = tmp_path / "other"
    ModelRegistry.init(other, settings=CoreSettings(id=ID))
    foreign = ModelRegistry.open(other, settings=CoreSettings())
    with pytest.raises(DestinationDiffers, match="another registry"):
        registry.migrate_to(foreign)
    assert not (other / "tasks").exists()
    assert registry.migrate_to(foreign, merge=True).versions_copied == 2
    assert ModelRegistry.open(other, settings=CoreSettings()).id == ID
    unseal(tmp_path)


# the service


def register(url: str, source: Path, version: str) -> int:
    body = {"task": "t", "model_name": "m", "version": version, "artifacts_dir": str(source)}
    return post(f"{url}/v1/register", body).status


def test_I12_a_service_whose_root_is_swapped_refuses_and_works_again_without_a_restart(
    disk: OnDisk, source: Path
) -> None:
    with gunicorn(disk.url, env={PREFIX + "CATALOG_REFRESH_S": "1"}) as server:
        wait_until(lambda: server.open_workers == 2, "a worker has not opened the root")
        assert register(server.url, source, "1") == 201
        bring_back = disk.take_away()
        for _ in range(8):
            for path in ("health/ready", "v1/resolve?task=t&ref=m@1", "v1/models", "v1/tasks", "hf/api/models/t/m"):
                answer = get(f"{server.url}/{path}")
                assert answer.status == 503, (path, answer.body)
                assert answer.json.get("reason", "root_changed") == "root_changed"  # the Hub's answers have none
            assert get(f"{server.url}/health").status == 200
            assert register(server.url, source, "1") == 503
            assert register(server.url, source, "2") == 503
        problem = assert_problem(get(f"{server.url}/health/ready"), 503, "not_configured")
        assert problem["reason"] == "root_changed"
        bring_back()
        for _ in range(8):
            assert get(f"{server.url}/health/ready").status == 200
            assert get(f"{server.url}/v1/resolve?task=t&ref=m@1").status == 200
        assert register(server.url, source, "2") == 201
    assert disk.open().check().is_clean


def test_I12_a_service_that_is_restarted_while_the_mount_is_missing_makes_no_registry(
    disk: OnDisk, source: Path
) -> None:
    environment = {PREFIX + "CREATE": "false"}
    with gunicorn(disk.url, env=environment) as server:
        assert assert_problem(get(f"{server.url}/health/ready"), 503, "not_configured")["reason"] == "root_empty"
        assert register(server.url, source, "1") == 503
        assert raw.tree(Path(disk.url)) == {}
        ModelRegistry.init(disk.url, settings=CoreSettings())  # in another process: the service needs no restart
        for _ in range(8):
            assert get(f"{server.url}/health/ready").status == 200
        assert register(server.url, source, "1") == 201
    bring_back = disk.take_away()
    with gunicorn(disk.url, env=environment) as server:
        assert assert_problem(get(f"{server.url}/health/ready"), 503, "not_configured")["reason"] == "root_empty"
        assert register(server.url, source, "1") == 503
        bring_back()
        assert get(f"{server.url}/v1/resolve?task=t&ref=m@1").status == 200


def test_I12_workers_that_start_at_once_agree_on_one_id(disk: OnDisk) -> None:
    with gunicorn(disk.url, workers=4) as server:
        for _ in range(16):
            assert get(f"{server.url}/health/ready").status == 200
        said = place_id(disk)
        with suppress(NotConfigured):
            ModelRegistry.init(disk.url, settings=CoreSettings())
        assert place_id(disk) == said
        for _ in range(16):
            assert get(f"{server.url}/health/ready").status == 200
