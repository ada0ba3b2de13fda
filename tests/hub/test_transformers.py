"""transformers loads a model from here without being told its task: the package says it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry_core import ModelRegistry

from ..support.installing import python_packages, run
from ..support.servers import gunicorn

pytestmark = pytest.mark.timeout(600)  # most of it to install torch
TINY = Path(__file__).with_name("tiny_model.py")


def test_a_pipeline_needs_no_task(tmp_path: Path) -> None:
    python = python_packages("transformers", "torch==2.13.0", "transformers==5.24.0") / "bin" / "python"

    def step(*words: str, **environment: str) -> Any:
        told = run([str(python), str(TINY), *words], cwd=tmp_path, timeout_s=300, PYTHONPATH="", **environment)
        return json.loads(told.splitlines()[-1])

    made = step("make", str(tmp_path / "tiny"))
    assert {"config.json", "model.safetensors", "README.md"} <= set(made)
    (tmp_path / "root").mkdir()
    registry = ModelRegistry.open(tmp_path / "root")
    registry.register("celltype", "tiny", "1", tmp_path / "tiny")
    with gunicorn(tmp_path / "root") as server:
        settings = {"HF_ENDPOINT": f"{server.url}/hf", "HF_HOME": str(tmp_path / "home")}
        loaded = step("classify", "celltype/tiny", HF_HUB_DISABLE_TELEMETRY="1", **settings)
    assert loaded["task"] == "text-classification"
    assert loaded["type"] == "BertForSequenceClassification"
    assert [answer["label"] in ("B cell", "T cell") for answer in loaded["answer"]] == [True]
