"""One list of events: what is written, what readers are shown and what the design says are what it says."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.schemas import part_schema
from registry_client.remote.answers import read as read_answer
from registry_core import CoreSettings, Event, Kind, ModelRegistry, Principal
from registry_core.format import events
from registry_core.format.chain import Line, parse_line
from registry_core.format.events import FIELDS, KINDS, PRIVATE
from registry_core.format.layout import REGISTRY_JOURNAL
from registry_core.models.changes import Draft, change
from registry_core.models.journal import Journal
from registry_core.models.model import open_model
from registry_core.models.registry_journal import RegistryJournal
from registry_core.storage.filesystem.tree import FilesystemStorage

from ...docs.documents import read
from ...support.packages import open_registry, write_files
from ...support.servers import REPOSITORY
from ..access.issuers import ISSUERS, PLATFORM
from ..upkeep.governed import MODEL, TASK, fill

EventFields = part_schema(Event)
JOURNAL = f"tasks/{TASK}/models/{MODEL}/audit/promotions.jsonl"
NAMES = [kind.name for kind in KINDS]
OWN = {name for kind in KINDS for name in kind.own}
SOMETIMES = {"adopted", "idempotency", "commit", "unaliased", "previous_seq", "owner"}  # adopt makes no commit id
SOMETIMES |= {"claimed_actor", "principal", "signatures", "facts", "gate", "attestation", "dismisses"}
TYPES = {str: "text", int: "number", bool: "boolean", dict: "object", list: "list of texts"}
LISTS_OF_OBJECTS = {"signatures"}


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """One with every kind of event."""
    root = tmp_path / "root"
    root.mkdir()
    registry = open_registry(root)
    fill(registry, root, tmp_path / "sources")
    registry.promote(TASK, MODEL, "production", "restored", expected_version="kept")
    registry.rollback(TASK, MODEL, "production", actor="grace")
    registry.patch(TASK, MODEL, "kept", tags={"tissue": None}, description="new")
    registry.stage(TASK, MODEL, "kept", "staging")
    registry.stage(TASK, MODEL, "kept", "none")
    package = write_files(tmp_path / "keyed", {"weights": b"k", "model.sig": b"no signature"})
    registry.register(TASK, MODEL, "keyed", package, idempotency_key="my-own-key", set_alias="latest")
    journal = root / JOURNAL
    registry.promote(TASK, MODEL, "lost", "keyed")
    journal.write_bytes(b"".join([*journal.read_bytes().splitlines(keepends=True)[:-1], b"no event\n"]))
    registry.repair_journal(TASK, MODEL, accept_loss=True, actor="ada", reason="no backup")
    registry.trust(ISSUERS)
    known = Principal(Kind.USER, "17", PLATFORM, permissions=frozenset(["model.use"]))
    registry.as_(known).tag(TASK, MODEL, "kept", "seen", "yes", actor="somebody")
    registry.own(TASK, MODEL, "7", actor="ada")
    own = RegistryJournal(FilesystemStorage(root), 1.0)
    member = Principal(Kind.USER, "17", PLATFORM, org="7", permissions=frozenset(["model.use"]))
    roots = CoreSettings(artifacts_allowed_roots=(str(tmp_path),))
    second = ModelRegistry.open(root, settings=roots)
    second.trust(ISSUERS)
    second.as_(member).register(TASK, "of-seven", "1", package)
    named = {"document": f"sha256:{'0' * 64}"}
    of_registry: list[tuple[str, dict[str, Any]]] = [
        (events.ACCESS, named),
        (events.TOKEN, {"token": {"id": "0"}}),
        (events.TRUST, named),
        (events.POLICY, {"policy": "*", **named}),
        (events.CHECKPOINT, {"checkpoint": {"kind": "init"}}),
    ]
    for kind, said in of_registry:
        draft = Draft(kind, None, "ada", "to begin with", own=said)
        change(own, lambda: None, lambda _, draft=draft: draft)
    of_model: list[tuple[str, dict[str, Any]]] = [
        (events.ATTEST, {"attestation": {"form": "dsse"}}),
        (events.ATTEST, {"dismisses": 1}),
        (events.FINDING, {"finding": {"severity": "note"}}),
        (events.FACTS, {"facts": {"load": "none"}}),
        (events.PROMOTE, {"gate": {"met": True}, "previous_seq": 0}),
    ]
    model = open_model(FilesystemStorage(root), TASK, MODEL, 1.0)
    for kind, said in of_model:
        alias = "gated" if kind == events.PROMOTE else None
        draft = Draft(kind, "kept", "ada", None, alias=alias, own=said)
        change(model, lambda: None, lambda _, draft=draft: draft)
    return registry


def lines(tmp_path: Path, journal: str = JOURNAL) -> list[Line]:
    """All but the empty ones of lost events."""
    return [line for line in Journal(FilesystemStorage(tmp_path / "root"), journal).lines() if line.raw]


# the list itself


def test_every_constant_is_a_kind_and_every_kind_a_constant() -> None:
    constants = {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}
    assert constants == set(NAMES)
    assert all(getattr(events, name.upper()) == name for name in NAMES)


def test_nothing_is_described_twice() -> None:
    names = [field.name for field in FIELDS]
    assert len(set(names)) == len(names)
    assert len(set(NAMES)) == len(NAMES)
    assert set(names) >= OWN
    assert {"idempotency"} == PRIVATE


def test_readers_are_shown_every_field_that_is_not_private() -> None:
    shown = {field.name: field.type for field in FIELDS if not field.is_private}
    hints = get_type_hints(Event)
    assert hints.pop("more") == dict[str, Any] | None
    for name, hint in hints.items():
        (kind,) = [one for one in (get_args(hint) or (hint,)) if one is not type(None)]
        assert shown.pop(name) is (get_origin(kind) or kind), name
    assert not shown


def test_the_service_describes_what_readers_are_shown() -> None:
    assert list(EventFields().fields) == [field.name for field in dataclasses.fields(Event)]


def test_the_table_of_the_design_is_the_list() -> None:
    section = read("docs/design.md").section("The journal")
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    wanted = [f"| `{kind.name}` | {kind.meaning} |" for kind in KINDS]
    for field in FIELDS:
        carriers = ", ".join(f"`{kind.name}`" for kind in KINDS if field.name in kind.own) or "all"
        private = " (not shown to readers)" if field.is_private else ""
        what = "list" if field.name in LISTS_OF_OBJECTS else TYPES[field.type]
        wanted.append(f"| `{field.name}` | {what} | {carriers} | {field.meaning}{private} |")
    assert rows == wanted


# no other place names a kind


# Some of the words are other things too.
AMBIGUOUS = {"tag", "stage", "access", "token", "own", "register", "attest"}
AMBIGUOUS |= {"finding", "facts", "trust", "policy", "checkpoint"}
FIELD_NAMES = {field.name for field in FIELDS}


def names_a_field(name: ast.expr, around: ast.AST) -> bool:
    """Whether a mapping is asked for the name, or has it as a key."""
    is_get = isinstance(around, ast.Call) and isinstance(around.func, ast.Attribute) and around.func.attr == "get"
    return is_get or isinstance(around, ast.Subscript) or (isinstance(around, ast.Dict) and name in around.keys)


def literals(source: str) -> Iterator[tuple[int, str]]:
    """(line, name) of every kind that is written out as one."""
    tree = ast.parse(source)
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in NAMES:
            parent = parents[node]
            if isinstance(parent, (ast.Tuple, ast.List, ast.Set, ast.IfExp)):
                parent = parents[parent]
            if ast.unparse(parent).startswith(("__all__ = ", "Literal[")):
                continue  # a module of that name, or a word of another library
            around = ast.unparse(parent) if not isinstance(parent, ast.Expr) else ""
            if around.startswith("__all__"):
                continue  # a module may be called like one
            if node.value in FIELD_NAMES and names_a_field(node, parents[node]):
                continue  # the field of that name
            is_event = any(word in around for word in ("event", "kind", "Draft"))
            if is_event or node.value not in AMBIGUOUS:
                yield node.lineno, node.value


def test_no_other_module_of_the_core_writes_a_kind_out() -> None:
    wrong = []
    for file in sorted((REPOSITORY / "registry_core").rglob("*.py")):
        if file.name != "events.py":
            wrong += [f"{file}:{number} {name}" for number, name in literals(file.read_text(encoding="utf-8"))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("Draft('stage', version, actor, reason)", True),
        ("kind = 'patch' if described else 'tag'", True),
        ("if line.get('event') in ('tag', 'x'): pass", True),
        ("fields = {'event': 'stage'}", True),
        ("x = 'purge'", True),
        ("Opcode = tuple[Literal['replace', 'delete'], int]", False),
        ("raise InvalidParameter('no stage', field='stage')", False),
        ("for table in ('document', 'tag'): pass", False),
    ],
)
def test_a_kind_that_is_written_out_is_told_from_another_thing_of_its_name(source: str, seen: bool) -> None:
    assert bool(list(literals(source))) is seen


# what is written, and what readers are shown


def test_every_event_that_is_written_has_the_fields_of_its_kind(registry: ModelRegistry, tmp_path: Path) -> None:
    order = [field.name for field in FIELDS]
    types = {field.name: field.type for field in FIELDS}
    seen: set[str] = set()
    said: set[str] = set()
    of_registry = lines(tmp_path, REGISTRY_JOURNAL)
    assert [line.get("event") for line in of_registry] == [kind.name for kind in KINDS if kind.is_of_registry]
    for line in [*lines(tmp_path), *lines(tmp_path, JOURNAL.replace(MODEL, "of-seven")), *of_registry]:
        assert line.fields is not None
        (kind,) = [kind for kind in KINDS if kind.name == line.fields["event"]]
        may = set(order) - OWN | set(kind.own)
        assert may - SOMETIMES <= line.fields.keys() <= may, line
        assert all(value is None or type(value) is types[name] for name, value in line.fields.items()), line
        seen.add(kind.name)
        said |= {name for name, value in line.fields.items() if value is not None}
    assert seen == set(NAMES)
    assert said == set(order)


def test_history_and_stream_show_all_that_is_not_private(registry: ModelRegistry, tmp_path: Path) -> None:
    history = registry.history(TASK, MODEL, limit=1000).events
    for line, event in zip(lines(tmp_path), history, strict=True):
        assert line.fields is not None
        said = {name: value for name, value in line.fields.items() if value is not None and name not in PRIVATE}
        assert {name: value for name, value in event.to_dict().items() if value is not None} == said
    streamed = [one.event for one in registry.events("", 1000) if one.event.model_name == MODEL]
    assert sorted(streamed, key=lambda event: event.seq) == history
    assert "my-own-key" not in json.dumps([event.to_dict() for event in history])


def test_the_digest_of_an_event_is_shown_by_the_one_after_it(registry: ModelRegistry) -> None:
    """So whoever watches can hold what they saw against a head that was kept elsewhere."""
    proof = registry.audit_verify(TASK, MODEL)
    assert proof.head is not None
    registry.tag(TASK, MODEL, "kept", "organ", "lung")
    assert registry.history(TASK, MODEL, after=proof.head.seq).events[0].prev == proof.head.digest


# what other software wrote

LATER = {
    "seq": 1,
    "event": "sign",
    "task": TASK,
    "model_name": "later",
    "version": "1",
    "signature": {"by": ["ada"], "of": None},
    "weight": 0.5,
    "set": "not as we know it",
    "idempotency": {"key": "k"},
    "ts_utc": "2021-01-01T00:00:00.000000Z",
    "prev": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
}


def test_kinds_and_fields_of_later_software_pass_through(tmp_path: Path) -> None:
    root = tmp_path / "root"
    journal = root / "tasks" / TASK / "models" / "later" / "audit" / "promotions.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text(json.dumps(LATER) + "\n")
    registry = open_registry(root)
    (event,) = registry.history(TASK, "later").events
    assert (event.seq, event.event, event.version, event.set) == (1, "sign", "1", None)
    assert event.more == {name: LATER[name] for name in ("signature", "weight", "set")}
    assert registry.history(TASK, "later", event="sign").events == [event]
    assert [one.event for one in registry.events("", 10)] == [event]
    answered = json.loads(json.dumps(EventFields().dump(event.to_dict())))
    assert read_answer(Event, answered) == event
    assert registry.audit_verify(TASK, "later").events == 1
    before = journal.read_bytes()
    registry.register(TASK, "later", "2", write_files(tmp_path / "source", {"weights": b"w"}))
    assert journal.read_bytes().startswith(before)  # and stands as it was written
    assert registry.audit_verify(TASK, "later").events == 2


def test_a_line_of_older_software_is_a_promote() -> None:
    event = parse_line(3, b'{"alias": "latest", "version": "1", "actor": null}').event()
    assert {name: value for name, value in event.to_dict().items() if value is not None} == {
        "seq": 3,
        "event": "promote",
        "alias": "latest",
        "version": "1",
    }


def test_what_no_answer_can_hold_is_left_out() -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    raw = b'{"event": "x", "a": NaN, "b": [Infinity], "c": 1.5, "d": ' + json.dumps(deep).encode() + b"}"
    assert parse_line(1, raw).event().more == {"c": 1.5}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([field.name for field in FIELDS]) | st.text(max_size=5), anything))
def test_any_line_can_be_shown_and_answered(fields: dict[str, Any]) -> None:
    event = Line(1, b"", fields).event()
    json.dumps(event.more, allow_nan=False)
    answered = EventFields().dump(event.to_dict())
    assert answered["more"] == event.more
    assert not PRIVATE & (event.more or {}).keys()
