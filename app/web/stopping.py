"""Whether this worker has been told to stop: what would go on for ever ends then."""

from __future__ import annotations

import threading

stopping = threading.Event()
