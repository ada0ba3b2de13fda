"""The rules of the registry written down a second time, on plain dictionaries, sharing no line with the core.

A verb here is one method. It takes what the caller of the real verb says and returns an :class:`Expected`: the codes
of the errors that may answer it (any of them: which one is found first is nobody's promise), or, where there are
none, the fields of the answer that the rules foretell. A change is made by the method only if nothing refuses it.
What cannot be foretold (times, digests that depend on them) is learned from the first answer with
:meth:`Rules.learn`, and must be the same in every later one.
"""

from __future__ import annotations

import hashlib
import json
import math
import string
from dataclasses import dataclass, field, replace
from typing import Any

Files = dict[str, bytes]
META, MANIFEST = "model_meta.json", "sha256sums.txt"
KEPT_FOR_ALIASES = ("production", "staging", "latest", "main")
UNSAID: Any = object()


def is_legal(name: str, *, selector: bool = False) -> bool:
    """The paragraph on names in ``docs/http.md``."""
    ends = string.ascii_letters + string.digits
    return (
        0 < len(name) <= 96
        and name[0] in ends
        and name[-1] in ends
        and all(character in ends + "._-" for character in name)
        and not any(bad in name for bad in ("..", "--"))
        and not name.endswith(".git")
        and not (selector and len(name) == 40 and all(character in string.hexdigits for character in name))
    )


@dataclass(frozen=True)
class Package:
    """A directory that a caller brings; ``refused`` is the code of what is wrong with it, if anything is."""

    name: str
    files: Files
    refused: str | None = None

    @property
    def artifacts(self) -> Files:
        return {name: data for name, data in self.files.items() if name not in (META, MANIFEST)}


@dataclass
class Version:
    """A version as the rules know it; the last three are learned from the answer to its registration."""

    artifacts: Files
    said: dict[str, Any]
    actor: str | None
    created_at: str = ""
    package_digest: str = ""
    path: str = ""

    def meta(self, task: str, model_name: str, version: str) -> dict[str, Any]:
        lineage = {
            "dataset": self.said.get("dataset"),
            "run_id": self.said.get("run_id"),
            "metrics": self.said.get("metrics", {}),
            "parent_version": self.said.get("parent_version"),
        }
        own = {"task": task, "model_name": model_name, "version": version, "created_at": self.created_at}
        return {**self.said, **own, "lineage": lineage}

    # what may change
    tags: dict[str, Any] = field(default_factory=dict)
    description: Any = UNSAID
    archived: bool = False
    archived_reason: str | None = None

    def set(self, line: dict[str, Any]) -> None:
        """What an event with ``set`` does."""
        changes = line["set"]
        self.tags = {**self.tags, **changes.get("tags", {})}
        self.description = changes.get("description", self.description)
        if "archived" in changes:
            self.archived = changes["archived"]
            self.archived_reason = line["reason"] if self.archived else None

    def words(self, pointing: list[str]) -> dict[str, Any]:
        """Tags, description and stage, over what the package brought; the stage is where the aliases are."""
        tags = {key: value for key, value in {**self.said.get("tags", {}), **self.tags}.items() if value is not None}
        stages = [stage for stage in ("production", "staging") if stage in pointing]
        return {
            "tags": tags,
            "description": self.said.get("description") if self.description is UNSAID else self.description,
            "stage": [*stages, "archived" if self.archived else "none"][0],
        }

    def hashes(self) -> dict[str, str]:
        return {name: "sha256:" + hashlib.sha256(data).hexdigest() for name, data in self.artifacts.items()}


@dataclass
class Model:
    """One model: its events in order, its versions, and where its aliases point (name -> number of the event).

    ``versions`` are all that ever were; ``gone`` those that are deleted now, by the event that did it.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    gone: dict[str, dict[str, Any]] = field(default_factory=dict)
    purged: set[str] = field(default_factory=set)
    keys: dict[str, tuple[Any, dict[str, Any]]] = field(default_factory=dict)

    def target(self, alias: str | None) -> str | None:
        if alias is None or alias not in self.aliases:
            return None
        version: str = self.events[self.aliases[alias] - 1]["version"]
        return version

    def pointing(self, version: str) -> list[str]:
        return sorted(alias for alias in self.aliases if self.target(alias) == version)

    def has(self, version: str | None) -> bool:
        return version in self.versions and version not in self.gone

    def record(
        self,
        event: str,
        *,
        version: str | None,
        actor: str | None,
        reason: str | None,
        alias: str | None = None,
        previous_version: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """One more event, and all that it does but the bytes of a registration."""
        line = {"seq": len(self.events) + 1, "event": event, "version": version, "alias": alias}
        line |= {"previous_version": previous_version, "actor": actor, "reason": reason, **more}
        self.events.append(line)
        self.apply(line)
        return line

    def apply(self, line: dict[str, Any]) -> None:
        alias, version = line["alias"], line["version"]
        if alias is not None and version is None:
            del self.aliases[alias]
        elif alias is not None:
            self.aliases[alias] = line["seq"]
        for gone in line.get("unaliased", ()):
            del self.aliases[gone]
        if "set" in line:
            self.versions[version].set(line)
        if line["event"] == "delete":
            self.gone[version] = line
        elif line["event"] == "restore":
            del self.gone[version]
        elif line["event"] == "purge":
            self.purged.add(version)

    def then(self, moment: str) -> Model:
        """The model as it was at the moment, told anew from its events."""
        past = Model()
        for line in self.events:
            if line["ts_utc"] > moment:
                break
            past.events.append(line)
            if line["event"] == "register":
                now = self.versions[line["version"]]
                past.versions[line["version"]] = replace(
                    now, tags={}, description=UNSAID, archived=False, archived_reason=None
                )
            past.apply(line)
        return past


@dataclass
class Expected:
    """What must come back: an error with one of ``codes``, or an answer that has at least these ``fields``.

    ``recalled``: the reason (or None) for which an archived version must be warned of; unsaid, it must not.
    """

    codes: set[str]
    fields: dict[str, Any] = field(default_factory=dict)
    recalled: Any = UNSAID


class Rules:
    """Every model that there is, and the verbs. Those that govern are in ``governing.py``."""

    def __init__(self) -> None:
        self.models: dict[tuple[str, str], Model] = {}

    # verbs that change something

    def register(
        self,
        task: str,
        model_name: str,
        version: str,
        package: Package,
        metadata: dict[str, Any],
        set_alias: str | None,
        actor: str | None,
        reason: str | None,
        key: str | None,
    ) -> Expected:
        known = self.models.get((task, model_name))
        model = known or Model()
        request = (version, package.name, json.dumps(metadata), set_alias, actor, reason)
        codes = self._bad_names(task, model_name) | self._bad_words(actor, reason)
        if key is not None and key in model.keys:
            first, answer = model.keys[key]
            if first == request and model.has(version):
                return Expected(set(), answer)
            if first == request:
                return Expected({"version_exists"})  # deleted since: there is no package to answer with
            codes.add("idempotency_key_reused")
        if not is_legal(version, selector=True) or version.lower() in KEPT_FOR_ALIASES:
            codes.add("invalid_name")
        if version in model.aliases or version == set_alias:
            codes.add("name_taken")
        if version in model.versions:
            codes.add("version_exists")
        if set_alias is not None:
            codes |= self._bad_alias(model, set_alias)
        if package.refused is not None:
            codes.add(package.refused)
        said = {**json.loads(package.files.get(META, b"{}")), **metadata}
        if any(isinstance(value, float) and math.isnan(value) for value in said.values()):
            codes.add("invalid_metadata")
        if not isinstance(said.get("lineage", {}), dict):
            codes.add("invalid_metadata")
        if codes:
            return Expected(codes)
        self.models[task, model_name] = model
        model.versions[version] = Version(package.artifacts, said, actor)
        model.record(
            "register",
            version=version,
            alias=set_alias,
            previous_version=model.target(set_alias),
            actor=actor,
            reason=reason,
        )
        answer = {"task": task, "model_name": model_name, "version": version, "alias_set": set_alias}
        if key is not None:
            model.keys[key] = (request, answer)
        return Expected(set(), answer)

    def learn(self, task: str, model_name: str, version: str, answer: Any) -> None:
        """Take from the first answer what could not be foretold; every later one must say the same."""
        found = self.models[task, model_name].versions[version]
        fresh = (answer.created_at, answer.package_digest, answer.package_path)
        if found.created_at:
            assert (found.created_at, found.package_digest, found.path) == fresh
        found.created_at, found.package_digest, found.path = fresh
        assert {**answer.hashes, META: None} == {**found.hashes(), META: None}

    def promote(
        self,
        task: str,
        model_name: str,
        alias: str,
        version: str,
        actor: str | None,
        reason: str | None,
        expected_version: Any = UNSAID,
    ) -> Expected:
        codes = self._bad_names(task, model_name) | self._bad_words(actor, reason)
        model = self.models.get((task, model_name))
        if model is None:
            return Expected(codes | {"model_not_found"})
        codes |= self._bad_alias(model, alias) | self._no_version(model, version)
        previous = model.target(alias)
        if expected_version is not UNSAID and expected_version != previous:
            codes.add("alias_moved")
        if codes:
            return Expected(codes)
        line = model.record(
            "promote", version=version, alias=alias, previous_version=previous, actor=actor, reason=reason
        )
        return Expected(set(), some(line, "alias version previous_version seq"))

    # verbs that read

    def resolve(self, task: str, ref: str, as_of: str | None = None) -> Expected:
        found = self._find(task, ref, as_of)
        if isinstance(found, set):
            return Expected(found)
        model_name, version, alias, known, _ = found
        return Expected(
            set(),
            {
                "task": task,
                "model_name": model_name,
                "version": version,
                "alias": alias,
                "path": known.path,
                "package_digest": known.package_digest,
            },
            known.archived_reason if known.archived else UNSAID,
        )

    def show(self, task: str, ref: str, as_of: str | None = None) -> Expected:
        found = self._find(task, ref, as_of)
        if isinstance(found, set):
            return Expected(found)
        model_name, version, _, known, model = found
        pointing = model.pointing(version)
        return Expected(
            set(),
            {
                "meta": {**known.meta(task, model_name, version), **model.versions[version].words(pointing)},
                "package_dir": known.path,
                "version": version,
                "aliases": pointing,
                "package_digest": known.package_digest,
                **model.versions[version].words(pointing),
            },
            known.archived_reason if known.archived else UNSAID,
        )

    def verify(self, task: str, ref: str) -> Expected:
        found = self._find(task, ref)
        if isinstance(found, set):
            return Expected(found)
        model_name, version, _, known, _ = found
        return Expected(
            set(),
            {
                "version": version,
                "files_checked": len(known.artifacts) + 1,
                "bytes_checked": sum(map(len, known.artifacts.values()))
                + self._meta_size(known, task, model_name, version),
                "package_digest": known.package_digest,
                "warnings": [],
            },
        )

    def artifacts(self, task: str, ref: str) -> Expected:
        found = self._find(task, ref)
        if isinstance(found, set):
            return Expected(found)
        model_name, version, _, known, _ = found
        files = {name: (known.hashes()[name], len(data)) for name, data in known.artifacts.items()}
        return Expected(
            set(), {"version": version, "files": files, "meta": self._meta_size(known, task, model_name, version)}
        )

    def aliases(self, task: str, model_name: str) -> Expected:
        codes = self._bad_names(task, model_name)
        model = self.models.get((task, model_name))
        if model is None:
            return Expected(codes | {"model_not_found"})
        lines = {alias: model.events[seq - 1] for alias, seq in sorted(model.aliases.items())}
        return Expected(
            set(),
            {
                "aliases": [
                    {"alias": alias, **{name: line[name] for name in ("version", "actor", "reason", "seq")}}
                    for alias, line in lines.items()
                ]
            },
        )

    def history(self, task: str, model_name: str, filters: dict[str, str | None], after: int, limit: int) -> Expected:
        codes = self._bad_names(task, model_name)
        model = self.models.get((task, model_name))
        if not 1 <= limit <= 1000 or after < 0:
            codes.add("invalid_parameter")
        if model is None:
            codes.add("model_not_found")
        if model is None or codes:
            return Expected(codes)
        matching = [
            line
            for line in model.events[after:]
            if all(value is None or value in _concerns(line)[name] for name, value in filters.items())
        ]
        shown = matching[:limit]
        return Expected(set(), {"events": shown, "next": shown[-1]["seq"] if len(matching) > limit else None})

    # what several verbs refuse

    def _bad_names(self, task: str, model_name: str) -> set[str]:
        return set() if is_legal(task) and is_legal(model_name) else {"invalid_name"}

    def _bad_words(self, actor: str | None, reason: str | None) -> set[str]:
        too_long = len(actor or "") > 256 or len(reason or "") > 4096
        return {"invalid_parameter"} if too_long else set()

    def _bad_alias(self, model: Model, alias: str) -> set[str]:
        if alias in model.aliases:
            return set()
        if not is_legal(alias, selector=True):
            return {"invalid_name"}
        return {"name_taken"} if alias in model.versions else set()

    def _no_version(self, model: Model, version: str) -> set[str]:
        if model.has(version):
            return set()
        return _nothing_has_it(version)

    def _find(
        self, task: str, ref: str, as_of: str | None = None
    ) -> set[str] | tuple[str, str, str | None, Version, Model]:
        """(model name, version, alias, the version as it is now, the model as it was then) or codes."""
        model_name, at, selector = ref.partition("@")
        if not (at and model_name and selector):
            return {"invalid_ref"}
        codes = self._bad_names(task, model_name)
        model = self.models.get((task, model_name))
        if model is None:
            return codes | _nothing_has_it(selector) - {"version_not_found"} | {"model_not_found"}
        then = model if as_of is None else model.then(as_of)
        version = then.target(selector)
        alias = selector if version is not None else None
        if version is None:
            version = selector
        if not then.has(version) or not model.has(version):
            return codes | (_nothing_has_it(selector) if as_of is None else {"version_not_found", "invalid_name"})
        return model_name, version, alias, model.versions[version], then

    def _meta_size(self, known: Version, task: str, model_name: str, version: str) -> int:
        meta = known.meta(task, model_name, version)
        return len(json.dumps(meta, indent=2, ensure_ascii=False).encode()) + 1


def _nothing_has_it(selector: str) -> set[str]:
    """Asking for a name that no version can have is an invalid name; one of 40 hex digits is just not there."""
    return {"version_not_found"} if is_legal(selector) else {"invalid_name"}


def _concerns(line: dict[str, Any]) -> dict[str, list[Any]]:
    """What removes an alias is an event of it, and of the version that the alias named."""
    return {
        "alias": [line["alias"], *line.get("unaliased", ())],
        "version": [line["version"] or line["previous_version"]],
        "event": [line["event"]],
    }


def some(line: dict[str, Any], names: str) -> dict[str, Any]:
    return {name: line[name] for name in names.split()}
