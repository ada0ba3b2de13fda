"""A zip is read only where no two readers of zips can differ about what is in it."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from registry_core.packages.facts.bounds import ZIP_MEMBERS, Left
from registry_core.packages.facts.file_bytes import Fetched, of_bytes
from registry_core.packages.facts.judge import judge
from registry_core.packages.facts.zip_directory import CENTRAL, END, LOCAL, ZipRead, read

from .crafted import HONEST, SYSTEM
from .files import torch, zipped

MEMBERS = {"a/data.pkl": HONEST["numbers"], "a/version": b"3\n"}


def found_in(data: bytes) -> ZipRead:
    found = read(of_bytes(data))
    assert found is not None
    return found


@pytest.mark.parametrize("streamed", [False, True])
def test_what_every_reader_finds(streamed: bool) -> None:
    data = zipped(MEMBERS, streamed=streamed)
    found = found_in(data)
    assert found.fault is None
    assert {one.name: data[one.start : one.start + one.size_bytes] for one in found.members} == MEMBERS


def test_sizes_that_take_eight_bytes() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive, archive.open("a/data.pkl", "w", force_zip64=True) as member:
        member.write(HONEST["numbers"])
    found = found_in(made.getvalue())
    assert (found.fault, found.members[0].size_bytes) == (None, len(HONEST["numbers"]))


def changed(data: bytes, mark: bytes, offset: int, new: bytes) -> bytes:
    at = data.index(mark) + offset
    return data[:at] + new + data[at + len(new) :]


PLAIN, STREAMED = zipped(MEMBERS), zipped(MEMBERS, streamed=True)
HIDDEN = zipped({"a/data.pkl": SYSTEM})


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(changed(PLAIN, LOCAL, 30, b"b"), id="another name before the member"),
        pytest.param(changed(PLAIN, CENTRAL, 46, b"b"), id="another name in the directory"),
        pytest.param(changed(PLAIN, LOCAL, 14, b"\1\2\3\4"), id="another CRC before the member"),
        pytest.param(changed(PLAIN, CENTRAL, 16, b"\1\2\3\4"), id="another CRC in the directory"),
        pytest.param(changed(STREAMED, CENTRAL, 16, b"\1\2\3\4"), id="another CRC behind the member"),
        pytest.param(changed(PLAIN, LOCAL, 6, b"\x08"), id="other flags before the member"),
        pytest.param(changed(PLAIN, CENTRAL, 8, b"\x01"), id="encrypted in the directory"),
        pytest.param(changed(changed(PLAIN, CENTRAL, 8, b"\x01"), LOCAL, 6, b"\x01"), id="encrypted"),
        pytest.param(changed(PLAIN, LOCAL, 8, b"\x08"), id="packed before the member"),
        pytest.param(changed(PLAIN, CENTRAL, 24, b"\x01"), id="another size in the directory"),
        pytest.param(changed(PLAIN, CENTRAL, 42, b"\x01"), id="another place in the directory"),
        pytest.param(changed(PLAIN, END, 10, b"\x01"), id="fewer members"),
        pytest.param(changed(PLAIN, END, 4, b"\x01"), id="a part of several"),
        pytest.param(PLAIN[:-2] + b"\x05\x00hello", id="a comment"),
        pytest.param(b"#!/bin/sh\n" + PLAIN, id="something before it"),
        pytest.param(PLAIN + b"\n", id="something behind it"),
        pytest.param(PLAIN[: PLAIN.index(CENTRAL)], id="no directory"),
        pytest.param(
            HIDDEN[: HIDDEN.index(CENTRAL)] + PLAIN, id="a member that no directory lists, before all the others"
        ),
    ],
)
def test_where_readers_may_differ_there_is_a_fault(data: bytes) -> None:
    assert found_in(data).fault is not None
    assert judge("model.pt", of_bytes(data), Left()).load == "unreadable"


def test_a_member_between_others_that_the_directory_does_not_list() -> None:
    gap = HIDDEN[: HIDDEN.index(CENTRAL)]
    at = PLAIN.index(LOCAL, 4)
    data = bytearray(PLAIN[:at] + gap + PLAIN[at:])
    second = data.index(CENTRAL, data.index(CENTRAL) + 4)
    struct.pack_into("<I", data, second + 42, at + len(gap))
    struct.pack_into("<I", data, data.index(END) + 16, PLAIN.index(CENTRAL) + len(gap))
    assert found_in(bytes(data)).fault == "something lies between its members"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a/data.pkl", HONEST["numbers"])
        archive.writestr("a/data.pkl", SYSTEM)
    assert found_in(made.getvalue()).fault == "it has two members of one name"
    assert judge("model.pt", of_bytes(made.getvalue()), Left()).load == "code"


def test_no_more_members_than_the_bound() -> None:
    found = found_in(zipped({f"a/{n}": b"" for n in range(ZIP_MEMBERS + 1)}))
    assert found.fault == "it has more members than are read"


@pytest.mark.parametrize("pickle", [HONEST["a_tensor"], SYSTEM])
def test_of_a_torch_archive_of_ten_gigabytes_what_tells_is_read(pickle: bytes) -> None:
    """A hundred tensors of a hundred megabytes, none of which is there."""
    tensors, each = 100, 100 * 1024**2
    pieces: list[tuple[int, bytes]] = []
    directory, at = b"", 0
    members = [("a/data.pkl", len(pickle), pickle), *((f"a/data/{n}", each, b"") for n in range(tensors))]
    for name, size_bytes, data in members:
        sizes = struct.pack("<3I", 7, size_bytes, size_bytes)
        head = struct.pack("<4s5H", LOCAL, 20, 0, 0, 0, 0) + sizes + struct.pack("<2H", len(name), 0) + name.encode()
        offset = at if at < 2**32 else 2**32 - 1
        extra = b"" if at < 2**32 else struct.pack("<2HQ", 1, 8, at)
        directory += struct.pack("<4s6H", CENTRAL, 45, 45, 0, 0, 0, 0) + sizes
        directory += struct.pack("<5H2I", len(name), len(extra), 0, 0, 0, 0, offset) + name.encode() + extra
        pieces.append((at, head + data))
        at += len(head) + size_bytes
    count = len(members)
    end = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), at)
    end += struct.pack("<4sIQI", b"PK\x06\x07", 0, at + len(directory), 1)
    end += struct.pack("<4s4H2IH", END, 0, 0, count, count, len(directory), 2**32 - 1, 0)
    pieces.append((at, directory + end))
    asked = []

    def fetch(start: int, length: int) -> bytes:
        asked.append(length)
        found = bytearray(length)
        for begin, piece in pieces:
            low, high = max(begin, start), min(begin + len(piece), start + length)
            if low < high:
                found[low - start : high - start] = piece[low - begin : high - begin]
        return bytes(found)

    data = Fetched(fetch, at + len(directory) + len(end))
    found = judge("model.pt", data, Left())
    assert (found.format, found.load) == ("torch", "code" if pickle is SYSTEM else "data_only")
    assert data.size_bytes > 10**10
    assert sum(asked) == data.fetched_bytes < 2 * 1024**2
    assert len(asked) < tensors + 10


def test_an_archive_in_an_archive_is_not_read() -> None:
    assert judge("a.zip", of_bytes(zipped({"b.pt": torch()})), Left()).load == "unreadable"
