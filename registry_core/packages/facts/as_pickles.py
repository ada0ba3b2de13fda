"""A file read as pickles from a byte on: the first one, and all that lie behind it."""

from __future__ import annotations

from dataclasses import dataclass

from .file_bytes import FileBytes
from .load import CODE, DATA_ONLY, UNREADABLE, Code, Judged, PastBound
from .opcodes import follow
from .stack_machine import Broken, Machine, Spent

FORMAT = "pickle"
TORCH_MAGIC = 0x1950A86A20F9469CFC6C  # of the form that torch wrote before it wrote archives
TORCH_PICKLES = 5  # behind them it has the numbers themselves


@dataclass(frozen=True)
class Pickles:
    """What was read. ``has_reached``: a global or a call was come to, or it goes on behind what is read; else it may be
    another file that looks like one.

    ``count``: how many pickles were whole.
    """

    judged: Judged
    has_reached: bool
    count: int


def read(data: FileBytes, start: int, spent: Spent) -> Pickles:
    """What loading the bytes from ``start`` on as pickles may do, one after the other.

    Raises ``FetchFailed``.
    """
    at, count, has_reached, is_torch = start, 0, False, False
    while True:
        machine = Machine(data, at, spent)
        try:
            follow(machine)
        except Code as code:
            return Pickles(Judged(FORMAT, CODE, code.args[0]), True, count)
        except PastBound as past:
            return Pickles(Judged(FORMAT, UNREADABLE, past.args[0]), True, count)
        except Broken as broken:
            has_reached = has_reached or machine.has_reached
            if is_torch and count >= TORCH_PICKLES and not machine.has_reached:
                return Pickles(Judged(FORMAT, DATA_ONLY), has_reached, count)
            why = "something lies behind its end" if count else broken.args[0]
            return Pickles(Judged(FORMAT, UNREADABLE, why), has_reached, count)
        is_torch = is_torch or (count == 0 and machine.result == TORCH_MAGIC)
        has_reached = has_reached or machine.has_reached
        at, count = machine.at, count + 1
        if at == data.size_bytes:
            return Pickles(Judged(FORMAT, DATA_ONLY), has_reached, count)
