"""What pages of events show of an event beside its names and words; all else of it is in the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..format.chain import Line
from ..format.events import ATTEST, FACTS, FINDING
from ..vocabulary.facts import LOAD
from ..vocabulary.texts import escaped
from .search_words import compact_json

_OF_FEW = ("set", "unaliased", "owner", "repaired", "lost_from", "lost_to", "adopted")
MOST_CHARACTERS = 1000  # of them all, as JSON
MOST_OF_A_TEXT = 200  # of one that is said about evidence
# Of the fields of evidence, which can be long, so much as tells what happened.
_PARTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    ATTEST: {"attestation": ("type",)},
    FINDING: {"finding": ("severity", "title", "resolves", "dismisses")},
    FACTS: {"facts": (LOAD,)},
}
_OVERRIDE = ("reason", "ticket")
MOST_POLICIES = 2  # meet one alias: that of its task, and that of all


def shown_of(line: Line) -> str | None:
    """As JSON in ASCII; None where the event says nothing more."""
    fields = line.fields or {}
    few, parts = _few(line, fields), _parts(fields)
    return compact_json({**few, **parts}) if few or parts else None


def _few(line: Line, fields: Mapping[str, Any]) -> dict[str, Any]:
    if fields.keys().isdisjoint(_OF_FEW):
        return {}
    event = line.event()
    found = {name: value for name in _OF_FEW if (value := getattr(event, name)) is not None}
    return found if len(compact_json(found)) <= MOST_CHARACTERS else {}


def _parts(fields: Mapping[str, Any]) -> dict[str, Any]:
    kind = fields.get("event")
    wanted = _PARTS.get(kind, {}) if isinstance(kind, str) else {}
    found = {name: part for name, names in wanted.items() if (part := _part(fields.get(name), names))}
    if kind == ATTEST and _is_number(fields.get("dismisses")):
        found["dismisses"] = fields["dismisses"]
    gate = _gate(fields.get("gate"))
    return {**found, "gate": gate} if gate else found


def _gate(value: Any) -> dict[str, Any]:
    """By which policies an alias was let pass, and by whose word over them."""
    said = value if isinstance(value, dict) else {}
    policies, override = said.get("policies"), _part(said.get("override"), _OVERRIDE)
    if not isinstance(policies, list) or len(policies) > MOST_POLICIES or not all(map(_is_named, policies)):
        policies = None
    return {name: part for name, part in (("policies", policies), ("override", override)) if part}


def _part(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    said = value if isinstance(value, dict) else {}
    texts = {name: escaped(said[name][:MOST_OF_A_TEXT]) for name in names if isinstance(said.get(name), str)}
    return {**texts, **{name: said[name] for name in names if _is_number(said.get(name))}}


def _is_named(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and len(value) <= MOST_OF_A_TEXT


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63
