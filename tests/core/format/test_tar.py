"""A tar is read as any program writes it, and nothing but regular files comes out of it."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.format.tar import (
    BLOCK,
    MOST_TRAILING_BYTES,
    TAR_END,
    TarReader,
    TarRefused,
    tar_header,
    tar_header_size,
)

from ...uploads.tars import Endless, Stream, made, packed

FILES = {"a/b": b"12345", "x" * 99 + "é": b"1", "d/" * 100 + "ü.txt": b"z" * 1000, "empty": b"", "last": bytes(70_000)}


def read(data: bytes, most: int = 10_007) -> dict[str, bytes]:
    tar, found = TarReader(Stream(data, most)), {}
    while (member := tar.next()) is not None:
        content = bytearray()
        tar.pour(content.extend)
        assert len(content) == member.size_bytes
        found[member.path] = bytes(content)
    return found


@pytest.mark.parametrize("most", [1, 511, 513, 1_000_000])
def test_what_is_packed_is_read(most: int) -> None:
    assert read(packed(FILES), most) == FILES


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_what_others_pack_is_read(kind: int) -> None:
    assert read(made(*FILES.items(), format=kind, mtime=1.5, uname="ü", uid=1)) == FILES


def test_others_read_what_is_packed() -> None:
    with tarfile.open(fileobj=io.BytesIO(packed(FILES))) as tar:
        read_by_others = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    assert read_by_others == FILES


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=300).filter(
            lambda text: not text.endswith("/")
        ),
        st.binary(max_size=2000),
        max_size=5,
    )
)
def test_any_name_and_any_bytes(files: dict[str, bytes]) -> None:
    assert read(packed(files)) == files
    assert read(made(*files.items())) == files


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=120) | st.text("ab/", min_size=98),
    st.sampled_from([0, 1, 8**11 - 1, 8**11, 2**60]) | st.integers(0, 2**40),
    st.sampled_from([0o444, 0o644, 0o755]),
    st.integers(0, 8**11 - 1),
)
def test_a_header_is_the_one_that_the_library_makes(path: str, size_bytes: int, mode: int, made_s: int) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode, entry.mtime = size_bytes, mode, made_s
    header = tar_header(path, size_bytes, mode=mode, made_s=made_s)
    assert header == entry.tobuf(tarfile.PAX_FORMAT)
    assert tar_header_size(path, size_bytes) == len(header)


def test_a_file_that_nobody_takes_is_passed_over() -> None:
    tar = TarReader(Stream(packed(FILES)))
    assert [member.path for member in iter(tar.next, None)] == list(FILES)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (made(("x", b""), type=tarfile.SYMTYPE, linkname="/etc/passwd"), "symbolic link"),
        (made(("x", b""), type=tarfile.LNKTYPE, linkname="a"), "hard link"),
        (made(("x", b""), type=tarfile.CHRTYPE), "character device"),
        (made(("x", b""), type=tarfile.BLKTYPE), "block device"),
        (made(("x", b""), type=tarfile.FIFOTYPE), "FIFO"),
        (made(("x", b""), type=tarfile.DIRTYPE), "directory"),
        (made(("x", b""), type=tarfile.CONTTYPE), "few systems"),
        (made(("x", b""), type=tarfile.GNUTYPE_SPARSE, format=tarfile.GNU_FORMAT), "sparse"),
        (made(("x", b""), type=b"Z"), "no regular file"),
        (made(("x", b"1"), pax_headers={"size": "1000"}), "'size'"),
        (made(("x", b"1"), pax_headers={"linkpath": "/etc/passwd"}), "'linkpath'"),
        (made(("x", b"1"), pax_headers={"GNU.sparse.major": "1"}), "'GNU.sparse.major'"),
        (made(("x", b"1"), pax_headers={"hdrcharset": "BINARY"}), "'hdrcharset'"),
        (made(("x", b"1"), pax_headers={"comment": "x" * 70_000}), "more names"),
        (made(("x" * 200, b"1"), format=tarfile.GNU_FORMAT)[: 2 * BLOCK] * 2, "more names"),
        (made(("x" * 120, b"1"))[: 2 * BLOCK] * 2, "more names"),
        (tar_header("x", 8**11 - 1)[:124] + b"\x80" + tar_header("x", 1)[125:] + TAR_END, "no tar"),
        (b"x" * 10_000, "no tar"),
        (b"PK\3\4" + bytes(10_000), "no tar"),
        (b"", "breaks off"),
        (packed({"x": b"1"})[:-BLOCK] + b"x" * BLOCK, "after the end"),
        (packed({"x": b"1"}) + packed({"y": b"1"}), "after the end"),
        (packed({"x": b"1"}) + bytes(2 * MOST_TRAILING_BYTES), "does not end"),
        (packed({"x": b"1"})[: -2 * BLOCK], "breaks off"),
        (packed({"x": b"1" * 600})[:1000], "breaks off"),
        (packed({"x": b"1" * 600})[:300], "breaks off"),
    ],
)
def test_everything_else_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(TarRefused, match=reason):
        read(data)


@pytest.mark.parametrize("size", [b"\x80" + b"\0" * 10 + b"\1", b"\xff" * 12])
def test_a_size_of_another_form_is_refused(size: bytes) -> None:
    header = bytearray(tar_header("x", 1))
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(TarRefused, match="large files"):
        read(bytes(header) + TAR_END)


@pytest.mark.parametrize(
    "records",
    [b"5 a=\n", b"99 path=x\n", b"x path=x\n", b"9 path=xx", b"12 path=x\n", b"-9 path=x\n", b"10 path=x\n10 path=y\n"],
)
def test_a_pax_header_that_is_none_is_refused(records: bytes) -> None:
    extension = bytearray(tar_header("pax", len(records)))
    extension[156:157] = b"x"
    extension[148:156] = b" " * 8
    extension[148:156] = b"%06o\0 " % sum(extension)
    with pytest.raises(TarRefused):
        read(bytes(extension) + records.ljust(BLOCK, b"\0") + packed({"x": b"1"}))


def test_a_name_that_is_not_utf8_is_refused() -> None:
    data = packed({"xx": b"1"}).replace(b"xx", b"\xff\xfe", 1)
    header = bytearray(data[:BLOCK])
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(TarRefused, match="UTF-8"):
        read(bytes(header) + data[BLOCK:])


@pytest.mark.parametrize("again", [bytes(BLOCK), b"\1" * BLOCK, tar_header("x" * 120, 0)[: 2 * BLOCK]])
def test_what_has_no_end_comes_to_one(again: bytes) -> None:
    stream = Endless(packed({"x": b"1"}), again)
    tar = TarReader(stream)
    with pytest.raises(TarRefused):
        while tar.next() is not None:
            pass
    assert stream.count < 2 * MOST_TRAILING_BYTES
