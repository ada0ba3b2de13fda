"""Three generations of huggingface_hub, each in a virtual environment of its own, and how to run them.

The environments lie beside the packages of this one (``.venv/hub-…``) and are made on first use.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..support.installing import python_packages
from ..support.servers import clean_environment

VERSIONS = ("0.36.2", "1.33.0", "2.4.0")
SESSION = Path(__file__).with_name("session.py")
CALL_S = 120


@dataclass(frozen=True)
class Generation:
    """One version of the library, installed."""

    version: str
    directory: Path

    @property
    def cli(self) -> Path:
        return self.directory / "bin" / "hf"

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def environment(self, endpoint: str, home: Path, **more: str) -> dict[str, str]:
        """What a user sets, and nothing of what the machine has set for this library."""
        kept = {name: value for name, value in clean_environment().items() if not name.startswith(("HF_", "PYTHON"))}
        settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", "NO_COLOR": "1"}
        return {**kept, **settings, **more}

    def start(self, step: str, environment: Mapping[str, str], **arguments: Any) -> subprocess.Popen[str]:
        """A step of session.py in a process of its own."""
        return subprocess.Popen(
            [str(self.directory / "bin" / "python"), str(SESSION), step, json.dumps(arguments)],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, step: str, environment: Mapping[str, str], **arguments: Any) -> Any:
        """What the step returns. Fails if it raises."""
        process = self.start(step, environment, **arguments)
        out, err = process.communicate(timeout=CALL_S)
        assert process.returncode == 0, f"huggingface_hub {self.version}, {step}:\n{out}\n{err}"
        return json.loads(out.splitlines()[-1])

    def hf(self, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
        """One call of the command line."""
        return subprocess.run(
            [str(self.cli), *arguments],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CALL_S,
        )


def generation(version: str) -> Generation:
    """The version, installed now if it is not yet; skips the test where it cannot be had."""
    return Generation(version, python_packages("hub", f"huggingface_hub=={version}"))
