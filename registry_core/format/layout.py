"""Every storage key of the registry, and nothing else knows them.

::

    registry.json                             format number, and the root's id
    tasks/<task>/models/<model_name>/         model
        versions/<version>/                   package
            model_meta.json                   META
            sha256sums.txt                    MANIFEST
        aliases/<alias>.json                  alias
        audit/promotions.jsonl                journal
        state/<version>.json                  state
        deleted/<version>/tombstone.json      tombstone
                          sha256sums.txt      kept_manifest
                          package/            grave
        adopted/<version>.txt                 baseline
        keys/<sha256 of the key>.json         used_key; keys/.since: used_keys_known; on an object store only
        runs/<run_id>/                        run; what is below it says format/runs.py
        ownership.json                        ownership
        attestations/<version>/<64 hex>.json  attestation, named by its digest
        evidence/<version>.json               evidence
    log/                                      what is of the registry itself
        journal/registry.jsonl                REGISTRY_JOURNAL
        documents/<64 hex>.json               document, named by its digest
        tokens/<id>.json                      token
        checkpoint                            CHECKPOINT
    .sessions/<64 hex>.json                   session; working space, no part of the format
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

FORMAT = 1
GATED_FORMAT = 2  # as 1, and there are policies: software that knows none must not promote
FORMATS = (FORMAT, GATED_FORMAT)
REGISTRY = "registry.json"
TASKS = "tasks"
CATALOGUE = ".catalog"  # working space, no part of the format
FEED = ".catalog/feed"
META = "model_meta.json"
MANIFEST = "sha256sums.txt"
METRICS = "metrics.json"
TOMBSTONE = "tombstone.json"
LOG = "log"
REGISTRY_HOME = f"{LOG}/journal"  # nothing else lies there: on an object store a log takes its directory
REGISTRY_JOURNAL = f"{REGISTRY_HOME}/registry.jsonl"
DOCUMENTS = f"{LOG}/documents"
TOKENS = f"{LOG}/tokens"
CHECKPOINT = f"{LOG}/checkpoint"
SESSIONS = ".sessions"  # working space, no part of the format
RULED = "access"  # in registry.json: there are rules of access, whatever has become of the journal


_PACKAGE = re.compile(rf"{TASKS}/[^/]+/models/[^/]+/versions/[^/]+")


def is_package(key: str) -> bool:
    """Whether the key is where a version's package lies."""
    return _PACKAGE.fullmatch(key) is not None


def document(sha256: str) -> str:
    """The document of those bytes that an event of the registry names."""
    return f"{DOCUMENTS}/{sha256}.json"


def token(token_id: str) -> str:
    """What is kept of the token."""
    return f"{TOKENS}/{token_id}.json"


def session(digest: str) -> str:
    """What is kept of the session whose id has that SHA-256."""
    return f"{SESSIONS}/{digest}.json"


def is_private(key: str) -> bool:
    """Whether nobody but the registry's own user may read what lies there."""
    return key.startswith(f"{TOKENS}/")


def models(task: str) -> str:
    """Prefix of a task's models."""
    return f"{TASKS}/{task}/models"


@dataclass(frozen=True)
class ModelKeys:
    """The keys of one model."""

    task: str
    model_name: str

    @property
    def title(self) -> str:
        """What to call the model in a sentence."""
        return f"{self.task}/{self.model_name}"

    @property
    def names(self) -> dict[str, str]:
        """What each event and document of ours says of whose it is."""
        return {"task": self.task, "model_name": self.model_name}

    @cached_property
    def model(self) -> str:
        return f"{models(self.task)}/{self.model_name}"

    @property
    def versions(self) -> str:
        return f"{self.model}/versions"

    @property
    def aliases(self) -> str:
        return f"{self.model}/aliases"

    @property
    def journal(self) -> str:
        return f"{self.model}/audit/promotions.jsonl"

    @property
    def states(self) -> str:
        return f"{self.model}/state"

    def package(self, version: str) -> str:
        return f"{self.versions}/{version}"

    def alias(self, alias: str) -> str:
        return f"{self.aliases}/{alias}.json"

    def state(self, version: str) -> str:
        return f"{self.states}/{version}.json"

    @property
    def runs(self) -> str:
        return f"{self.model}/runs"

    def run(self, run_id: str) -> str:
        return f"{self.runs}/{run_id}"

    @property
    def ownership(self) -> str:
        return f"{self.model}/ownership.json"

    @property
    def graves(self) -> str:
        return f"{self.model}/deleted"

    def tombstone(self, version: str) -> str:
        return f"{self.graves}/{version}/{TOMBSTONE}"

    def kept_manifest(self, version: str) -> str:
        return f"{self.graves}/{version}/{MANIFEST}"

    def grave(self, version: str) -> str:
        return f"{self.graves}/{version}/package"

    @property
    def used_keys(self) -> str:
        return f"{self.model}/keys"

    def used_key(self, key: str) -> str:
        return f"{self.used_keys}/{hashlib.sha256(key.encode()).hexdigest()}.json"

    @property
    def used_keys_known(self) -> str:
        return f"{self.used_keys}/.since"

    def baseline(self, version: str) -> str:
        return f"{self.model}/adopted/{version}.txt"

    @property
    def attestations(self) -> str:
        return f"{self.model}/attestations"

    def attestation(self, version: str, sha256: str) -> str:
        return f"{self.attestations}/{version}/{sha256}.json"

    @property
    def evidences(self) -> str:
        return f"{self.model}/evidence"

    def evidence(self, version: str) -> str:
        return f"{self.evidences}/{version}.json"
