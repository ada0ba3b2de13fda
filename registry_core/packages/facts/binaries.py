"""Formats that are known by their first bytes, and not read further but for one thing."""

from __future__ import annotations

import re

from .bounds import HEADER_BYTES
from .file_bytes import FileBytes
from .load import CODE, UNREADABLE, Judged

HDF5 = "hdf5"
RDS = "rds"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_PLACES = (0, 512, 1024, 2048, 4096, 8192)  # what lies before it is the user's
_LAMBDA = re.compile(rb'\\?"class_name\\?"\s*:\s*\\?"Lambda\\?"')
_LONGEST_LAMBDA = 64
_STEP_BYTES = 256 * 1024
_RDS = (
    b"X\n\x00\x00\x00\x02",
    b"X\n\x00\x00\x00\x03",
    b"A\n2\n",
    b"A\n3\n",
    b"RDX2\n",
    b"RDX3\n",
    b"RDA2\n",
    b"RDA3\n",
)


def hdf5(data: FileBytes) -> Judged | None:
    """None where it is no HDF5; code where a Keras layer in it is code. Raises ``FetchFailed``."""
    places = [at for at in _PLACES if at + len(_HDF5) <= data.size_bytes]
    if not any(data.at(at, len(_HDF5)) == _HDF5 for at in places):
        return None
    before = b""
    for at in range(0, min(data.size_bytes, HEADER_BYTES), _STEP_BYTES):
        chunk = data.at(at, min(_STEP_BYTES, data.size_bytes - at))
        if _LAMBDA.search(before[-_LONGEST_LAMBDA:] + chunk):
            return Judged(HDF5, CODE, "it has a Keras layer of the kind Lambda, which is code")
        before = chunk
    return Judged(HDF5, UNREADABLE, "HDF5 is not read")


def rds(data: FileBytes) -> Judged | None:
    """None where it is no data of R, not packed; R keeps functions in it, and what runs when it is looked at."""
    head = data.at(0, min(data.size_bytes, 8))
    return (
        Judged(RDS, CODE, "it is data of R, which may hold what runs once it is used")
        if head.startswith(_RDS)
        else None
    )
