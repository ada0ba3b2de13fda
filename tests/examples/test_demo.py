"""The demo's story: every step with a stand-in for the classifier, and, where installed, on the real data."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
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
    assert re.search(r"/ui/models/celltype/human_pbmc$", done.stdout.rstrip())


def test_on_a_terminal_the_pages_can_be_looked_at(tmp_path: Path) -> None:
    """The address that is printed last is of a page that shows what the story did, until Enter is pressed."""
    here, there = pty.openpty()
    environment = {**os.environ, "PYTHON": sys.executable, "DEMO_PYTHON": str(_stand_in(tmp_path, 0))}
    with subprocess.Popen([str(DEMO)], stdin=there, stdout=there, stderr=there, env=environment, cwd=tmp_path) as demo:
        os.close(there)
        said = b""
        while b"press Enter" not in said:
            said += os.read(here, 65536)
        (address,) = re.findall(rb"Look at it: (http://\S+)", said)
        shown = httpx.get(address.decode(), headers={"Accept": "text/html"}, trust_env=False)
        os.write(here, b"\n")
        with suppress(OSError):  # how a terminal says that nobody is at its other end
            while os.read(here, 65536):
                pass
        assert demo.wait() == 0
    os.close(here)
    assert shown.status_code == 200
    assert "v2" in shown.text
    assert "better macro F1 on held-out cells" in shown.text


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
