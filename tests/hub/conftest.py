"""A service with a model of two versions, and the generations of the client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry_core import ModelRegistry

from ..app.conftest import scratch
from ..support.packages import write_files
from ..support.servers import Server, gunicorn
from .generations import VERSIONS, Generation, generation

TASK, MODEL = "celltype", "human_pbmc"
REPO = f"{TASK}/{MODEL}"
ODD = "label maps/50% #1 gr\u00fcn?.json"
FILES = {"model.pt": b"weights of the first version " * 1000, "config.json": b"{}", ODD: b'{"0": "B"}', "empty": b""}


@dataclass(frozen=True)
class Hub:
    """A running service: version 1.0.0 is ``production``, 1.1.0 is ``latest``."""

    url: str
    root: Path
    server: Server
    registry: ModelRegistry

    @property
    def endpoint(self) -> str:
        return f"{self.url}/hf"

    def commit(self, version: str) -> str:
        return self.registry.snapshot(TASK, MODEL, version).commit_id

    def content(self, version: str) -> dict[str, bytes]:
        """Path -> bytes of the version, as they lie in the registry."""
        top = Path(self.registry.resolve(TASK, f"{MODEL}@{version}", verify=False).path)
        return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with scratch() as area:
        root = area / "root"
        root.mkdir()
        registry = ModelRegistry.open(root)
        source = write_files(area / "source", FILES)
        registry.register(TASK, MODEL, "1.0.0", source, {"tags": {"organ": "blood"}}, actor="ada", reason="first run")
        # The same length: clients compare lengths only.
        (source / "model.pt").write_bytes(FILES["model.pt"].replace(b"first ", b"second")[: len(FILES["model.pt"])])
        registry.register(TASK, MODEL, "1.1.0", source, actor="bob")
        registry.promote(TASK, MODEL, "production", "1.0.0")
        with gunicorn(root) as server:
            yield Hub(server.url, root, server, registry)


@pytest.fixture(scope="module", params=VERSIONS)
def client(request: pytest.FixtureRequest) -> Generation:
    return generation(request.param)
