"""Who looks at each package as it is taken in, and has something to say of it in its register event."""

from __future__ import annotations

from ..packages.observed import Observer
from .opening import PoliciesAsked


def of_every_package(policies: PoliciesAsked, workers: int) -> tuple[Observer, ...]:
    from ..evidence.signing.found_signatures import FoundSignatures  # only where something is registered
    from ..packages.reading_facts import AtRegister

    return AtRegister(workers), FoundSignatures(lambda: policies.policies.rules().trust)
