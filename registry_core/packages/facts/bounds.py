"""How much is read of a file at most, whatever it says of itself."""

from __future__ import annotations

FILE_BYTES = 256 * 1024 * 1024  # of all that is fetched of one file
HEADER_BYTES = 16 * 1024 * 1024
HEADER_ITEMS = 500_000  # of JSON: a value takes many times its bytes in memory
PICKLE_BYTES = 64 * 1024 * 1024  # what is stepped over is not read
PICKLE_OPCODES = 300_000
TEXT_BYTES = 64 * 1024 * 1024
ZIP_MEMBERS = 20_000
PACKAGE_OPCODES = 10 * PICKLE_OPCODES
SPENT_OPCODES = 100  # of each file where those of its package are spent: almost all that is no pickle ends before


class Left:
    """What may still be read of the pickles of one package; several threads may share it, and then it is nearly so."""

    def __init__(self, opcodes: int = PACKAGE_OPCODES) -> None:
        self.opcodes = opcodes
