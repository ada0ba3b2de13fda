"""What is typed to look at a version, and to prove its bytes without believing this page; safe to paste."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from flask import request, url_for


def shown(task: str, model_name: str, version: str) -> str:
    """The command that shows what the page shows."""
    return shlex.join(["omr", "show", task, f"{model_name}@{version}"])


def verified(task: str, model_name: str, version: str) -> str:
    """The command that does what the page of a proof does."""
    return shlex.join(["omr", "verify", task, f"{model_name}@{version}"])


def pushed(task: str, model_name: str, version: str) -> str:
    """The command that registers; the names are those of an address, which anybody can make."""
    return shlex.join(["omr", "push", "DIRECTORY", task or "TASK", model_name or "MODEL", version or "VERSION"])


def compared(task: str, model_name: str, versions: Sequence[str]) -> str:
    return shlex.join(["omr", "compare", task, model_name, *versions])


def ways(task: str, model_name: str, version: str) -> list[tuple[str, str]]:
    """(what for, what is typed), in order: have the bytes, prove them, compare their name with the journal's."""
    here, ref = request.url_root.rstrip("/"), f"{model_name}@{version}"
    archive = url_for("files.archive", task=task, model_name=model_name, selector=version, _external=True)
    omr = ["omr", "--url", here]
    return [
        ("get", f"mkdir proof && cd proof && {shlex.join(['curl', '-fsS', archive])} | tar -x"),
        ("files", "sha256sum -c sha256sums.txt"),
        ("package", "sha256sum sha256sums.txt"),
        ("journal", shlex.join([*omr, "audit", "verify", task, model_name])),
        ("service", shlex.join([*omr, "verify", task, ref])),
    ]
