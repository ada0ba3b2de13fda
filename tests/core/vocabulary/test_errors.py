"""The tree that is drawn in the docstring is the tree that there is."""

from __future__ import annotations

import re

import pytest

import registry_core
from registry_core import RegistryError
from registry_core.vocabulary import errors

CODES = {
    "invalid_name",
    "invalid_ref",
    "invalid_metadata",
    "invalid_parameter",
    "artifacts_refused",
    "idempotency_key_reused",
    "model_not_found",
    "version_not_found",
    "alias_not_found",
    "version_exists",
    "name_taken",
    "alias_moved",
    "version_in_use",
    "destination_differs",
    "digest_mismatch",
    "package_corrupt",
    "storage_full",
    "storage_unavailable",
    "lock_timeout",
    "not_configured",
}
LINE = re.compile(r"^ *(?P<lead>[│├└─ ]*)(?P<name>[A-Z]\w+)(?: +(?P<code>[a-z]+(?:_[a-z]+)*))?(?: .*)?$")


def drawn() -> dict[str, tuple[str, str | None]]:
    """Class name -> (its parent's name, its code where one is drawn), from the docstring alone."""
    text = (errors.__doc__ or "").split("::", 1)[1].split("``code``", 1)[0]
    found: dict[str, tuple[str, str | None]] = {}
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        match = LINE.match(line)
        assert match, f"not a line of the tree: {line!r}"
        column = match.start("name")
        while above and above[-1][0] >= column:
            above.pop()
        found[match["name"]] = (above[-1][1] if above else "Exception", match["code"])
        above.append((column, match["name"]))
    return found


def classes(top: type[RegistryError] = RegistryError) -> list[type[RegistryError]]:
    return [top, *(below for child in top.__subclasses__() for below in classes(child))]


def leaves() -> list[type[RegistryError]]:
    return [kind for kind in classes() if not kind.__subclasses__()]


def test_the_drawn_tree_is_the_real_one() -> None:
    real = {kind.__name__: kind.__bases__[0].__name__ for kind in classes()}
    assert {name: parent for name, (parent, _) in drawn().items()} == real
    for kind in leaves():
        assert drawn()[kind.__name__][1] == kind.code


def test_every_leaf_has_a_code_and_a_title_of_its_own() -> None:
    codes = [kind.code for kind in leaves()]
    assert len(set(codes)) == len(codes)
    assert len({kind.title for kind in leaves()}) == len(codes)
    for kind in leaves():
        assert {"code", "title"} <= vars(kind).keys(), f"{kind.__name__} inherits its code or title"
        assert re.fullmatch("[a-z]+(_[a-z]+)*", kind.code)
        assert not kind.title.endswith(".")


def test_the_codes_that_clients_know_are_all_there() -> None:
    """Codes may be added, never removed or renamed."""
    assert {kind.code for kind in leaves()} >= CODES


def test_every_error_is_a_public_name() -> None:
    for kind in classes():
        assert getattr(registry_core, kind.__name__) is kind
        assert kind.__name__ in registry_core.__all__


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_an_error_carries_its_sentence_and_its_fields(kind: type[RegistryError]) -> None:
    error = kind("A sentence.", field="version", problems=[])
    assert (str(error), error.message, error.detail) == (
        "A sentence.",
        "A sentence.",
        {"field": "version", "problems": []},
    )
