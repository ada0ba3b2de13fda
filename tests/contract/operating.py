"""sweep and check: what an operator runs after a crash, and every night."""

from __future__ import annotations

import pytest

from registry_core import InvalidParameter
from registry_core.storage.contract import ABSENT

from .place import MODEL, TASK, Place
from .storage import abandon

KEYS = f"tasks/{TASK}/models/{MODEL}"


class Operating:
    """Mixin of ``RegistryContract``."""

    def test_a_sound_registry_is_clean(self, place: Place) -> None:
        assert place.way.check() == {"clean": True, "models": 0, "versions": 0, "events": 0, "findings": []}
        place.register("1")
        place.register("2")
        place.way.promote(TASK, MODEL, "production", "1")
        assert place.way.check() == {"clean": True, "models": 1, "versions": 2, "events": 3, "findings": []}

    def test_a_sweep_removes_what_is_abandoned_and_old(self, place: Place) -> None:
        place.register()
        attempt = abandon(place.storage, f"{KEYS}/versions/2")
        nothing = {"finished": [], "removed": [], "kept": []}
        assert place.way.sweep(3600) == nothing
        assert place.way.sweep(0, dry_run=True) == {**nothing, "removed": [attempt]}
        notes = place.way.check()
        assert notes["clean"]
        assert [finding["severity"] for finding in notes["findings"]] == ["note"]
        assert place.way.sweep(0) == {**nothing, "removed": [attempt]}
        assert place.way.sweep(0) == nothing
        assert list(place.storage.packages.staged()) == []
        assert place.way.verify(TASK, f"{MODEL}@1.0.0")["files_checked"] == 4

    def test_what_a_crash_left_unfinished_is_pending_until_somebody_finishes_it(self, place: Place) -> None:
        place.register("1")
        place.register("2", set_alias=None)
        self._lose_alias_document(place)
        (finding,) = place.way.check()["findings"]
        assert (finding["severity"], finding["where"]) == ("pending", f"{TASK}/{MODEL}")
        assert place.way.sweep(0, dry_run=True)["finished"] == [f"{TASK}/{MODEL}"]
        assert place.way.sweep(0)["finished"] == [f"{TASK}/{MODEL}"]
        assert place.way.check()["findings"] == []
        assert place.way.resolve(TASK, f"{MODEL}@production")["version"] == "2"

    def test_the_next_change_finishes_what_a_crash_left(self, place: Place) -> None:
        place.register("1")
        place.register("2", set_alias=None)
        self._lose_alias_document(place)
        place.register("3")
        assert place.way.resolve(TASK, f"{MODEL}@production")["version"] == "2"
        assert place.way.check()["findings"] == []

    def _lose_alias_document(self, place: Place) -> None:
        """As if the process had died between the event and the document."""
        key = f"{KEYS}/aliases/production.json"
        place.way.promote(TASK, MODEL, "production", "1")
        before = place.storage.documents.read(key).data
        place.way.promote(TASK, MODEL, "production", "2")
        place.storage.documents.delete(key)
        place.storage.documents.write(key, before, ABSENT)

    def test_check_names_damage(self, place: Place) -> None:
        location = place.register()["package_path"]
        place.kept.write(location, "sha256sums.txt", None)
        place.storage.documents.write(f"{KEYS}/aliases/latest.json", b"{")
        report = place.way.check()
        assert report["clean"] is False
        damaged = {finding["where"] for finding in report["findings"] if finding["severity"] == "damage"}
        assert f"{TASK}/{MODEL} alias latest" in damaged

    def test_an_age_is_not_negative(self, place: Place) -> None:
        with pytest.raises(InvalidParameter):
            place.replica().sweep(-1)
