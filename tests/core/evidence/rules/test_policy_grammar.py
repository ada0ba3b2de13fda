"""A policy is understood whole, or refused with the field that is wrong: what nobody understands guards nothing."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.evidence.rules.policy_document import (
    Approvals,
    Attestation,
    BreakGlass,
    Covers,
    Fact,
    FactName,
    File,
    Findings,
    Load,
    Metric,
    NotArchived,
    Part,
    PolicyDocument,
    Requirement,
    Severity,
    Signature,
    Source,
)
from registry_core.evidence.rules.policy_grammar import parse
from registry_core.vocabulary.evidence_errors import PolicyInvalid

DATASET = "sha256:" + "e7" * 32
APPROVALS = {"at_least": 2, "by": ["reviewers"], "not": ["registrant", "promoter", "signers"]}
SLSA, BUILDER = "https://slsa.dev/provenance/v1", {"runDetails.builder.id": "https://ci.lab.example"}
BY_A = {"predicate_type": SLSA, "by": ["a"]}
REQUIRE: list[dict[str, Any]] = [
    {"id": "accuracy", "metric": {"name": "accuracy", "gte": 0.8, "dataset": DATASET, "by": ["evaluators"]}},
    {"id": "two-people", "approvals": APPROVALS},
    {"id": "signed", "signature": {"by": ["trainer"], "covers": "package"}, "overridable": False},
    {"id": "no-blocking-finding", "findings": {"none_of": ["blocking"]}, "overridable": False},
    {"id": "model-card", "file": {"path": "README.md", "min_bytes": 200}},
    {"id": "no-code-in-weights", "fact": {"name": "load", "in": ["none", "data_only"]}},
    {"id": "trained-by-ci", "attestation": {"predicate_type": SLSA, "by": ["ci"], "where": BUILDER}},
    {"id": "usable", "not_archived": {}},
]
FULL: dict[str, Any] = {
    "schema": "omr-policy/1",
    "task": "celltype",
    "models": ["*"],
    "register": [{"id": "signed", "signature": {"by": ["trainer"]}}],
    "gates": [
        {"alias": "production", "require": REQUIRE, "break_glass": {"by": ["oncall"], "reason_min_characters": 20}}
    ],
}


def policy(fields: dict[str, Any], task: str = "celltype") -> PolicyDocument:
    return parse(json.dumps(fields).encode(), task)


def requiring(*require: Any) -> dict[str, Any]:
    return {**FULL, "gates": [{"alias": "production", "require": list(require)}]}


def test_all_that_a_policy_can_say() -> None:
    found = policy(FULL)
    assert (found.task, found.models) == ("celltype", ("*",))
    assert found.register == (Requirement("signed", "signature", Signature(("trainer",))),)
    (gate,) = found.gates
    assert (gate.alias, gate.break_glass) == ("production", BreakGlass(("oncall",), 20))
    assert gate.require == (
        Requirement("accuracy", "metric", Metric("accuracy", gte=0.8, dataset=DATASET, by=("evaluators",))),
        Requirement("two-people", "approvals", Approvals(2, ("reviewers",), tuple(Part))),
        Requirement("signed", "signature", Signature(("trainer",), Covers.PACKAGE), overridable=False),
        Requirement("no-blocking-finding", "findings", Findings((Severity.BLOCKING,)), overridable=False),
        Requirement("model-card", "file", File("README.md", 200)),
        Requirement("no-code-in-weights", "fact", Fact(FactName.LOAD, (Load.NONE, Load.DATA_ONLY))),
        Requirement("trained-by-ci", "attestation", Attestation(SLSA, ("ci",), BUILDER)),
        Requirement("usable", "not_archived", NotArchived()),
    )


def test_the_least_policy_asks_for_nothing() -> None:
    assert policy({"schema": "omr-policy/1", "task": "*"}, "*") == PolicyDocument("*", ("*",))


def test_what_the_metadata_states_is_a_claim_of_its_own() -> None:
    stated = policy(requiring({"id": "a", "metric": {"name": "loss", "lte": 1, "source": "metadata"}}))
    assert stated.gates[0].require[0].what == Metric("loss", lte=1, source=Source.METADATA)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"schema": "omr-policy/2"}, "schema"),
        ({"schema": 1}, "schema"),
        ({"task": "qc"}, "task"),
        ({"task": "*"}, "task"),
        ({"task": None}, "task"),
        ({"gate": []}, "gate"),
        ({"models": []}, "models"),
        ({"models": "*"}, "models"),
        ({"models": ["human_?"]}, "models[0]"),
        ({"models": ["a/b"]}, "models[0]"),
        ({"models": ["*", "human_pbmc "]}, "models[1]"),
        ({"gates": [{"alias": " production", "require": [{"id": "a", "not_archived": {}}]}]}, "gates[0].alias"),
        ({"register": {}}, "register"),
        ({"register": [{"id": "signed"}]}, "register[0]"),
        ({"gates": [[]]}, "gates[0]"),
        ({"gates": [{"alias": "production"}]}, "gates[0].require"),
        ({"gates": [{"alias": "production", "require": []}]}, "gates[0].require"),
        ({"gates": [{"alias": "production", "require": REQUIRE, "requires": []}]}, "gates[0].requires"),
        ({"gates": [{"alias": "[production]", "require": REQUIRE}]}, "gates[0].alias"),
        ({"gates": [{"alias": "", "require": REQUIRE}]}, "gates[0].alias"),
        ({"gates": [{"alias": "a", "require": REQUIRE, "break_glass": {}}]}, "gates[0].break_glass.by"),
        ({"gates": [{"alias": "a", "require": REQUIRE, "break_glass": {"by": []}}]}, "gates[0].break_glass.by"),
        ({"gates": [{"alias": "a", "require": REQUIRE, "break_glass": None}]}, "gates[0].break_glass"),
        (
            {
                "gates": [
                    {"alias": "a", "require": REQUIRE, "break_glass": {"by": ["x"], "reason_min_characters": True}}
                ]
            },
            "gates[0].break_glass.reason_min_characters",
        ),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        policy({**FULL, **change})
    assert refused.value.detail["field"] == field
    assert field in refused.value.message


@pytest.mark.parametrize(
    ("requirement", "field"),
    [
        (7, ""),
        ({"signature": {"by": ["a"]}}, ".id"),
        ({"id": "a"}, ""),
        ({"id": "a", "not_archived": {}, "findings": {"none_of": ["note"]}}, ""),
        ({"id": "a b", "not_archived": {}}, ".id"),
        ({"id": "", "not_archived": {}}, ".id"),
        ({"id": 7, "not_archived": {}}, ".id"),
        ({"id": "a", "not_archived": {}, "overridable": 0}, ".overridable"),
        ({"id": "a", "not_archived": {}, "overideable": False}, ".overideable"),
        ({"id": "a", "not_archived": None}, ".not_archived"),
        ({"id": "a", "signature": {"by": ["a", "trainers "]}}, ".signature.by[1]"),
        ({"id": "a", "not_archived": {"ever": True}}, ".not_archived.ever"),
        ({"id": "a", "aproval": {}}, ".aproval"),
        ({"id": "a", "cel": "true"}, ".cel"),
        ({"id": "a", "metric": {"gte": 1}}, ".metric.name"),
        ({"id": "a", "metric": {"name": "", "gte": 1}}, ".metric.name"),
        ({"id": "a", "metric": {"name": "x"}}, ".metric"),
        ({"id": "a", "metric": {"name": "x", "gte": 1, "lte": 2}}, ".metric"),
        ({"id": "a", "metric": {"name": "x", "gt": 1}}, ".metric.gt"),
        ({"id": "a", "metric": {"name": "x", "gte": True}}, ".metric.gte"),
        ({"id": "a", "metric": {"name": "x", "gte": "1"}}, ".metric.gte"),
        ({"id": "a", "metric": {"name": "x", "gte": None}}, ".metric.gte"),
        ({"id": "a", "metric": {"name": "x", "gte": 10**400}}, ".metric.gte"),
        ({"id": "a", "metric": {"name": "x", "gte": 1, "dataset": "test"}}, ".metric.dataset"),
        ({"id": "a", "metric": {"name": "x", "gte": 1, "dataset": "sha256:e71d"}}, ".metric.dataset"),
        ({"id": "a", "metric": {"name": "x", "gte": 1, "dataset": None}}, ".metric.dataset"),
        ({"id": "a", "metric": {"name": "x", "gte": 1, "min_n": 0}}, ".metric.min_n"),
        ({"id": "a", "metric": {"name": "x", "gte": 1, "min_n": 1.5}}, ".metric.min_n"),
        ({"id": "a", "metric": {"name": "x", "gte": 1, "by": []}}, ".metric.by"),
        ({"id": "a", "metric": {"name": "x", "gte": 1, "source": "ci"}}, ".metric.source"),
        ({"id": "a", "metric": {"name": "x", "gte": 1, "source": "metadata", "by": ["a"]}}, ".metric.by"),
        ({"id": "a", "metric": {"name": "x", "gte": 1, "source": "metadata", "min_n": 1}}, ".metric.min_n"),
        ({"id": "a", "metric": {"name": "x", "gte": 1, "source": "metadata", "split": "t"}}, ".metric.split"),
        ({"id": "a", "metric": {"name": "x", "gte": 1, "source": "metadata", "dataset": DATASET}}, ".metric.dataset"),
        ({"id": "a", "approvals": {"by": ["a"]}}, ".approvals.at_least"),
        ({"id": "a", "approvals": {**APPROVALS, "at_least": 0}}, ".approvals.at_least"),
        ({"id": "a", "approvals": {**APPROVALS, "at_least": 17}}, ".approvals.at_least"),
        ({"id": "a", "approvals": {**APPROVALS, "at_least": True}}, ".approvals.at_least"),
        ({"id": "a", "approvals": {**APPROVALS, "by": []}}, ".approvals.by"),
        ({"id": "a", "approvals": {**APPROVALS, "by": [""]}}, ".approvals.by[0]"),
        ({"id": "a", "approvals": {**APPROVALS, "not": ["everybody"]}}, ".approvals.not[0]"),
        ({"id": "a", "approvals": {**APPROVALS, "by_principal": True}}, ".approvals.by_principal"),
        ({"id": "a", "signature": {}}, ".signature.by"),
        ({"id": "a", "signature": {"by": ["a"], "covers": "all"}}, ".signature.covers"),
        ({"id": "a", "attestation": {"by": ["a"]}}, ".attestation.predicate_type"),
        ({"id": "a", "attestation": {"predicate_type": SLSA}}, ".attestation.by"),
        ({"id": "a", "attestation": {**BY_A, "where": []}}, ".attestation.where"),
        (
            {"id": "a", "attestation": {**BY_A, "where": {"a..b": 1}}},
            ".attestation.where.a..b",
        ),
        (
            {"id": "a", "attestation": {**BY_A, "where": {"a": None}}},
            ".attestation.where.a",
        ),
        (
            {"id": "a", "attestation": {**BY_A, "where": {"a": ["b"]}}},
            ".attestation.where.a",
        ),
        ({"id": "a", "findings": {}}, ".findings.none_of"),
        ({"id": "a", "findings": {"none_of": []}}, ".findings.none_of"),
        ({"id": "a", "findings": {"none_of": ["blocker"]}}, ".findings.none_of[0]"),
        ({"id": "a", "file": {"path": "/etc/passwd"}}, ".file.path"),
        ({"id": "a", "file": {"path": "a/../b"}}, ".file.path"),
        ({"id": "a", "file": {"path": "a\u0000"}}, ".file.path"),
        ({"id": "a", "file": {"path": "a", "min_bytes": -1}}, ".file.min_bytes"),
        ({"id": "a", "fact": {"name": "formats", "in": ["none"]}}, ".fact.name"),
        ({"id": "a", "fact": {"name": "load"}}, ".fact.in"),
        ({"id": "a", "fact": {"name": "load", "in": []}}, ".fact.in"),
        ({"id": "a", "fact": {"name": "load", "in": ["data"]}}, ".fact.in[0]"),
    ],
)
def test_a_requirement_that_nobody_understands_refuses_the_policy(requirement: Any, field: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        policy(requiring(REQUIRE[0], requirement))
    assert refused.value.detail["field"] == f"gates[0].require[1]{field}"


def test_an_id_stands_once_in_a_gate_and_a_gate_has_an_end() -> None:
    with pytest.raises(PolicyInvalid) as twice:
        policy(requiring(*REQUIRE, {"id": "usable", "not_archived": {}}))
    assert twice.value.detail["field"] == "gates[0].require[8].id"
    policy(requiring(*({"id": f"r{at}", "not_archived": {}} for at in range(64))))
    with pytest.raises(PolicyInvalid) as many:
        policy(requiring(*({"id": f"r{at}", "not_archived": {}} for at in range(65))))
    assert many.value.detail["field"] == "gates[0].require"


@pytest.mark.parametrize("task", ["", "cell*", "**", "a/b", "..", "a\n", "a ", "\ud800"])
def test_what_is_no_task(task: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        policy({**FULL, "task": task}, task)
    assert refused.value.detail["field"] == "task"


def test_a_policy_guards_the_aliases_that_it_names_of_the_models_that_it_names() -> None:
    gates = [
        {"alias": alias, "require": [{"id": "a", "not_archived": {}}]} for alias in ("production", "prod*", "staging")
    ]
    found = policy({**FULL, "models": ["human_*", "mouse"], "gates": gates})
    assert [gate.alias for gate in found.matches("human_pbmc", "production")] == ["production", "prod*"]
    assert [gate.alias for gate in found.matches("mouse", "Production")] == ["production", "prod*"]
    assert found.matches("rat", "production") == ()
    assert found.matches("mouse", "candidate") == ()
    assert [one.id for one in found.for_register("mouse")] == ["signed"]
    assert found.for_register("rat") == ()


PLACES = [("gates", 0, "require", at) for at in range(len(REQUIRE))]


@given(st.sampled_from(PLACES), st.data())
def test_one_letter_more_in_any_name_refuses_the_policy(place: tuple[Any, ...], data: st.DataObject) -> None:
    fields = deepcopy(FULL)
    inner: Any = fields
    for step in place:
        inner = inner[step]
    kind = next(name for name in inner if name not in ("id", "overridable"))
    at = data.draw(st.sampled_from([inner, inner[kind]]))
    name = data.draw(st.sampled_from(sorted(at) or ["x"]))
    at[name + "x"] = at.pop(name, 1)
    with pytest.raises(PolicyInvalid) as refused:
        policy(fields)
    assert refused.value.detail["field"].startswith("gates[0].require[")
