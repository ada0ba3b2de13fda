"""unalias, rollback, as_of, tags, patch, stage, metrics, compare, audit verify: facts beside immutable bytes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from registry_core import (
    AliasMoved,
    AliasNotFound,
    ArtifactNotFound,
    InvalidParameter,
    JournalCorrupt,
    ModelNotFound,
    NotFound,
    VersionNotFound,
)

from .place import MODEL, TASK, Place

REF = f"{MODEL}@production"
RUN = f"tasks/{TASK}/models/{MODEL}/runs/run-17"
TIME = "2026-11-24T15:00:00.000000Z"
EAST = timezone(timedelta(hours=5, minutes=30))
WEST = timezone(timedelta(hours=-8))


def moments(place: Place) -> list[datetime]:
    """When each event of the model happened; the first one is event 1."""
    return [datetime.fromisoformat(event["ts_utc"]) for event in place.way.history(TASK, MODEL)["events"]]


class Governing:
    """Mixin of ``RegistryContract``."""

    # aliases

    def test_an_alias_is_removed_by_an_event_of_its_own(self, two_versions: Place) -> None:
        way = two_versions.way
        way.promote(TASK, MODEL, "production", "2")
        answer = way.unalias(TASK, MODEL, "production", actor="ada", reason="recalled")
        datetime.fromisoformat(answer.pop("updated_at"))
        assert answer == {"alias": "production", "previous_version": "2", "seq": 4}
        assert [alias["alias"] for alias in way.aliases(TASK, MODEL)["aliases"]] == ["latest"]
        event = way.history(TASK, MODEL, after=3)["events"][0]
        words = {name: event[name] for name in ("event", "alias", "version", "previous_version", "actor", "reason")}
        assert words == {
            "event": "unalias",
            "alias": "production",
            "version": None,
            "previous_version": "2",
            "actor": "ada",
            "reason": "recalled",
        }
        for reader in (way.resolve, two_versions.replica().resolve):
            with pytest.raises(VersionNotFound):
                reader(TASK, REF)
        assert way.resolve(TASK, f"{MODEL}@2")["version"] == "2"
        assert way.check()["findings"] == []

    def test_a_removed_alias_can_be_made_again(self, two_versions: Place) -> None:
        way = two_versions.way
        way.unalias(TASK, MODEL, "latest")
        answer = way.promote(TASK, MODEL, "latest", "2", expected_version=None)
        assert (answer["previous_version"], answer["seq"]) == (None, 4)
        assert way.resolve(TASK, f"{MODEL}@latest")["version"] == "2"

    def test_unalias_and_rollback_are_guarded_as_promote_is(self, two_versions: Place) -> None:
        way = two_versions.way
        way.promote(TASK, MODEL, "latest", "2")
        for verb in (way.unalias, way.rollback):
            with pytest.raises(AliasMoved) as refused:
                verb(TASK, MODEL, "latest", expected_version="1")
            told = {"alias": "latest", "expected_version": "1", "actual_version": "2"}
            assert told.items() <= refused.value.detail.items()
            assert (refused.value.detail["seq"], refused.value.detail["actor"]) == (3, way.nobody)
            for alias in ("production", "1"):
                with pytest.raises(AliasNotFound):
                    verb(TASK, MODEL, alias)
            with pytest.raises(ModelNotFound):
                verb(TASK, "nobody", "latest")
        assert len(way.history(TASK, MODEL)["events"]) == 3
        assert way.rollback(TASK, MODEL, "latest", expected_version="2")["version"] == "1"
        assert way.unalias(TASK, MODEL, "latest", expected_version="1")["previous_version"] == "1"

    def test_a_rollback_returns_to_the_version_before(self, two_versions: Place) -> None:
        way = two_versions.way
        two_versions.register("3", set_alias=None)
        for version in ("1", "2", "2", "3"):
            way.promote(TASK, MODEL, "production", version)
        answer = way.rollback(TASK, MODEL, "production", actor="ada", reason="worse on new data")
        datetime.fromisoformat(answer.pop("updated_at"))
        assert answer == {"alias": "production", "version": "2", "previous_version": "3", "seq": 8}
        event = way.history(TASK, MODEL, after=7)["events"][0]
        assert (event["event"], event["version"], event["actor"]) == ("rollback", "2", "ada")
        assert way.resolve(TASK, REF)["version"] == "2"
        assert way.rollback(TASK, MODEL, "production")["version"] == "3"  # the version before is 3 again

    def test_a_rollback_goes_to_the_version_that_was_chosen(self, two_versions: Place) -> None:
        """Whoever saw "back to 1" gets 1, wherever others have moved the alias meanwhile; or nothing."""
        way = two_versions.way
        two_versions.register("3", set_alias=None)
        for version in ("1", "2"):
            way.promote(TASK, MODEL, "production", version)
        seen = way.rollback(TASK, MODEL, "production", dry_run=True)
        assert seen == {
            **{"alias": "production", "version": "1", "previous_version": "2"},
            **{"seq": None, "updated_at": None},
        }
        for version in ("3", "2"):
            way.promote(TASK, MODEL, "production", version)
        assert len(way.history(TASK, MODEL)["events"]) == 7, "a dry run is no event"
        assert way.rollback(TASK, MODEL, "production", dry_run=True)["version"] == "3"
        with pytest.raises(AliasMoved):
            way.rollback(TASK, MODEL, "production", to_version="1", expected_seq=5)
        for never in ("4", "latest", "../1"):
            with pytest.raises(VersionNotFound):
                way.rollback(TASK, MODEL, "production", to_version=never)
        done = way.rollback(TASK, MODEL, "production", to_version="1", expected_version="2")
        assert (done["version"], done["previous_version"], done["seq"]) == ("1", "2", 8)
        with pytest.raises(AliasMoved):
            way.rollback(TASK, MODEL, "production", to_version="1", expected_version="2", dry_run=True)

    def test_a_version_that_is_there_but_was_never_named_is_nothing_to_go_back_to(self, two_versions: Place) -> None:
        way = two_versions.way
        with pytest.raises(VersionNotFound):
            way.rollback(TASK, MODEL, "latest", to_version="2")
        with pytest.raises(VersionNotFound):
            way.rollback(TASK, MODEL, "latest", to_version="2", dry_run=True)

    def test_there_must_be_something_to_go_back_to(self, two_versions: Place) -> None:
        way = two_versions.way
        with pytest.raises(VersionNotFound):
            way.rollback(TASK, MODEL, "latest")
        way.promote(TASK, MODEL, "latest", "2")
        way.delete(TASK, MODEL, "1", reason="wrong labels")
        with pytest.raises(VersionNotFound):
            way.rollback(TASK, MODEL, "latest")
        assert way.resolve(TASK, f"{MODEL}@latest")["version"] == "2"

    # time travel

    def test_a_ref_is_resolved_as_of_a_moment(self, two_versions: Place) -> None:
        way = two_versions.way
        for version in ("1", "2", "1"):
            way.promote(TASK, MODEL, "production", version)
        way.unalias(TASK, MODEL, "production")
        came, second, first, moved, back, gone = moments(two_versions)
        tick = timedelta(microseconds=1)
        for moment, version in (
            (first - tick, None),
            (first, "1"),
            (moved - tick, "1"),
            (moved, "2"),
            (back - tick, "2"),
            (back, "1"),
            (gone - tick, "1"),
            (gone, None),
            (gone + timedelta(days=10_000), None),
        ):
            for text in self.written(moment):
                assert self.resolved_then(two_versions, REF, text) == version
        for ref, born in ((f"{MODEL}@1", came), (f"{MODEL}@2", second), (f"{MODEL}@latest", came)):
            assert self.resolved_then(two_versions, ref, (born - tick).isoformat()) is None
            assert self.resolved_then(two_versions, ref, born.isoformat()) is not None
            assert self.resolved_then(two_versions, ref, "2999-01-01T00:00:00Z") is not None

    def written(self, moment: datetime) -> list[str]:
        """The moment in every form that RFC 3339 has for it, and as UTC without an offset."""
        utc = moment.isoformat()
        forms = [moment.astimezone(EAST).isoformat(), moment.astimezone(WEST).isoformat()]
        return [utc, utc.replace("+00:00", "Z"), utc.replace("+00:00", "z").replace("T", "t"), utc[:-6], *forms]

    def resolved_then(self, place: Place, ref: str, moment: str) -> str | None:
        try:
            answer = place.way.resolve(TASK, ref, as_of=moment)
        except NotFound:
            return None
        assert answer["verified"] is True
        assert place.way.show(TASK, ref, as_of=moment)["version"] == answer["version"]
        version: str = answer["version"]
        return version

    def test_what_was_said_of_a_version_is_shown_as_of_a_moment(self, two_versions: Place) -> None:
        way = two_versions.way
        way.tag(TASK, MODEL, "1", "tissue", "blood")
        way.patch(TASK, MODEL, "1", description="two donors", tags={"tissue": None, "age": 7})
        way.stage(TASK, MODEL, "1", "production")
        way.stage(TASK, MODEL, "2", "production")
        way.stage(TASK, MODEL, "1", "archived", reason="wrong donor")
        says = [
            ({}, None, "none", ["latest"]),
            ({}, None, "none", ["latest"]),
            ({"tissue": "blood"}, None, "none", ["latest"]),
            ({"age": 7}, "two donors", "none", ["latest"]),
            ({"age": 7}, "two donors", "production", ["latest", "production"]),
            ({"age": 7}, "two donors", "none", ["latest"]),
            ({"age": 7}, "two donors", "archived", ["latest"]),
        ]
        for moment, said in zip(moments(two_versions), says, strict=True):
            shown = way.show(TASK, f"{MODEL}@1", as_of=moment.isoformat())
            assert (shown["tags"], shown["description"], shown["stage"], shown["aliases"]) == said
        # A recall counts whenever one asks.
        assert len(way.resolve(TASK, f"{MODEL}@1", as_of=moments(two_versions)[0].isoformat())["warnings"]) == 1

    def test_a_version_that_is_deleted_by_now_is_named_for_what_it_was(self, two_versions: Place) -> None:
        way = two_versions.way
        way.promote(TASK, MODEL, "latest", "2")
        way.delete(TASK, MODEL, "1", reason="wrong labels")
        born, _, _, died = moments(two_versions)
        for ref in (f"{MODEL}@latest", f"{MODEL}@1"):
            with pytest.raises(VersionNotFound) as refused:
                way.resolve(TASK, ref, as_of=born.isoformat())
            assert refused.value.detail["deleted"]["reason"] == "wrong labels"
        way.restore(TASK, MODEL, "1")
        assert self.resolved_then(two_versions, f"{MODEL}@latest", born.isoformat()) == "1"
        assert self.resolved_then(two_versions, f"{MODEL}@1", died.isoformat()) is None
        assert self.resolved_then(two_versions, f"{MODEL}@1", moments(two_versions)[-1].isoformat()) == "1"

    def test_what_is_no_time_is_refused(self, two_versions: Place) -> None:
        for text in ("yesterday", "2026-13-01T00:00:00Z", "2026-11-24T25:00:00Z", "0001-01-01T00:00:00+10:00", " "):
            for verb in (two_versions.way.resolve, two_versions.way.show):
                with pytest.raises(InvalidParameter):
                    verb(TASK, f"{MODEL}@1", as_of=text)

    # what is said of a version

    def test_tags_are_set_and_removed_and_touch_no_byte(self, two_versions: Place) -> None:
        way = two_versions.way
        location = way.resolve(TASK, f"{MODEL}@1")["path"]
        before = two_versions.kept.read(location)
        said: dict[str, Any] = {}
        for key, value in (
            ("tissue", "blood"),
            ("cells", 700),
            ("score", 0.5),
            ("good", True),
            ("n", "700"),
            ("e", ""),
        ):
            said[key] = value
            answer = way.tag(TASK, MODEL, "1", key, value, actor="ada", reason="curated")
            assert answer.keys() == {"version", "tags", "description", "stage", "seq"}
            assert (answer["version"], answer["tags"]) == ("1", said)
            assert {key: type(value) for key, value in answer["tags"].items()} == {
                key: type(value) for key, value in said.items()
            }
        assert way.tag(TASK, MODEL, "1", "good", None)["tags"] == {
            key: value for key, value in said.items() if key != "good"
        }
        assert two_versions.replica().show(TASK, f"{MODEL}@1").tags["tissue"] == "blood"
        assert way.show(TASK, f"{MODEL}@2")["tags"] == {}
        assert way.verify(TASK, f"{MODEL}@1").get("warnings") is None
        assert two_versions.kept.read(location) == before
        event = way.history(TASK, MODEL, event="tag")["events"][0]
        assert (event["actor"], event["reason"], event["set"]) == ("ada", "curated", {"tags": {"tissue": "blood"}})
        assert way.check()["findings"] == []

    def test_tags_and_description_lie_over_those_of_the_metadata(self, place: Place) -> None:
        metadata = {"tags": {"tissue": "skin", "donor": "d1"}, "description": "of the package"}
        place.way.register(TASK, MODEL, "1", place.source(), metadata)
        answer = place.way.tag(TASK, MODEL, "1", "tissue", "blood")
        assert (answer["tags"], answer["description"]) == ({"tissue": "blood", "donor": "d1"}, "of the package")
        answer = place.way.patch(TASK, MODEL, "1", description=None, tags={"tissue": None, "donor": "d2"})
        assert (answer["tags"], answer["description"]) == ({"donor": "d2"}, None)
        shown = place.way.show(TASK, f"{MODEL}@1")
        assert (shown["tags"], shown["description"]) == ({"donor": "d2"}, None)
        said = {"tags": {"donor": "d2"}, "stage": "none", "description": None}
        kept = json.loads(place.kept.read(shown["package_dir"])["model_meta.json"])
        assert kept["tags"] == metadata["tags"]
        assert shown["meta"] == {**kept, **said}

    def test_free_metadata_in_the_registrys_own_words_is_not_taken_for_them(self, place: Place) -> None:
        metadata = {"package_digest": "free", "stage": "archived", "aliases": ["free"], "tags": {"a": 1}}
        registered = place.way.register(TASK, MODEL, "1", place.source(), metadata)
        shown = place.way.show(TASK, f"{MODEL}@1")
        assert (shown["stage"], shown["meta"]["stage"], shown["tags"]) == ("none", "none", {"a": 1})
        assert shown["package_digest"] == registered["package_digest"]
        assert shown["aliases"] == ["latest"]
        assert place.way.tag(TASK, MODEL, "1", "b", 2)["stage"] == "none"
        place.way.stage(TASK, MODEL, "1", "archived")
        moment = place.way.history(TASK, MODEL)["events"][1]["ts_utc"]
        then = place.way.show(TASK, f"{MODEL}@1", as_of=moment)
        assert (then["stage"], then["meta"]["stage"], then["meta"]["tags"]) == ("none", "none", {"a": 1, "b": 2})
        assert place.way.show(TASK, f"{MODEL}@1")["meta"]["stage"] == "archived"

    def test_description_and_tags_are_patched_by_one_event(self, two_versions: Place) -> None:
        way = two_versions.way
        answer = way.patch(TASK, MODEL, "2", description="größer", tags={"a": 1, "b": "x"}, actor="ada")
        expected = {"version": "2", "tags": {"a": 1, "b": "x"}, "description": "größer", "stage": "none", "seq": 3}
        assert answer == expected
        assert way.patch(TASK, MODEL, "2", tags={"a": None})["description"] == "größer"
        assert way.patch(TASK, MODEL, "2", description=None)["tags"] == {"b": "x"}
        assert [event["event"] for event in way.history(TASK, MODEL, after=2)["events"]] == ["patch", "tag", "patch"]
        assert way.verify(TASK, f"{MODEL}@2").get("warnings") is None

    def test_what_cannot_be_said_is_refused(self, two_versions: Place) -> None:
        way = two_versions.way
        for key, value in (("a:b", "x"), ("a\nb", "x"), (" a", "x"), ("k" * 129, "x"), ("key", "v" * 4097)):
            with pytest.raises(InvalidParameter):
                way.tag(TASK, MODEL, "1", key, value)
        with pytest.raises(InvalidParameter):
            way.patch(TASK, MODEL, "1", description="x" * (64 * 1024 + 1))
        with pytest.raises(InvalidParameter):
            way.patch(TASK, MODEL, "1")
        with pytest.raises(InvalidParameter):
            way.tag(TASK, MODEL, "1", "key", "value", actor="a" * 257)
        for version in ("3", "latest"):
            with pytest.raises(VersionNotFound):
                way.tag(TASK, MODEL, version, "key", "value")
            with pytest.raises(VersionNotFound):
                way.patch(TASK, MODEL, version, description="x")
            with pytest.raises(VersionNotFound):
                way.stage(TASK, MODEL, version, "archived")
        with pytest.raises(ModelNotFound):
            way.tag(TASK, "nobody", "1", "key", "value")
        assert len(way.history(TASK, MODEL)["events"]) == 2

    # stages

    def test_staging_and_production_are_the_aliases_of_those_names(self, two_versions: Place) -> None:
        way = two_versions.way
        answer = way.stage(TASK, MODEL, "1", "staging", actor="ada", reason="candidate")
        assert answer == {"version": "1", "tags": {}, "description": None, "stage": "staging", "seq": 3}
        assert way.resolve(TASK, f"{MODEL}@staging")["version"] == "1"
        way.promote(TASK, MODEL, "production", "1")
        assert way.show(TASK, f"{MODEL}@1")["stage"] == "production"  # the stronger of the two
        assert way.stage(TASK, MODEL, "2", "production")["stage"] == "production"
        assert way.show(TASK, f"{MODEL}@1")["stage"] == "staging"
        assert way.stage(TASK, MODEL, "1", "none")["stage"] == "none"
        assert [alias["alias"] for alias in way.aliases(TASK, MODEL)["aliases"]] == ["latest", "production"]
        assert way.rollback(TASK, MODEL, "production")["version"] == "1"
        assert way.show(TASK, f"{MODEL}@1")["stage"] == "production"
        assert way.check()["findings"] == []

    def test_archiving_what_an_alias_still_names_is_a_warning(self, two_versions: Place) -> None:
        way = two_versions.way
        way.promote(TASK, MODEL, "production", "1")
        done = way.stage(TASK, MODEL, "1", "archived", reason="wrong labels")
        assert done["stage"] == "production"
        (warning,) = done["warnings"]
        assert "latest, production name it still" in warning
        way.promote(TASK, MODEL, "production", "2")
        assert "latest names it still" in way.stage(TASK, MODEL, "1", "archived")["warnings"][0]
        way.unalias(TASK, MODEL, "latest")
        done = way.stage(TASK, MODEL, "1", "archived")
        assert (done["stage"], done.get("warnings", [])) == ("archived", [])
        assert "warnings" not in way.tag(TASK, MODEL, "2", "k", "v")

    def test_a_stage_is_guarded_by_the_last_move_of_its_alias(self, two_versions: Place) -> None:
        way = two_versions.way
        assert way.stage(TASK, MODEL, "1", "production", expected_seq=None)["seq"] == 3
        for expected in (2, None):
            with pytest.raises(AliasMoved):
                way.stage(TASK, MODEL, "2", "production", expected_seq=expected)
        assert way.stage(TASK, MODEL, "2", "production", expected_seq=3)["seq"] == 4
        for stage in ("none", "archived"):
            with pytest.raises(InvalidParameter):
                way.stage(TASK, MODEL, "2", stage, expected_seq=4)

    def test_a_stage_is_guarded_as_promote_is(self, two_versions: Place) -> None:
        way = two_versions.way
        with pytest.raises(AliasMoved):
            way.stage(TASK, MODEL, "1", "production", expected_version="2")
        assert way.stage(TASK, MODEL, "1", "production", expected_version=None)["stage"] == "production"
        with pytest.raises(AliasMoved):
            way.stage(TASK, MODEL, "2", "production", expected_version=None)
        assert way.stage(TASK, MODEL, "2", "production", expected_version="1")["stage"] == "production"
        assert len(way.history(TASK, MODEL)["events"]) == 4

    def test_an_archived_version_is_resolved_with_a_warning(self, two_versions: Place) -> None:
        way = two_versions.way
        assert way.stage(TASK, MODEL, "1", "archived", reason="wrong donor")["stage"] == "archived"
        for answer in (way.resolve(TASK, f"{MODEL}@1"), way.resolve(TASK, f"{MODEL}@latest", verify=False)):
            (warning,) = answer["warnings"]
            assert "archived" in warning
            assert "wrong donor" in warning
        assert len(way.show(TASK, f"{MODEL}@1")["warnings"]) == 1
        assert way.verify(TASK, f"{MODEL}@1").get("warnings") is None  # its bytes are what they were
        assert "warnings" not in way.resolve(TASK, f"{MODEL}@2")
        assert way.stage(TASK, MODEL, "1", "none")["stage"] == "none"
        assert "warnings" not in way.resolve(TASK, f"{MODEL}@1")

    # comparing

    def test_metrics_are_those_of_the_package_and_of_its_run(self, place: Place) -> None:
        files = {"model.pt": b"w", "metrics.json": b'{"accuracy": 0.5, "f1": 0.25, "cells": 700}'}
        metadata = {"run_id": "run-17", "metrics": {"accuracy": 0.75}}
        place.way.register(TASK, MODEL, "1", place.source(files), metadata)
        write = place.storage.documents.write
        write(f"{RUN}/params.json", b'{"lr": 0.001}')
        write(f"{RUN}/tags.json", b'{"git": "abc"}')
        place.storage.documents.write(
            f"{RUN}/metrics/loss.jsonl",
            b'{"value": 2, "step": 0}\n{"value": 1, "step": 1, "ts_utc": "' + TIME.encode() + b'"}\n{"val',
        )
        write(f"{RUN[:-1]}8/params.json", b"{}")  # another run's
        answer = place.way.metrics(TASK, f"{MODEL}@latest")
        (warning,) = answer.pop("warnings")
        assert "1 line is no point" in warning
        (mine, other) = answer.pop("runs")
        assert answer == {
            "version": "1",
            "version_metrics": {"accuracy": 0.75, "f1": 0.25, "cells": 700},
            "run_history": {
                "loss": [
                    {"value": 2, "step": 0, "timestamp": None, "ts_utc": None},
                    {"value": 1, "step": 1, "timestamp": TIME, "ts_utc": TIME},
                ]
            },
        }
        assert (other["run_id"], other["metrics_summary"]) == ("run-18", {})
        assert {name: mine[name] for name in ("run_id", "status", "params", "tags", "metrics_summary")} == {
            "run_id": "run-17",
            "status": "running",
            "params": {"lr": 0.001},
            "tags": {"git": "abc"},
            "metrics_summary": {"loss": 1},
        }
        place.way.register(TASK, MODEL, "9", place.source({"model.pt": b"w"}), {"run_id": "none such"})
        assert place.way.compare(TASK, MODEL, ["1", "9"])["versions"]["1"]["params"] == {"lr": 0.001}
        unnamed = place.way.metrics(TASK, f"{MODEL}@9")
        assert (unnamed["run_history"], [run["run_id"] for run in unnamed["runs"]]) == ({}, ["run-17", "run-18"])
        with pytest.raises(VersionNotFound):
            place.way.metrics(TASK, f"{MODEL}@2")

    def test_a_metric_that_json_does_not_have_is_null_and_named(self, place: Place) -> None:
        metrics = b'{"auc": NaN, "deep": {"loss": [Infinity, 1]}, "f1": 0.5}'
        place.way.register(
            TASK, MODEL, "1", place.source({"model.pt": b"w", "metrics.json": metrics}), {"run_id": "run-17"}
        )
        place.storage.documents.write(f"{RUN}/metrics/loss.jsonl", b'{"value": NaN, "step": 0}\n')
        answer = place.way.metrics(TASK, f"{MODEL}@1")
        assert answer["version_metrics"] == {"auc": None, "deep": {"loss": [None, 1]}, "f1": 0.5}
        assert answer["run_history"]["loss"][0]["value"] is None
        (warning,) = answer["warnings"]
        for place_of in ("version_metrics.auc", "version_metrics.deep.loss[0]", "run_history.loss[0].value"):
            assert place_of in warning

    def test_versions_are_compared(self, place: Place) -> None:
        for version, cells, labels in (("1", 700, b"a"), ("2", 900, b"a"), ("3", 900, b"b")):
            metadata = {"metrics": {"cells": cells, "nested": {"f1": 0.5}, "name": "x"}, "params": {"lr": 1}}
            metadata |= {"framework": "torch", "code": {"commit": labels.decode(), "dirty": False}}
            source = place.source({"model.pt": b"w", "labels": labels * cells})
            place.way.register(TASK, MODEL, version, source, metadata, set_alias=None)
        place.way.stage(TASK, MODEL, "2", "staging")
        place.way.tag(TASK, MODEL, "2", "tissue", "blood")
        answer = place.way.compare(TASK, MODEL, ["1", "2", "3"])
        assert list(answer["versions"]) == ["1", "2", "3"]
        two = answer["versions"]["2"]
        assert two.keys() == {"metrics", "created_at", "stage", "tags", "params", "files", "sizes", "provenance"}
        assert (two["stage"], two["tags"], two["params"]) == ("staging", {"tissue": "blood"}, {"lr": 1})
        assert two["metrics"] == {"cells": 900, "nested": {"f1": 0.5}, "name": "x"}
        assert two["files"].keys() == {"model.pt", "labels", "model_meta.json"}
        diff = answer["diff"]
        assert diff["metrics"] == {"cells": {"1": 700, "2": 900, "3": 900}}
        assert {type(value) for value in diff["metrics"]["cells"].values()} == {int}  # as it was written
        assert diff["params"] == {}
        assert diff["files"].keys() == {"labels"}
        assert diff["sizes"] == {"labels": {"1": 700, "2": 900, "3": 900}}
        assert diff["tags"] == {"tissue": {"1": None, "2": "blood", "3": None}}
        assert diff["provenance"] == {"code.commit": {"1": "a", "2": "a", "3": "b"}}
        assert two["provenance"] == {"framework": "torch", "code.commit": "a", "code.dirty": False}
        assert two["sizes"]["labels"] == 900
        assert answer["file"] is None
        assert place.way.compare(TASK, MODEL, ["2", "3"])["diff"]["metrics"] == {}

    def test_a_file_of_two_versions_is_compared_line_by_line(self, place: Place) -> None:
        big = 2**20 + 1
        sides = {
            "1": {"README.md": b"one\ntwo\nthree", "same": b"s", "raw": b"\xff", "gone": b"g\n", "big": b"1" * big},
            "2": {"README.md": b"one\n2\nthree\n", "same": b"s", "raw": b"\xfe", "come": b"", "big": b"2" * big},
        }
        for version, files in sides.items():
            place.way.register(TASK, MODEL, version, place.source(files), {}, set_alias=None)

        def compared(path: str) -> dict[str, Any]:
            file: dict[str, Any] = place.way.compare(TASK, MODEL, ["1", "2"], path)["file"]
            return file

        assert compared("README.md") == {
            "path": "README.md",
            "kind": "text",
            "is_cut": False,
            "diff": "--- 1/README.md\n+++ 2/README.md\n@@ -1,3 +1,3 @@\n one\n-two\n-three\n"
            "\\ No newline at end of file\n+2\n+three\n",
        }
        kinds = {path: compared(path)["kind"] for path in ("same", "raw", "big", "gone", "come", "model_meta.json")}
        assert kinds == {
            **{"same": "same", "raw": "binary", "big": "too_large"},
            **dict.fromkeys(("gone", "come", "model_meta.json"), "text"),
        }
        assert compared("gone")["diff"] == "--- 1/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-g\n"
        assert compared("come")["diff"] == "--- /dev/null\n+++ 2/come\n"
        for path in ("none", "../1/README.md", ""):
            with pytest.raises(ArtifactNotFound):
                compared(path)
        with pytest.raises(InvalidParameter):
            place.way.compare(TASK, MODEL, ["1", "2", "3"], "same")

    def test_two_to_twenty_versions_are_compared(self, two_versions: Place) -> None:
        for versions in (["1"], ["1", "1"], [str(n) for n in range(21)]):
            with pytest.raises(InvalidParameter):
                two_versions.way.compare(TASK, MODEL, versions)
        for version in ("3", "latest"):
            with pytest.raises(VersionNotFound):
                two_versions.way.compare(TASK, MODEL, ["1", version])
        with pytest.raises(ModelNotFound):
            two_versions.way.compare(TASK, "nobody", ["1", "2"])

    # proof

    def test_a_journal_is_proven_and_extends_the_head_that_was_kept(self, two_versions: Place) -> None:
        way = two_versions.way
        first = way.audit_verify(TASK, MODEL)
        assert first["events"] == first["head"]["seq"] == 2
        kept = f"{first['head']['seq']}:{first['head']['digest']}"
        way.tag(TASK, MODEL, "1", "tissue", "blood")
        way.unalias(TASK, MODEL, "latest")
        later = way.audit_verify(TASK, MODEL, expect_head=kept)
        assert later["events"] == later["head"]["seq"] == 4
        other = f"{first['head']['seq']}:{later['head']['digest']}"
        for head, broken in ((other, 2), (f"5:{later['head']['digest']}", 5)):
            with pytest.raises(JournalCorrupt) as refused:
                way.audit_verify(TASK, MODEL, expect_head=head)
            assert refused.value.detail["broken_seq"] == broken
        for text in ("4", f"0:{later['head']['digest']}", "4:sha256:abc", "x:y"):
            with pytest.raises(InvalidParameter):
                way.audit_verify(TASK, MODEL, expect_head=text)
        with pytest.raises(ModelNotFound):
            way.audit_verify(TASK, "nobody")
