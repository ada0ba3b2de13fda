"""The document of what was said of a version is the same, however many events it is made of at once."""

from __future__ import annotations

from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from registry_core.format.chain import Line
from registry_core.format.layout import ModelKeys
from registry_core.models import vouching
from registry_core.vocabulary.texts import encode

KEYS = ModelKeys("t", "m")
NEW = {"task": "t", "model_name": "m", "version": "1"}
EVENTS = st.one_of(
    st.fixed_dictionaries({"event": st.just("finding"), "finding": st.just({"severity": "note", "title": "x"})}),
    st.builds(
        lambda verb, seq: {"event": "finding", "finding": {verb: seq}},
        st.sampled_from(["resolves", "dismisses"]),
        st.integers(0, 15) | st.none(),
    ),
    st.fixed_dictionaries({"event": st.just("attest"), "attestation": st.just({"digest": "sha256:0", "type": "x"})}),
    st.builds(lambda seq: {"event": "attest", "dismisses": seq}, st.integers(1, 15)),
    st.sampled_from([{"event": "facts", "facts": {"load": "none"}}, {"event": "restore"}, {"event": "tag"}]),
)


@given(st.lists(EVENTS, min_size=1, max_size=15))
def test_made_anew_it_is_as_event_after_event_has_made_it(said: list[dict[str, Any]]) -> None:
    events = [{**one, "seq": n, "version": "1", "ts_utc": f"moment {n}", "prev": "p"} for n, one in enumerate(said, 1)]
    lines = [Line(event["seq"], encode(event), event) for event in events]
    assert vouching.replay(KEYS, "1", lines) == reduce(vouching.after, events, NEW)


def test_a_finding_is_there_until_a_later_event_ends_it() -> None:
    def event(seq: int, **finding: Any) -> dict[str, Any]:
        return {"event": "finding", "seq": seq, "finding": finding}

    found = vouching.after(NEW, event(1, severity="note"))
    for seq, other in ((2, {"resolves": 3}), (3, {"severity": "major"}), (4, {"dismisses": 9})):
        found = vouching.after(found, event(seq, **other))
    assert [one["seq"] for one in found["findings"]] == [1, 3]
    assert [one["seq"] for one in vouching.after(found, event(5, resolves=1))["findings"]] == [3]


def test_what_somebody_wrote_into_a_list_of_findings_stays_or_goes_and_breaks_nothing() -> None:
    strange = {**NEW, "findings": [{"seq": []}, {"seq": "1"}, {}, 7, None, {"seq": 1, "title": "x"}]}
    found = vouching.after(strange, {"event": "finding", "seq": 2, "finding": {"resolves": 1}})
    assert found["findings"] == [{"seq": []}, {"seq": "1"}, {}]
