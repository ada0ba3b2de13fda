"""The demo's story: every step with a stand-in for the classifier, and, where installed, on the real data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.machine import need

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = REPOSITORY / "examples/pbmc_celltype/demo.sh"
DEMO_PYTHON = REPOSITORY / ".venv/demo/bin/python"

# Takes the place of the Python that runs train.py and predict.py, which need packages of their own.
_STAND_IN = """#!{python}
import json, sys
from pathlib import Path

script, top, *options = sys.argv[1:]
if Path(script).name == "train.py":
    Path(top).mkdir()
    metrics = {{"accuracy": 0.5, "macro_f1": 0.5, "genes": 2, "held_out_cells": 4, "dataset": "stand-in"}}
    (Path(top) / "metrics.json").write_text(json.dumps(metrics))
    (Path(top) / "model.pt").write_bytes(bytes(2000) + str(options).encode())
    for name in ("model_genes.txt", "label_map.json", "feature_schema.json"):
        (Path(top) / name).write_text("{{}}")
else:
    assert (Path(top) / "model.pt").stat().st_size > 2000
    sys.exit({predict_status})
"""


def _tell(tmp_path: Path, demo_python: Path) -> subprocess.CompletedProcess[str]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "PYTHON": sys.executable, "DEMO_PYTHON": str(demo_python), "TMPDIR": str(scratch)}
    done = subprocess.run([str(DEMO)], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert list(scratch.iterdir()) == [], "the demo left something behind"
    return done


def _stand_in(tmp_path: Path, predict_status: int) -> Path:
    script = tmp_path / "stand-in"
    script.write_text(_STAND_IN.format(python=sys.executable, predict_status=predict_status))
    script.chmod(0o755)
    return script


def test_the_story_comes_to_its_end(tmp_path: Path) -> None:
    done = _tell(tmp_path, _stand_in(tmp_path, 0))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The demo is complete" in done.stdout


def test_the_demo_fails_when_the_model_does_not_do_what_was_registered(tmp_path: Path) -> None:
    done = _tell(tmp_path, _stand_in(tmp_path, 1))
    assert done.returncode != 0
    assert "The demo is complete" not in done.stdout


@pytest.mark.slow
def test_the_demo_on_real_cells(tmp_path: Path) -> None:
    need(DEMO_PYTHON.exists(), "run 'make demo' once; it installs what the example needs")
    done = _tell(tmp_path, DEMO_PYTHON)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("held-out cells: 0.") == 2
