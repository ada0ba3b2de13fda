"""The rules of the verbs that govern: aliases removed and rolled back, what is said of a version, its deletion."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from .rules import UNSAID, Expected, Model, Rules, is_legal, some

STAGES = ("production", "staging")
Words = tuple[str | None, str | None]  # actor, reason


class Governing(Rules):
    """All rules. Every method changes the model only if nothing refuses the call."""

    def unalias(self, task: str, model_name: str, alias: str, words: Words, expect: Any = UNSAID) -> Expected:
        def decide(model: Model) -> set[str] | dict[str, Any]:
            codes = self._moving(model, alias, expect)
            if codes:
                return codes
            line = self._record(model, "unalias", None, words, alias=alias, previous_version=model.target(alias))
            return some(line, "alias previous_version seq")

        return self._change(task, model_name, words, decide)

    def rollback(self, task: str, model_name: str, alias: str, words: Words, expect: Any = UNSAID) -> Expected:
        def decide(model: Model) -> set[str] | dict[str, Any]:
            codes = self._moving(model, alias, expect)
            now = model.target(alias)
            named = [line["version"] for line in model.events if line["alias"] == alias]
            before = [version for version in named if version not in (None, now)]
            if not before or not model.has(before[-1]):
                codes.add("version_not_found")
            if codes:
                return codes - {"version_not_found"} if "alias_not_found" in codes else codes
            line = self._record(model, "rollback", before[-1], words, alias=alias, previous_version=now)
            return some(line, "alias version previous_version seq")

        return self._change(task, model_name, words, decide)

    def patch(
        self, task: str, model_name: str, version: str, tags: dict[str, Any] | None, description: Any, words: Words
    ) -> Expected:
        def decide(model: Model) -> set[str] | dict[str, Any]:
            codes = self._no_version(model, version)
            if not tags and description is UNSAID:
                codes.add("invalid_parameter")
            for key, value in (tags or {}).items():
                if not key or ":" in key or isinstance(value, list):
                    codes.add("invalid_parameter")
            if codes:
                return codes
            changes: dict[str, Any] = {"tags": tags} if tags else {}
            if description is not UNSAID:
                changes["description"] = description
            name = "tag" if description is UNSAID else "patch"
            return self._annotated(model, version, self._record(model, name, version, words, set=changes))

        return self._change(task, model_name, words, decide)

    def stage(
        self, task: str, model_name: str, version: str, stage: str, words: Words, expect: Any = UNSAID
    ) -> Expected:
        def decide(model: Model) -> set[str] | dict[str, Any]:
            codes = self._no_version(model, version)
            if stage not in (*STAGES, "archived", "none"):
                codes.add("invalid_parameter")
            if stage in STAGES:
                codes |= self._bad_alias(model, stage)
                if expect is not UNSAID and expect != model.target(stage):
                    codes.add("alias_moved")
            if codes:
                return codes
            moved: dict[str, Any] = {}
            if stage in STAGES:
                moved = {"alias": stage, "previous_version": model.target(stage)}
            elif stage == "none" and set(STAGES) & set(model.pointing(version)):
                moved = {"unaliased": [alias for alias in STAGES if model.target(alias) == version]}
            line = self._record(model, "stage", version, words, set={"archived": stage == "archived"}, **moved)
            return self._annotated(model, version, line)

        expected = self._change(task, model_name, words, decide)
        model = self.models.get((task, model_name))
        if not expected.codes and stage == "archived" and model is not None and model.pointing(version):
            expected.recalled = ", ".join(model.pointing(version))  # they lead to it still
        return expected

    def delete(self, task: str, model_name: str, version: str, words: Words) -> Expected:
        def decide(model: Model) -> set[str] | dict[str, Any]:
            codes = self._no_version(model, version)
            if not (words[1] or "").strip():
                codes.add("invalid_parameter")
            if model.pointing(version):
                codes.add("version_in_use")
            if codes:
                return codes
            line = self._record(model, "delete", version, words)
            digest = model.versions[version].package_digest
            return {**some(line, "version actor reason seq"), "package_digest": digest, "purged_at": None}

        return self._change(task, model_name, words, decide)

    def restore(self, task: str, model_name: str, version: str, words: Words) -> Expected:
        def decide(model: Model) -> set[str] | dict[str, Any]:
            if model.has(version):
                return {"version_exists"}
            if version not in model.gone or version in model.purged:
                return {"version_not_found"} if is_legal(version) else {"invalid_name"}
            line = self._record(model, "restore", version, words)
            known = model.versions[version]
            return {
                **some(line, "version seq"),
                "package_path": known.path,
                "package_digest": known.package_digest,
            }

        return self._change(task, model_name, words, decide)

    def purge(self, words: Words, *, dry_run: bool) -> list[str]:
        """The versions whose bytes go: all that are deleted and still have them, in order of their names."""
        purged = []
        for (task, model_name), model in sorted(self.models.items()):
            for version in sorted(model.gone.keys() - model.purged):
                purged.append(f"{task}/{model_name}@{version}")
                if not dry_run:
                    self._record(model, "purge", version, words)
        return purged

    # shared

    def _change(
        self, task: str, model_name: str, words: Words, decide: Callable[[Model], set[str] | dict[str, Any]]
    ) -> Expected:
        codes = self._bad_names(task, model_name) | self._bad_words(*words)
        model = self.models.get((task, model_name))
        if model is None:
            return Expected(codes | {"model_not_found"})
        if codes:
            return Expected(codes | self._refusals(decide, model))
        decided = decide(model)
        return Expected(decided) if isinstance(decided, set) else Expected(set(), decided)

    def _refusals(self, decide: Callable[[Model], set[str] | dict[str, Any]], model: Model) -> set[str]:
        """What else would refuse a call that is refused already; the model is not touched."""
        decided = decide(deepcopy(model))
        return decided if isinstance(decided, set) else set()

    def _record(self, model: Model, event: str, version: str | None, words: Words, **more: Any) -> dict[str, Any]:
        return model.record(event, version=version, actor=words[0], reason=words[1], **more)

    def _moving(self, model: Model, alias: str, expect: Any) -> set[str]:
        now = model.target(alias)
        codes = set() if now is not None else {"alias_not_found"}
        if now is None and not is_legal(alias):
            codes.add("invalid_name")
        if expect is not UNSAID and expect != now:
            codes.add("alias_moved")
        return codes

    def _annotated(self, model: Model, version: str, line: dict[str, Any]) -> dict[str, Any]:
        said = model.versions[version].words(model.pointing(version))
        return {"version": version, "seq": line["seq"], **said}
