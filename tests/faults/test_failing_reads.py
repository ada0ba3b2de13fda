"""A disk that fails while it is read: one failure is told as one, or made up for; damage is what fails again and again.

The kernel fails, not Python: strace makes the system calls on one file return the error.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..support import planted
from ..support.machine import need

REPOSITORY = Path(__file__).parents[2]
SCRIPT = """
import json, sys
from registry_core import RegistryError
from tests.support import planted
from tests.support.packages import open_registry
verb, root, marker = sys.argv[1:]
registry = open_registry(root)
open(marker, "w").close()
try:
    answer = {"value": repr({**planted.READING, **planted.CHANGING}[verb](registry, None))}
except RegistryError as error:
    answer = {"code": error.code, "message": error.message, "detail": error.detail}
print(json.dumps(answer))
"""
ONCE = [
    ("model.pt", "files"),
    ("model.pt", "verify"),
    ("sha256sums.txt", "resolve"),
    ("sha256sums.txt", "resolve unverified"),
    ("sha256sums.txt", "artifacts"),
    ("model_meta.json", "show"),
    ("1.json", "show"),
    ("production.json", "resolve an alias"),
    ("production.json", "aliases"),
    ("tombstone.json", "resolve a deleted one"),
    ("promotions.jsonl", "history"),
    ("promotions.jsonl", "audit"),
    ("promotions.jsonl", "promote"),
    ("promotions.jsonl", "check"),
    ("sha256sums.txt", "check"),
]
FAILURES = {"EIO on reading": "read:error=EIO", "ESTALE on opening": "openat,openat2:error=ESTALE"}


@pytest.fixture
def root(area: Path) -> Path:
    need(shutil.which("strace"), "strace makes system calls fail; install it")
    return planted.make_root(area / "registry", planted.make_source(area / "source"))


def ask(root: Path, verb: str, failure: str | None = None, name: str = "") -> Any:
    """The verb's answer from a process in which system calls on files of that name fail so."""
    command = [sys.executable, "-c", SCRIPT, verb, str(root), str(root.parent / "marker")]
    if failure is not None:
        call = failure.partition(":")[0]
        files = [form for path in root.rglob(name) for form in (str(path), str(path.relative_to(root)))]
        paths = [option for path in (name, *files) for option in ("-P", path)]
        command = ["strace", "-f", "-qq", "-o", "/dev/null", *paths, f"-etrace={call}", f"-einject={failure}", *command]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=100)
    need("ptrace" not in done.stderr.lower(), f"strace may not trace here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize(("name", "verb"), ONCE)
def test_one_failure_is_no_damage(root: Path, name: str, verb: str, failure: str) -> None:
    whole = ask(shutil.copytree(root, root.parent / "whole"), verb)
    answer = ask(root, verb, f"{failure}:when=1", name)
    if answer.get("code") == "storage_unavailable":
        assert answer["detail"]["errno"] in failure
        assert answer["detail"]["path"].endswith(name)
        assert answer["detail"]["retry_after_s"] > 0
        assert "committed" not in answer["detail"]
        answer = ask(root, verb)
    if verb == "promote":
        assert "value" in answer
    else:
        assert normal(answer, root) == normal(whole, root.parent / "whole")


def normal(answer: Any, root: Path) -> str:
    """The answer without what differs between two copies and two moments."""
    text = json.dumps(answer).replace(str(root), "ROOT")
    return text if "duration_s" not in text else text[: text.index("duration_s")]


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("name", ["model.pt", "sha256sums.txt", "model_meta.json"])
def test_what_fails_again_and_again_is_unreadable(root: Path, name: str, failure: str) -> None:
    answer = ask(root, "verify", failure, name)
    assert answer["code"] == "package_corrupt"
    told = {problem["path"]: (problem["kind"], problem["actual"]) for problem in answer["detail"]["problems"]}
    assert told == {name: ("unreadable", failure.rpartition("=")[2])}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("name", ["promotions.jsonl", "sha256sums.txt", "tombstone.json"])
def test_check_names_what_fails_again_and_again(root: Path, name: str, failure: str) -> None:
    answer = ask(root, "check", failure, name)
    assert f"unreadable ({failure.rpartition('=')[2]} at " in answer["value"]
    assert name in answer["value"]
