"""Who looks at each package as it is taken in, and has something to say of it in its register event."""

from __future__ import annotations

from ..packages.observed import Observer
from ..settings import CoreSettings
from ..storage.contract import Storage


def of_every_package(storage: Storage, settings: CoreSettings) -> tuple[Observer, ...]:
    from ..evidence import rulebook  # only where something is registered
    from ..evidence.found_signatures import FoundSignatures
    from ..models.registry_journal import RegistryJournal
    from ..packages.reading_facts import AtRegister

    journal = RegistryJournal(storage, settings.lock_timeout_s)
    return AtRegister(settings.workers), FoundSignatures(lambda: rulebook.read(journal).trust)
