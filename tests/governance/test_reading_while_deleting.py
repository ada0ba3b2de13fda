"""A version that goes while it is looked at: the reader gets all of it or a 404, and never hears of damage.

The version is deleted (or deleted and restored at once) before every single step that a reader takes on its storage.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from registry_core import NotFound, RegistryError
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..faults import forks, injection
from ..support.packages import open_registry
from .conftest import MODEL, TASK, model_of

VERSION = "3"
REF = f"{MODEL}@{VERSION}"

READERS: dict[str, tuple[Any, ...]] = {
    "resolve": (REF,),
    "verify": (REF,),
    "show": (REF,),
    "artifacts": (REF,),
    "metrics": (REF,),
    "compare": (MODEL, ["1", VERSION]),
}
UNVERIFIED = {"verify": False}


def delete(root: Path) -> None:
    open_registry(root).delete(TASK, MODEL, VERSION, reason="read at the moment")


def delete_and_restore(root: Path) -> None:
    delete(root)
    open_registry(root).restore(TASK, MODEL, VERSION)


def told(answer: Any) -> dict[str, Any]:
    """The answer, without what differs from call to call."""
    return {name: value for name, value in answer.to_dict().items() if name != "duration_s"}


def disturbed(root: Path, verb: str, words: dict[str, Any], step: int, disturb: Callable[[Path], None]) -> Any:
    """What the reader is told if the disturbance comes before its step of that number; None if it has fewer steps."""
    count = 0
    is_quiet = False

    def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal count, is_quiet
        if name.startswith(("FilesystemStorage.", "FilesystemDocuments.", "FilesystemPackages.")) and not is_quiet:
            count += 1
            if count == step:
                is_quiet = True
                disturb(root)
                is_quiet = False
        return real(*args, **kwargs)

    registry = open_registry(root)
    injection.install(hook)
    try:
        answer = told(getattr(registry, verb)(TASK, *READERS[verb], **words))
    except NotFound as error:
        answer = error.code
    except RegistryError as error:
        answer = f"{error.code}: {error.message}"
    return answer if count >= step else None


CASES = [
    *(pytest.param(verb, {}, delete_and_restore, id=f"{verb}-restored") for verb in READERS),
    pytest.param("resolve", UNVERIFIED, delete_and_restore, id="resolve-unverified-restored"),
    pytest.param("resolve", {}, delete, id="resolve"),
    pytest.param("verify", {}, delete, id="verify"),
    pytest.param("show", {}, delete, id="show"),
    pytest.param("artifacts", {}, delete, id="artifacts"),
    pytest.param("metrics", {}, delete, id="metrics"),
    pytest.param("compare", {}, delete, id="compare"),
    pytest.param("resolve", UNVERIFIED, delete, id="resolve-unverified"),
]


@pytest.mark.parametrize(("verb", "words", "disturb"), CASES)
def test_deleted_before_any_step_of_a_reader(
    filled: Path, verb: str, words: dict[str, Any], disturb: Callable[[Path], None]
) -> None:
    whole = told(getattr(open_registry(filled), verb)(TASK, *READERS[verb], **words))
    step, wrong, seen = 0, [], []
    while True:
        step += 1
        answer = forks.run(partial(disturbed, filled, verb, words, step, disturb)).get()
        if answer is None:
            break
        seen.append(answer)
        if answer not in (whole, "version_not_found"):
            wrong.append(f"step {step}: {answer}")
        if disturb is delete:
            open_registry(filled).restore(TASK, MODEL, VERSION)
    assert not wrong, f"{len(wrong)} of {step - 1} steps:\n" + "\n".join(wrong)
    assert step > 4
    assert disturb is delete_and_restore or "version_not_found" in seen


def test_a_download_is_finished_although_the_version_is_deleted_and_purged(filled: Path) -> None:
    storage = FilesystemStorage(filled)
    registry = open_registry(filled)
    package = f"tasks/{TASK}/models/{MODEL}/versions/{VERSION}"
    whole = (model_of(filled) / "versions" / VERSION / "model.pt").read_bytes()
    with storage.packages.open(package, "model.pt") as reader:
        parts = [reader.read(1000)]
        registry.delete(TASK, MODEL, VERSION, reason="downloaded at the moment")
        parts.append(reader.read(1000))
        assert registry.purge(0).purged == [f"{TASK}/{MODEL}@{VERSION}", f"{TASK}/{MODEL}@4"]
        while part := reader.read(1000):
            parts.append(part)
    assert b"".join(parts) == whole
