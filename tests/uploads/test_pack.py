"""Many small files in one request: a tar of what was announced, of which each whole file is kept, whatever follows."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from registry_core import (
    ArtifactsRefused,
    ChecksumMismatch,
    ModelRegistry,
    PackRefused,
    StorageFull,
    UploadExpired,
    UploadLocked,
    UploadNotFound,
    UploadTooLarge,
)

from .tars import Stream, made, packed
from .test_kills import Bytes
from .wire import announced

Open = Callable[..., ModelRegistry]
SOME = random.Random(12)
FILES = {f"d/{n:03}": SOME.randbytes(n) for n in range(300)}
SMALL = {"a": b"1", "b/c": b"22", "d": b"", "é": b"4444"}


def begin(registry: ModelRegistry, files: dict[str, bytes] = SMALL) -> str:
    return registry.begin_upload("t", "m", [announced(path, data) for path, data in files.items()]).upload_id


def part(files: dict[str, bytes], begin: int, end: int) -> dict[str, bytes]:
    return dict(list(files.items())[begin:end])


def test_a_pack_is_a_version(anywhere: Open) -> None:
    upload = begin(anywhere(), FILES)
    assert anywhere().receive_pack(upload, Stream(packed(FILES))) == len(FILES)
    files = anywhere().upload(upload).files
    assert {file.path: (file.offset, file.complete) for file in files} == {
        path: (len(data), True) for path, data in FILES.items()
    }
    assert anywhere().uploaded(upload, files[7].file_id).sha256 == files[7].sha256
    done = anywhere().register("t", "m", "1", upload_id=upload)
    assert len(done.hashes) == len(FILES) + 1
    assert anywhere().verify("t", "m@1").files_checked == len(FILES) + 1
    stored = anywhere().package_files("t", "m@1").file("d/299")
    with stored.open() as reader:
        assert reader.read() == FILES["d/299"]


def test_it_goes_on_after_a_break(anywhere: Open) -> None:
    data, upload = packed(FILES), begin(anywhere(), FILES)
    with pytest.raises(PackRefused, match="breaks off") as refused:
        anywhere().receive_pack(upload, Stream(data[: len(data) // 2]))
    kept = refused.value.detail["kept"]
    assert 0 < kept == len(anywhere().upload(upload).files) < len(FILES)
    with pytest.raises(ArtifactsRefused):
        anywhere().register("t", "m", "1", upload_id=upload)
    assert anywhere().receive_pack(upload, Stream(packed(part(FILES, kept, 300)))) == len(FILES) - kept
    assert anywhere().receive_pack(upload, Stream(data)) == len(FILES)  # all over again, and nothing is new
    assert len(anywhere().upload(upload).files) == len(FILES)
    anywhere().register("t", "m", "1", upload_id=upload)
    assert anywhere().verify("t", "m@1").files_checked == len(FILES) + 1


def test_some_come_by_themselves(anywhere: Open) -> None:
    registry = anywhere()
    upload = begin(registry)
    file = registry.add_upload(upload, "b/c", 2)
    half = registry.add_upload(upload, "é", 4)
    registry.receive(upload, file.file_id, 0, Bytes(b"22"))
    registry.receive(upload, half.file_id, 0, Bytes(b"44"))
    with pytest.raises(PackRefused, match="in this upload already"):
        registry.receive_pack(upload, Stream(packed(SMALL)))
    registry.receive(upload, half.file_id, 2, Bytes(b"44"))
    with pytest.raises(ArtifactsRefused, match="in this upload already"):
        registry.add_upload(upload, "a", 1)
    assert registry.receive_pack(upload, Stream(packed(SMALL))) == 4
    assert len(registry.upload(upload).files) == 4
    registry.register("t", "m", "1", upload_id=upload)
    assert registry.verify("t", "m@1").files_checked == 5


def test_what_the_model_has_is_passed_over(anywhere: Open) -> None:
    registry = anywhere()
    first = begin(registry)
    registry.receive_pack(first, Stream(packed(SMALL)))
    registry.register("t", "m", "1", upload_id=first)
    files = {**SMALL, "f": b"new"}
    second = begin(registry, files)
    assert registry.upload(second).have == list(SMALL)
    assert registry.receive_pack(second, Stream(packed(files))) == 5
    assert [file.path for file in registry.upload(second).files] == ["f"]
    registry.register("t", "m", "2", upload_id=second)


def test_a_packed_file_can_be_taken_out_and_come_again(anywhere: Open) -> None:
    registry = anywhere()
    upload = begin(registry)
    registry.receive_pack(upload, Stream(packed(SMALL)))
    for file in registry.upload(upload).files[:2]:
        registry.drop_upload(upload, file.file_id)
        with pytest.raises(UploadNotFound):
            registry.uploaded(upload, file.file_id)
        with pytest.raises(UploadNotFound):
            registry.drop_upload(upload, file.file_id)
    assert len(registry.upload(upload).files) == 2
    again = registry.add_upload(upload, "a", 1)
    registry.receive(upload, again.file_id, 0, Bytes(b"1"))
    assert registry.receive_pack(upload, Stream(packed(SMALL))) == 4
    registry.register("t", "m", "1", upload_id=upload)
    assert registry.verify("t", "m@1").files_checked == 5


ATTACKS: list[tuple[bytes, str]] = [
    (made(("a", b"1"), ("b/c", b""), type=tarfile.SYMTYPE, linkname="/etc/passwd"), "symbolic link"),
    (made(("a", b"1"), ("b/c", b""), type=tarfile.LNKTYPE, linkname="a"), "hard link"),
    (made(("a", b"1"), ("b", b""), type=tarfile.DIRTYPE), "directory"),
    (made(("a", b"1"), ("b/c", b""), type=tarfile.CHRTYPE), "character device"),
    (packed({"a": b"1", "x": b"1"}), "not announced"),
    (packed({"a": b"1", "../x": b"1"}), "not announced"),
    (packed({"a": b"1", "/etc/passwd": b"1"}), "not announced"),
    (packed({"a": b"1", "./b/c": b"22"}), "not announced"),
    (packed({"a": b"1"})[:-1024] + packed({"a": b"1"}), "order"),
    (packed({"a": b"1", "b/c": b"333"}), "3 bytes, and was announced with 2"),
    (packed({"a": b"1", "b/c": b"4"}), "1 bytes, and was announced with 2"),
    (made(("a", b"1"), ("b/c", b"22"), pax_headers={"size": "3"}), "'size'"),
    (made(("a", b"1"), ("b/c", b"22"), pax_headers={"path": "é"}), "4"),
    (packed({"a": b"1"}) + b"x", "after the end"),
    (packed({"a": b"1"})[:-1024], "breaks off"),
    (packed({"a": b"1"})[:-1024] + b"x" * 512, "no tar"),
]


@pytest.mark.parametrize(("data", "reason"), ATTACKS)
def test_everything_else_is_refused_and_what_came_before_is_kept(anywhere: Open, data: bytes, reason: str) -> None:
    registry = anywhere()
    upload = begin(registry)
    with pytest.raises(PackRefused, match=reason) as refused:
        registry.receive_pack(upload, Stream(data))
    assert refused.value.detail["kept"] == 1
    assert [file.path for file in registry.upload(upload).files] == ["a"]
    assert registry.receive_pack(upload, Stream(packed(SMALL))) == 4
    registry.register("t", "m", "1", upload_id=upload)
    assert registry.verify("t", "m@1").files_checked == 5


def test_other_bytes_than_were_announced_are_not_kept(anywhere: Open) -> None:
    registry = anywhere()
    upload = begin(registry)
    with pytest.raises(ChecksumMismatch) as refused:
        registry.receive_pack(upload, Stream(packed({**SMALL, "b/c": b"23"})))
    assert refused.value.detail == {"path": "b/c", "kept": 1}
    assert [file.path for file in registry.upload(upload).files] == ["a"]
    assert registry.receive_pack(upload, Stream(packed(part(SMALL, 1, 4)))) == 3
    registry.register("t", "m", "1", upload_id=upload)


class Meanwhile(Stream):
    """Something happens when the first bytes have been read."""

    def __init__(self, data: bytes, act: Callable[[], Any]) -> None:
        super().__init__(data, 1000)
        self._act: Callable[[], Any] | None = act

    def readinto(self, buffer: memoryview, /) -> int:
        count, act, self._act = super().readinto(buffer), self._act, None
        if act is not None:
            act()
        return count


def test_one_pack_at_a_time(anywhere: Open) -> None:
    registry = anywhere()
    upload = begin(registry)

    def meanwhile() -> None:
        calls: list[Callable[[], Any]] = [
            lambda: registry.receive_pack(upload, Stream(packed(SMALL))),
            lambda: registry.cancel_upload(upload),
            lambda: registry.register("t", "m", "1", upload_id=upload),
            lambda: registry.announce_upload(upload, []),
        ]
        for call in calls:
            with pytest.raises(UploadLocked):
                call()

    assert registry.receive_pack(upload, Meanwhile(packed(SMALL), meanwhile)) == 4
    registry.register("t", "m", "1", upload_id=upload)


def test_two_packs_of_two_processes_make_one_version(anywhere: Open) -> None:
    """Where nothing keeps them apart, as on an object store, both bring the same bytes."""
    one, other = anywhere(), anywhere()
    upload = begin(one)
    outcomes: list[Any] = []

    def meanwhile() -> None:
        try:
            outcomes.append(other.receive_pack(upload, Stream(packed(SMALL))))
        except UploadLocked as error:
            outcomes.append(error.code)

    assert one.receive_pack(upload, Meanwhile(packed(SMALL), meanwhile)) == 4
    assert outcomes in ([4], ["upload_locked"])
    assert sorted(file.path for file in one.upload(upload).files) == sorted(SMALL)
    one.register("t", "m", "1", upload_id=upload)
    assert one.verify("t", "m@1").files_checked == 5


def test_a_file_that_comes_by_itself_meanwhile_is_the_one(anywhere: Open) -> None:
    registry = anywhere()
    upload = begin(registry)

    def meanwhile() -> None:
        file = registry.add_upload(upload, "b/c", 2)
        registry.receive(upload, file.file_id, 0, Bytes(b"22"))

    registry.receive_pack(upload, Meanwhile(packed(SMALL), meanwhile))
    assert sorted(file.path for file in registry.upload(upload).files) == sorted(SMALL)
    registry.register("t", "m", "1", upload_id=upload)
    assert registry.verify("t", "m@1").files_checked == 5


def test_nothing_is_packed_into_what_is_not_there(anywhere: Open) -> None:
    registry = anywhere()
    for upload in ("0" * 32, "..", ""):
        with pytest.raises(UploadNotFound):
            registry.receive_pack(upload, Stream(packed(SMALL)))
    late = anywhere(upload_expiry_s=1.0)
    upload = begin(late)
    assert late.receive_pack(upload, Stream(packed(part(SMALL, 0, 1)))) == 1
    expired = anywhere(upload_expiry_s=0.0)
    with pytest.raises(UploadExpired):
        expired.receive_pack(upload, Stream(packed(SMALL)))
    with pytest.raises(PackRefused, match="not announced"):
        registry.receive_pack(registry.begin_upload("t", "m").upload_id, Stream(packed(SMALL)))


def test_limits_hold_for_what_comes_in_both_ways(anywhere: Open) -> None:
    registry = anywhere(max_upload_bytes=10, max_upload_files=5)
    upload = begin(registry)
    registry.add_upload(upload, "other", 4)
    with pytest.raises(UploadTooLarge):
        registry.receive_pack(upload, Stream(packed(SMALL)))
    upload = begin(registry)
    for path in ("x", "y"):
        registry.add_upload(upload, path, 0)
    with pytest.raises(UploadTooLarge):
        registry.receive_pack(upload, Stream(packed(SMALL)))
    upload = begin(registry)
    registry.receive_pack(upload, Stream(packed(SMALL)))
    with pytest.raises(UploadTooLarge):
        registry.add_upload(upload, "x", 4)
    registry.add_upload(upload, "x", 3)
    with pytest.raises(UploadTooLarge):
        registry.add_upload(upload, "y", 0)


def test_what_cannot_fit_is_refused_before_it_comes(anywhere: Open) -> None:
    registry = anywhere()
    upload = begin(registry)
    if registry._storage.probe() is not None:
        with pytest.raises(StorageFull):
            registry.receive_pack(upload, Stream(packed(SMALL)), length=2**60)
