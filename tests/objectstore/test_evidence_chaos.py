"""Replicas and their store are killed while people attest, find faults and promote: all that was said is there once."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry_core import CoreSettings, ModelRegistry

from ..core.evidence.governed import KEYS, NO_FINDING, policy, trust
from ..core.evidence.signers import enveloped, statement
from ..support.packages import write_package
from ..support.seaweed import Seaweed
from .test_chaos import Fleet, fleet, power_cut, store  # noqa: F401  # the fixture

PREFIX = "OMNIBIOAI_MODEL_REGISTRY_"
CLIENTS = 4
EACH = 9
PATIENCE_S = 120.0
SLSA = "https://slsa.dev/provenance/v1"


class Crowd:
    """People who say things of ``t/m@1``, each until an answer says that it was heard; what they were told."""

    def __init__(self, running: Fleet, sha256: str) -> None:
        self._running, self._sha256 = running, sha256
        self._turns = itertools.count()
        self._mutex = threading.Lock()
        self.attested: dict[str, int] = {}  # digest -> seq
        self.found: list[int] = []
        self.promoted: list[int] = []

    def work(self, number: int) -> None:
        for turn in range(EACH):
            said = statement({"by": number, "turn": turn}, predicate_type=SLSA, name="t/m@1", sha256=self._sha256)
            document = enveloped(said, KEYS["ci"])
            query = {"task": "t", "ref": "m@1", "actor": "ci"}
            answer = self._until_heard("/v1/attestations", params=query, content=document)
            with self._mutex:
                self.attested[f"sha256:{hashlib.sha256(document).hexdigest()}"] = answer["seq"]
            names = {"task": "t", "model_name": "m", "version": "1", "actor": "cyd"}
            if turn % 3 == 0:
                finding = {**names, "severity": "note", "title": f"{number} saw {turn}"}
                self.found.append(self._until_heard("/v1/findings", json=finding)["id"])
            if turn % 3 == 1:
                self.promoted.append(self._until_heard("/v1/promote", json={**names, "alias": "production"})["seq"])

    def _until_heard(self, path: str, **request: Any) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            urls = self._running.urls()
            url = urls[next(self._turns) % len(urls)]
            try:
                answer = httpx.post(url + path, timeout=60, trust_env=False, **request)
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if answer.is_success:
                told: dict[str, Any] = answer.json()
                return told
            assert answer.status_code == 503, answer.text
            time.sleep(0.05)
        raise AssertionError(f"nobody heard {path} for {PATIENCE_S:g} s")


def test_what_was_said_while_replicas_and_store_were_killed_is_there_once(
    store: Seaweed,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in store.env.items():
        monkeypatch.setenv(name, value)
    root = store.new_root()
    env = {**store.env, PREFIX + "LOG_KEY": str(tmp_path / "log.pem"), PREFIX + "CHECKPOINT_S": "1"}
    registry = ModelRegistry.open(settings=CoreSettings.from_env({**env, PREFIX + "ROOT": root}))
    registry.set_trust_document(trust())
    registry.set_policy("t", policy(NO_FINDING, task="t"))
    registry.register("t", "m", "1", write_package(tmp_path / "package"), actor="trainer")
    vkey, note = registry.log_init("models.lab.example").vkey, registry.log_publish().note or ""
    sha256 = registry.show("t", "m@1").package_digest.removeprefix("sha256:")
    with fleet(root, env, 2) as running, ThreadPoolExecutor(CLIENTS) as pool:
        crowd = Crowd(running, sha256)
        working = [pool.submit(crowd.work, number) for number in range(CLIENTS)]
        disturbances: list[Callable[[], None]] = [lambda: running.replace(0), lambda: power_cut(store)]
        for done, disturb in enumerate(disturbances, start=1):
            while len(crowd.attested) < CLIENTS * EACH * done // 3 and not all(one.done() for one in working):
                time.sleep(0.02)
            disturb()
        for one in working:
            one.result()
        running.kill(0, 1)
        assert running.tracebacks() == []
    registry.recover()
    events = registry.history("t", "m", limit=1000).events
    kinds = {event.seq: event.event for event in events}
    assert {one.digest: one.seq for one in registry.attestations("t", "m@1").attestations} == crowd.attested
    assert Counter(kinds.values())["attest"] == len(crowd.attested) == CLIENTS * EACH
    assert set(crowd.found) <= {one.id for one in registry.findings("t", "m@1").findings}
    assert all(kinds[seq] == "promote" for seq in crowd.promoted)
    assert {finding.code for finding in registry.check().findings} <= {"attestation_unnamed", "note_behind"}
    audit = registry.audit_gates()
    assert (audit.faults, audit.verdicts >= len(crowd.promoted)) == ([], True)
    registry.log_publish()
    assert registry.prove_log(note.encode(), [vkey]).checkpoint == registry.log_checkpoint()
    registry.audit_verify("t", "m")
