"""delete, restore, purge, adopt: how versions go, come back, and are taken over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from registry_core import (
    InvalidParameter,
    ModelNotFound,
    NameTaken,
    PackageCorrupt,
    VersionExists,
    VersionInUse,
    VersionNotFound,
)

from .place import MODEL, PACKAGE, TASK, Place
from .reading import sha256

KEYS = f"tasks/{TASK}/models/{MODEL}"
WHY = {"actor": "ada", "reason": "wrong labels"}
OLD = {
    "model.pt": b"w",
    "model_meta.json": b'{"created_at": "2024-03-01T09:00:00+00:00"}',
    "notes.txt": b"nobody covers this",
    "sha256sums.txt": f"{sha256(b'w')[7:]}  model.pt\n".encode(),
}


class Deleting:
    """Mixin of ``RegistryContract``."""

    def test_a_deleted_version_is_gone_from_every_reader(self, two_versions: Place) -> None:
        way = two_versions.way
        digest = way.resolve(TASK, f"{MODEL}@2")["package_digest"]
        answer = way.delete(TASK, MODEL, "2", **WHY)
        datetime.fromisoformat(answer["deleted_at"])
        expected = {"version": "2", "package_digest": digest, "purged_at": None, "seq": 3, **WHY}
        assert {name: value for name, value in answer.items() if name != "deleted_at"} == expected
        other = two_versions.replica()
        for reader in (way.resolve, way.show, way.verify, way.artifacts, way.metrics, other.resolve, other.verify):
            with pytest.raises(VersionNotFound) as refused:
                reader(TASK, f"{MODEL}@2")
            assert refused.value.detail["deleted"] == answer
        for change in (
            lambda: way.promote(TASK, MODEL, "production", "2"),
            lambda: way.tag(TASK, MODEL, "2", "key", "value"),
            lambda: way.stage(TASK, MODEL, "2", "archived"),
            lambda: way.delete(TASK, MODEL, "2", **WHY),
            lambda: way.compare(TASK, MODEL, ["1", "2"]),
        ):
            with pytest.raises(VersionNotFound):
                change()
        event = way.history(TASK, MODEL, version="2")["events"][-1]
        assert (event["event"], event["actor"], event["reason"]) == ("delete", "ada", "wrong labels")
        assert event["package_digest"] == digest
        report = way.check()
        assert (report["versions"], report["findings"]) == (1, [])
        assert way.audit_verify(TASK, MODEL)["events"] == 3

    def test_a_version_in_use_is_not_deleted(self, two_versions: Place) -> None:
        way = two_versions.way
        way.promote(TASK, MODEL, "production", "1")
        with pytest.raises(VersionInUse) as refused:
            way.delete(TASK, MODEL, "1", **WHY)
        assert refused.value.detail == {"version": "1", "aliases": ["latest", "production"]}
        way.unalias(TASK, MODEL, "latest")
        way.promote(TASK, MODEL, "production", "2")
        assert way.delete(TASK, MODEL, "1", **WHY)["seq"] == 6

    def test_an_alias_with_a_damaged_document_is_in_use_too(self, two_versions: Place) -> None:
        two_versions.way.promote(TASK, MODEL, "production", "2")
        two_versions.storage.documents.write(f"{KEYS}/aliases/production.json", b"{")
        with pytest.raises(VersionInUse):
            two_versions.way.delete(TASK, MODEL, "2", **WHY)

    def test_a_deletion_has_a_reason_and_something_to_delete(self, two_versions: Place) -> None:
        way = two_versions.way
        for reason in ("", " \n"):
            with pytest.raises(InvalidParameter):
                way.delete(TASK, MODEL, "2", reason=reason)
        for version in ("3", "latest"):
            with pytest.raises(VersionNotFound):
                way.delete(TASK, MODEL, version, **WHY)
        with pytest.raises(ModelNotFound):
            way.delete(TASK, "nobody", "1", **WHY)
        assert way.resolve(TASK, f"{MODEL}@2")["version"] == "2"
        assert len(way.history(TASK, MODEL)["events"]) == 2

    def test_the_name_of_a_deleted_version_is_never_used_again(self, place: Place) -> None:
        way = place.way
        place.register("1")
        package = place.source()
        first = way.register(TASK, MODEL, "2", package, set_alias=None, idempotency_key="run 17")
        way.delete(TASK, MODEL, "2", **WHY)

        def refused(files: dict[str, bytes], **words: Any) -> dict[str, Any]:
            with pytest.raises(VersionExists) as caught:
                place.register("2", files, **words)
            assert caught.value.detail["existing"]["package_digest"] == first["package_digest"]
            return caught.value.detail

        for _ in range(2):
            assert refused(PACKAGE)["same_content"] is True
            assert refused({"model.pt": b"other"})["same_content"] is False
            with pytest.raises(VersionExists):  # the client that repeats itself is told, too
                way.register(TASK, MODEL, "2", package, set_alias=None, idempotency_key="run 17")
            with pytest.raises(NameTaken):
                way.promote(TASK, MODEL, "2", "1")
            way.purge(0)  # and once more, when only the tombstone is left
        assert len(way.history(TASK, MODEL)["events"]) == 4

    def test_a_restored_version_is_what_it_was(self, two_versions: Place) -> None:
        way = two_versions.way
        way.tag(TASK, MODEL, "2", "tissue", "blood")
        before = way.show(TASK, f"{MODEL}@2")
        bytes_before = two_versions.kept.read(before["package_dir"])
        for turn in range(2):
            way.delete(TASK, MODEL, "2", **WHY)
            answer = way.restore(TASK, MODEL, "2", actor="bob", reason="they were right")
            datetime.fromisoformat(answer.pop("updated_at"))
            assert answer == {
                "version": "2",
                "package_path": before["package_dir"],
                "package_digest": before["package_digest"],
                "seq": 5 + 2 * turn,
            }
            assert way.show(TASK, f"{MODEL}@2", verify=True) == before
            assert two_versions.kept.read(before["package_dir"]) == bytes_before
        assert two_versions.replica().verify(TASK, f"{MODEL}@2").files_checked == 4
        assert way.promote(TASK, MODEL, "production", "2")["version"] == "2"
        assert way.check()["findings"] == []
        assert way.audit_verify(TASK, MODEL)["events"] == 8

    def test_only_a_deleted_version_is_restored(self, two_versions: Place) -> None:
        way = two_versions.way
        with pytest.raises(VersionExists):
            way.restore(TASK, MODEL, "2")
        with pytest.raises(VersionNotFound):
            way.restore(TASK, MODEL, "3")
        with pytest.raises(ModelNotFound):
            way.restore(TASK, "nobody", "1")
        assert len(way.history(TASK, MODEL)["events"]) == 2

    def test_damaged_bytes_are_not_restored(self, two_versions: Place) -> None:
        way = two_versions.way
        way.delete(TASK, MODEL, "2", **WHY)
        location = self.retired(two_versions, "2")
        whole = two_versions.kept.read(location)["model.pt"]
        for data in (b"x" + whole[1:], None):
            two_versions.kept.write(location, "model.pt", data)
            with pytest.raises(PackageCorrupt) as refused:
                way.restore(TASK, MODEL, "2")
            kind = "missing" if data is None else "changed"
            assert [(found["path"], found["kind"]) for found in refused.value.detail["problems"]] == [
                ("model.pt", kind)
            ]
            with pytest.raises(VersionNotFound):
                way.resolve(TASK, f"{MODEL}@2")
        assert len(way.history(TASK, MODEL)["events"]) == 3
        two_versions.kept.write(location, "model.pt", whole)
        assert way.restore(TASK, MODEL, "2")["seq"] == 4
        assert way.verify(TASK, f"{MODEL}@2")["files_checked"] == 4

    def retired(self, place: Place, version: str) -> str:
        """Where the bytes of the deleted version are, as ``kept`` takes it."""
        key = place.storage.packages.retired(f"{KEYS}/versions/{version}", f"{KEYS}/deleted/{version}/package")
        assert key is not None
        top = "memory:///" if place.root.startswith("memory:") else place.root + "/"
        return top + key

    def test_a_purge_gives_up_the_bytes_and_keeps_the_tombstone(self, two_versions: Place) -> None:
        way = two_versions.way
        way.delete(TASK, MODEL, "2", **WHY)
        title, nothing = f"{TASK}/{MODEL}@2", {"purged": [], "kept": [], "bytes_freed": 0}
        assert way.purge(3600) == {**nothing, "kept": [title]}
        foretold = way.purge(0, dry_run=True)
        assert (foretold["purged"], foretold["kept"]) == ([title], [])
        assert foretold["bytes_freed"] > sum(map(len, PACKAGE.values()))
        assert len(way.history(TASK, MODEL)["events"]) == 3
        assert way.purge(0, actor="bob", reason="space") == foretold
        assert two_versions.storage.packages.retired(f"{KEYS}/versions/2", f"{KEYS}/deleted/2/package") is None
        assert way.purge(0) == nothing
        with pytest.raises(VersionNotFound) as refused:
            way.restore(TASK, MODEL, "2")
        with pytest.raises(VersionNotFound) as refused:
            way.resolve(TASK, f"{MODEL}@2")
        stone = refused.value.detail["deleted"]
        assert (stone["actor"], stone["reason"]) == ("ada", "wrong labels")
        datetime.fromisoformat(stone["purged_at"])
        event = way.history(TASK, MODEL, event="purge")["events"][0]
        assert (event["version"], event["actor"], event["reason"]) == ("2", "bob", "space")
        assert event["package_digest"] == stone["package_digest"] != None  # noqa: E711
        assert way.check()["findings"] == []
        assert way.audit_verify(TASK, MODEL)["events"] == 4
        assert way.verify(TASK, f"{MODEL}@1")["files_checked"] == 4

    def test_an_age_of_purging_is_not_negative(self, place: Place) -> None:
        with pytest.raises(InvalidParameter):
            place.replica().purge(-1)

    def test_older_softwares_versions_are_adopted_as_they_are(self, place: Place) -> None:
        way = place.way
        place.plant(TASK, MODEL, "1", OLD)
        place.plant(TASK, MODEL, "half", {"model.pt": b"w"})
        place.plant(TASK, MODEL, "torn", {**OLD, "model.pt": b"x"})
        location = way.resolve(TASK, f"{MODEL}@1", verify=False)["path"]
        assert len(way.verify(TASK, f"{MODEL}@1")["warnings"]) == 2
        before = [(entry.key, entry.size_bytes) for entry in place.storage.documents.list("", deep=True)]
        foretold = way.adopt(dry_run=True)
        assert [(entry.key, entry.size_bytes) for entry in place.storage.documents.list("", deep=True)] == before
        report = way.adopt(actor="ada", reason="taken over")
        assert report == foretold
        assert (report["adopted"], report["already"]) == ([f"{TASK}/{MODEL}@1"], 0)
        assert {finding["where"] for finding in report["noticed"]} == {f"{TASK}/{MODEL}@1"}
        assert [finding["where"] for finding in report["refused"]] == [f"{TASK}/{MODEL}@half", f"{TASK}/{MODEL}@torn"]
        assert place.kept.read(location) == OLD
        assert way.verify(TASK, f"{MODEL}@1").get("warnings") is None
        digest = way.verify(TASK, f"{MODEL}@1")["package_digest"]
        assert way.resolve(TASK, f"{MODEL}@1", verify=False)["package_digest"] == digest
        listed = {file["name"]: file["sha256"] for file in way.artifacts(TASK, f"{MODEL}@1")["files"]}
        assert listed == {name: sha256(data).removeprefix("sha256:") for name, data in OLD.items()}
        (event,) = way.history(TASK, MODEL)["events"]
        assert (event["event"], event["version"], event["actor"]) == ("register", "1", "ada")
        assert event["package_digest"] == digest
        again = way.adopt()
        assert (again["adopted"], again["already"]) == ([], 1)
        assert way.audit_verify(TASK, MODEL)["events"] == 1
        assert {finding["severity"] for finding in way.check()["findings"]} == {"note"}

    @pytest.mark.parametrize("name", ["notes.txt", "model_meta.json", "sha256sums.txt", "model.pt"])
    def test_an_adopted_version_is_proven_to_the_last_file(self, place: Place, name: str) -> None:
        place.plant(TASK, MODEL, "1", OLD)
        place.way.adopt()
        location = place.way.resolve(TASK, f"{MODEL}@1")["path"]
        place.kept.write(location, name, OLD[name] + b"\n")
        with pytest.raises(PackageCorrupt) as refused:
            place.way.verify(TASK, f"{MODEL}@1")
        assert [(found["path"], found["kind"]) for found in refused.value.detail["problems"]] == [(name, "changed")]
        place.kept.write(location, name, OLD[name])
        place.kept.write(location, "more", b"")
        with pytest.raises(PackageCorrupt):
            place.way.verify(TASK, f"{MODEL}@1")

    def test_an_adopted_version_is_governed_like_any_other(self, place: Place) -> None:
        way = place.way
        place.plant(TASK, MODEL, "1", OLD)
        way.adopt()
        digest = way.resolve(TASK, f"{MODEL}@1")["package_digest"]
        way.stage(TASK, MODEL, "1", "archived", reason="old")
        way.promote(TASK, MODEL, "production", "1")
        assert len(way.resolve(TASK, f"{MODEL}@production")["warnings"]) == 1
        way.unalias(TASK, MODEL, "production")
        assert way.delete(TASK, MODEL, "1", **WHY)["package_digest"] == digest
        assert way.restore(TASK, MODEL, "1")["package_digest"] == digest
        assert way.verify(TASK, f"{MODEL}@1")["files_checked"] == len(OLD)
        way.delete(TASK, MODEL, "1", **WHY)
        assert way.purge(0)["purged"] == [f"{TASK}/{MODEL}@1"]
        with pytest.raises(VersionExists):
            place.register("1")
        assert way.check()["findings"] == []
        assert way.adopt()["adopted"] == []
