"""A refusal says which role would do, by the rules and the caller alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from registry_core import PermissionDenied
from registry_core.access.tokens import cut_of
from registry_core.storage.memory.root import MemoryStorage

from .guarded import OWN, PEOPLE, PUBLIC, House, house


@pytest.fixture
def here(tmp_path: Path) -> House:
    return house(MemoryStorage(), tmp_path)


@pytest.mark.parametrize(
    ("who", "alias", "takes"),
    [
        ("publisher", "production", "It takes the role approver there, which an admin can give."),
        ("user", "candidate", "It takes the role publisher there, which an admin can give."),
        ("left", "candidate", "An admin can."),
    ],
)
@pytest.mark.parametrize("task", [OWN, PUBLIC])
def test_of_a_promote(here: House, who: str, alias: str, takes: str, task: str) -> None:
    with pytest.raises(PermissionDenied) as refused:
        here.as_(who).promote(task, "not-there" if task == OWN else "m", alias, "1.0.0")
    assert refused.value.message.endswith(takes)


def test_of_the_rules_and_of_a_token_that_was_made_for_less(here: House) -> None:
    with pytest.raises(PermissionDenied, match="It takes the role admin for all models, which an admin can give"):
        here.as_("publisher").access_rules()
    narrowed = replace(PEOPLE["publisher"], cut=cut_of("user", None, None))
    with pytest.raises(PermissionDenied, match=r"role publisher there, .*, and a token that was made for it"):
        here.registry.as_(narrowed).promote(OWN, "m", "candidate", "1.0.0")
