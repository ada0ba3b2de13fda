"""resolve, show, verify, artifacts: what a ref means, and whether its bytes are what they were (I3, I5)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from registry_core import InvalidName, InvalidRef, ModelNotFound, PackageCorrupt, RegistryError, VersionNotFound

from .place import MODEL, PACKAGE, TASK, Place

REF = f"{MODEL}@1.0.0"


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def read_only_verbs(place: Place, ref: str) -> list[Callable[[], Any]]:
    way = place.way
    return [
        lambda: way.resolve(TASK, ref),
        lambda: way.resolve(TASK, ref, verify=False),
        lambda: way.show(TASK, ref),
        lambda: way.verify(TASK, ref),
        lambda: way.artifacts(TASK, ref),
    ]


def proofs(place: Place, ref: str) -> list[Callable[[], Any]]:
    way = place.way
    return [lambda: way.verify(TASK, ref), lambda: way.resolve(TASK, ref), lambda: way.show(TASK, ref, verify=True)]


DAMAGES: list[tuple[str, bytes | None, str]] = [
    ("model.pt", b"\1" + PACKAGE["model.pt"][1:], "changed"),
    ("model.pt", PACKAGE["model.pt"] + b"x", "changed"),
    ("deep/er/label map.json", None, "missing"),
    ("model_meta.json", b"{}", "changed"),
    ("extra/file", b"", "extra"),
    ("sha256sums.txt", None, "missing"),
    ("sha256sums.txt", b"nonsense\n", "manifest"),
]


class Reading:
    """Mixin of ``RegistryContract``."""

    @pytest.mark.parametrize("verify", [True, False])
    def test_resolve_by_version_and_by_alias(self, place: Place, verify: bool) -> None:
        registered = place.register()
        for selector, alias in (("1.0.0", None), ("latest", "latest")):
            assert place.way.resolve(TASK, f"{MODEL}@{selector}", verify=verify) == {
                "path": registered["package_path"],
                "task": TASK,
                "model_name": MODEL,
                "version": "1.0.0",
                "alias": alias,
                "package_digest": registered["package_digest"],
                "verified": verify,
            }

    def test_resolve_proves_by_default_and_show_does_not(self, place: Place) -> None:
        registered = place.register()
        place.kept.write(registered["package_path"], "model.pt", b"other")
        with pytest.raises(PackageCorrupt):
            place.way.resolve(TASK, REF)
        assert place.way.show(TASK, REF)["version"] == "1.0.0"

    def test_show_tells_all(self, place: Place) -> None:
        words = {"tags": {"tissue": "blood"}, "description": "a model"}
        registered = place.way.register(TASK, MODEL, "1.0.0", place.source(), words)
        place.way.promote(TASK, MODEL, "production", "1.0.0")
        place.register("2.0.0")
        answer = place.way.show(TASK, REF)
        meta = answer.pop("meta")
        assert (meta["version"], meta["framework"], meta["description"]) == ("1.0.0", "torch", "a model")
        assert answer == {
            "package_dir": registered["package_path"],
            "version": "1.0.0",
            "aliases": ["production"],
            "tags": {"tissue": "blood"},
            "stage": "production",
            "description": "a model",
            "package_digest": registered["package_digest"],
        }
        plain = place.way.show(TASK, f"{MODEL}@latest", verify=True)
        assert (plain["aliases"], plain["stage"], plain["tags"], plain["description"]) == (["latest"], "none", {}, None)

    def test_verify_counts_what_it_read(self, place: Place) -> None:
        registered = place.register()
        kept = place.kept.read(registered["package_path"])
        answer = place.way.verify(TASK, REF)
        assert answer.pop("duration_s") >= 0
        assert answer == {
            "version": "1.0.0",
            "files_checked": 4,
            "bytes_checked": sum(len(data) for path, data in kept.items() if path != "sha256sums.txt"),
            "package_digest": registered["package_digest"],
        }

    def test_artifacts_lists_every_file_and_the_manifest_by_its_role(self, place: Place) -> None:
        registered = place.register()
        kept = place.kept.read(registered["package_path"])
        roles = {**dict.fromkeys(PACKAGE), "sha256sums.txt": "manifest"}
        assert kept.keys() == roles.keys()
        assert place.way.artifacts(TASK, f"{MODEL}@latest") == {
            "version": "1.0.0",
            "files": [
                {
                    "name": path,
                    "sha256": hashlib.sha256(kept[path]).hexdigest(),
                    "size_bytes": len(kept[path]),
                    "role": roles[path],
                }
                for path in sorted(kept)
            ],
        }
        assert "sha256:" + hashlib.sha256(kept["sha256sums.txt"]).hexdigest() == registered["package_digest"]

    def test_damage_is_found(self, place: Place) -> None:
        for number, (path, data, kind) in enumerate(DAMAGES):
            version = f"1.{number}"
            location = place.register(version)["package_path"]
            place.kept.write(location, path, data)
            for verb in proofs(place, f"{MODEL}@{version}"):
                with pytest.raises(PackageCorrupt) as found:
                    verb()
                problems = found.value.detail["problems"]
                assert (path, kind) in [(problem["path"], problem["kind"]) for problem in problems]
                assert all(problem.keys() == {"path", "kind", "expected", "actual"} for problem in problems)
            assert place.way.resolve(TASK, f"{MODEL}@{version}", verify=False)["path"] == location

    def test_a_manifest_rewritten_to_match_is_found(self, place: Place) -> None:
        registered = place.register(files={"model.pt": b"right"})
        kept = place.kept.read(registered["package_path"])
        swapped = kept["sha256sums.txt"].replace(sha256(b"right")[7:].encode(), sha256(b"wrong")[7:].encode())
        place.kept.write(registered["package_path"], "model.pt", b"wrong")
        place.kept.write(registered["package_path"], "sha256sums.txt", swapped)
        with pytest.raises(PackageCorrupt) as found:
            place.way.verify(TASK, REF)
        assert found.value.detail["problems"] == [
            {
                "path": "sha256sums.txt",
                "kind": "manifest",
                "expected": registered["package_digest"],
                "actual": sha256(swapped),
            }
        ]

    def test_what_is_not_there_is_not_found(self, place: Place) -> None:
        for verb in read_only_verbs(place, "nobody@latest"):
            with pytest.raises(ModelNotFound) as missing:
                verb()
            assert missing.value.detail == {"task": TASK, "model_name": "nobody"}
        place.register()
        for verb in read_only_verbs(place, f"{MODEL}@9.9"):
            with pytest.raises(VersionNotFound) as absent:
                verb()
            assert absent.value.detail == {"task": TASK, "model_name": MODEL, "selector": "9.9"}

    def test_a_ref_has_two_parts(self, place: Place) -> None:
        for ref in ("pbmc", "pbmc@", "@latest", "@", ""):
            for verb in read_only_verbs(place, ref):
                with pytest.raises(InvalidRef):
                    verb()

    def test_a_selector_is_a_name(self, place: Place) -> None:
        place.register()
        for selector in ("..", "a/b", "../../etc", "a@b", "x\ny", " "):
            for verb in read_only_verbs(place, f"{MODEL}@{selector}"):
                with pytest.raises(InvalidName):
                    verb()

    def test_reading_writes_nothing(self, place: Place) -> None:
        place.register()
        before = [(entry.key, entry.size_bytes) for entry in place.storage.documents.list("", deep=True)]
        for ref in (REF, f"{MODEL}@latest", f"{MODEL}@nope", "nobody@latest"):
            for verb in read_only_verbs(place, ref):
                try:
                    verb()
                except RegistryError:
                    continue
        place.way.check()
        place.way.history(TASK, MODEL)
        place.way.aliases(TASK, MODEL)
        assert [(entry.key, entry.size_bytes) for entry in place.storage.documents.list("", deep=True)] == before

    def test_older_softwares_names_keep_every_verb(self, place: Place) -> None:
        task, model, version = "cell type", "human pbmc (v2)", "first version"
        manifest = f"{sha256(b'w')[7:]}  model.pt\n".encode()
        files = {"model.pt": b"w", "model_meta.json": b'{"a": 1}', "sha256sums.txt": manifest}
        place.plant(task, model, version, files)
        place.storage.documents.write(
            f"tasks/{task}/models/{model}/aliases/my alias.json", b'{"alias": "my alias", "version": "first version"}'
        )
        ref = f"{model}@my alias"
        assert place.way.resolve(task, ref)["version"] == version
        assert place.way.show(task, f"{model}@{version}")["meta"] == {
            "a": 1,
            "tags": {},
            "stage": "none",
            "description": None,
        }
        assert place.way.verify(task, ref)["warnings"]
        assert [file["name"] for file in place.way.artifacts(task, ref)["files"]] == sorted(files)
        assert place.way.promote(task, model, "my alias", version)["previous_version"] == version
        place.way.register(task, model, "2", place.source(), set_alias="my alias")
        assert place.way.resolve(task, ref)["version"] == "2"
        assert [alias["alias"] for alias in place.way.aliases(task, model)["aliases"]] == ["my alias"]
        assert [event["event"] for event in place.way.history(task, model)["events"]] == ["promote", "register"]
        with pytest.raises(InvalidName):
            place.way.promote(task, model, "another alias", version)

    def test_where_an_old_alias_and_version_share_a_name_the_alias_wins(self, place: Place) -> None:
        for version in ("1", "2"):
            place.plant(TASK, MODEL, version, {"model.pt": version.encode(), "model_meta.json": b"{}"})
        place.storage.documents.write(f"tasks/{TASK}/models/{MODEL}/aliases/1.json", b'{"version": "2"}')
        assert place.way.resolve(TASK, f"{MODEL}@1", verify=False)["version"] == "2"
