"""A verb is described once: what it takes, by which default, and what that means stands in no second place."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from typing import Any, get_args

import pytest

from registry_client import RegistryClient
from registry_core import (
    Filters,
    ModelRegistry,
    SummaryFilters,
    Verbs,
    VerbsOfAccess,
    VerbsOfEvents,
    VerbsOfEvidence,
    VerbsOfFacts,
    VerbsOfGates,
    VerbsOfLog,
    VerbsOfLooking,
    VerbsOfRules,
    answer_of,
    parameters_of,
)

from .test_imports import is_in, sources

KINDS = (
    Verbs,
    VerbsOfAccess,
    VerbsOfEvents,
    VerbsOfFacts,
    VerbsOfGates,
    VerbsOfEvidence,
    VerbsOfLog,
    VerbsOfLooking,
    VerbsOfRules,
)
VERBS = {name: verb for kind in KINDS for name, verb in vars(kind).items() if not name.startswith("_")}
# What a client is asked for beside what the verb takes.
MORE = {(RegistryClient, "verify"): ["wait"]}


def parts_of(kind: Any) -> set[type]:
    """The dataclasses that an answer consists of, itself included."""
    if not is_dataclass(kind):
        return {part for inner in get_args(kind) for part in parts_of(inner)}
    assert isinstance(kind, type)
    return {kind, *(part for one in parameters_of(kind).values() for part in parts_of(one.type))}


ANSWERS = {part for verb in VERBS.values() for part in parts_of(answer_of(verb))}


def spelled(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    return [(one.name, one.kind, one.default) for one in inspect.signature(function).parameters.values()]


def test_there_are_verbs_to_look_at() -> None:
    assert {"promote", "delete", "resolve", "history", "compare"} <= set(VERBS)
    assert {"Promotion", "Event", "Alias", "VersionFacts"} <= {kind.__name__ for kind in ANSWERS}


@pytest.mark.parametrize("kind", [ModelRegistry, RegistryClient])
@pytest.mark.parametrize("name", VERBS)
def test_whoever_has_the_verb_takes_what_it_takes(kind: type, name: str) -> None:
    """Names, order and defaults; mypy compares the types."""
    own = getattr(kind, name)
    assert own is not VERBS[name], "it is promised, and not there"
    more = MORE.get((kind, name), [])
    assert [one for one in spelled(own) if one[0] not in more] == spelled(VERBS[name])
    assert inspect.getdoc(own)


@pytest.mark.parametrize("kind", [ModelRegistry, RegistryClient])
def test_a_list_is_asked_for_by_the_filters(kind: type) -> None:
    assert spelled(kind.list_models)[1:] == spelled(Filters)  # type: ignore[attr-defined]
    assert spelled(kind.list_summaries)[1:] == spelled(SummaryFilters)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", VERBS)
def test_every_parameter_says_what_it_means(name: str) -> None:
    silent = [one.name for one in parameters_of(VERBS[name]).values() if not one.meaning]
    assert not silent


def described() -> set[str]:
    """What all parameters of verbs, filters, and fields of answers mean, in words."""
    places = [*VERBS.values(), Filters, SummaryFilters, *ANSWERS]
    return {one.meaning for place in places for one in parameters_of(place).values() if one.meaning}


def texts() -> Iterator[tuple[str, str]]:
    """(module, text) of every literal in the product."""
    for module, file in sources().items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield module, node.value


def test_no_meaning_is_written_twice() -> None:
    found: dict[str, list[str]] = {meaning: [] for meaning in described()}
    assert len(found) > 40
    for module, text in texts():
        if text in found:
            found[text].append(module)
    assert not {text: modules for text, modules in found.items() if len(modules) != 1}


def fields_by_hand() -> dict[str, set[str]]:
    """Schema -> its fields, of every class in the HTTP interface that names marshmallow fields itself."""
    makers = {"fields", "text"}
    found: dict[str, set[str]] = {}
    for module, file in sources().items():
        if not is_in(module, {"app.v1"}):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef):
                continue
            for line in node.body:
                if isinstance(line, ast.Assign) and isinstance(line.value, ast.Call):
                    maker = ast.unparse(line.value.func).partition(".")[0]
                    if maker in makers and isinstance(line.targets[0], ast.Name):
                        found.setdefault(node.name, set()).add(line.targets[0].id)
    return found


def test_no_request_or_answer_of_a_verb_is_written_by_hand() -> None:
    by_hand = fields_by_hand()
    assert "RegisterRequest" in by_hand, "the walk sees nothing"
    titles = {name.title().replace("_", "") for name in VERBS}
    wrong = {f"{title}{kind}" for title in titles for kind in ("Request", "Query", "Answer")} & by_hand.keys()
    assert not wrong
    for kind in ANSWERS:
        names = set(parameters_of(kind))
        assert not [schema for schema, fields in by_hand.items() if fields >= names], kind


def test_the_client_spells_out_no_verb_that_it_only_sends() -> None:
    """What it writes out follows the work of a verify, or sends no fields: a document as it is, a name in the path."""
    spelled_out = {
        node.name
        for module, file in sources().items()
        if is_in(module, {"registry_client.remote"})
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name in VERBS
    }
    of_rules = {"set_trust_document", "set_policy", "policy", "try_policy", "clear_policy", "log_document"}
    of_log = {"journal_lines", "log_checkpoint", "log_vkey", "prove_log"}
    of_evidence = {"attest", "attestation"}
    assert spelled_out == {"resolve", "verify", "set_access_rules", "revoke_token", *of_rules, *of_log, *of_evidence}


def test_what_a_verb_says_of_one_model_it_asks_the_model_for() -> None:
    """The registry's own storage has every model; what the door gives a caller is the model's, and may have none."""
    strays, seen = [], 0
    for module, path in sources().items():
        if not is_in(module, {"registry_core.registry"}) or module == "registry_core.registry.door":
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef) or "task" not in {one.arg for one in every_argument(function)}:
                continue
            seen += 1
            nodes = list(ast.walk(function))
            touched = {
                ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute) and node.attr == "_storage"
            }
            made = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
            touched |= made & {"ModelStore", "all_models"}
            # Where nobody is asked, and what a permission of its own gives on models that are nobody's to see.
            may = f"{module.rpartition('.')[2]}.{function.name}" in {"opening._model", "owning.resolve_ownership"}
            strays += [] if may else [f"{module}.{function.name}: {name}" for name in touched]
    assert strays == []
    assert seen > 40


def every_argument(function: ast.FunctionDef) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
