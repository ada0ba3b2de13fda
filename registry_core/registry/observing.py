"""Who looks at each package as it is taken in, and has something to say of it in its register event."""

from __future__ import annotations

from ..packages.observed import Observer
from ..settings import CoreSettings


def of_every_package(settings: CoreSettings) -> tuple[Observer, ...]:
    from ..packages.reading_facts import AtRegister  # only where something is registered

    return (AtRegister(settings.workers),)
