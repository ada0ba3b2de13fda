"""What check tells of gates: aliases that were moved past theirs, or over what it asks for and is unmet still."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...models import aliases
from ...models.model import ModelStore
from ...vocabulary.errors import RegistryError
from ...vocabulary.reports import Finding
from . import asking
from .gate import PolicyGate


def check(models: Iterable[ModelStore], policies: PolicyGate) -> Iterator[Finding]:
    """A note for each; what cannot be read others tell of. Writes nothing."""
    for model in models:
        try:
            names = aliases.names(model.storage, model.keys) if policies.guards(model) else []
        except RegistryError:
            continue
        for name in names:
            try:
                found = model.find(name)
                told = [] if found is None else asking.warnings(found, policies)
            except RegistryError:
                continue
            for warning in told:
                code, _, message = warning.partition(": ")
                yield Finding("note", f"{model.title}: alias {name}", message, code)
