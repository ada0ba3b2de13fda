"""The contract of uploads as a test suite: every rule of ``registry_core/storage/uploads.py``, for every backend.

A backend's class gives ``opener``, as for :mod:`.storage`.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from registry_core import UploadLocked
from registry_core.storage.contract import KeyNotFound, PreconditionFailed, Readable, SessionFiles, Storage
from registry_core.storage.uploads import Incoming, Uploads
from registry_core.vocabulary.artifact import Artifact

from .storage import FACTS, PACKAGE, VERSIONS, Opener, content, publish

DATA = bytes(range(256)) * 1000
ABOUT, ANNOUNCED = b'{"for": "m\xc3\xbc"}', b'{"files": []}'


class Proof:
    """Reads what it is given; ``count`` says how many bytes that were."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, reader: Readable) -> tuple[str, int]:
        data = b"".join(iter(lambda: reader.read(1000), b""))
        self.count += len(data)
        return sha256(data), len(data)


class Refused(Exception):
    """What a check raises."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def anything(_: SessionFiles) -> str | None:
    return None


def begun(uploads: Uploads) -> str:
    upload = uuid.uuid4().hex
    uploads.begin(upload, ABOUT, ANNOUNCED)
    return upload


def send(uploads: Uploads, upload: str, file_id: str, data: bytes, digest: str | None = None) -> Incoming:
    """The bytes are behind those before, in two writes."""
    with uploads.receive(upload, file_id, all_or_nothing=False) as writer:
        half = len(data) // 2
        for part in (data[:half], data[half:]):
            assert writer.write(memoryview(part)) == len(part)
        return writer.keep(len(data), digest)


def arrived(uploads: Uploads, path: str = "d/model.pt", data: bytes = DATA) -> tuple[str, Incoming]:
    """(a session, its one file, complete)."""
    upload = begun(uploads)
    file = uploads.add(upload, path, len(data), anything)
    return upload, send(uploads, upload, file.file_id, data, sha256(data))


def bring(uploads: Uploads, upload: str, files: dict[str, bytes]) -> None:
    """They come in one pack."""
    with uploads.pack(upload) as packing:
        for path, data in files.items():
            packing.begin(path, len(data))
            packing.write(memoryview(data))
            packing.keep(sha256(data))


def read(uploads: Uploads, upload: str, file_id: str, start: int = 0) -> bytes:
    with uploads.open(upload, file_id, start) as reader:
        return reader.read()


class UploadsContract:
    """Subclass with the fixture ``opener``. ``shows_paths``: whether the check of ``add`` sees the paths of others.

    ``remembers_arrival``: whether a file that lies there as it came is not read to be taken.
    """

    shows_paths = True
    remembers_arrival = True

    @pytest.fixture
    def opener(self) -> Opener:
        raise NotImplementedError

    @pytest.fixture
    def storage(self, opener: Opener) -> Storage:
        return opener()

    @pytest.fixture
    def uploads(self, storage: Storage) -> Uploads:
        return storage.uploads

    # sessions

    def test_a_session_is_what_it_was_begun_with_to_anyone(self, opener: Opener) -> None:
        before_s = time.time()
        upload = begun(opener().uploads)
        other = opener().uploads
        document, active_s = other.about(upload)
        assert document.data == ABOUT
        assert document.etag
        assert before_s - 2 < active_s < time.time() + 2
        assert other.announced(upload) == ANNOUNCED
        assert list(other.files(upload)) == []

    def test_what_was_never_begun_is_not_found(self, storage: Storage, uploads: Uploads) -> None:
        file = Incoming("1" * 32, "x", 1, 1, sha256(b"1"))
        for upload in ("0" * 32, "", "..", "x" * 32, "A" * 32):
            calls: list[Callable[[], object]] = [
                lambda upload=upload: uploads.about(upload),
                lambda upload=upload: uploads.announced(upload),
                lambda upload=upload: uploads.files(upload),
                lambda upload=upload: uploads.file(upload, "1" * 32),
                lambda upload=upload: uploads.add(upload, "x", 1, anything),
                lambda upload=upload: uploads.drop(upload, "1" * 32),
                lambda upload=upload: uploads.receive(upload, "1" * 32, all_or_nothing=False),
                lambda upload=upload: uploads.open(upload, "1" * 32, 0),
                lambda upload=upload: uploads.alone(upload).__enter__(),
                lambda upload=upload: uploads.take(upload, file, storage.packages.stage(PACKAGE), Proof()),
            ]
            for call in calls:
                with pytest.raises(KeyNotFound):
                    call()

    def test_an_ended_session_leaves_nothing(self, opener: Opener) -> None:
        upload, file = arrived(opener().uploads)
        other = opener()
        with other.uploads.alone(upload):
            other.uploads.end(upload)
        other.uploads.end(upload)
        for call in (lambda: other.uploads.about(upload), lambda: other.uploads.file(upload, file.file_id)):
            with pytest.raises(KeyNotFound):
                call()
        assert list(opener().documents.list(opener().uploads.place, deep=True)) == []

    def test_sessions_expire_by_their_last_activity(self, opener: Opener) -> None:
        uploads = opener().uploads
        upload, _ = arrived(uploads)
        assert list(uploads.expired(time.time() - 60)) == []
        assert list(opener().uploads.expired(time.time() + 60)) == [upload]

    def test_the_sessions_that_there_are(self, opener: Opener) -> None:
        uploads = opener().uploads
        assert list(uploads.sessions()) == []
        first, second = begun(uploads), begun(uploads)
        assert sorted(opener().uploads.sessions()) == sorted([first, second])
        with uploads.alone(first):
            uploads.end(first)
        left = list(opener().uploads.sessions())
        assert second in left
        if first in left:
            with pytest.raises(KeyNotFound):
                uploads.about(first)

    def test_only_what_is_old_and_nobodys_is_cleared(self, opener: Opener) -> None:
        uploads = opener().uploads
        upload, _ = arrived(uploads)
        assert not uploads.clear(upload, time.time() - 60)
        with uploads.alone(upload):
            assert not uploads.clear(upload, time.time() + 60)
        assert uploads.about(upload)[0].data == ABOUT
        assert uploads.clear(upload, time.time() + 60)
        assert uploads.clear(upload, time.time() + 60)
        with pytest.raises(KeyNotFound):
            uploads.about(upload)

    # files

    def test_files_are_there_to_anyone(self, opener: Opener) -> None:
        uploads = opener().uploads
        upload = begun(uploads)
        paths = {"a": 0, "d/e": 1, "ü 日本": 2**40}
        made = [uploads.add(upload, path, size_bytes, anything, f"of {path}") for path, size_bytes in paths.items()]
        assert len({file.file_id for file in made}) == 3
        found = opener().uploads.files(upload)
        assert {file.path: file.size_bytes for file in found} == paths
        assert {file.path: file.described for file in found} == {path: f"of {path}" for path in paths}
        assert all((file.offset, file.sha256) == (0, None) for file in found)
        assert [opener().uploads.file(upload, file.file_id) for file in made] == made

    def test_a_check_sees_what_there_is_and_may_refuse(self, opener: Opener) -> None:
        upload = begun(opener().uploads)
        first = opener().uploads.add(upload, "d/a", 5, anything)
        seen: list[SessionFiles] = []

        def refuse(present: SessionFiles) -> str | None:
            seen.append(present)
            raise Refused

        with pytest.raises(Refused):
            opener().uploads.add(upload, "b", 7, refuse)
        (present,) = seen
        assert (present.files, present.size_bytes) == (1, 5)
        assert (present.paths is not None) is self.shows_paths
        if present.paths is not None:
            assert dict(present.paths) == {"d/a": (first.file_id, 5)}
            assert "d" in present.directories
            assert "d/a" not in present.directories
        assert [file.path for file in opener().uploads.files(upload)] == ["d/a"]

    def test_a_file_that_is_there_is_given_again(self, opener: Opener) -> None:
        upload = begun(opener().uploads)

        def known(present: SessionFiles) -> str | None:
            return present.paths["a"][0] if present.paths is not None and "a" in present.paths else None

        first = opener().uploads.add(upload, "a", 5, known)
        assert opener().uploads.add(upload, "a", 5, known) == first
        assert len(opener().uploads.files(upload)) == 1
        if not self.shows_paths:
            with pytest.raises(PreconditionFailed):
                opener().uploads.add(upload, "a", 6, known)

    def test_a_dropped_file_is_gone_and_may_come_again(self, opener: Opener) -> None:
        upload, file = arrived(opener().uploads, "a")
        uploads = opener().uploads
        uploads.drop(upload, file.file_id)
        calls: list[Callable[[], object]] = [
            lambda: uploads.file(upload, file.file_id),
            lambda: uploads.drop(upload, file.file_id),
            lambda: uploads.open(upload, file.file_id, 0),
            lambda: uploads.receive(upload, file.file_id, all_or_nothing=False),
        ]
        for call in calls:
            with pytest.raises(KeyNotFound):
                call()
        again = uploads.add(upload, "a", len(DATA), anything)
        assert (again.file_id, again.made) != (file.file_id, file.made)
        assert (again.offset, again.sha256) == (0, None)
        assert [found.path for found in uploads.files(upload)] == ["a"]

    # bytes

    def test_pieces_follow_each_other_whoever_takes_them(self, opener: Opener) -> None:
        uploads = opener().uploads
        upload = begun(uploads)
        file = uploads.add(upload, "a", len(DATA), anything)
        for begin, end in ((0, 1), (1, 100_000), (100_000, len(DATA))):
            digest = sha256(DATA) if end == len(DATA) else None
            kept = send(opener().uploads, upload, file.file_id, DATA[begin:end], digest)
            assert (kept.offset, kept.sha256) == (end, digest)
            assert opener().uploads.file(upload, file.file_id) == kept
            assert read(opener().uploads, upload, file.file_id) == DATA[:end]
        assert [found.offset for found in opener().uploads.files(upload)] == [len(DATA)]
        assert read(opener().uploads, upload, file.file_id, 100_001) == DATA[100_001:]
        assert opener().uploads.about(upload)[0].data == ABOUT

    @pytest.mark.parametrize("all_or_nothing", [False, True])
    def test_what_is_not_kept_is_gone(self, opener: Opener, all_or_nothing: bool) -> None:
        uploads = opener().uploads
        upload = begun(uploads)
        file = uploads.add(upload, "a", len(DATA), anything)
        send(uploads, upload, file.file_id, DATA[:10])
        with uploads.receive(upload, file.file_id, all_or_nothing=all_or_nothing) as writer:
            assert writer.file.offset == 10
            writer.write(memoryview(DATA[10:20]))
        with pytest.raises(Refused), uploads.receive(upload, file.file_id, all_or_nothing=all_or_nothing) as writer:
            writer.write(memoryview(DATA[10:20]))
            raise Refused
        assert opener().uploads.file(upload, file.file_id).offset == 10
        assert read(opener().uploads, upload, file.file_id) == DATA[:10]

    def test_bytes_of_all_or_nothing_are_kept_as_others(self, opener: Opener) -> None:
        uploads = opener().uploads
        upload = begun(uploads)
        file = uploads.add(upload, "a", 20, anything)
        with uploads.receive(upload, file.file_id, all_or_nothing=True) as writer:
            writer.write(memoryview(DATA[:20]))
            writer.keep(20, sha256(DATA[:20]))
        found = opener().uploads.file(upload, file.file_id)
        assert (found.offset, found.sha256) == (20, sha256(DATA[:20]))

    def test_a_digest_may_be_recorded_when_all_bytes_are_there(self, opener: Opener) -> None:
        uploads = opener().uploads
        upload = begun(uploads)
        file = uploads.add(upload, "a", 20, anything)
        send(uploads, upload, file.file_id, DATA[:20])
        with opener().uploads.receive(upload, file.file_id, all_or_nothing=False) as writer:
            assert (writer.file.offset, writer.file.sha256) == (20, None)
            assert writer.keep(0, sha256(DATA[:20])).sha256 == sha256(DATA[:20])
        assert opener().uploads.file(upload, file.file_id).sha256 == sha256(DATA[:20])

    def test_a_complete_file_takes_nothing_more(self, opener: Opener) -> None:
        upload, file = arrived(opener().uploads)
        with opener().uploads.receive(upload, file.file_id, all_or_nothing=False) as writer:
            assert writer.file == file
            assert writer.keep(0, None) == file
        assert read(opener().uploads, upload, file.file_id) == DATA

    # many at once

    def test_what_is_packed_is_there_to_anyone(self, opener: Opener) -> None:
        upload, files = begun(opener().uploads), {"a": b"", "d/b": b"12", "ü": DATA}
        bring(opener().uploads, upload, files)
        found = opener().uploads.files(upload)
        assert {file.path: (file.offset, file.size_bytes, file.sha256) for file in found} == {
            path: (len(data), len(data), sha256(data)) for path, data in files.items()
        }
        for file in found:
            assert opener().uploads.file(upload, file.file_id) == file
            assert read(opener().uploads, upload, file.file_id, 1) == files[file.path][1:]
            with opener().uploads.receive(upload, file.file_id, all_or_nothing=False) as writer:
                assert writer.file == file
                assert writer.keep(0, None) == file

    def test_what_of_a_pack_is_not_kept_is_gone_and_the_rest_is_not(self, opener: Opener) -> None:
        upload = begun(opener().uploads)
        with pytest.raises(Refused), opener().uploads.pack(upload) as packing:
            for path in ("a", "b", "c"):
                packing.begin(path, 3)
                packing.write(memoryview(b"123"))
                if path != "b":
                    packing.keep(sha256(b"123"))
            packing.begin("d", 3)
            packing.write(memoryview(b"1"))
            raise Refused
        assert sorted(file.path for file in opener().uploads.files(upload)) == ["a", "c"]

    def test_a_packed_file_counts_and_is_dropped_as_others(self, opener: Opener) -> None:
        upload = begun(opener().uploads)
        bring(opener().uploads, upload, {"a": b"1", "b": b"22"})
        seen: list[SessionFiles] = []

        def look(present: SessionFiles) -> None:
            seen.append(present)

        opener().uploads.add(upload, "c", 3, look)
        file = next(file for file in opener().uploads.files(upload) if file.path == "b")
        opener().uploads.drop(upload, file.file_id)
        opener().uploads.add(upload, "d", 4, look)
        assert [(present.files, present.size_bytes) for present in seen] == [(2, 3), (2, 4)]
        with pytest.raises(KeyNotFound):
            opener().uploads.file(upload, file.file_id)
        again = opener().uploads.add(upload, "b", 2, anything)
        send(opener().uploads, upload, again.file_id, b"22", sha256(b"22"))
        assert sorted(file.path for file in opener().uploads.files(upload)) == ["a", "b", "c", "d"]

    def test_one_packs_at_a_time_and_who_is_alone_is_alone(self, uploads: Uploads) -> None:
        upload = begun(uploads)
        with uploads.pack(upload):
            for call in (lambda: uploads.pack(upload), lambda: uploads.alone(upload).__enter__()):
                with pytest.raises(UploadLocked):
                    call()
        with uploads.alone(upload), pytest.raises(UploadLocked):
            uploads.pack(upload)
        for never in ("0" * 32, ".."):
            with pytest.raises(KeyNotFound):
                uploads.pack(never)

    def test_a_packed_file_is_taken(self, opener: Opener) -> None:
        upload, files = begun(opener().uploads), {"a": b"", "d/b": DATA}
        bring(opener().uploads, upload, files)
        storage = opener()
        with storage.packages.stage(PACKAGE) as staging:
            proof = Proof()
            for file in storage.uploads.files(upload):
                data = files[file.path]
                taken = storage.uploads.take(upload, file, staging, proof)
                assert taken == Artifact(file.path, sha256(data), len(data))
            assert proof.count == 0 or not self.remembers_arrival
            staging.seal()
            staging.reserve()
            staging.publish(FACTS)
        assert content(opener(), PACKAGE, "d/b") == DATA
        with opener().uploads.alone(upload):
            opener().uploads.end(upload)
        assert list(opener().documents.list(opener().uploads.place, deep=True)) == []

    # who is at work

    def test_a_file_has_one_writer(self, uploads: Uploads) -> None:
        upload = begun(uploads)
        file, other = (uploads.add(upload, path, 10, anything) for path in "ab")
        with uploads.receive(upload, file.file_id, all_or_nothing=False):
            with pytest.raises(UploadLocked):
                uploads.receive(upload, file.file_id, all_or_nothing=False)
            with pytest.raises(UploadLocked):
                uploads.drop(upload, file.file_id)
            with uploads.receive(upload, other.file_id, all_or_nothing=False):
                pass
        with uploads.receive(upload, file.file_id, all_or_nothing=False):
            pass

    def test_of_two_writers_whose_bytes_are_kept_one_has_won(self, opener: Opener) -> None:
        upload = begun(opener().uploads)
        file = opener().uploads.add(upload, "a", 10, anything)

        def write(text: bytes) -> bytes | None:
            with suppress(UploadLocked), opener().uploads.receive(upload, file.file_id, all_or_nothing=False) as writer:
                if writer.file.offset == 0:
                    writer.write(memoryview(text))
                    writer.keep(10, sha256(text))
                    return text
            return None

        with ThreadPoolExecutor(8) as pool:
            won = [text for text in pool.map(write, [str(n).encode() * 10 for n in range(8)]) if text is not None]
        assert len(won) == 1
        found = opener().uploads.file(upload, file.file_id)
        assert (found.offset, found.sha256) == (10, sha256(won[0]))
        assert read(opener().uploads, upload, file.file_id) == won[0]

    def test_who_is_alone_is_alone(self, uploads: Uploads) -> None:
        upload = begun(uploads)
        file = uploads.add(upload, "a", 10, anything)
        with uploads.alone(upload):
            calls: list[Callable[[], object]] = [
                lambda: uploads.alone(upload).__enter__(),
                lambda: uploads.add(upload, "b", 1, anything),
                lambda: uploads.drop(upload, file.file_id),
                lambda: uploads.receive(upload, file.file_id, all_or_nothing=False),
            ]
            for call in calls:
                with pytest.raises(UploadLocked):
                    call()
            assert uploads.file(upload, file.file_id) == file
        with uploads.receive(upload, file.file_id, all_or_nothing=False), pytest.raises(UploadLocked):
            uploads.alone(upload).__enter__()
        with uploads.alone(upload):
            pass

    def test_what_was_announced_can_be_said_anew(self, opener: Opener) -> None:
        uploads = opener().uploads
        upload = begun(uploads)
        for word in (b'{"have": ["x"]}', b"{}"):
            with uploads.alone(upload):
                uploads.announce(upload, word)
            assert opener().uploads.announced(upload) == word
        with uploads.alone(upload):
            uploads.end(upload)
        with pytest.raises(KeyNotFound):
            opener().uploads.announced(upload)
        assert list(opener().documents.list(opener().uploads.place, deep=True)) == []

    def test_what_comes_is_announced_in_pages(self, opener: Opener) -> None:
        uploads = opener().uploads
        upload = begun(uploads)
        for page in (1, 2):
            with pytest.raises(KeyNotFound):
                opener().uploads.announced(upload, page)
            with uploads.alone(upload):
                uploads.announce(upload, b"%d" % page, page, new=True)
        with uploads.alone(upload):
            with pytest.raises(UploadLocked):
                opener().uploads.announce(upload, b"other", 2, new=True)
            uploads.announce(upload, b"one", 1)
        assert [opener().uploads.announced(upload, page) for page in range(3)] == [ANNOUNCED, b"one", b"2"]
        with uploads.alone(upload):
            uploads.end(upload)
        assert list(opener().documents.list(opener().uploads.place, deep=True)) == []

    # into a package

    def test_a_complete_file_is_taken_and_the_session_keeps_it(self, opener: Opener) -> None:
        upload, file = arrived(opener().uploads)
        empty = opener().uploads.add(upload, "empty", 0, anything)
        empty = send(opener().uploads, upload, empty.file_id, b"", sha256(b""))
        storage = opener()
        with storage.packages.stage(PACKAGE) as staging:
            proof = Proof()
            for one in (file, empty):
                assert storage.uploads.take(upload, one, staging, proof) == Artifact(
                    one.path, one.sha256 or "", one.size_bytes
                )
            assert proof.count == 0 or not self.remembers_arrival
            assert read(opener().uploads, upload, file.file_id) == DATA
            staging.seal()
            staging.reserve()
            staging.publish(FACTS)
        assert content(opener(), PACKAGE, "d/model.pt", 250_000) == DATA[250_000:]
        assert content(opener(), PACKAGE, "empty") == b""
        opener().uploads.end(upload)
        assert content(opener(), PACKAGE, "d/model.pt", 250_000) == DATA[250_000:]

    def test_a_file_of_several_pieces_is_taken_whole(self, opener: Opener) -> None:
        uploads = opener().uploads
        upload = begun(uploads)
        file = uploads.add(upload, "a", 20, anything)
        for begin in (0, 7, 14):
            digest = sha256(DATA[:20]) if begin == 14 else None
            file = send(opener().uploads, upload, file.file_id, DATA[begin : min(20, begin + 7)], digest)
        storage = opener()
        with storage.packages.stage(PACKAGE) as staging:
            assert storage.uploads.take(upload, file, staging, Proof()) == Artifact("a", sha256(DATA[:20]), 20)
            staging.seal()
            staging.reserve()
            staging.publish(FACTS)
        assert content(opener(), PACKAGE, "a") == DATA[:20]

    def test_a_file_of_a_package_is_borrowed(self, opener: Opener) -> None:
        publish(opener(), files={"d/old": DATA})
        storage, wanted = opener(), Artifact("new/er", sha256(DATA), len(DATA))
        with storage.packages.stage(f"{VERSIONS}/2") as staging:
            proof = Proof()
            assert storage.uploads.borrow(PACKAGE, wanted, "d/old", staging, proof) == wanted
            assert proof.count == len(DATA)
            staging.seal()
            staging.reserve()
            staging.publish(FACTS)
        assert content(opener(), f"{VERSIONS}/2", "new/er", 250_000) == DATA[250_000:]
        assert content(opener(), PACKAGE, "d/old", 250_000) == DATA[250_000:]

    def test_what_is_not_there_is_not_borrowed(self, storage: Storage) -> None:
        publish(storage, files={"old": DATA})
        wanted = Artifact("new", sha256(DATA), len(DATA))
        with storage.packages.stage(f"{VERSIONS}/2") as staging:
            for package, inside in ((PACKAGE, "other"), (f"{VERSIONS}/9", "old")):
                with pytest.raises(KeyNotFound):
                    storage.uploads.borrow(package, wanted, inside, staging, Proof())
        assert list(storage.packages.staged()) == []

    def test_what_is_borrowed_is_what_was_read_of_it(self, storage: Storage) -> None:
        """The caller sees by the digest that it is not what was wanted."""
        publish(storage, files={"old": DATA})
        wanted = Artifact("new", sha256(b"other"), len(DATA))
        with storage.packages.stage(f"{VERSIONS}/2") as staging:
            borrowed = storage.uploads.borrow(PACKAGE, wanted, "old", staging, Proof())
        assert borrowed == Artifact("new", sha256(DATA), len(DATA))
