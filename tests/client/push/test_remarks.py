"""What is warned of before it is sent."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from registry_client import RegistryClient
from registry_client.local.cache import Cache
from registry_client.push.choice import Choice
from registry_client.push.local_package import opened
from registry_client.push.remarks import remarks

from ...support.packages import write_files
from ..trees import package

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"


def said(top: Path, *exclude: str) -> list[str]:
    with opened(top, Choice(exclude)) as selected:
        return remarks(selected)


@pytest.mark.parametrize(
    ("path", "data", "words"),
    [
        (".git/config", b"x", "--exclude .git'"),
        ("sub/__pycache__/a.pyc", b"x", "--exclude __pycache__'"),
        (".DS_Store", b"x", "--exclude .DS_Store'"),
        (".cache/huggingface/download/model.lock", b"x", "--exclude .cache/huggingface'"),
        ("blobs/abc.incomplete", b"x", "--exclude *.incomplete'"),
        ("weights.bin", POINTER, "git lfs pull"),
        (".omr-pull/laid", b"[]", "'omr pull' refuses"),
    ],
)
def test_what_is_seldom_meant_is_said(area: Path, path: str, data: bytes, words: str) -> None:
    top = write_files(area / "source", {"model.pt": b"x", path: data, "why.cache/huggingface.txt": b"x"})
    found = said(top)
    assert words in found[0]
    assert repr(path) in found[0]
    assert said(top, path.partition("/")[0]) == []


def test_what_a_package_does_not_keep_is_said(area: Path) -> None:
    top = write_files(area / "source", {"run.sh": b"#!/bin/sh", "variables/weights": b"x"})
    assert said(top) == []
    (top / "run.sh").chmod(0o755)
    for name in ("assets", "variables/empty"):
        (top / name).mkdir()
    assert said(top) == [
        "'assets' (and 1 more): a package has no empty directories. Put a file there.",
        "'run.sh': executable here; a package keeps bytes and no modes.",
    ]


def test_it_is_said_before_anything_is_sent_and_in_the_answer(
    client: RegistryClient, model: str, cache: Cache, area: Path, caplog: pytest.LogCaptureFixture
) -> None:
    top = write_files(area / "source", {**package(), ".DS_Store": b"x"})
    with caplog.at_level(logging.WARNING):
        done = client.push(top, "t", model, "1", cache=cache)
    assert len(done.warnings) == 1
    assert [record.getMessage() for record in caplog.records] == [f"warning: {done.warnings[0]}"]
    assert done.to_dict()["warnings"] == done.warnings
    assert client.push(top, "t", model, "2", exclude=[".DS_Store"], cache=cache).warnings == []
