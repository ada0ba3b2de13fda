"""Fills a registry with made-up models for whoever wants to look: ``python examples/demo_data ROOT [--address URL]``.

Everything goes in through the library, one event after the other, as people would have done it over some months. Only
the moments are made up (:mod:`clock`). A second call adds nothing; one after a crash goes on where that stopped.
"""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from clock import Clock
from models import MODELS
from story import Step, Story

from registry_core import CoreSettings, ModelNotFound, ModelRegistry


def main() -> None:
    parser = argparse.ArgumentParser(description="Fill a registry with made-up models.")
    parser.add_argument("root", type=Path, help="a directory: empty, or filled by this before")
    parser.add_argument("--models", type=int, default=len(MODELS), help="only the first so many")
    parser.add_argument("--address", default="http://localhost:8095", help="of the service that will serve it")
    asked = parser.parse_args()
    asked.root.mkdir(parents=True, exist_ok=True)
    registry = ModelRegistry.init(settings=CoreSettings(root=str(asked.root.resolve())))
    models = MODELS[: asked.models]
    strangers = {item.task for item in registry.list_tasks()} - {model.task for model in MODELS}
    if strangers:
        raise SystemExit(f"{asked.root} holds other models ({', '.join(sorted(strangers))}). Nothing was changed.")
    clock, now = Clock(), datetime.now(UTC)
    stories = [Story(registry, model, now) for model in models]
    made = 0
    for step in heapq.merge(*map(_left, stories), key=lambda step: step.moment):
        clock.moment = step.moment
        step.do()
        made += 1
        if made % 20 == 0:
            print(f"{made} events ...", flush=True)
    clock.moment = now
    for story in stories:
        story.log_other_runs()
    registry.refresh_catalogue()
    for summary in registry.list_tasks():
        print(f"{summary.task:18} {summary.models} models {summary.versions:4} versions {summary.bytes / 1e6:7.1f} MB")
    print(f"{made} events were written to {asked.root}. People, figures and dates in it are made up.")
    print(f"Serve it:  make run OMNIBIOAI_MODEL_REGISTRY_ROOT={asked.root}")
    print(f"Look at:   {asked.address}/ui/")


def _left(story: Story) -> Iterator[Step]:
    """The steps that are still to be done: each is one event, so the journal's length says which."""
    model = story.model
    try:
        done = story.registry.audit_verify(model.task, model.name).events
    except ModelNotFound:
        done = 0
    yield from sorted(story.steps(), key=lambda step: step.moment)[done:]


if __name__ == "__main__":
    main()
