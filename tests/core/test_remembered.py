"""What is remembered of one caller's questions is never another's answer: each cache of the product is in a table."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import CoreSettings, ModelRegistry, RegistryError
from registry_core.access.roles import Role
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..support.servers import REPOSITORY
from .access.issuers import ISSUERS
from .registry.guarded import FOREIGN, OWN, PEOPLE, PUBLIC, VERBS, House, house

# Everything of the core and the service that is kept for a later question -> why it gives nobody what is another's.
REMEMBERED = {
    # By whoever asks, or by what he may see.
    "app/pages/version.py: @cached_property": "of one page for one caller, and gone with it",
    "registry_core/catalogue/catalogue.py: self._passing": "its key has the models that the caller may see",
    "registry_core/catalogue/catalogue.py: self._counts": "its key has the models that the caller may see",
    "registry_core/catalogue/catalogue.py: self._facets": "its key has the models that the caller may see",
    "registry_core/catalogue/catalogue.py: self._totals": "asked where all models are seen, and nothing is filtered",
    "app/web/issued_tokens.py: self._known": "its key is the digest of the whole token",
    "app/web/platform_tokens.py: self._refused": "its key is the digest of the whole token",
    "registry_core/packages/facts/stack_machine.py: self._memo": "of one pickle, and gone with it",
    "registry_core/evidence/signing/signed_document.py: @cached_property": "of one document, and gone with it",
    "registry_core/evidence/signing/signatures.py: @cached_property": "of one signature of one package",
    "registry_core/evidence/attestations/statements_of.py: @cached_property": "what one document says, read once",
    "registry_core/evidence/attestations/attesting.py: self._known": "of one document that is sent, and gone with it",
    "registry_core/evidence/gates/looking.py: self._found": "of one verdict, or of one audit of a model",
    "registry_core/evidence/rules/rulebook.py: _remembered": "documents by their digest, whoever asks",
    "registry_core/access/sessions.py: self._known": "its key is the digest of the session's secret id",
    "registry_core/access/held.py: standings": "its key is the whole principal; it goes with the rules",
    "registry_core/access/held.py: tokens": "by the public id; each use proves the secret",
    # What bytes there are under a name, or in a version: found again after the door has let through.
    **dict.fromkeys(
        (
            "registry_core/packages/stored_files.py: self._known",
            "registry_core/packages/snapshots.py: self._versions",
            "registry_core/packages/snapshots.py: self._commits",
            "app/hub/card.py: _known",
            "app/pages/version.py: _cards",
            "registry_core/uploads/stored_bytes.py: self._up_to",
            "registry_core/uploads/running_hashes.py: self._known",
            "registry_core/uploads/announcement.py: self._last",
            "registry_core/storage/object_store/pointers.py: self._attempts",
            "registry_core/storage/object_store/record_cache.py: self._records",
            "registry_core/storage/object_store/record_cache.py: self._highest",
            "registry_core/storage/object_store/batches.py: self._cache",
            "registry_core/storage/filesystem/log_index.py: self._pages",
        ),
        "the key names the model or the session, and whoever asks has passed the door",
    ),
    # Nothing of any caller's.
    **dict.fromkeys(
        (
            "registry_core/vocabulary/parameters.py: @cache",
            "registry_core/storage/syncing.py: @cache",
            "registry_core/vocabulary/owners.py: @lru_cache",
            "registry_core/storage/filesystem/receiving.py: @cache",
            "app/web/schemas.py: @cache",
            "app/pages/assets.py: self._found",
            "app/pages/assets.py: self.names",
            "registry_core/format/layout.py: @cached_property",
        ),
        "of the software, the machine or a name",
    ),
    **dict.fromkeys(
        (
            "registry_core/registry/access.py: @cached_property",
            "registry_core/registry/opening.py: @cached_property",
            "registry_core/registry/uploads.py: @cached_property",
            "registry_core/registry/operations.py: @cached_property",
        ),
        "the parts of the registry itself, which all views share; their questions take who asks",
    ),
    **dict.fromkeys(
        (
            "registry_core/storage/filesystem/packing.py: self._file",
            "registry_core/storage/filesystem/building.py: self._open",
            "registry_core/storage/filesystem/uploads.py: self._taking",
            "registry_core/catalogue/building.py: self._rows",
            "registry_core/evidence/gates/recomputing.py: self.states",
        ),
        "of one piece of work",
    ),
}


def remembered(path: Path) -> set[str]:
    """What in the module looks as if it were kept: bounded ones, what decorators keep, empty dictionaries."""
    tree, found = ast.parse(path.read_text()), set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            is_bounded = isinstance(node.value, ast.Call) and ast.unparse(node.value.func).startswith("Bounded")
            is_kept = isinstance(target, ast.Attribute) or target in tree.body
            is_empty = isinstance(node.value, (ast.Dict, ast.DictComp)) and not getattr(node.value, "keys", ())
            is_field = "default_factory=dict" in ast.unparse(node.value) and path.name == "held.py"
            if is_bounded or is_field or (isinstance(node, ast.AnnAssign) and is_empty and is_kept):
                found.add(ast.unparse(target))
        for decorator in getattr(node, "decorator_list", ()):
            name = ast.unparse(decorator).partition("(")[0].rpartition(".")[2]
            if name in ("cache", "lru_cache", "cached_property"):
                found.add(f"@{name}")
    return {f"{path.relative_to(REPOSITORY)}: {one}" for one in found}


def test_each_cache_is_in_the_table() -> None:
    modules = [path for room in ("registry_core", "app") for path in (REPOSITORY / room).rglob("*.py")]
    found = set().union(*(remembered(path) for path in modules))
    assert found - set(REMEMBERED) == set(), "whose is what it keeps? Say so in the table"
    assert set(REMEMBERED) - found == set()


READS = {name: verb.call for name, verb in VERBS.items() if verb.least() in (Role.VIEWER, Role.USER)}
LISTS: dict[str, Callable[[ModelRegistry], Any]] = {
    "models": lambda r: r.list_models(),
    "models:found": lambda r: r.list_models(alias="latest"),
    "models:words": lambda r: r.list_models(text="m", sort="-created_at"),
    "models:of": lambda r: r.list_models(task=FOREIGN, model_name="m", limit=1),
    "models:metric": lambda r: r.list_models(sort="metric:f1"),
    "tasks": lambda r: list(r.list_tasks()),
    "summaries": lambda r: r.list_summaries(),
    "summaries:found": lambda r: r.list_summaries(alias="latest", q="m", sort="-bytes", limit=1),
    "facets": lambda r: r.list_facets(),
    "activity": lambda r: r.activity(),
    "events": lambda r: [one.event for one in r.events()],
}


def answers(view: ModelRegistry) -> dict[str, str]:
    """What every verb that reads answers, and what of it may be another each time left out."""

    def answer(call: Callable[[], Any]) -> str:
        try:
            return re.sub(r"duration_s=[^,)]*|object at 0x[0-9a-f]*", "", repr(call()))
        except RegistryError as error:
            return repr((type(error), error.message, error.detail))

    found = {name: answer(lambda call=call: call(view)) for name, call in LISTS.items()}  # type: ignore[misc]
    for task in (OWN, FOREIGN, PUBLIC):
        for name, call in READS.items():
            found[f"{name} {task}"] = answer(lambda call=call, task=task: call(view, task, "m"))  # type: ignore[misc]
    return found


@pytest.fixture
def here(tmp_path: Path) -> House:
    (tmp_path / "root").mkdir()
    return house(FilesystemStorage(tmp_path / "root"), tmp_path)


def cold(here: House) -> ModelRegistry:
    registry = ModelRegistry.open("memory://", storage=here.storage, settings=CoreSettings(workers=1))
    registry.trust(ISSUERS)
    return registry


@pytest.mark.parametrize("first", ["chief", "stranger", "viewer", "anonymous"])
def test_whoever_asked_before_each_is_answered_as_if_nobody_had(here: House, first: str) -> None:
    warm = cold(here)
    everybody = ("chief", "viewer", "user", "stranger", "left", "anonymous")
    expected = {who: answers(cold(here).as_(PEOPLE[who])) for who in everybody}
    assert len({str(found) for found in expected.values()}) == len(everybody)
    answers(warm.as_(PEOPLE[first]))
    for who in (*everybody, *reversed(everybody)):
        assert answers(warm.as_(PEOPLE[who])) == expected[who], who
