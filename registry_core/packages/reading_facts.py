"""What the files of a version are, read as it is taken in, or anew from where it lies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..format.layout import MANIFEST, META
from ..models.model import Found
from ..storage.contract import read_all
from .facts import of_package
from .facts.of_package import PackageFacts
from .observed import Incoming
from .stored_files import read_inventory

OURS = (META, MANIFEST)  # what the registry itself writes


class AtRegister:
    """What a register event says of the files, as they were staged: the field ``facts``. It refuses nothing."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def observe(self, incoming: Incoming) -> Mapping[str, Any]:
        sizes = {one.path: one.size_bytes for one in incoming.artifacts if one.path not in OURS}

        def fetch(path: str, start: int, length: int) -> bytes:
            with incoming.staging.open(path, start, length) as reader:
                return read_all(reader)

        return {"facts": of_package.read(sizes, fetch, self._workers, forgives=True).summary()}


def of_version(found: Found, workers: int) -> PackageFacts:
    """What the files of the published version are now. Raises ``PackageCorrupt``, ``StorageError``."""
    files = {one.path: one for one in read_inventory(found).stored(found) if one.path not in OURS}

    def fetch(path: str, start: int, length: int) -> bytes:
        with files[path].open(start, length) as reader:
            return read_all(reader)

    return of_package.read({path: one.size_bytes for path, one in files.items()}, fetch, workers)
