"""promote, aliases, history: movable names, and every move on record."""

from __future__ import annotations

from datetime import datetime

import pytest

from registry_core import AliasMoved, InvalidName, InvalidParameter, ModelNotFound, NameTaken, VersionNotFound

from .place import MODEL, TASK, Place
from .registering import BAD_NAMES, BAD_SELECTORS


class Promoting:
    """Mixin of ``RegistryContract``."""

    def test_an_alias_moves_and_says_from_where(self, two_versions: Place) -> None:
        way = two_versions.way
        first = way.promote(TASK, MODEL, "production", "1", actor="ada", reason="reviewed")
        second = way.promote(TASK, MODEL, "production", "2")
        for answer, version, previous, seq in ((first, "1", None, 3), (second, "2", "1", 4)):
            datetime.fromisoformat(answer.pop("updated_at"))
            assert answer == {"alias": "production", "version": version, "previous_version": previous, "seq": seq}
        assert way.resolve(TASK, f"{MODEL}@production")["version"] == "2"

    def test_aliases_are_listed_with_who_and_why(self, two_versions: Place) -> None:
        way = two_versions.way
        moved = way.promote(TASK, MODEL, "production", "2", actor="bob", reason="better")
        answer = way.aliases(TASK, MODEL)
        assert answer["model_name"] == MODEL
        (latest, production) = answer["aliases"]
        assert (latest["alias"], latest["version"], latest["actor"], latest["seq"]) == ("latest", "1", "ada", 1)
        assert production == {
            "alias": "production",
            "version": "2",
            "updated_at": moved["updated_at"],
            "actor": "bob",
            "reason": "better",
            "seq": 3,
        }

    def test_a_promote_is_seen_by_another_replica_at_once(self, two_versions: Place) -> None:
        replica = two_versions.replica()
        for version in ("1", "2", "1", "2"):
            two_versions.way.promote(TASK, MODEL, "production", version)
            assert replica.resolve(TASK, f"{MODEL}@production").version == version

    def test_promoting_to_where_it_is_is_an_event_too(self, two_versions: Place) -> None:
        answer = two_versions.way.promote(TASK, MODEL, "latest", "1")
        assert (answer["previous_version"], answer["seq"]) == ("1", 3)

    def test_expected_version_guards_the_move(self, two_versions: Place) -> None:
        way = two_versions.way
        for alias, expected, actual in (("latest", "2", "1"), ("latest", None, "1"), ("new", "1", None)):
            with pytest.raises(AliasMoved) as refused:
                way.promote(TASK, MODEL, alias, "2", expected_version=expected)
            detail = refused.value.detail
            moved = dict.fromkeys(("actor", "reason", "updated_at", "seq"))
            if actual is not None:
                moved = {"actor": "ada", "reason": "first", "updated_at": detail["updated_at"], "seq": 1}
                datetime.fromisoformat(detail["updated_at"])
            assert detail == {"alias": alias, "expected_version": expected, "actual_version": actual, **moved}
        assert len(way.history(TASK, MODEL)["events"]) == 2
        assert way.promote(TASK, MODEL, "latest", "2", expected_version="1")["version"] == "2"
        assert way.promote(TASK, MODEL, "new", "2", expected_version=None)["version"] == "2"

    def test_expected_seq_guards_the_move(self, two_versions: Place) -> None:
        """Of an alias that has moved away and come back since, too."""
        way = two_versions.way
        for version in ("2", "1"):
            way.promote(TASK, MODEL, "latest", version, actor="bob", reason="a try")
        for verb, words in (
            (way.promote, [TASK, MODEL, "latest", "2"]),
            (way.unalias, [TASK, MODEL, "latest"]),
            (way.rollback, [TASK, MODEL, "latest"]),
        ):
            for expected in (1, 3, None):
                with pytest.raises(AliasMoved) as refused:
                    verb(*words, expected_seq=expected)
                moment = refused.value.detail.pop("updated_at")
                datetime.fromisoformat(moment)
                assert refused.value.detail == {
                    **{"alias": "latest", "expected_seq": expected, "actual_version": "1"},
                    **{"actor": "bob", "reason": "a try", "seq": 4},
                }
        with pytest.raises(AliasMoved):
            way.promote(TASK, MODEL, "new", "2", expected_seq=4)
        assert len(way.history(TASK, MODEL)["events"]) == 4
        assert way.promote(TASK, MODEL, "new", "2", expected_seq=None)["seq"] == 5
        assert way.promote(TASK, MODEL, "latest", "2", expected_seq=4, expected_version="1")["seq"] == 6
        assert way.rollback(TASK, MODEL, "latest", expected_seq=6)["version"] == "1"
        assert way.unalias(TASK, MODEL, "latest", expected_seq=7)["previous_version"] == "1"

    def test_who_removed_an_alias_is_told_to_whoever_expects_it(self, two_versions: Place) -> None:
        way = two_versions.way
        gone = way.unalias(TASK, MODEL, "latest", actor="bob", reason="trial is over")
        with pytest.raises(AliasMoved) as refused:
            way.promote(TASK, MODEL, "latest", "2", expected_version="1")
        assert refused.value.detail == {
            **{"alias": "latest", "expected_version": "1", "actual_version": None},
            **{"actor": "bob", "reason": "trial is over", "seq": gone["seq"], "updated_at": gone["updated_at"]},
        }

    def test_the_newest_events_come_first_where_that_is_asked(self, two_versions: Place) -> None:
        way = two_versions.way
        for version in ("2", "1", "2"):
            way.promote(TASK, MODEL, "production", version, actor="bob", reason="a try")
        way.promote(TASK, MODEL, "latest", "2", actor="ada")
        first = way.history(TASK, MODEL, order="desc", limit=4)
        assert [event["seq"] for event in first["events"]] == [6, 5, 4, 3]
        rest = way.history(TASK, MODEL, order="desc", limit=4, before=first["next"])
        assert ([event["seq"] for event in rest["events"]], rest["next"]) == ([2, 1], None)
        for filters, seqs in (
            ({"alias": "production", "order": "desc"}, [5, 4, 3]),
            ({"version": "1", "order": "desc"}, [4, 1]),
            ({"actor": "bob"}, [3, 4, 5]),
            ({"q": "TRY", "limit": 1}, [3]),
            ({"since": first["events"][1]["ts_utc"]}, [5, 6]),
            ({"until": first["events"][1]["ts_utc"], "order": "desc", "before": 4}, [3, 2, 1]),
        ):
            assert [event["seq"] for event in way.history(TASK, MODEL, **filters)["events"]] == seqs, filters
        shown = ("seq", "event", "version", "alias", "previous_version", "actor", "reason", "ts_utc")
        by_journal = way.history(TASK, MODEL, after=2)["events"]
        assert [[event[name] for name in shown] for event in first["events"][::-1]] == [
            [event[name] for name in shown] for event in by_journal
        ]
        registry = two_versions.replica()
        assert [event.seq for event in registry.activity(limit=3).events] == [6, 5, 4]
        (row,) = registry.list_summaries(alias="production").items
        assert [(one.alias, one.version, one.actor, one.seq) for one in row.aliases] == [
            ("latest", "2", "ada", 6),
            ("production", "2", "bob", 5),
        ]

    def test_only_a_version_can_be_promoted(self, two_versions: Place) -> None:
        way = two_versions.way
        with pytest.raises(VersionNotFound):
            way.promote(TASK, MODEL, "production", "3")
        with pytest.raises(VersionNotFound):
            way.promote(TASK, MODEL, "production", "latest")
        with pytest.raises(ModelNotFound):
            way.promote(TASK, "nobody", "production", "1")
        with pytest.raises(NameTaken):
            way.promote(TASK, MODEL, "2", "1")
        assert len(way.history(TASK, MODEL)["events"]) == 2

    def test_new_aliases_follow_the_grammar(self, two_versions: Place) -> None:
        for name in [*BAD_NAMES, *BAD_SELECTORS]:
            with pytest.raises(InvalidName) as refused:
                two_versions.way.promote(TASK, MODEL, name, "1")
            assert refused.value.detail == {"field": "alias", "name": name}

    def test_history_tells_every_event_in_order(self, two_versions: Place) -> None:
        way = two_versions.way
        way.promote(TASK, MODEL, "latest", "2", actor="bob", reason="better")
        answer = way.history(TASK, MODEL)
        assert answer["next"] is None
        digests = [
            way.resolve(TASK, f"{MODEL}@{version}", verify=False)["package_digest"] for version in ("1", "2", "2")
        ]
        times = [event.pop("ts_utc") for event in answer["events"]]
        assert times == sorted(set(times))
        rows = [
            ("register", "1", "latest", None, "ada", "first"),
            ("register", "2", None, None, way.nobody, None),
            ("promote", "2", "latest", "1", "bob", "better"),
        ]
        names = ("event", "version", "alias", "previous_version", "actor", "reason")
        for seq, (event, row, digest) in enumerate(zip(answer["events"], rows, digests, strict=True), start=1):
            expected = {
                **dict(zip(names, row, strict=True)),
                **{"seq": seq, "task": TASK, "model_name": MODEL, "package_digest": digest},
            }
            assert {name: event[name] for name in expected} == expected

    def test_history_is_filtered_and_paged(self, two_versions: Place) -> None:
        way = two_versions.way
        for version in ("2", "1", "2"):
            way.promote(TASK, MODEL, "production", version)

        def seqs(**filters: object) -> tuple[list[int], int | None]:
            page = way.history(TASK, MODEL, **filters)
            return [event["seq"] for event in page["events"]], page["next"]

        assert seqs(alias="production") == ([3, 4, 5], None)
        assert seqs(version="1") == ([1, 4], None)
        assert seqs(event="register") == ([1, 2], None)
        assert seqs(event="promote", version="2") == ([3, 5], None)
        assert seqs(limit=2) == ([1, 2], 2)
        assert seqs(limit=2, after=2) == ([3, 4], 4)
        assert seqs(limit=2, after=4) == ([5], None)
        assert seqs(alias="nothing") == ([], None)
        assert seqs(after=99) == ([], None)

    def test_history_pages_within_limits(self, two_versions: Place) -> None:
        for filters in ({"limit": 0}, {"limit": 1001}, {"after": -1}):
            self.refuses_page(two_versions, filters)

    def refuses_page(self, place: Place, filters: dict[str, int]) -> None:
        with pytest.raises(InvalidParameter):
            place.way.history(TASK, MODEL, **filters)

    def test_an_unknown_model_has_neither(self, place: Place) -> None:
        with pytest.raises(ModelNotFound):
            place.way.aliases(TASK, MODEL)
        with pytest.raises(ModelNotFound):
            place.way.history(TASK, MODEL)
