"""register: the rules of ``docs/http.md`` and of invariants I1, I2, I10, whatever the way in and the storage."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import pytest

from registry_core import (
    ArtifactsRefused,
    DigestMismatch,
    IdempotencyKeyReused,
    InvalidMetadata,
    InvalidName,
    InvalidParameter,
    ModelNotFound,
    NameTaken,
    RegistryError,
    VersionExists,
)

from .place import MODEL, PACKAGE, TASK, Place


def what_is_there(place: Place) -> set[str]:
    """Every key; a service that is asked anything has said who its root is."""
    return {entry.key for entry in place.storage.documents.list("", deep=True)}


BAD_NAMES = [
    "",
    ".",
    "..",
    "a/b",
    "-a",
    "a-",
    ".a",
    "a.",
    "_a",
    "a b",
    "a..b",
    "a--b",
    "a.git",
    "ü",
    "a\n",
    "a" * 97,
    "a@b",
]
BAD_SELECTORS = ["0" * 40, "aBcDeF0123" * 4]
GOOD_NAMES = ["a", "A.b_c-9", "a" * 96, "1.0.0+x".replace("+", "-"), "a_.b", "0" * 39]


def nested(levels: int) -> dict[str, Any]:
    """An object of that many levels."""
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"k": value}
    return value


BAD_METADATA: list[dict[str, Any]] = [
    {"big": "x" * 1024 * 1024},
    nested(65),
    {"nan": math.nan},
    {"deep": [{"inf": -math.inf}]},
    {"surrogate": "\ud800"},
    {"\udfff": 1},
    {"lineage": "not an object"},
]


class Registering:
    """Mixin of ``RegistryContract``; ``place`` is the registry under test."""

    def test_the_answer_has_the_fields_of_the_contract(self, place: Place) -> None:
        answer = place.register(actor="ada", reason="first")
        assert answer.keys() == {
            *("task", "model_name", "version", "package_path", "package_digest", "hashes", "alias_set", "created_at")
        }
        assert (answer["task"], answer["model_name"], answer["version"]) == (TASK, MODEL, "1.0.0")
        assert answer["alias_set"] == "latest"
        assert answer["hashes"].keys() == PACKAGE.keys()
        kept = place.kept.read(answer["package_path"])
        assert answer["hashes"] == {path: hashlib.sha256(kept[path]).hexdigest() for path in answer["hashes"]}
        assert answer["package_digest"] == "sha256:" + hashlib.sha256(kept["sha256sums.txt"]).hexdigest()

    def test_the_package_is_the_callers_bytes_and_a_manifest_of_all(self, place: Place) -> None:
        kept = place.kept.read(place.register()["package_path"])
        assert kept.keys() == PACKAGE.keys() | {"sha256sums.txt"}
        assert all(kept[path] == data for path, data in PACKAGE.items() if path != "model_meta.json")
        lines = [f"{hashlib.sha256(kept[path]).hexdigest()}  {path}" for path in sorted(PACKAGE)]
        assert kept["sha256sums.txt"].decode().splitlines() == lines

    def test_metadata_wins_over_the_package_and_the_registry_over_both(self, place: Place) -> None:
        metadata = {
            **{"owner": "caller", "task": "x", "created_at": "y", "note": "ü", "metrics": {"f1": 0.5}},
            **{"run_id": "r1", "dataset": "d", "parent_version": "0.9"},
        }
        answer = place.way.register(TASK, MODEL, "1.0.0", place.source(), metadata)
        meta = json.loads(place.kept.read(answer["package_path"])["model_meta.json"])
        lineage = {"dataset": "d", "run_id": "r1", "metrics": {"f1": 0.5}, "parent_version": "0.9"}
        assert meta == {
            **{"framework": "torch", "owner": "caller", "note": "ü", "metrics": {"f1": 0.5}},
            **{"run_id": "r1", "dataset": "d", "parent_version": "0.9", "lineage": lineage},
            **{"task": TASK, "model_name": MODEL, "version": "1.0.0", "created_at": answer["created_at"]},
        }

    def test_an_alias_can_be_chosen_or_left_out(self, place: Place) -> None:
        assert place.register("1", set_alias=None)["alias_set"] is None
        assert place.way.aliases(TASK, MODEL)["aliases"] == []
        assert place.register("2", set_alias="staging")["alias_set"] == "staging"
        assert [(a["alias"], a["version"]) for a in place.way.aliases(TASK, MODEL)["aliases"]] == [("staging", "2")]

    def test_latest_moves_with_every_registration(self, place: Place) -> None:
        for version in ("1", "2", "3"):
            place.register(version)
        assert place.way.resolve(TASK, f"{MODEL}@latest")["version"] == "3"
        events = place.way.history(TASK, MODEL)["events"]
        assert [(e["version"], e["alias"], e["previous_version"]) for e in events] == [
            ("1", "latest", None),
            ("2", "latest", "1"),
            ("3", "latest", "2"),
        ]

    @pytest.mark.parametrize("same_content", [True, False])
    def test_a_version_exists_once(self, place: Place, same_content: bool) -> None:
        first = place.register(actor="ada")
        before = place.kept.read(first["package_path"])
        files = PACKAGE if same_content else {**PACKAGE, "model.pt": b"other"}
        with pytest.raises(VersionExists) as refused:
            place.register(files=files, set_alias="other", actor="bob")
        assert refused.value.detail == {
            "existing": {"package_digest": first["package_digest"], "created_at": first["created_at"], "actor": "ada"},
            "same_content": same_content,
        }
        assert place.kept.read(first["package_path"]) == before
        assert len(place.way.history(TASK, MODEL)["events"]) == 1
        assert [alias["alias"] for alias in place.way.aliases(TASK, MODEL)["aliases"]] == ["latest"]
        assert list(place.storage.packages.staged()) == []

    def test_metadata_is_not_content(self, place: Place) -> None:
        place.way.register(TASK, MODEL, "1.0.0", place.source(), {"a": 1})
        with pytest.raises(VersionExists) as refused:
            place.way.register(TASK, MODEL, "1.0.0", place.source(), {"a": 2})
        assert refused.value.detail["same_content"] is True

    def test_an_alias_and_a_version_do_not_share_a_name(self, place: Place) -> None:
        place.register("1", set_alias="stable")
        with pytest.raises(NameTaken):
            place.register("stable")
        with pytest.raises(NameTaken):
            place.register("2", set_alias="1")
        with pytest.raises(NameTaken):
            place.register("3", set_alias="3")
        assert len(place.way.history(TASK, MODEL)["events"]) == 1

    def test_an_idempotency_key_makes_a_repeat_harmless(self, place: Place) -> None:
        source = place.source()
        first = place.way.register(TASK, MODEL, "1", source, {"a": 1}, actor="ada", idempotency_key="key-1")
        place.register("2")
        again = place.way.register(TASK, MODEL, "1", source, {"a": 1}, actor="ada", idempotency_key="key-1")
        assert again == first
        assert len(place.way.history(TASK, MODEL)["events"]) == 2
        assert place.way.resolve(TASK, f"{MODEL}@latest")["version"] == "2"

    def test_an_idempotency_key_belongs_to_one_request_of_one_model(self, place: Place) -> None:
        source = place.source()
        place.way.register(TASK, MODEL, "1", source, idempotency_key="key-1")
        with pytest.raises(IdempotencyKeyReused):
            place.way.register(TASK, MODEL, "2", source, idempotency_key="key-1")
        with pytest.raises(IdempotencyKeyReused):
            place.way.register(TASK, MODEL, "1", source, {"a": 1}, idempotency_key="key-1")
        place.way.register(TASK, "other", "2", source, idempotency_key="key-1")
        with pytest.raises(InvalidParameter):
            place.way.register(TASK, MODEL, "2", source, idempotency_key="k" * 256)

    def test_new_names_follow_the_grammar(self, place: Place) -> None:
        source = place.source()
        for name in BAD_NAMES + BAD_SELECTORS:
            calls = {"version": (TASK, MODEL, name, "latest"), "alias": (TASK, MODEL, "1", name)}
            if name not in BAD_SELECTORS:
                calls |= {"task": (name, MODEL, "1", "latest"), "model_name": (TASK, name, "1", "latest")}
            for kind, (task, model, version, alias) in calls.items():
                with pytest.raises(InvalidName) as refused:
                    place.way.register(task, model, version, source, set_alias=alias)
                assert refused.value.detail == {"field": kind, "name": name}
        assert what_is_there(place) <= {"registry.json"}

    def test_names_that_follow_the_grammar_are_taken(self, place: Place) -> None:
        source = place.source({"f": b""})
        for name in GOOD_NAMES:
            place.way.register(name, name, name, source, set_alias="x" + name[:95])
            assert place.way.resolve(name, f"{name}@x{name[:95]}")["version"] == name

    def test_metadata_that_cannot_be_kept_is_refused(self, place: Place) -> None:
        source = place.source()
        for metadata in BAD_METADATA:
            with pytest.raises(InvalidMetadata):
                place.way.register(TASK, MODEL, "1", source, metadata)
        assert what_is_there(place) <= {"registry.json"}

    def test_metadata_up_to_the_limits_comes_back(self, place: Place) -> None:
        for version, metadata in enumerate([{"big": "x" * (1024 * 1024 - 800)}, nested(64)]):
            place.way.register(TASK, MODEL, str(version), place.source(), metadata)
            meta = place.way.show(TASK, f"{MODEL}@{version}")["meta"]
            assert {name: meta[name] for name in metadata} == metadata

    def test_a_packages_own_metadata_must_be_an_object(self, place: Place) -> None:
        for data in (b"[]", b"{", b"\xff", b'"text"', b'{"a": NaN}'):
            with pytest.raises(InvalidMetadata):
                place.register(files={"model.pt": b"1", "model_meta.json": data})
        assert what_is_there(place) <= {"registry.json"}

    def test_what_is_wrong_in_a_packages_own_metadata_is_named_with_the_file(self, place: Place) -> None:
        files = {"model.pt": b"1", "model_meta.json": b'{"metrics": {"loss": NaN}}'}
        with pytest.raises(InvalidMetadata, match=r"model_meta\.json\.metrics\.loss is nan") as refused:
            place.way.register(TASK, MODEL, "1", place.source(files), {"metrics": {"loss": 1}})
        assert refused.value.detail["field"] == "model_meta.json.metrics.loss"

    def test_a_metrics_file_that_is_too_large_to_count_is_a_warning(self, place: Place) -> None:
        large = b'{"f1": 0.5, "x": "%s"}' % (b"x" * 1024 * 1024)
        for version, data in (("1", large), ("2", b'{"f1": 0.5}')):
            source = place.source({"model.pt": b"1", "metrics.json": data})
            for _ in range(2):  # a repeat is told the same
                said = place.way.register(TASK, MODEL, version, source, {}, idempotency_key=version).get("warnings", [])
                assert ["metrics.json is larger" in text for text in said] == [True] * (version == "1")
            assert place.way.metrics(TASK, f"{MODEL}@{version}")["version_metrics"] == ({} if said else {"f1": 0.5})

    def test_a_package_must_match_the_manifest_that_it_brings(self, place: Place) -> None:
        right = hashlib.sha256(b"weights").hexdigest()
        place.register("1", {"model.pt": b"weights", "sha256sums.txt": f"{right}  model.pt\n".encode()})
        place.register("2", {"model.pt": b"weights", "sha256sums.txt": b"\n"})
        wrong = f"{'0' * 64}  model.pt\n{right}  gone.pt\n"
        with pytest.raises(DigestMismatch) as refused:
            place.register("3", {"model.pt": b"weights", "sha256sums.txt": wrong.encode()})
        assert refused.value.detail["problems"] == [
            {"path": "gone.pt", "kind": "missing", "expected": f"sha256:{right}", "actual": None},
            {"path": "model.pt", "kind": "changed", "expected": f"sha256:{'0' * 64}", "actual": f"sha256:{right}"},
        ]
        assert len(place.way.history(TASK, MODEL)["events"]) == 2
        assert list(place.storage.packages.staged()) == []

    def test_what_is_no_package_is_refused(self, place: Place) -> None:
        nothing = place.source({})
        linked = place.source({"model.pt": b"1"})
        (linked / "link").symlink_to(linked / "model.pt")
        for artifacts_dir in (nothing, linked, nothing / "missing", linked / "model.pt"):
            with pytest.raises(ArtifactsRefused):
                place.way.register(TASK, MODEL, "1", artifacts_dir)
        assert what_is_there(place) <= {"registry.json"}

    def test_a_refusal_leaves_nothing_and_blocks_nothing(self, place: Place) -> None:
        broken = {"model.pt": b"1", "sha256sums.txt": b"0000  model.pt\n"}
        with pytest.raises(RegistryError):
            place.register("1", broken)
        with pytest.raises(ModelNotFound):
            place.way.aliases(TASK, MODEL)
        assert list(place.storage.packages.staged()) == []
        assert place.register("1")["version"] == "1"
