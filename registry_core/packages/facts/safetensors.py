"""safetensors: a header of JSON that says where each tensor lies, and then nothing but numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .bounds import HEADER_BYTES
from .file_bytes import FileBytes
from .json_text import parse_json
from .load import UNREADABLE, Judged, Odd, PastBound

FORMAT = "safetensors"
_LENGTH_BYTES = 8
_MOST_DIMENSIONS = 64
_BITS = {
    **{"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8},
    **{"U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32},
    **{"U64": 64, "I64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6},
}


def judge(data: FileBytes) -> Judged | None:
    """None where it is no such file; readable only where the header tells of every byte. Raises ``FetchFailed``."""
    if data.size_bytes < _LENGTH_BYTES + 2:
        return None
    length = int.from_bytes(data.at(0, _LENGTH_BYTES), "little")
    if length > data.size_bytes - _LENGTH_BYTES or data.at(_LENGTH_BYTES, 1) != b"{":
        return None
    try:
        if length > HEADER_BYTES:
            raise PastBound("its header is longer than is read")
        header = parse_json(data.at(_LENGTH_BYTES, length))
        _check(header, data.size_bytes - _LENGTH_BYTES - length)
    except Odd as odd:
        return Judged(FORMAT, UNREADABLE, odd.args[0])
    return Judged(FORMAT)


def _check(header: Any, size_bytes: int) -> None:
    """The tensors follow one another, and fill the file. Raises ``Odd``."""
    if not isinstance(header, dict):
        raise Odd("its header is no object")
    said = header.pop("__metadata__", {})
    if not isinstance(said, dict) or not all(isinstance(text, str) for text in said.values()):
        raise Odd("its metadata is no object of texts")
    at = 0
    for start, end in sorted(_place(tensor) for tensor in header.values()):
        if start != at:
            raise Odd("its tensors do not follow one another")
        at = end
    if at != size_bytes:
        raise Odd("its tensors do not fill it")


def _place(tensor: Any) -> tuple[int, int]:
    """From where to where the tensor lies. Raises ``Odd`` where that is not what its shape takes."""
    if not isinstance(tensor, Mapping) or tensor.keys() != {"dtype", "shape", "data_offsets"}:
        raise Odd("a tensor of it is not described")
    dtype, shape, offsets = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
    bits = _BITS.get(dtype) if isinstance(dtype, str) else None
    if bits is None or not _are_numbers(shape) or not _are_numbers(offsets) or len(offsets) != 2:
        raise Odd("a tensor of it is not described")
    for length in shape:
        bits *= length
    if bits % 8 or offsets[1] - offsets[0] != bits // 8:
        raise Odd("a tensor of it has another size than its shape")
    return offsets[0], offsets[1]


def _are_numbers(values: Any) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= _MOST_DIMENSIONS
        and all(type(value) is int and 0 <= value < 2**63 for value in values)
    )
