"""What MLflow does, run by the Python of its own environment: ``mlflow_jobs.py JOB ADDRESS ARGUMENT ...``.

It imports nothing of ours, and prints one JSON object. ``ADDRESS`` is a server's or a database's.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from mlflow import MlflowClient  # type: ignore[import-not-found]
from mlflow.version import VERSION  # type: ignore[import-not-found]

ALIAS = "production"


def log(client: Any, file: str, artifacts: str, rounds: str) -> dict[str, Any]:
    """A run logs the file, which becomes a version that the alias names; the shortest wall time and the least CPU."""
    where = {"artifact_location": artifacts} if artifacts else {}
    experiment = client.create_experiment("large", **where)
    client.create_registered_model("large")
    wall, cpu = [], []
    for _ in range(int(rounds)):
        began, began_cpu = time.perf_counter(), time.process_time()
        run = client.create_run(experiment).info
        client.log_artifact(run.run_id, file, "model")
        version = client.create_model_version("large", f"{run.artifact_uri}/model", run.run_id)
        client.set_registered_model_alias("large", ALIAS, version.version)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_cpu)
    return {"wall_s": min(wall), "cpu_s": min(cpu)}


def fill(client: Any, models: str, versions: str) -> dict[str, Any]:
    """There are so many models of so many versions each, with a tag that one in ten has."""
    run = client.create_run(client.create_experiment("many")).info
    for model in range(int(models)):
        client.create_registered_model(f"m{model}")
        for version in range(int(versions)):
            tags = {"assay": f"a{version % 10}"}
            client.create_model_version(f"m{model}", f"{run.artifact_uri}/model", run.run_id, tags=tags)
        client.set_registered_model_alias(f"m{model}", ALIAS, "1")
    return {}


def main(job: str, address: str, *arguments: str) -> None:
    """Does the job, and prints what it found with the version of MLflow."""
    jobs: dict[str, Any] = {"log": log, "fill": fill}
    client = MlflowClient(tracking_uri=address, registry_uri=address)
    print(json.dumps({**jobs[job](client, *arguments), "version": VERSION}))


if __name__ == "__main__":
    main(*sys.argv[1:])
