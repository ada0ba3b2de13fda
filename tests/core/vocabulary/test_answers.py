"""What the verbs give: frozen, JSON at the edge, with the field names of the HTTP contract."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import registry_core
from registry_core.format.chain import Line
from registry_core.vocabulary import answers, reports
from registry_core.vocabulary.answers import PackageFile, PackageListing, Registration
from registry_core.vocabulary.reports import CheckReport, Finding

# ``docs/http.md``: these exist in deployed clients. Fields may be added, never removed or renamed.
CONTRACT = {
    "Registration": "task model_name version package_path package_digest hashes alias_set created_at",
    "Resolution": "path task model_name version alias package_digest verified",
    "Description": "meta package_dir version aliases tags stage description package_digest",
    "Promotion": "alias version previous_version seq updated_at",
    "Verification": "version files_checked bytes_checked package_digest duration_s",
    "Alias": "alias version updated_at actor reason seq",
    "Event": "seq event task model_name version alias previous_version actor reason ts_utc package_digest",
    "HistoryPage": "events next",
    "PackageFile": "name sha256 size_bytes role",
    "PackageListing": "version files warnings",
    "Problem": "path kind expected actual",
    "Progress": "bytes_done bytes_total files_done files_total",
}
VALUES = [
    kind
    for module in (answers, reports)
    for kind in vars(module).values()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__
]


@pytest.mark.parametrize("name", CONTRACT)
def test_the_fields_of_the_contract(name: str) -> None:
    kind = getattr(registry_core, name)
    fields = {field.name for field in dataclasses.fields(kind)}
    assert fields >= set(CONTRACT[name].split())


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_values_do_not_change(kind: Any) -> None:
    fields = dataclasses.fields(kind)
    value = kind(**{field.name: None for field in fields})
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, fields[0].name, "x")
    assert value == kind(**{field.name: None for field in fields})


def test_a_value_in_a_value_becomes_json_too() -> None:
    listing = PackageListing("1", [PackageFile("a", None, 3), PackageFile("b/c", "sha256:00", None)])
    assert json.loads(json.dumps(listing.to_dict())) == {
        "version": "1",
        "files": [
            {"name": "a", "sha256": None, "size_bytes": 3, "role": None},
            {"name": "b/c", "sha256": "00", "size_bytes": None, "role": None},
        ],
        "warnings": [],
    }
    assert listing.files[1].sha256 == "sha256:00"  # what Python has is a digest, with its prefix


def test_the_digests_of_a_registration_are_bare_in_json_but_for_that_of_the_package() -> None:
    made = Registration("t", "m", "1", "/p", "sha256:0a", {"a": "sha256:0b"}, None, "2026")
    assert (made.to_dict()["hashes"], made.to_dict()["package_digest"]) == ({"a": "0b"}, "sha256:0a")
    assert made.hashes == {"a": "sha256:0b"}


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=8)


@given(st.integers(1), st.dictionaries(st.sampled_from([*CONTRACT["Event"].split(), "prev", "x"]), scalars))
def test_an_event_is_read_from_any_line(seq: int, fields: dict[str, Any]) -> None:
    event = Line(seq, b"", fields).event()
    assert event.seq == seq  # the place in the journal, whatever the line says
    assert event.event == (fields.get("event") or "promote")  # older software wrote nothing else
    for name in set(CONTRACT["Event"].split()) - {"seq", "event"}:
        assert getattr(event, name) == fields.get(name)
    json.dumps(event.to_dict())


@pytest.mark.parametrize(
    ("severities", "clean"), [([], True), (["note", "pending"], True), (["note", "damage"], False)]
)
def test_a_registry_is_clean_without_damage(severities: list[str], clean: bool) -> None:
    report = CheckReport(1, 1, 1, [Finding(severity, "t/m", "x") for severity in severities])
    assert report.is_clean is clean
