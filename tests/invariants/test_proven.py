"""I11, proven before believed: whatever becomes a version was hashed for that; damage that waits somewhere is found.

On a filesystem (where the files of a version are linked, or copied where their mode is not ours), on an object
store, and in memory; each with one real byte that flips.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from registry_core import ArtifactsRefused, CoreSettings, HoldingDamaged, ModelRegistry, PackageCorrupt, Progress
from registry_core.format.layout import is_package
from registry_core.storage import Storage
from registry_core.storage.contract import StorageOptions
from registry_core.storage.memory.root import MemoryStorage
from registry_core.storage.object_store.store import ObjectStorage

from ..support.machine import MIB, remove_tree
from ..uploads.wire import announced

DATA = random.Random(23).randbytes(2 * MIB)
SMALL = b"labels"


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


class Place(ABC):
    """A root, and a way to its bytes past the registry."""

    url = ""

    def storage(self) -> Storage | None:
        return None

    def open(self) -> ModelRegistry:
        """The registry as another worker has it."""
        return ModelRegistry.open(settings=CoreSettings(root=self.url, workers=2), storage=self.storage())

    @abstractmethod
    def flip(self, version: str, path: str) -> None:
        """The last byte of a version's file is another."""

    @abstractmethod
    def flip_arrived(self, upload_id: str) -> None:
        """The last byte of the only file that has come with an upload is another."""


class OnDisk(Place):
    def __init__(self, root: Path, mode: int) -> None:
        self.url, self._root, self._mode = str(root), root, mode

    def _change(self, path: Path, mode: int) -> None:
        path.chmod(0o644)
        with path.open("r+b") as file:
            data = file.read()
            file.seek(0)
            file.write(flipped(data))
        path.chmod(mode)

    def flip(self, version: str, path: str) -> None:
        self._change(self._root / "tasks/t/models/m/versions" / version / path, self._mode)

    def flip_arrived(self, upload_id: str) -> None:
        [path] = (self._root / ".uploads" / upload_id / "data").iterdir()
        self._change(path, 0o600)


class InBucket(Place):
    url = "s3://registries/root"

    def __init__(self) -> None:
        self._store = MemoryStore()

    def storage(self) -> Storage:
        return ObjectStorage(self.url, StorageOptions(), is_package, store=self._store)

    def _change(self, prefix: str, suffix: str) -> None:
        [key] = [
            meta["path"]
            for chunk in obstore.list(self._store, prefix)
            for meta in chunk
            if meta["path"].endswith(suffix)
        ]
        obstore.put(self._store, key, flipped(bytes(obstore.get(self._store, key).bytes())))

    def flip(self, version: str, path: str) -> None:
        self._change(f"tasks/t/models/m/versions/{version}", f"/{path}")

    def flip_arrived(self, upload_id: str) -> None:
        self._change(f".incoming/{upload_id}/data", "")


class InMemory(Place):
    url = "memory://"

    def __init__(self) -> None:
        self._storage = MemoryStorage()

    def storage(self) -> Storage:
        return self._storage

    def flip(self, version: str, path: str) -> None:
        files = self._storage.state.packages[f"tasks/t/models/m/versions/{version}"]
        files[path] = flipped(files[path])

    def flip_arrived(self, upload_id: str) -> None:
        arrived = self._storage.state.sessions[upload_id].arrived
        [(name, data)] = arrived.items()
        arrived[name] = flipped(data)


@pytest.fixture(params=["linked", "copied", "object store", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    root = tmp_path / "root"
    root.mkdir()
    disk = OnDisk(root, 0o644 if request.param == "copied" else 0o444)
    yield {"object store": InBucket, "memory": InMemory}.get(request.param, lambda: disk)()
    remove_tree(root)


def send(registry: ModelRegistry, upload_id: str, path: str, data: bytes) -> None:
    file = registry.add_upload(upload_id, path, len(data))
    registry.receive(upload_id, file.file_id, 0, BytesIO(data))


def first(registry: ModelRegistry) -> None:
    upload_id = registry.begin_upload("t", "m").upload_id
    send(registry, upload_id, "model.pt", DATA)
    send(registry, upload_id, "labels", SMALL)
    registry.register("t", "m", "1", upload_id=upload_id)


def test_I11_proven_before_believed(place: Place) -> None:
    """What the model has and is damaged becomes no version: it is asked for, and the model heals."""
    registry = place.open()
    first(registry)
    place.flip("1", "model.pt")
    session = registry.begin_upload("t", "m", [announced("model.pt", DATA), announced("labels", SMALL)])
    assert session.have == ["model.pt", "labels"]  # announcing reads no artifact
    with pytest.raises(HoldingDamaged) as damaged:
        registry.register("t", "m", "2", upload_id=session.upload_id)
    assert damaged.value.detail["missing"] == ["model.pt"]
    other = place.open()
    assert other.upload(session.upload_id).have == ["labels"]
    again = registry.begin_upload("t", "m", [announced("model.pt", DATA), announced("labels", SMALL)])
    assert again.have == ["labels"]
    with pytest.raises(ArtifactsRefused):  # it has not come yet
        registry.register("t", "m", "2", upload_id=session.upload_id)

    send(other, session.upload_id, "model.pt", DATA)
    seen: list[Progress] = []
    other.register("t", "m", "2", upload_id=session.upload_id, progress=seen.append)
    assert seen[-1] == replace(seen[-1], bytes_done=len(DATA) + len(SMALL), bytes_total=len(DATA) + len(SMALL))
    assert registry.verify("t", "m@2").files_checked == 3
    with pytest.raises(PackageCorrupt):
        registry.verify("t", "m@1")

    healed = registry.begin_upload("t", "m", [announced("model.pt", DATA)])
    assert healed.have == ["model.pt"]
    registry.register("t", "m", "3", upload_id=healed.upload_id)
    assert registry.verify("t", "m@3").files_checked == 2


def test_I11_all_that_is_damaged_is_named_at_once(place: Place) -> None:
    registry = place.open()
    first(registry)
    for path in ("model.pt", "labels"):
        place.flip("1", path)
    session = registry.begin_upload("t", "m", [announced("a", DATA), announced("b", SMALL)])
    with pytest.raises(HoldingDamaged) as damaged:
        registry.register("t", "m", "2", upload_id=session.upload_id)
    assert damaged.value.detail["missing"] == ["a", "b"]
    assert registry.upload(session.upload_id).have == []


@pytest.mark.parametrize("path", ["sha256sums.txt", "model_meta.json"])
def test_I11_what_the_registry_reads_of_a_package_is_proven_too(place: Place, path: str) -> None:
    """Metadata from damaged bytes would be in the new version; and a damaged manifest would blame its caller."""
    registry = place.open()
    first(registry)
    with registry.file("t", "m@1", path).open() as reader:
        data = reader.read()
    place.flip("1", path)
    session = registry.begin_upload("t", "m", [announced("x", b"x"), announced(path, data)])
    send(registry, session.upload_id, "x", b"x")
    if path in session.have:  # a damaged manifest vouches for nothing, so it is asked for at once
        with pytest.raises(HoldingDamaged) as damaged:
            registry.register("t", "m", "2", upload_id=session.upload_id)
        assert damaged.value.detail["missing"] == [path]


def test_I11_what_arrived_and_was_changed_before_it_is_registered(place: Place) -> None:
    """It is told from what arrived, thrown away, and may come again."""
    registry, other = place.open(), place.open()
    session = registry.begin_upload("t", "m", [announced("model.pt", DATA)])
    send(other, session.upload_id, "model.pt", DATA)
    place.flip_arrived(session.upload_id)
    with pytest.raises(HoldingDamaged) as damaged:
        registry.register("t", "m", "1", upload_id=session.upload_id)
    assert damaged.value.detail["missing"] == ["model.pt"]
    assert registry.upload(session.upload_id).files == []
    send(other, session.upload_id, "model.pt", DATA)
    registry.register("t", "m", "1", upload_id=session.upload_id)
    assert registry.verify("t", "m@1").files_checked == 2


def test_I11_what_came_to_other_workers(place: Place) -> None:
    """In pieces to several of them, and registered by one that saw none; also after a refusal that had taken it."""
    workers = [place.open() for _ in range(3)]
    session = workers[0].begin_upload("t", "m", [announced("model.pt", DATA)]).upload_id
    file = workers[0].add_upload(session, "model.pt", len(DATA)).file_id
    for worker, begin in ((workers[0], 0), (workers[1], MIB)):
        worker.receive(session, file, begin, BytesIO(DATA[begin : begin + MIB]))
    bad = workers[1].add_upload(session, "sha256sums.txt", 75).file_id
    workers[1].receive(session, bad, 0, BytesIO(b"0" * 64 + b"  model.pt\n"))
    with pytest.raises(Exception, match="differs"):
        workers[2].register("t", "m", "1", upload_id=session)
    workers[2].drop_upload(session, bad)
    workers[2].register("t", "m", "1", upload_id=session)
    assert workers[0].verify("t", "m@1").files_checked == 2


def test_I11_a_restore_gives_back_what_was_deleted_or_nothing(place: Place) -> None:
    registry = place.open()
    first(registry)
    registry.unalias("t", "m", "latest")
    registry.delete("t", "m", "1", reason="wrong")
    registry.restore("t", "m", "1")
    place.flip("1", "model.pt")
    registry.delete("t", "m", "1", reason="wrong")
    with pytest.raises(PackageCorrupt):
        registry.restore("t", "m", "1")
    assert registry.begin_upload("t", "m", [announced("model.pt", DATA)]).have == []
