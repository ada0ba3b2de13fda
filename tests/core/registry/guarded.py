"""A registry with rules, somebody of each role, and every verb with what it needs."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from registry_core import ANONYMOUS, CoreSettings, Kind, ModelRegistry, Principal
from registry_core.access.roles import Action, Role
from registry_core.format.layout import ModelKeys
from registry_core.storage import Storage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.storage.memory.state import State
from registry_core.vocabulary.texts import encode_document

from ...support.packages import write_files
from ..access.issuers import ISSUERS, OIDC
from ..access.ruled import put, written

OWN, FOREIGN, PUBLIC = "own", "foreign", "public"  # tasks; each has the model m
OURS, THEIRS, NOBODYS, LEGACY = "ours", "theirs", "nobodys", "legacy"  # tasks too, by whose their model is
OWNERS = {OURS: "7", THEIRS: "8"}
READ, USE, WRITE, PROMOTE, DELETE, ADMIN = Action
_NONE: Mapping[str, str] = {}

RULES = written(
    protected_aliases=["production", "staging"],
    admins=["user:chief"],
    blocked=["user:left"],
    rules=[
        *({"who": [f"user:{role}"], "on": ["own/*", "old/*"], "role": role} for role in Role),
        {"who": ["user:left"], "on": ["*/*"], "role": "admin"},
        {"who": ["anonymous"], "on": ["public/*"], "role": "user"},
        {"who": ["user:narrow"], "on": ["own/*"], "role": "publisher", "aliases": ["candidate"]},
    ],
)


def somebody(subject: str, **more: Any) -> Principal:
    return Principal(Kind.USER, subject, OIDC, **more)


PEOPLE = {str(role): somebody(role) for role in Role} | {
    "anonymous": ANONYMOUS,
    "chief": somebody("chief"),
    "left": somebody("left"),
    "stranger": somebody("stranger"),
}


# By owners: how a rule looks at them, for whom, and the models that it reaches so.
BY_OWNER: dict[str, tuple[str, str | None, set[str]]] = {
    "own": ("own", "7", {OURS}),
    "with": ("own-or-unowned", "7", {OURS}),
    "without": ("own-or-unowned", None, {NOBODYS}),
    "any": ("any", "7", {OURS, THEIRS, NOBODYS, LEGACY}),
}
OF_OWNERS = (Role.VIEWER, Role.PUBLISHER, Role.ADMIN)
RULES_BY_OWNER = written(
    protected_aliases=["production", "staging"],
    admins=["user:chief"],
    rules=[
        {"who": [f"user:{name}-{role}"], "on": ["*/*"], "role": role, "owner": owner}
        for name, (owner, _, _) in BY_OWNER.items()
        for role in OF_OWNERS
    ],
)


@dataclass
class House:
    registry: ModelRegistry
    storage: Storage
    source: Path

    def as_(self, who: str | Principal) -> ModelRegistry:
        return self.registry.as_(PEOPLE[who] if isinstance(who, str) else who)


def house(
    storage: Storage,
    place: Path,
    rules: bytes = RULES,
    tasks: Sequence[str] = (OWN, FOREIGN, PUBLIC),
    owners: Mapping[str, str] = _NONE,
) -> House:
    """Of each task the model m: version 1 is ``latest`` and ``production``, 2 has no alias, 3 is deleted.

    ``owners``: whose organization has registered the first.
    """
    source = write_files(place / "source", {"model.pt": b"x"})
    settings = CoreSettings(workers=1, artifacts_allowed_roots=(str(place),))
    if isinstance(storage, MemoryStorage):
        _furnish(storage.state, rules, tuple(tasks), tuple(owners.items()))
    registry = ModelRegistry.open("memory://", storage=storage, settings=settings)
    registry.trust(ISSUERS)
    if not isinstance(storage, MemoryStorage):
        _fill(registry, storage, source, rules, tasks, owners)
    return House(registry, storage, source)


def _fill(
    registry: ModelRegistry,
    storage: Storage,
    source: Path,
    rules: bytes,
    tasks: Sequence[str],
    owners: Mapping[str, str],
) -> None:
    put(storage, rules)
    for task in tasks:
        first = registry.as_(somebody("chief", org=owners[task])) if task in owners else registry
        first.register(task, "m", "1", source)
        for version in ("2", "3"):
            registry.register(task, "m", version, source, set_alias=None)
        registry.promote(task, "m", "production", "2")
        registry.promote(task, "m", "production", "1")
        registry.promote(task, "m", "candidate", "1")
        registry.delete(task, "m", "3", reason="wrong")
        registry.log_metric(task, "m", "run", "loss", 1.0)


def _furnish(empty: State, *of: Any) -> None:
    """What a house in memory is made of is made once in a process, and given to each."""
    made = _furniture(*of)
    empty.documents.update(made.documents)
    empty.logs.update({key: list(lines) for key, lines in made.logs.items()})
    empty.packages.update({key: dict(files) for key, files in made.packages.items()})
    empty.notes.update(made.notes)
    assert not made.attempts, "all that was begun has ended"
    assert not made.sessions, "nobody has uploaded anything"


@cache
def _furniture(rules: bytes, tasks: tuple[str, ...], owners: tuple[tuple[str, str], ...]) -> State:
    storage = MemoryStorage()
    with TemporaryDirectory() as place:
        source = write_files(Path(place) / "source", {"model.pt": b"x"})
        settings = CoreSettings(workers=1, artifacts_allowed_roots=(place,))
        registry = ModelRegistry.open("memory://", storage=storage, settings=settings)
        registry.trust(ISSUERS)
        _fill(registry, storage, source, rules, tasks, dict(owners))
    return storage.state


def house_of_owners(storage: Storage, place: Path, tasks: Sequence[str] = (OURS, THEIRS, NOBODYS, LEGACY)) -> House:
    """As :func:`house`, of each task by whose its model is."""
    found = house(storage, place, RULES_BY_OWNER, tasks, OWNERS)
    if LEGACY in tasks:
        keys = ModelKeys(LEGACY, "m")
        said = {"schema_version": 1, **keys.names, "organization_id": None, "status": "legacy_unowned"}
        storage.documents.write(keys.ownership, encode_document({**said, "note": "discovered"}))
    return found


@dataclass(frozen=True)
class Verb:
    """``call``: the verb on m of a task. ``alias``: which one it moves; None of a promote: it archives."""

    action: Action
    call: Callable[[ModelRegistry, str, str], Any]
    alias: str | None = "candidate"

    def changes(self) -> bool:
        return self.action not in (READ, USE)

    def least(self) -> Role:
        if self.action is PROMOTE:
            return Role.APPROVER if self.alias in (None, "production", "staging") else Role.PUBLISHER
        return {
            READ: Role.VIEWER,
            USE: Role.USER,
            WRITE: Role.PUBLISHER,
            DELETE: Role.MAINTAINER,
            ADMIN: Role.ADMIN,
        }[self.action]


# Every verb on one model. What a name has behind its ':' tells calls of one verb apart.
VERBS: dict[str, Verb] = {
    "resolve": Verb(USE, lambda r, t, m: r.resolve(t, f"{m}@1", verify=False)),
    "resolve:then": Verb(USE, lambda r, t, m: r.resolve(t, f"{m}@latest", as_of="2100-01-01T00:00:00Z")),
    "show": Verb(READ, lambda r, t, m: r.show(t, f"{m}@latest")),
    "show:then": Verb(READ, lambda r, t, m: r.show(t, f"{m}@latest", as_of="2100-01-01T00:00:00Z")),
    "show:deleted": Verb(READ, lambda r, t, m: r.history(t, m, version="3")),
    "show:proven": Verb(USE, lambda r, t, m: r.show(t, f"{m}@1", verify=True)),
    "verify": Verb(USE, lambda r, t, m: r.verify(t, f"{m}@1")),
    "list_aliases": Verb(READ, lambda r, t, m: r.list_aliases(t, m)),
    "list_aliases:then": Verb(READ, lambda r, t, m: r.list_aliases(t, m, "2100-01-01T00:00:00Z")),
    "attestations": Verb(READ, lambda r, t, m: r.attestations(t, f"{m}@1")),
    "findings": Verb(READ, lambda r, t, m: r.findings(t, f"{m}@1")),
    "facts": Verb(READ, lambda r, t, m: r.facts(t, f"{m}@1")),
    "facts:details": Verb(USE, lambda r, t, m: r.facts(t, f"{m}@1", details=True)),
    "list_deleted": Verb(READ, lambda r, t, m: r.list_deleted(t, m)),
    "audit_gates": Verb(READ, lambda r, t, m: r.audit_gates(t, m)),
    "gate": Verb(READ, lambda r, t, m: r.gate(t, f"{m}@1", "production")),
    "gate_warnings": Verb(READ, lambda r, t, m: r.gate_warnings(t, m, {"production": None})),
    "unasked": Verb(READ, lambda r, t, m: r.unasked(t, m, [])),
    "alias_spans": Verb(READ, lambda r, t, m: r.alias_spans(t, m)),
    "summary": Verb(READ, lambda r, t, m: r.summary(t, m)),
    "list_versions": Verb(READ, lambda r, t, m: r.list_versions(t, m)),
    "lineage": Verb(READ, lambda r, t, m: r.lineage(t, m, "1")),
    "versions_of_runs": Verb(READ, lambda r, t, m: r.versions_of_runs(t, m, ["run"])),
    "history": Verb(READ, lambda r, t, m: r.history(t, m)),
    "history:newest": Verb(READ, lambda r, t, m: r.history(t, m, order="desc", q="m")),
    "event_months": Verb(READ, lambda r, t, m: r.event_months(t, m)),
    "metric_values": Verb(READ, lambda r, t, m: r.metric_values(t, m, "loss")),
    "metric_keys": Verb(READ, lambda r, t, m: r.metric_keys(t, m)),
    "artifacts": Verb(READ, lambda r, t, m: r.artifacts(t, f"{m}@1")),
    "metrics": Verb(READ, lambda r, t, m: r.metrics(t, f"{m}@1")),
    "stated_metrics": Verb(READ, lambda r, t, m: r.stated_metrics(t, f"{m}@1")),
    "evidence": Verb(READ, lambda r, t, m: r.evidence(t, m, "1")),
    "glance": Verb(READ, lambda r, t, m: r.glance(t, m, "1")),
    "compare": Verb(READ, lambda r, t, m: r.compare(t, m, ["1", "2"])),
    "compare:file": Verb(USE, lambda r, t, m: r.compare(t, m, ["1", "2"], "model.pt")),
    "audit_verify": Verb(READ, lambda r, t, m: r.audit_verify(t, m)),
    "run": Verb(READ, lambda r, t, m: r.run(t, m, "run")),
    "runs": Verb(READ, lambda r, t, m: r.runs(t, m)),
    "hub_commits": Verb(READ, lambda r, t, m: r.hub_commits(t, m)),
    "snapshot": Verb(USE, lambda r, t, m: r.snapshot(t, m, "main")),
    "snapshot:listed": Verb(READ, lambda r, t, m: r.snapshot(t, m, "main", with_bytes=False)),
    "file": Verb(USE, lambda r, t, m: r.file(t, f"{m}@1", "model.pt")),
    "files": Verb(USE, lambda r, t, m: r.files(t, f"{m}@1")),
    "package_files": Verb(USE, lambda r, t, m: r.package_files(t, f"{m}@1")),
    "require_may": Verb(WRITE, lambda r, t, m: r.require_may(t, m, WRITE)),
    "require_may:named": Verb(PROMOTE, lambda r, t, m: r.require_may(t, m, WRITE, sets="staging"), "staging"),
    "ask_register": Verb(WRITE, lambda r, t, m: r.ask_register(t, m, "9", set_alias=None)),
    "ask_register:named": Verb(PROMOTE, lambda r, t, m: r.ask_register(t, m, "9", set_alias="staging"), "staging"),
    "begin_upload": Verb(WRITE, lambda r, t, m: r.begin_upload(t, m)),
    "log_metric": Verb(WRITE, lambda r, t, m: r.log_metric(t, m, "other", "loss", 1.0)),
    "log_param": Verb(WRITE, lambda r, t, m: r.log_param(t, m, "other", "rate", 1.0)),
    "log_batch": Verb(WRITE, lambda r, t, m: r.log_batch(t, m, "other", tags={"a": "b"})),
    "end_run": Verb(WRITE, lambda r, t, m: r.end_run(t, m, "other")),
    "tag": Verb(WRITE, lambda r, t, m: r.tag(t, m, "1", "a", "b")),
    "open_finding": Verb(WRITE, lambda r, t, m: r.open_finding(t, m, "1", "note", "odd")),
    "resolve_finding": Verb(
        WRITE, lambda r, t, m: r.resolve_finding(t, m, "1", r.open_finding(t, m, "1", "note", "odd").id, reason="no")
    ),
    "refresh_facts": Verb(WRITE, lambda r, t, m: r.refresh_facts(t, f"{m}@1")),
    "patch": Verb(WRITE, lambda r, t, m: r.patch(t, m, "1", description="new")),
    "promote": Verb(PROMOTE, lambda r, t, m: r.promote(t, m, "candidate", "2")),
    "promote:protected": Verb(PROMOTE, lambda r, t, m: r.promote(t, m, "production", "2"), "production"),
    "unalias": Verb(PROMOTE, lambda r, t, m: r.unalias(t, m, "candidate")),
    "unalias:protected": Verb(PROMOTE, lambda r, t, m: r.unalias(t, m, "production"), "production"),
    "rollback": Verb(PROMOTE, lambda r, t, m: r.rollback(t, m, "production"), "production"),
    "rollback:dry": Verb(PROMOTE, lambda r, t, m: r.rollback(t, m, "production", dry_run=True), "production"),
    "stage": Verb(PROMOTE, lambda r, t, m: r.stage(t, m, "2", "production"), "production"),
    "stage:archived": Verb(PROMOTE, lambda r, t, m: r.stage(t, m, "2", "archived"), None),
    "stage:none": Verb(PROMOTE, lambda r, t, m: r.stage(t, m, "2", "none"), None),
    "own": Verb(ADMIN, lambda r, t, m: r.own(t, m, "9")),
    "delete": Verb(DELETE, lambda r, t, m: r.delete(t, m, "2", reason="why")),
    "restore": Verb(DELETE, lambda r, t, m: r.restore(t, m, "3")),
    "repair_journal": Verb(ADMIN, lambda r, t, m: r.repair_journal(t, m)),
    "repair_clock": Verb(ADMIN, lambda r, t, m: r.repair_clock(t, m)),
    "repair_documents": Verb(ADMIN, lambda r, t, m: r.repair_documents(t, m)),
    "repair_tombstones": Verb(ADMIN, lambda r, t, m: r.repair_tombstones(t, m)),
    "repair_seals": Verb(ADMIN, lambda r, t, m: r.repair_seals(t, m)),
    "repair_strays": Verb(ADMIN, lambda r, t, m: r.repair_strays(t, m)),
}

# Verbs on the registry itself: for its admins.
OF_REGISTRY: dict[str, Callable[[ModelRegistry], Any]] = {
    "sweep": lambda r: r.sweep(),
    "recover": lambda r: r.recover(),
    "check": lambda r: r.check(),
    "purge": lambda r: r.purge(),
    "adopt": lambda r: r.adopt(),
    "reindex": lambda r: r.reindex(),
    "registry_history": lambda r: r.registry_history(),
    "registry_newest": lambda r: r.registry_newest(["access"]),
    "registry_audit_verify": lambda r: r.registry_audit_verify(),
    "journal_lines": lambda r: r.journal_lines(),
    "migrate_to": lambda r: r.migrate_to(ModelRegistry.open("memory://migrated", settings=CoreSettings())),
}

# Verbs on an upload session: for whoever began it, as long as he may write to its model.
OF_SESSION: dict[str, Callable[[ModelRegistry, str], Any]] = {
    "announce_upload": lambda r, u: r.announce_upload(u, []),
    "upload": lambda r, u: r.upload(u),
    "cancel_upload": lambda r, u: r.cancel_upload(u),
    "add_upload": lambda r, u: r.add_upload(u, "a", 1),
    "uploaded": lambda r, u: r.uploaded(u, "f"),
    "drop_upload": lambda r, u: r.drop_upload(u, "f"),
    "receive_pack": lambda r, u: r.receive_pack(u, io.BytesIO()),
    "receive": lambda r, u: r.receive(u, "f", 0, io.BytesIO()),
    "register": lambda r, u: r.register(OWN, "m", "9", upload_id=u, set_alias=None),
}

# About the rules themselves, and tokens: test_access.py. Whose older models are: ../verbs/test_owning.py.
# About trust and policies: test_ruling.py.
OF_ACCESS = {
    *("trust_document", "set_trust_document", "log_document"),
    *("policies", "policy", "set_policy", "try_policy", "clear_policy"),
    "require_caller",
    "access_rules",
    "set_access_rules",
    "try_access_rules",
    "create_token",
    "list_tokens",
    "revoke_token",
    "resolve_ownership",
    "whoami",
}
# Of signed documents and what blocks: test_attesting.py.
OF_EVIDENCE = {"attest", "attestation", "dismiss_attestation", "dismiss_finding", "keeps_back"}
# What proves that nothing was changed: test_log.py.
OF_LOG = {
    *("log_checkpoint", "log_vkey", "log_proof", "log_consistency", "prove_log", "export_log"),
    *("log_init", "log_publish", "log_rotate", "log_restart"),  # test_publishing.py
    *("log_init", "log_publish", "keep_log", "log_rotate", "log_restart"),  # test_log_keeping.py
}
# What is filtered, or belongs to whoever began it; each has tests of its own.
FILTERED = {
    "list_operations",
    "list_uploads",
    *("list_models", "list_summaries", "list_facets", "list_tasks", "events", "activity"),
    *("begin_operation", "operation", "allows"),
}
# What says nothing of models, and is what a service does by itself or asks before it knows who calls.
OPEN = {
    *(
        "open",
        "init",
        "identify",
        "probe",
        "check_root",
        "check_guarantees",
        "recovers_quickly",
        "id",
        "is_ruled",
        "has_policies",
    ),
    *("max_upload_bytes", "artifacts_allowed_roots", "require_catalogue", "refresh_catalogue", "catalog_state"),
    *("last_event", "as_", "admitted", "trust", "sessions"),
}
