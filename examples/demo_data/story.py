"""What happens to one model of the demo, in order: each step is one event of its journal."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import package
import rules
from models import Model

from registry_core import ModelNotFound, ModelRegistry, RunNotFound

AUTHORS = ("mei.tanaka", "omar.haddad", "sofia.rossi", "jonas.berg")
REVIEWERS = ("grace.lin", "hana.novak", "bob.okafor")
WHY_TRAINED = (
    "nightly training on the fixed split",
    "two more donors in the training set",
    "labels harmonised with the atlas of March",
    "learning rate from the sweep of last week",
    "doublets removed before training",
    "ambient RNA corrected first",
)
WHY_STAGED = ("to be tried on last week's runs", "the atlas team wants to look at it", "candidate for the next release")
WHY_PROMOTED = (
    "better {metric} on held-out donors ({before:.3f} to {after:.3f}); no label loses more than 1 %",
    "reviewed with the atlas team on Tuesday; {metric} is {after:.3f}",
    "calibration is fixed, and {metric} did not suffer",
    "shadow run of a week: agrees with what was there on 97 % of cells, and is right about the rest",
)
WHY_BACK = "too many unknowns in the new 5' kit: 11 % of cells against 3 % before"
WHY_ARCHIVED = "trained before the labels were harmonised; results are not comparable"
WHY_DELETED = "held-out donors had leaked into training; see the note of the data team"
WHY_DELETED_BY_MISTAKE = "cleaned up by a script"
WHY_RESTORED = "the report of February cites it"
WHY_MEASURED = "the benchmark of every new version"
FOUND = "platelets of frozen samples are called doublets; the card should say so"
WHY_SIGNED = "built by the pipeline of the group, from a clean checkout"
REVIEWED = "reviewed on held-out donors"
WHY_OVERRIDDEN = "what was there calls every deletion benign on the new reference; the review follows"
TICKET = "GEN-214"
SIGNED_FROM = 23  # the first version that was promoted once signatures were asked for
CURVE_STEPS = 30


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Step:
    """What is done, and when."""

    moment: datetime
    do: Callable[[], object]


@dataclass
class Story:
    """The story of one model, up to ``now``; told again it is the same."""

    registry: ModelRegistry
    model: Model
    now: datetime

    def steps(self) -> Iterator[Step]:
        """Every step, by version."""
        model, draw = self.model, random.Random(self.model.name)
        labels = [f"{1 + n // 12}.{n % 12 // 3}.{n % 3}" for n in range(model.versions)]
        figures = [self._figures(draw, n) for n in range(model.versions)]
        last = self.now - timedelta(days=model.quiet_days, hours=draw.uniform(6, 9))
        apart = timedelta(days=model.days) / model.versions
        was_production: str | None = None
        for n, version in enumerate(labels):
            moment = last - apart * (model.versions - 1 - n) + apart * draw.uniform(-0.3, 0) * (n < model.versions - 1)
            author, reviewer = draw.choice(AUTHORS), draw.choice(REVIEWERS)
            parent = labels[n - 1] if n else None
            yield Step(moment, self._registers(version, parent, figures[n], author, draw.choice(WHY_TRAINED)))
            if n % 3 == 1:
                yield Step(
                    moment + timedelta(hours=3),
                    self._promotes("staging", version, author, draw.choice(WHY_STAGED)),
                )
            if n % 4 == 0:
                yield Step(moment + timedelta(hours=4), self._describes(version, figures[n], author))
            if model.is_in_production and (n % 4 == 3 or n == model.versions - 2) and n < model.versions - 1:
                before = figures[labels.index(was_production)] if was_production else figures[0]
                why = "the first that is good enough" if was_production is None else draw.choice(WHY_PROMOTED)
                reason = why.format(
                    metric=model.decisive, before=before[model.decisive], after=figures[n][model.decisive]
                )
                override = {"reason": WHY_OVERRIDDEN, "ticket": TICKET} if self._is_overridden(n) else None
                move = self._promotes("production", version, reviewer, reason, override)
                yield Step(moment + timedelta(hours=26), move)
                if n == 11 and was_production is not None:
                    yield Step(moment + timedelta(hours=75), self._goes_back(was_production, reviewer))
                else:
                    was_production = version
            if model.is_signed and n >= SIGNED_FROM and (n % 4 == 3 or n == model.versions - 1):
                yield from self._signed(version, figures[n][model.decisive], moment, author)
                if not self._is_overridden(n):
                    yield self._reviewed(version, moment, "splice sites of the new reference are among those")
            if n == 6:
                yield Step(moment + timedelta(hours=30), self._archives(labels[1], reviewer))
            if n == 9:
                yield Step(moment + timedelta(hours=31), self._deletes(labels[5], reviewer, WHY_DELETED))
            if n == 10:
                yield Step(moment + timedelta(hours=5), self._deletes(labels[2], author, WHY_DELETED_BY_MISTAKE))
                yield Step(moment + timedelta(hours=29), self._restores(labels[2], reviewer))
        if model.bar and not model.is_signed:
            yield self._measured(labels[-1], figures[-1][model.decisive], last)
            yield Step(last + timedelta(hours=20), self._finds(labels[-1], "minor", FOUND, REVIEWERS[1]))
            yield self._reviewed(labels[-1], last, "no label loses more than 1 %")

    def _is_overridden(self, n: int) -> bool:
        """Whether that version went into production without a review."""
        return self.model.is_signed and n == self.model.versions - 2

    def _signed(self, version: str, value: float, registered: datetime, author: str) -> Iterator[Step]:
        yield self._measured(version, value, registered)
        signed = registered + timedelta(hours=2.5)
        yield Step(signed, self._says(version, rules.SIGNATURE, {}, author, WHY_SIGNED))

    def _measured(self, version: str, value: float, registered: datetime) -> Step:
        at = registered + timedelta(hours=2)
        metrics = [{"name": self.model.decisive, "value": value, "n": 11_740}]
        said = {"evaluated_at": _written(at), "dataset": {"name": self.model.dataset}, "metrics": metrics}
        return Step(at, self._says(version, rules.EVALUATION, said, rules.EVALUATOR, WHY_MEASURED))

    def _reviewed(self, version: str, registered: datetime, comment: str) -> Step:
        at = registered + timedelta(hours=21)
        said = {"reviewed_at": _written(at), "decision": "approve", "comment": comment}
        return Step(at, self._says(version, rules.REVIEW, said, REVIEWERS[0], REVIEWED))

    def _says(self, version: str, kind: str, said: dict[str, object], who: str, why: str) -> Callable[[], object]:
        def do() -> None:
            rules.set_up(self.registry, self.model, AUTHORS, REVIEWERS)
            rules.attest(self.registry, self.model, version, kind, said, who, why)

        return do

    def _finds(self, version: str, severity: str, title: str, actor: str) -> Callable[[], object]:
        model = self.model
        return lambda: self.registry.open_finding(
            model.task, model.name, version, severity, title, actor=actor, reason="seen in last week's runs"
        )

    def _figures(self, draw: random.Random, n: int) -> dict[str, float]:
        """The metrics of the n-th version: on the way from the first value to the best one, with some noise."""
        done = (1 - 0.86 ** (n + 1)) / (1 - 0.86**self.model.versions)
        return {
            name: round(start + (best - start) * (done + draw.gauss(0, 0.06)), 4)
            for name, start, best in self.model.metrics
        }

    def _registers(
        self, version: str, parent: str | None, figures: dict[str, float], author: str, reason: str
    ) -> Callable[[], object]:
        def do() -> None:
            model, draw = self.model, random.Random(f"{self.model.name} {version}")
            run_id = f"train-{version}"
            params = {
                "learning_rate": draw.choice((1e-4, 3e-4, 1e-3)),
                "layers": draw.choice((4, 6, 8)),
                "dropout": draw.choice((0.1, 0.2)),
                "seed": draw.randrange(100),
            }
            self._logs(draw, run_id, params, figures, author)
            value = figures[model.decisive]
            rows = [
                (label, min(0.999, max(0.05, value + draw.gauss(0, 0.04))), draw.randint(200, 9000))
                for label in model.labels
            ]
            with tempfile.TemporaryDirectory() as place:
                package.write(Path(place, "package"), model, version, figures, rows)
                self.registry.register(
                    model.task,
                    model.name,
                    version,
                    Path(place, "package"),
                    {
                        "framework": model.framework,
                        "dataset": model.dataset,
                        "git_commit": f"{draw.getrandbits(160):040x}",
                        "run_id": run_id,
                        "metrics": figures,
                        "params": params,
                        **({"parent_version": parent} if parent else {}),
                    },
                    actor=author,
                    reason=reason,
                )

        return do

    def _logs(
        self, draw: random.Random, run_id: str, params: dict[str, object], figures: dict[str, float], author: str
    ) -> None:
        """The run with its curves, once: what was logged twice would be there twice."""
        task, name, best = self.model.task, self.model.name, figures[self.model.decisive]
        if self._has(run_id):
            return
        points = [
            {"key": key, "value": round(value, 5), "step": step}
            for step in range(CURVE_STEPS)
            for key, value in (
                ("loss", 2.1 * 0.88**step + 0.18 + draw.gauss(0, 0.015)),
                (f"val_{self.model.decisive}", best * (1 - 0.55 * 0.85**step) + draw.gauss(0, 0.004)),
            )
        ]
        self.registry.log_batch(task, name, run_id, metrics=points, params=params, actor=author)
        self.registry.end_run(task, name, run_id, actor=author)

    def _has(self, run_id: str) -> bool:
        try:
            self.registry.run(self.model.task, self.model.name, run_id, points=2)
        except (RunNotFound, ModelNotFound):
            return False
        return True

    def log_other_runs(self) -> None:
        """Runs of which no version came: one that failed, and one that goes on."""
        for run_id, steps, status in (("sweep-lr-1e-2", 6, "failed"), ("train-next", 18, None)):
            if self._has(run_id):
                continue
            draw = random.Random(f"{self.model.name} {run_id}")
            slope = 1.09 if status else 0.93
            points = [
                {"key": "loss", "value": 2.0 * slope**step + draw.gauss(0, 0.02), "step": step} for step in range(steps)
            ]
            task, name, author = self.model.task, self.model.name, draw.choice(AUTHORS)
            params = {"learning_rate": 1e-2 if status else 2e-4, "layers": 8}
            self.registry.log_batch(task, name, run_id, metrics=points, params=params, actor=author)
            if status:
                self.registry.end_run(task, name, run_id, status=status, actor=author)

    def _promotes(
        self, alias: str, version: str, actor: str, reason: str, override: dict[str, str] | None = None
    ) -> Callable[[], object]:
        model = self.model
        return lambda: self.registry.promote(
            model.task, model.name, alias, version, actor=actor, reason=reason, override=override
        )

    def _goes_back(self, version: str, actor: str) -> Callable[[], object]:
        model = self.model
        return lambda: self.registry.rollback(
            model.task, model.name, "production", actor=actor, reason=WHY_BACK, to_version=version
        )

    def _describes(self, version: str, figures: dict[str, float], actor: str) -> Callable[[], object]:
        model = self.model
        text = f"{model.about.removesuffix('.')}; {model.decisive} {figures[model.decisive]:.3f}"
        tags = {"organism": model.organism, "framework": model.framework, "team": "atlas"}
        return lambda: self.registry.patch(
            model.task, model.name, version, description=text, tags=tags, actor=actor, reason="for the catalogue"
        )

    def _archives(self, version: str, actor: str) -> Callable[[], object]:
        model = self.model
        return lambda: self.registry.stage(
            model.task, model.name, version, "archived", actor=actor, reason=WHY_ARCHIVED
        )

    def _deletes(self, version: str, actor: str, reason: str) -> Callable[[], object]:
        model = self.model
        return lambda: self.registry.delete(model.task, model.name, version, actor=actor, reason=reason)

    def _restores(self, version: str, actor: str) -> Callable[[], object]:
        model = self.model
        return lambda: self.registry.restore(model.task, model.name, version, actor=actor, reason=WHY_RESTORED)
