"""What evidence costs: a gate with all kinds of requirements, a signature of many files, a log over a long journal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from registry_core import REVIEW_PREDICATE, SIGNATURE_PREDICATE, CoreSettings, ModelRegistry, sign_statement
from registry_core.evidence import keys, ssh_signature
from registry_core.evidence.keys import PrivateKey
from registry_core.evidence.signing.statement import EVALUATION, MODEL_SIGNING
from tests.core.evidence import signers

from .. import long_model
from ..counting import Meter
from ..machine import scratch, write_many
from ..scale import Places, Scale
from ..tables import Row, Table

GATE_MOST_MS, SIGNATURE_MOST_MS = 2.0, 50.0
SIGNERS = 5  # each signs once: the same document again is no event
GROUPS = {"ada": ["reviewers"], "bob": ["reviewers"], "ci": ["evaluators"]}
TASK, MODEL = "celltype", "pbmc"
OTHERS = ["registrant", "promoter", "signers"]
REQUIRED: tuple[dict[str, Any], ...] = (
    {"id": "accuracy", "metric": {"name": "accuracy", "gte": 0.8, "by": ["evaluators"]}},
    {
        "id": "two-people",
        "approvals": {"at_least": 2, "by": ["reviewers"], "not": ["registrant", "promoter", "signers"]},
    },
    {"id": "signed", "signature": {"by": ["trainer"], "covers": "package"}},
    {"id": "no-finding", "findings": {"none_of": ["blocking"]}},
    {"id": "card", "file": {"path": "README.md", "min_bytes": 200}},
    {"id": "no-code", "fact": {"name": "load", "in": ["none", "data_only"]}},
    {"id": "usable", "not_archived": {}},
)


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """Three tables, in the first place."""
    with scratch(places.main) as top:
        yield _gate(top, scale)
    with scratch(places.main) as top:
        yield _signatures(top, scale)
    with scratch(places.main) as top:
        yield _log(top, scale)


def _gate(top: Path, scale: Scale) -> Table:
    registry, people = _governed(top)
    (top / "package").mkdir()
    (top / "package/weights.csv").write_text("0.1,0.2\n" * 100)
    (top / "package/README.md").write_text("What it is for, and what not.\n" * 10)
    for version in ("1", "2"):
        registry.register(TASK, MODEL, version, top / "package", actor="trainer")
        registry.register("free", MODEL, version, top / "package", actor="trainer")
        _vouch(registry, version, people)
    registry.set_policy(TASK, _policy(TASK, *REQUIRED))
    meter = Meter()
    free, gated = (_promotes(registry, task, meter, scale) for task in ("free", TASK))
    rows = [
        Row("promote, no policy for its task", free, "ms"),
        Row(f"promote, {len(REQUIRED)} requirements", gated, "ms"),
        Row("what the gate adds", gated - free, "ms", GATE_MOST_MS),
    ]
    return Table("CPU of a promote with a gate", rows, ("The least of some; the alias goes to and fro.",))


def _promotes(registry: ModelRegistry, task: str, meter: Meter, scale: Scale) -> float:
    """ms of one."""
    versions = ("1", "2") * (scale.calls + 1)
    left = iter(versions)
    call = lambda: registry.promote(task, MODEL, "production", next(left), actor="oncall")  # noqa: E731
    call()
    return meter.typical(call, calls=2 * scale.calls, most_s=scale.verb_s).cpu_s * 1000


def _signatures(top: Path, scale: Scale) -> Table:
    registry, people = _governed(top, *(f"signer-{n}" for n in range(SIGNERS)))
    source = write_many(top / "package", scale.small_files, 64)
    registry.register(TASK, MODEL, "1", source)
    hashes = {path.relative_to(source).as_posix(): path.read_bytes() for path in source.rglob("*") if path.is_file()}
    sha256 = {path: hashlib.sha256(data).hexdigest() for path, data in hashes.items()}
    made = {"ssh": _ssh_signature, "model-signing": _model_signature}
    meter, rows = Meter(), []
    for form, sign in made.items():
        left = iter([sign(sha256, people[f"signer-{n}"]) for n in range(SIGNERS)])
        call = lambda left=left: registry.attest(TASK, f"{MODEL}@1", next(left))  # noqa: E731
        used = meter.typical(call, calls=SIGNERS, most_s=scale.verb_s)
        rows.append(Row(f"{form}, of {len(sha256):,} files", used.cpu_s * 1000, "ms", SIGNATURE_MOST_MS))
        rows.append(Row(f"{form}, bytes read", used.read_bytes / 1e6, "MB"))
    return Table("CPU of attaching a signature", rows, ("Held against the manifest; no file is opened.",))


def _log(top: Path, scale: Scale) -> Table:
    (top / "root").mkdir()
    size = long_model.Size(events=scale.versions, versions=long_model.LEAST_VERSIONS)
    long_model.write_tree(top / "root", size)
    registry = ModelRegistry.open(settings=CoreSettings(root=str(top / "root"), log_key=str(top / "log.pem")))
    meter = Meter()
    registry.log_init("models.lab.example")
    first = meter.cost(registry.log_publish)
    registry.promote(long_model.TASK, long_model.MODEL, "production", "v1")
    again = meter.cost(registry.log_publish)
    rows = [
        Row(f"first publish, {scale.versions:,} events", first.cpu_s, "s"),
        Row("of each event", first.cpu_s / scale.versions * 1e6, "us"),
        Row("publish after one promote", again.cpu_s * 1000, "ms"),
        Row("publish after one promote, read", again.read_bytes / 1e6, "MB"),
    ]
    return Table("CPU of publishing the log", rows)


def _governed(top: Path, *more: str) -> tuple[ModelRegistry, dict[str, PrivateKey]]:
    """A registry that trusts a key of each person."""
    (top / "root").mkdir()
    registry = ModelRegistry.open(top / "root")
    people = {name: keys.new_ed25519() for name in ("trainer", "oncall", *GROUPS, *more)}
    registry.set_trust_document(
        {
            "schema": "omr-trust/1",
            "people": {name: {"groups": GROUPS.get(name, []), "actors": [name]} for name in people},
            "keys": [
                {"id": name, "person": name, "type": "pem", "public": keys.public_pem(key.public)}
                for name, key in people.items()
            ],
        }
    )
    return registry, people


def _policy(task: str, *require: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema": "omr-policy/1", "task": task, "gates": [{"alias": "production", "require": list(require)}]}


def _vouch(registry: ModelRegistry, version: str, people: Mapping[str, PrivateKey]) -> None:
    ref = f"{MODEL}@{version}"
    named = (f"{TASK}/{ref}", registry.resolve(TASK, ref, verify=False).package_digest)
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    measured = {
        "evaluated_at": now,
        "dataset": {"name": "held-out", "digest": "sha256:" + "a" * 64},
        "metrics": [{"name": "accuracy", "value": 0.9}],
        "evaluator": {"id": "ci"},
    }
    said = [
        ("trainer", SIGNATURE_PREDICATE, {}),
        ("ada", REVIEW_PREDICATE, {"decision": "approve", "reviewed_at": now}),
        ("bob", REVIEW_PREDICATE, {"decision": "approve", "reviewed_at": now}),
        ("ci", EVALUATION, measured),
    ]
    for person, kind, predicate in said:
        registry.attest(TASK, ref, sign_statement(people[person], *named, kind, predicate))


def _ssh_signature(sha256: Mapping[str, str], by: PrivateKey) -> bytes:
    lines = b"".join(f"{sha256[path]}  {path}\n".encode() for path in sorted(sha256, key=str.encode))
    return ssh_signature.armored(ssh_signature.sign(by, lines, "omr-package"))


def _model_signature(sha256: Mapping[str, str], by: PrivateKey) -> bytes:
    """As model-signing makes them of a directory."""
    resources = [{"name": path, "algorithm": "sha256", "digest": sha256[path]} for path in sorted(sha256)]
    root = hashlib.sha256(b"".join(bytes.fromhex(one["digest"]) for one in resources)).hexdigest()
    how = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": ["model.sig"]}
    predicate = {"serialization": how, "resources": resources}
    payload = signers.statement(predicate, predicate_type=MODEL_SIGNING, name="package", sha256=root)
    return signers.bundled(signers.enveloped(payload, by))
