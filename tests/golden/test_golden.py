"""Format 1 opens for ever: what an earlier version wrote is read, proven and continued; and it is still written so.

Each directory in ``format-1/`` was written once, by the version of its day (see ``story.py``), and is never written
again. If one of these tests fails, the software has changed, not the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry_core import CoreSettings, ModelRegistry
from registry_core.storage.memory.root import MemoryStorage

from ..faults import raw
from ..support.machine import need, remove_tree
from ..support.packages import open_registry, write_files
from . import story

KEPT = sorted(path.name for path in story.HERE.iterdir())
NEWEST = "1.2.0"
MOMENT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
ROOT_ID = re.compile(rb',\n  "id": "[0-9a-f]{32}"')
ATTEMPT = re.compile(r"[0-9a-f]{32}")


@pytest.fixture(params=KEPT)
def kept(request: pytest.FixtureRequest) -> Path:
    return story.HERE / str(request.param)


@pytest.fixture
def root(kept: Path, tmp_path: Path) -> Iterator[Path]:
    """A working copy, sealed as the registry seals: a version control system keeps no modes."""
    made = tmp_path / "root"
    shutil.copytree(kept / "registry", made)
    for package in made.glob("tasks/*/models/*/versions/*"):
        for directory, _, files in os.walk(package, topdown=False):
            for name in files:
                os.chmod(Path(directory, name), 0o444)
            os.chmod(directory, 0o555)
    yield made
    remove_tree(made)


def at_least(found: Any, golden: Any, where: str = "") -> None:
    """Everything that the old answer had is there and the same; an answer may have become richer."""
    if isinstance(golden, dict):
        assert isinstance(found, dict), where
        for name, value in golden.items():
            assert name in found, f"{where}.{name} is gone"
            at_least(found[name], value, f"{where}.{name}")
    elif isinstance(golden, list):
        assert isinstance(found, list), where
        assert len(found) == len(golden), where
        for number, value in enumerate(golden):
            at_least(found[number], value, f"{where}[{number}]")
    else:
        assert found == golden, where


def test_it_opens_and_nothing_is_wrong_with_it(root: Path) -> None:
    before = raw.tree(root, times=True)
    registry = open_registry(root)
    assert registry.recover() == []
    assert registry.check().findings == []
    assert raw.tree(root, times=True) == before


def test_it_answers_as_on_its_first_day(root: Path, kept: Path) -> None:
    golden = json.loads((kept / "answers.json").read_bytes())
    found = story.answers(open_registry(root), story.registry_root(root))
    assert found.keys() >= golden.keys()
    for title, answer in golden.items():
        at_least(found[title], answer, title)


def test_it_can_be_proven_without_a_line_of_this_software(root: Path) -> None:
    for model in root.glob("tasks/*/models/*"):
        facts = raw.facts(model)
        assert facts.events
        assert facts.versions
        registered = [event for event in raw.events(model) if event["event"] == "register"]
        assert {event["version"] for event in registered} == facts.versions
        for event in registered:
            manifest = (model / "versions" / event["version"] / "sha256sums.txt").read_bytes()
            assert event["package_digest"] == "sha256:" + hashlib.sha256(manifest).hexdigest()


def test_sha256sum_proves_its_packages(root: Path) -> None:
    need(shutil.which("sha256sum"), "sha256sum (coreutils) is not installed")
    for package in root.glob("tasks/*/models/*/versions/*"):
        subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "sha256sums.txt"], cwd=package, check=True)


def test_it_goes_on_and_its_old_lines_stay_byte_for_byte(root: Path, tmp_path: Path) -> None:
    model = root / "tasks" / story.TASK / "models" / story.NAME
    journal = model / "audit" / "promotions.jsonl"
    lines, packages = journal.read_bytes(), raw.tree(model / "versions", times=True)
    registry = open_registry(root)
    registry.promote(story.TASK, story.NAME, "staging", "1.1.0", actor="eve")
    made = registry.register(story.TASK, story.NAME, "9", write_files(tmp_path / "9", {"model.pt": b"9"}))
    assert journal.read_bytes().startswith(lines)
    kept = {path: entry for path, entry in raw.tree(model / "versions", times=True).items() if not path.startswith("9")}
    assert kept == packages
    assert registry.resolve(story.TASK, f"{story.NAME}@latest").package_digest == made.package_digest
    assert registry.check().findings == []
    raw.facts(model)


def test_it_moves_to_another_storage_unchanged(root: Path, kept: Path, tmp_path: Path) -> None:
    between = ModelRegistry.open("memory://", storage=MemoryStorage(), settings=CoreSettings())
    open_registry(root).migrate_to(between)
    back = tmp_path / "back"
    back.mkdir()
    between.migrate_to(open_registry(back))
    golden = {path: path.read_bytes() for path in (kept / "registry").rglob("*") if path.is_file()}
    for path, data in golden.items():
        assert (back / path.relative_to(kept / "registry")).read_bytes() == data
    remove_tree(back)


# it is still written so


def documents(root: Path) -> dict[str, bytes]:
    """Every file but the working space (names with a dot in front)."""
    paths = [path for path in root.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in paths
        if not any(part.startswith(".") for part in path.relative_to(root).parts)
    }


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def commit(event: dict[str, Any], manifest: bytes) -> str:
    """The Hub's name of the version's bytes, made here from the manifest alone."""
    head = f"{event['task']}/{event['model_name']}@{event['version']}\n"
    return sha256(head.encode() + b"".join(sorted(manifest.splitlines(keepends=True)))).decode()[:40]


def masked(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of a registry with moments, attempts and the request digest (it holds a path) written the same.

    Digests over what was masked are not masked: each is first proven to be right, then replaced by that of the
    masked bytes, so a wrong one cannot hide.
    """
    swaps: dict[bytes, bytes] = {}
    found: dict[str, bytes] = {}

    def mask(data: bytes) -> bytes:
        data = MOMENT.sub(b"2000-01-01T00:00:00.000000Z", data)
        for old, new in swaps.items():
            data = data.replace(old, new)
        return data

    def proven(data: bytes) -> bytes:
        made = mask(data)
        swaps[sha256(data)] = sha256(made)
        return made

    def of(name: str) -> list[str]:
        return sorted(path for path in files if path.endswith(name))

    for path in of("/model_meta.json"):
        found[path] = proven(files[path])
    for path in of("/sha256sums.txt"):
        package = path.removesuffix("sha256sums.txt")
        for line in files[path].decode().splitlines():
            assert sha256(files[package + line[66:]]).decode() == line[:64]
        found[path] = proven(files[path])
    for path in of("/promotions.jsonl"):
        before, lines = b"", []
        for line in files[path].splitlines():
            fields = json.loads(line)
            assert fields["prev"] == "sha256:" + sha256(before).decode()
            for value in (fields["attempt"], (fields.get("idempotency") or {}).get("request_digest", "")):
                swaps[str(value).removeprefix("sha256:").encode() or b"\0"] = b"masked"
            if "commit" in fields:
                package = f"{path.removesuffix('audit/promotions.jsonl')}versions/{fields['version']}/"
                assert fields["commit"] == commit(fields, files[package + "sha256sums.txt"])
                swaps[fields["commit"].encode()] = b"commit"
            lines.append(proven(line) + b"\n")
            before = line
        found[path] = b"".join(lines)
    found["registry.json"] = ROOT_ID.sub(b"", files["registry.json"])
    return {path: found.get(path, mask(data)) for path, data in files.items()}


def test_the_same_story_is_still_written_in_the_same_bytes(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    story.tell(open_registry(root), tmp_path / "sources")
    written, golden = documents(root), documents(story.HERE / NEWEST / "registry")
    assert written.keys() == golden.keys()
    now, then = masked(written), masked(golden)
    for path in golden:
        assert now[path] == then[path], path
    remove_tree(root)


def test_masking_hides_only_what_it_says() -> None:
    """The comparison can fail: one other byte anywhere in a golden file is seen."""
    golden = documents(story.HERE / NEWEST / "registry")
    reference = masked(golden)

    def seen(changed: dict[str, bytes]) -> bool:
        try:
            return masked(changed) != reference
        except (AssertionError, KeyError, ValueError):
            return True  # a digest over it is wrong, or it can no longer be read

    assert not seen(dict(golden))
    for path, data in golden.items():
        if data:
            assert seen({**golden, path: data[:-2] + bytes([data[-2] ^ 1]) + data[-1:]}), path


def test_moments_and_attempts_have_their_form() -> None:
    for path, data in documents(story.HERE / NEWEST / "registry").items():
        if path.endswith("/promotions.jsonl"):
            for line in data.splitlines():
                fields = json.loads(line)
                assert MOMENT.fullmatch(fields["ts_utc"].encode())
                assert ATTEMPT.fullmatch(fields["attempt"])


def test_a_kept_story_is_never_written_over() -> None:
    with pytest.raises(FileExistsError):
        story.keep(NEWEST)
