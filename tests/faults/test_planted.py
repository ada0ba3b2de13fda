"""Whatever is planted in the root is never followed, never waited for, and never served; `check` names it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from registry_core import ModelRegistry, RegistryError

from ..support import planted
from ..support.machine import need
from ..support.packages import open_registry
from . import raw

PLACES = [*planted.DIRECTORIES, *planted.FILES]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("planted")
    planted.make_source(top / "source")
    return planted.make_root(top / "root", top / "source")


def answers(root: Path, source: Path) -> dict[str, Any]:
    """What each verb answers: a value, or the registry's error. Anything else fails the test."""
    found: dict[str, Any] = {}
    for name, verb in {**planted.READING, **planted.CHANGING}.items():
        with planted.in_time():
            try:
                found[name] = verb(open_registry(root, lock_timeout_s=0.2), source)
            except RegistryError as error:
                found[name] = error
            except Exception as error:
                raise AssertionError(f"{name}: {error!r}") from error
    return found


def told_of(root: Path) -> str:
    """All that `check` says, or the reason for which it says nothing."""
    try:
        return " ".join(f"{f.where} {f.message}" for f in open_registry(root).check().findings)
    except RegistryError as error:
        return f"{error.message} {error.detail}"


def shown(answer: Any) -> str:
    return f"{answer.message} {answer.detail}" if isinstance(answer, RegistryError) else repr(answer)


@pytest.mark.parametrize(
    ("where", "thing"),
    [
        pytest.param(where, thing, id=f"{where}-{thing.__name__}", marks=pytest.mark.slow if (m + n) % 2 else ())
        for m, where in enumerate(PLACES)
        for n, thing in enumerate(planted.THINGS)
    ],
)
def test_I13_what_is_planted_is_never_followed_or_waited_for(
    template: Path, tmp_path: Path, where: str, thing: planted.Plant
) -> None:
    need(os.geteuid() == 0 or thing is not planted.a_device, "making a device needs root")
    outside = planted.make_outside(tmp_path / "outside")
    with planted.copied(template, tmp_path / "root") as root:
        planted.plant(root, where, thing, outside)
        before = raw.tree(outside)
        told = told_of(root)
        found = answers(root, template.parent / "source")
        assert raw.tree(outside) == before
    for name, answer in found.items():
        assert planted.SECRET.decode() not in shown(answer), name
    if where in planted.IN_PACKAGES and ("deleted" in where or thing is planted.the_other_kind):
        return  # what lies in a package is verify's to name, but for what is nothing of ours
    assert where.rsplit("/", 1)[-1] in told, told


def test_a_link_in_the_place_of_a_files_directory_is_damage(template: Path, tmp_path: Path) -> None:
    with planted.copied(template, tmp_path / "root") as root:
        planted.plant(root, "tasks/celltype/models/pbmc/versions/1", planted.a_link_to_what_was_there, tmp_path)
        registry: ModelRegistry = open_registry(root)
        for verb in ("resolve", "show", "verify", "files"):
            with pytest.raises(RegistryError) as caught:
                planted.READING[verb](registry, tmp_path)
            assert caught.value.code == "package_corrupt", verb
