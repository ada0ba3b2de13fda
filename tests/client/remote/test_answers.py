"""Answers become the core's dataclasses, nested ones too; a newer server's fields do no harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_client.remote.answers import read, read_list
from registry_core import (
    Admission,
    Comparison,
    Event,
    Head,
    HistoryPage,
    JournalProof,
    Logged,
    Metrics,
    PackageFile,
    PackageListing,
    Registration,
    Resolution,
    RunDetail,
    RunFacts,
    RunPage,
    StorageUnavailable,
    StreamedEvent,
    VersionFacts,
)

DIGEST = f"sha256:{'0a' * 32}"
EVENT = Event(1, "register", "t", "m", "1", "latest", None, "ada", None, "2026-01-01T00:00:00.000000Z", DIGEST)
RUN: dict[str, Any] = {"task": "t", "model_name": "m", "run_id": "r", "status": "running", "started_at": None}
RUN |= {"finished_at": None, "actor": "ada", "params": {"p": [1]}, "tags": {}, "metrics_summary": {"loss": -0.5}}
FACTS = VersionFacts({"f1": 0.5}, None, "none", {}, {"lr": 1}, {"a": None})
VALUES: list[Any] = [
    EVENT,
    HistoryPage([EVENT, EVENT], 7),
    HistoryPage([], None),
    StreamedEvent("7", EVENT),
    JournalProof(3, Head(3, DIGEST)),
    JournalProof(0, None),
    PackageListing("1", [PackageFile("a", None, None), PackageFile("b", DIGEST, 5)]),
    Metrics("1", {"f1": 1}, {"loss": [{"step": 1, "value": 0.5}]}, [RunFacts(**RUN)]),
    RunDetail(**RUN, metric_history={"loss": [{"step": -1, "value": -0.5}]}),
    RunPage([RunFacts(**RUN)], "r"),
    Logged("r", 3, 0, 1),
    Comparison({"1": FACTS, "2": FACTS}, {"metrics": {}, "params": {}, "files": {"a": {"1": None}}}),
    Resolution("/p", "t", "m", "1", None, None, True, ["w"]),
    Registration("t", "m", "1", "/p", DIGEST, {"a": DIGEST}, None, "2026-01-01T00:00:00.000000Z"),
    Admission("t", "m", "1", True, {"package_digest": DIGEST}, [PackageFile("a", DIGEST, None)]),
]


def with_more(value: Any) -> Any:
    """The value with a field that nobody knows in every object."""
    if isinstance(value, dict):
        return {**{name: with_more(inner) for name, inner in value.items()}, "from_the_future": {"x": 1}}
    return [with_more(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back(value: Any) -> None:
    assert read(type(value), value.to_dict()) == value
    assert read(type(value), {"ok": True, "from_the_future": 1, **value.to_dict()}) == value


def test_unknown_fields_of_nested_values_are_ignored() -> None:
    page = HistoryPage([EVENT], None)
    assert read(HistoryPage, with_more(page.to_dict())) == page


def test_fields_with_a_default_may_be_missing() -> None:
    fields = Resolution("/p", "t", "m", "1", None, None, True).to_dict()
    del fields["warnings"]
    assert read(Resolution, fields).warnings == []


@given(st.none() | st.integers() | st.text() | st.lists(st.integers()) | st.dictionaries(st.text(), st.integers()))
def test_what_is_no_answer_is_refused(value: Any) -> None:
    with pytest.raises(StorageUnavailable):
        read(HistoryPage, value)


def test_a_list_is_a_list() -> None:
    assert read_list(Event, [EVENT.to_dict()]) == [EVENT]
    with pytest.raises(StorageUnavailable):
        read_list(Event, None)
