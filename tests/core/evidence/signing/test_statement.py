"""A statement is understood whole or refused as malformed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.evidence import statement
from registry_core.evidence.signing.not_counted import NotCounted
from registry_core.evidence.signing.statement import PAYLOAD_TYPE, REVIEW, V0_1, V1, Statement, Subject

GOOD: dict[str, Any] = {
    "_type": V1,
    "subject": [{"name": "celltype/human_pbmc@1.0.0", "digest": {"sha256": "AB" * 32, "gitCommit": "c0ffee"}}],
    "predicateType": REVIEW,
    "predicate": {"decision": "approve"},
    "more": "that is not read",
}


def parse(**changed: Any) -> Statement:
    return statement.parse(json.dumps({**GOOD, **changed}).encode())


def test_what_a_statement_says() -> None:
    subject = Subject("celltype/human_pbmc@1.0.0", {"sha256": "ab" * 32, "gitCommit": "c0ffee"})
    assert parse() == Statement(V1, (subject,), REVIEW, {"decision": "approve"})
    assert parse().is_of("celltype/human_pbmc@1.0.0", "ab" * 32)
    assert not parse().is_of("celltype/human_pbmc@1.0.1", "ab" * 32)
    assert not parse().is_of("celltype/human_pbmc@1.0.0", "ac" * 32)
    two = parse(subject=[*GOOD["subject"], {"digest": {"sha256": "cd" * 32}}])
    assert not two.is_of("celltype/human_pbmc@1.0.0", "ab" * 32)
    assert two.names_digest("cd" * 32)
    assert not two.names_digest("ef" * 32)


def test_the_old_form_is_for_what_others_say() -> None:
    assert parse(_type=V0_1, predicateType="https://slsa.dev/provenance/v0.2").type == V0_1
    for ours in (statement.SIGNATURE, statement.REVIEW, statement.EVALUATION, statement.MODEL_SIGNING):
        with pytest.raises(NotCounted, match="old form"):
            parse(_type=V0_1, predicateType=ours)


MALFORMED: dict[str, dict[str, Any]] = {
    "another type": {"_type": "https://in-toto.io/Statement/v2"},
    "a type that is none": {"_type": [V1]},
    "no predicateType": {"predicateType": None},
    "an empty predicateType": {"predicateType": ""},
    "a list as predicate": {"predicate": []},
    "no subject": {"subject": []},
    "a subject that is a text": {"subject": ["celltype/human_pbmc@1.0.0"]},
    "one subject alone": {"subject": GOOD["subject"][0]},
    "no digest": {"subject": [{"name": "a", "digest": {}}]},
    "a digest that is a number": {"subject": [{"name": "a", "digest": {"sha256": 1}}]},
    "a short digest": {"subject": [{"name": "a", "digest": {"sha256": "ab"}}]},
    "a digest with a newline": {"subject": [{"name": "a", "digest": {"sha256": "ab" * 32 + "\n"}}]},
    "a name that is a number": {"subject": [{"name": 1, "digest": {"sha256": "ab" * 32}}]},
    "a name without an end": {"subject": [{"name": "a" * 100_000, "digest": {"sha256": "ab" * 32}}]},
}


@pytest.mark.parametrize("changed", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(changed: dict[str, Any]) -> None:
    with pytest.raises(NotCounted) as refused:
        parse(**changed)
    assert refused.value.why == "malformed"


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b'{"_type": 1, "_type": 2}', b"[" * 100_000, b"\xff"])
def test_what_is_no_json_object(payload: bytes) -> None:
    with pytest.raises(NotCounted) as refused:
        statement.parse(payload)
    assert refused.value.why == "malformed"


def test_another_payload_is_no_statement() -> None:
    payload = json.dumps(GOOD).encode()
    assert statement.of(PAYLOAD_TYPE, payload) == statement.parse(payload)
    with pytest.raises(NotCounted) as refused:
        statement.of("text/plain", payload)
    assert refused.value.why == "wrong_predicate"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "digest", "sha256"]), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([name for name in GOOD if name != "more"]), _JSON))
def test_any_object_is_a_statement_or_malformed(changed: dict[str, Any]) -> None:
    try:
        assert parse(**changed).subjects
    except NotCounted as refused:
        assert refused.why == "malformed"
