"""What a root in memory holds: plain values, changed under one mutex."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field

from ..contract import Incoming
from ..process_locks import ProcessLocks


@dataclass
class Work:
    """The bytes of one attempt."""

    files: dict[str, bytes] = field(default_factory=dict)
    made_at: float = field(default_factory=time.monotonic)
    alive: bool = True


@dataclass
class Session:
    """One upload session: its document, its announcement by pages, when it was last written to, files and what came."""

    about: bytes
    announced: dict[int, bytes]
    active_s: float
    files: dict[str, Incoming] = field(default_factory=dict)
    arrived: dict[str, bytes] = field(default_factory=dict)


@dataclass
class State:
    """All of one root. Whoever reads or changes it holds ``mutex``."""

    mutex: threading.RLock = field(default_factory=threading.RLock)
    documents: dict[str, bytes] = field(default_factory=dict)
    logs: dict[str, list[bytes]] = field(default_factory=dict)
    packages: dict[str, dict[str, bytes]] = field(default_factory=dict)
    attempts: dict[str, Work] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    locks: dict[str, threading.Lock] = field(default_factory=dict)
    notes: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    uploading: ProcessLocks = field(default_factory=ProcessLocks)


def etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
