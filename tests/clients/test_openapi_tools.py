"""What reads /openapi.json: two linters find no error in it, and a generated client makes the six first calls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app import create_app
from app.config import Settings

from ..support.installing import node_packages, python_packages, run
from ..support.packages import write_package
from ..support.servers import gunicorn

SIX_CALLS = Path(__file__).with_name("six_calls.py")


@pytest.fixture
def document(tmp_path: Path) -> Path:
    place = tmp_path / "openapi.json"
    place.write_bytes(create_app(Settings()).test_client().get("/openapi.json").get_data())
    return place


def test_redocly_finds_no_error(document: Path) -> None:
    program = node_packages("redocly", "@redocly/cli@2.77.0") / ".bin" / "redocly"
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    told = run([str(program), "lint", "openapi.json", "--format=json"], cwd=document.parent, **quiet)
    assert json.loads(told)["totals"]["errors"] == 0


def test_spectral_finds_no_error(document: Path) -> None:
    program = node_packages("spectral", "@stoplight/spectral-cli@6.16.3") / ".bin" / "spectral"
    (document.parent / ".spectral.yaml").write_text('extends: ["spectral:oas"]\n')
    told = run([str(program), "lint", "openapi.json", "--format=json", "--quiet"], cwd=document.parent)
    assert [found for found in json.loads(told[: told.rindex("]") + 1]) if found["severity"] == 0] == []


def test_a_generated_client_makes_the_six_first_calls(document: Path, tmp_path: Path) -> None:
    """And downloads the archive. It has types: what it cannot read it does not answer."""
    python = python_packages("openapi-client", "openapi-python-client==0.29.1") / "bin"
    bytes_too = ", ".join(f"{kind}: application/octet-stream" for kind in ("application/x-tar", "application/x-ndjson"))
    (tmp_path / "generator.yaml").write_text(f"content_type_overrides: {{{bytes_too}}}\n")
    options = ["--meta", "none", "--config", "generator.yaml", "--output-path", "generated", "--fail-on-warning"]
    command = [str(python / "openapi-python-client"), "generate", "--path", str(document), *options]
    run(command, cwd=tmp_path, PATH=f"{python}:/usr/bin:/bin")
    package = write_package(tmp_path / "package")
    (tmp_path / "root").mkdir()
    with gunicorn(tmp_path / "root") as server:
        command = [str(python / "python"), str(SIX_CALLS), server.url, str(package)]
        told = json.loads(run(command, cwd=tmp_path, PYTHONPATH=str(tmp_path)))
    assert told == {
        "health": "omnibioai-model-registry",
        "register": True,
        "resolve": "1.0.0",
        "show": "1.0.0",
        "promote": ["production", "1.0.0"],
        "verify": True,
        "missing": "model_not_found",
        "archive": sorted(
            [*(str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()), "sha256sums.txt"]
        ),
    }
