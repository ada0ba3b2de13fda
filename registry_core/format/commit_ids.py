"""Commit ids: the name of a version's content for clients of the Hugging Face Hub protocol."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

_COMMIT = re.compile(r"[0-9a-f]{40}")


def commit_id(task: str, model_name: str, version: str, hashes: Mapping[str, str]) -> str:
    """40 hex digits that stand for these files under this name, and never for others.

    ``hashes``: path -> SHA-256 hex of every file that the version's manifest lists. The id is the beginning of
    the SHA-256 of ``<task>/<model_name>@<version>`` and a line ``<sha256>  <path>`` for each file, sorted.
    """
    lines = sorted(f"{sha256}  {path}\n" for path, sha256 in hashes.items())
    text = f"{task}/{model_name}@{version}\n" + "".join(lines)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def is_commit_id(text: str) -> bool:
    """Whether the text has the form of a commit id; no new version or alias has it."""
    return _COMMIT.fullmatch(text) is not None
