"""How a policy is written. What the grammar does not know it refuses, with the field that is wrong.

Required of each requirement is its ``id`` and one kind; of a metric its name and one bound; of approvals, signatures
and attestations who must have made them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from ...format.strict import Strict
from ...vocabulary import patterns
from ...vocabulary.errors import InvalidInput
from ...vocabulary.evidence_errors import PolicyInvalid
from ...vocabulary.texts import RULES, has_control, is_name, is_segment, printable
from .policy_document import (
    ALL_TASKS,
    Approvals,
    Attestation,
    BreakGlass,
    Covers,
    Fact,
    FactName,
    File,
    Findings,
    GateRule,
    Load,
    Metric,
    NotArchived,
    Part,
    PolicyDocument,
    Requirement,
    Severity,
    Signature,
    Source,
    What,
)

SCHEMA = "omr-policy/1"
MAX_REQUIREMENTS = 64  # of each gate
MAX_GATES = 100
MAX_CHARACTERS = 1024  # of each text
MAX_REASON_CHARACTERS = 1000

_OURS = Strict("policy", "policy", PolicyInvalid)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|(?!sha256:)[a-z0-9_-]+:[0-9a-f]{32,128}")
_NO_SPACE = "has no space at its ends"

E = TypeVar("E", bound=StrEnum)


def parse(data: bytes, task: str) -> PolicyDocument:
    """The policy of the task (``*``: of all) in the bytes. Raises ``PolicyInvalid`` naming the ``field``."""
    known = {"schema", "task", "models", "register", "gates"}
    fields = _OURS.fields("policy", _OURS.parse(data), known, {"schema", "task"})
    if fields["schema"] != SCHEMA:
        raise _wrong("schema", f"is {SCHEMA!r} for this version of the software")
    if fields["task"] != check_task(task):
        raise _wrong("task", f"is not {printable(task)!r}, the task whose policy this is to be")
    return PolicyDocument(
        task,
        _OURS.entries("models", fields.get("models", ["*"]), _pattern, least=1),
        _requirements("register", fields.get("register", []), least=0),
        _OURS.entries("gates", fields.get("gates", []), _gate, most=MAX_GATES),
    )


def check_task(task: str) -> str:
    """The name of whose policy it is: a task, or ``*``. Raises ``PolicyInvalid``."""
    is_one = isinstance(task, str) and (task == ALL_TASKS or (is_segment(task) and _fault_of(task) is None))
    if not is_one or (ALL_TASKS in task and task != ALL_TASKS):
        raise _wrong("task", "is a task, or '*' for all")
    return task


def _gate(name: str, value: Any) -> GateRule:
    fields = _OURS.fields(name, value, {"alias", "require", "break_glass"}, {"alias", "require"})
    return GateRule(
        _pattern(f"{name}.alias", fields["alias"]),
        _requirements(f"{name}.require", fields["require"], least=1),
        _break_glass(f"{name}.break_glass", fields["break_glass"]) if "break_glass" in fields else None,
    )


def _break_glass(name: str, value: Any) -> BreakGlass:
    fields = _OURS.fields(name, value, {"by", "reason_min_characters"}, {"by"})
    least, where = fields.get("reason_min_characters", 1), f"{name}.reason_min_characters"
    return BreakGlass(_names(f"{name}.by", fields["by"]), _OURS.whole_number(where, least, 1, MAX_REASON_CHARACTERS))


def _requirements(name: str, value: Any, least: int) -> tuple[Requirement, ...]:
    found = _OURS.entries(name, value, _requirement, least, MAX_REQUIREMENTS)
    ids = [one.id for one in found]
    for number, id_ in enumerate(ids):
        if id_ in ids[:number]:
            raise _wrong(f"{name}[{number}].id", f"stands twice: {id_!r}")
    return found


def _requirement(name: str, value: Any) -> Requirement:
    fields = _OURS.fields(name, value, {"id", "overridable", *_KINDS}, {"id"})
    kinds = sorted(fields.keys() & _KINDS.keys())
    if len(kinds) != 1:
        raise _wrong(name, f"is of exactly one kind of {', '.join(_KINDS)}")
    id_ = _OURS.text(f"{name}.id", fields["id"])
    if not is_name(id_):
        raise _wrong(f"{name}.id", f"has {RULES}")
    is_overridable = _OURS.flag(f"{name}.overridable", fields.get("overridable", True))
    return Requirement(id_, kinds[0], _KINDS[kinds[0]](f"{name}.{kinds[0]}", fields[kinds[0]]), is_overridable)


def _metric(name: str, value: Any) -> Metric:
    measured = {"dataset", "split", "min_n", "by"}
    fields = _OURS.fields(name, value, {"name", "gte", "lte", "source", *measured}, {"name"})
    if ("gte" in fields) == ("lte" in fields):
        raise _wrong(name, "has exactly one of gte and lte")
    if "source" in fields:
        for part in sorted(fields.keys() & measured):
            raise _wrong(f"{name}.{part}", "says nothing of a number that the metadata states: leave it or source out")
    dataset = _text(f"{name}.dataset", fields["dataset"]) if "dataset" in fields else None
    if dataset is not None and not _DIGEST.fullmatch(dataset):
        raise _wrong(f"{name}.dataset", "is a digest, as sha256:<64 lowercase hex digits>")
    numbers = {bound: _OURS.number(f"{name}.{bound}", fields[bound]) for bound in ("gte", "lte") if bound in fields}
    return Metric(
        _text(f"{name}.name", fields["name"]),
        **numbers,
        dataset=dataset,
        split=_text(f"{name}.split", fields["split"]) if "split" in fields else None,
        min_n=_OURS.whole_number(f"{name}.min_n", fields["min_n"], 1, 10**15) if "min_n" in fields else None,
        by=_names(f"{name}.by", fields["by"]) if "by" in fields else (),
        source=_OURS.word(f"{name}.source", fields["source"], Source) if "source" in fields else None,
    )


def _approvals(name: str, value: Any) -> Approvals:
    fields = _OURS.fields(name, value, {"at_least", "by", "not"}, {"at_least", "by"})
    least = _OURS.whole_number(f"{name}.at_least", fields["at_least"], 1, 16)
    return Approvals(least, _names(f"{name}.by", fields["by"]), _words(f"{name}.not", fields.get("not", []), Part, 0))


def _signature(name: str, value: Any) -> Signature:
    fields = _OURS.fields(name, value, {"by", "covers"}, {"by"})
    covers = _OURS.word(f"{name}.covers", fields["covers"], Covers) if "covers" in fields else None
    return Signature(_names(f"{name}.by", fields["by"]), covers)


def _attestation(name: str, value: Any) -> Attestation:
    fields = _OURS.fields(name, value, {"predicate_type", "by", "where"}, {"predicate_type", "by"})
    where = fields.get("where", {})
    if not isinstance(where, dict) or len(where) > MAX_REQUIREMENTS:
        raise _wrong(f"{name}.where", f"is a JSON object of at most {MAX_REQUIREMENTS} paths and what stands there")
    for path, wanted in where.items():
        inside = f"{name}.where.{printable(path)}"
        if not all(_text(inside, path).split(".")):
            raise _wrong(inside, "is a path of names with dots between them")
        if isinstance(wanted, str):
            _OURS.text(inside, wanted)
        elif not isinstance(wanted, bool):
            _scalar(inside, wanted)
    predicate_type = _text(f"{name}.predicate_type", fields["predicate_type"])
    return Attestation(predicate_type, _names(f"{name}.by", fields["by"]), where)


def _scalar(name: str, value: Any) -> None:
    try:
        _OURS.number(name, value)
    except PolicyInvalid:
        raise _wrong(name, "is a text, a finite number, true or false") from None


def _findings(name: str, value: Any) -> Findings:
    fields = _OURS.fields(name, value, {"none_of"}, {"none_of"})
    return Findings(_words(f"{name}.none_of", fields["none_of"], Severity, 1))


def _file(name: str, value: Any) -> File:
    fields = _OURS.fields(name, value, {"path", "min_bytes"}, {"path"})
    path = _text(f"{name}.path", fields["path"])
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise _wrong(f"{name}.path", "is the path of one file below the package, as README.md")
    least, where = fields.get("min_bytes"), f"{name}.min_bytes"
    return File(path, _OURS.whole_number(where, least, 0, 2**63 - 1) if "min_bytes" in fields else None)


def _fact(name: str, value: Any) -> Fact:
    fields = _OURS.fields(name, value, {"name", "in"}, {"name", "in"})
    return Fact(_OURS.word(f"{name}.name", fields["name"], FactName), _words(f"{name}.in", fields["in"], Load, 1))


def _not_archived(name: str, value: Any) -> NotArchived:
    _OURS.fields(name, value, set())
    return NotArchived()


_KINDS: dict[str, Callable[[str, Any], What]] = {
    "metric": _metric,
    "approvals": _approvals,
    "signature": _signature,
    "attestation": _attestation,
    "findings": _findings,
    "file": _file,
    "fact": _fact,
    "not_archived": _not_archived,
}


def _names(name: str, value: Any) -> tuple[str, ...]:
    """People and groups, of whom somebody must be."""

    def one(where: str, said: Any) -> str:
        text = _text(where, said)
        if text != text.strip():
            raise _wrong(where, _NO_SPACE)
        return text

    return _OURS.entries(name, value, one, least=1)


def _words(name: str, value: Any, kind: type[E], least: int) -> tuple[E, ...]:
    return _OURS.entries(name, value, lambda field, one: _OURS.word(field, one, kind), least)


def _text(name: str, value: Any) -> str:
    text = _OURS.text(name, value)
    if not 0 < len(text) <= MAX_CHARACTERS or has_control(text):
        raise _wrong(name, f"has 1 to {MAX_CHARACTERS} characters, no control character among them")
    return text


def _pattern(name: str, value: Any) -> str:
    text = _OURS.text(name, value)
    fault = _fault_of(text)
    if fault is not None:
        raise _wrong(name, fault)
    return text


def _fault_of(pattern: str) -> str | None:
    """Why it is none; a slip that nobody sees would guard nothing."""
    return patterns.fault_of(pattern) or (_NO_SPACE if pattern != pattern.strip() else None)


def _wrong(name: str, what: str) -> InvalidInput:
    return _OURS.wrong(name, what)
