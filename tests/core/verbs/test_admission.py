"""What a registration would meet is told before it is made, as it would tell it; nothing is changed by asking."""

from __future__ import annotations

from typing import Any

import pytest

from registry_core import InvalidMetadata, InvalidName, InvalidParameter, NameTaken, RegistryError

from ..conftest import MODEL, TASK, Shelf


@pytest.mark.parametrize(
    ("version", "words", "error"),
    [
        ("../3", {}, InvalidName),
        ("best", {}, NameTaken),
        ("3", {"set_alias": "3"}, NameTaken),
        ("3", {"set_alias": "1"}, NameTaken),
        ("3", {"set_alias": "a/b"}, InvalidName),
        ("3", {"metadata": {"a": float("inf")}}, InvalidMetadata),
        ("3", {"metadata": {"lineage": "x"}}, InvalidMetadata),
        ("3", {"reason": "r" * 5000}, InvalidParameter),
    ],
)
def test_it_is_refused_as_the_registration_would_be(
    shelf: Shelf, version: str, words: dict[str, Any], error: type[RegistryError]
) -> None:
    shelf.promote("best", "1")
    before = shelf.events()
    with pytest.raises(error) as asked:
        shelf.registry().ask_register(TASK, MODEL, version, **words)
    with pytest.raises(error) as tried:
        shelf.registry().register(TASK, MODEL, version, shelf.source("1"), **words)
    assert asked.value.message == tried.value.message
    assert shelf.events() == before


def test_a_name_that_is_free_is_free(shelf: Shelf) -> None:
    before = shelf.events()
    for model in (MODEL, "new"):
        admission = shelf.registry().ask_register(TASK, model, "3")
        assert (admission.is_taken, admission.existing, admission.files) == (False, None, [])
    assert shelf.events() == before


def test_who_has_a_name_is_told_with_its_own_files(shelf: Shelf) -> None:
    listed = {file.name: file for file in shelf.registry().artifacts(TASK, f"{MODEL}@1").files}
    admission = shelf.registry().ask_register(TASK, MODEL, "1")
    assert admission.is_taken
    assert admission.files == [listed[name] for name in sorted(listed.keys() - {"model_meta.json", "sha256sums.txt"})]
    for alias in shelf.registry().list_aliases(TASK, MODEL):
        shelf.registry().unalias(TASK, MODEL, alias.alias)
    shelf.registry().delete(TASK, MODEL, "1", reason="r")
    deleted = shelf.registry().ask_register(TASK, MODEL, "1")
    assert deleted.is_taken
    assert deleted.existing == admission.existing
    assert {file.name: file.sha256 for file in deleted.files} == {file.name: file.sha256 for file in admission.files}
