"""A process that reads models for another one which builds the catalogue: it ends when that one does.

What is unpickled is written by the process that has started this one.
"""

from __future__ import annotations

import logging
import pickle  # nosec B403
import signal
import sys

from ..format.layout import is_package
from ..storage import open_storage
from ..storage.contract import StorageOptions
from . import whole_model


class _Kept(logging.Handler):
    """What is logged is told to whoever has asked."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[tuple[int, str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append((record.levelno, record.name, record.getMessage()))


def main() -> None:
    """Answers each task on standard input on standard output, until there is none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever has started it ends it
    kept = _Kept()
    logging.getLogger().addHandler(kept)
    storage = open_storage(sys.argv[1], StorageOptions(), is_package)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            work, given = pickle.load(source)  # nosec B301
        except EOFError:
            return
        kept.kept = []
        try:
            found, is_done = getattr(whole_model, work)(storage, given), True
        except Exception:  # noqa: BLE001 - it is tried again where it can be told
            found, is_done, kept.kept = None, False, []
        pickle.dump((is_done, found, kept.kept), sink, pickle.HIGHEST_PROTOCOL)
        sink.flush()
