"""Calls counted: those of the code, and no others."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def profiled(note: Callable[[FrameType, str, Any], object]) -> Iterator[None]:
    """Each call of this thread is told to ``note``, as :func:`sys.setprofile` says it.

    No garbage is collected meanwhile: it comes whenever it comes, and what is told of it would be counted too.
    """
    was_on = gc.isenabled()
    gc.disable()
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        if was_on:
            gc.enable()
