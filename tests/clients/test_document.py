"""docs/clients.md: the commands of each section, with the program that it is about."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ..docs.documents import Step, read
from ..docs.matching import json_differences, text_differences
from ..docs.shell import ROOT, Shell
from ..support.installing import python_packages
from ..support.machine import need
from ..support.servers import gunicorn

DOCUMENT = read("docs/clients.md")
BEFORE = "Before the examples"
SECTIONS = list(dict.fromkeys(step.command.section for step in DOCUMENT.runnable if step.command.section != BEFORE))

# Where the program of a section comes from: a command of the system, or packages of PyPI in a place of their own.
SYSTEM = {"curl": "curl", "wget": "wget", "aria2": "aria2c", "rclone": "rclone"}
PYPI = {
    "fsspec": ("fsspec==2026.9.0", "aiohttp==3.14.5"),
    "pooch": ("pooch==1.9.0",),
    "DVC": ("dvc==3.67.1",),
    "Snakemake": ("snakemake==9.27.1", "snakemake-storage-plugin-http==0.3.1"),
    "model-signing": ("model-signing==1.1.1", "pyOpenSSL==26.4.0"),
}


def steps(section: str) -> list[Step]:
    return [step for step in DOCUMENT.runnable if step.command.section == section]


@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_said_of_a_program_is_so(section: str, tmp_path: Path) -> None:
    directory = _program(section)
    (tmp_path / ROOT).mkdir()
    with gunicorn(tmp_path / ROOT, workers=1) as server:
        shell = Shell(tmp_path, server.port, programs=directory / "bin")
        for step in [*steps(BEFORE), *steps(section)]:
            assert not _differences(shell, step, shell.run(step.command)), step.command.place


def _program(section: str) -> Path:
    """The environment that the section's commands run in."""
    if section in PYPI:
        return python_packages(f"client-{section.lower()}", *PYPI[section])
    assert section in SYSTEM, f"tests/clients/test_document.py does not know where {section} comes from"
    need(shutil.which(SYSTEM[section]), f"install {SYSTEM[section]}")
    return Path(sys.prefix)


def _differences(shell: Shell, step: Step, printed: str) -> Sequence[str]:
    if step.answer is None:
        return []
    compare = json_differences if step.answer.language == "json" else text_differences
    return compare(shell.rewrite(step.answer.text), printed)
