"""Files of each format, made byte for byte as their own libraries make them."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping

from .crafted import HONEST, HOSTILE, SYSTEM


def safetensors(header: object | None = None, numbers: bytes = bytes(24)) -> bytes:
    said = header if header is not None else {"__metadata__": {"format": "pt"}, **TENSORS}
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    return struct.pack("<Q", len(text)) + text + numbers


TENSORS = {
    "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    "b": {"dtype": "I64", "shape": [], "data_offsets": [16, 24]},
}


def gguf(pairs: Mapping[str, tuple[int, bytes]] | None = None, numbers: bytes = bytes(64 + 32), kind: int = 0) -> bytes:
    """Two tensors, of 16 numbers each."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    words = struct.pack("<IQ", 8, 2) + text("a") + text("b")
    said = {"general.architecture": (8, text("llama")), "tokens": (9, words), "n": (10, bytes(8)), **(pairs or {})}
    head = b"GGUF" + struct.pack("<IQQ", 3, 2, len(said))
    head += b"".join(text(key) + struct.pack("<I", kind) + value for key, (kind, value) in said.items())
    for name, offset in (("t", 0), ("u", 64)):
        head += text(name) + struct.pack("<IQIQ", 1, 16 if offset == 0 else 8, kind, offset)
    return head + bytes(-len(head) % 32) + numbers


def field(number: int, value: bytes | int) -> bytes:
    """One field of Protocol Buffers."""
    if isinstance(value, int):
        return bytes([number << 3]) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = b""
    while value > 0x7F:
        found, value = found + bytes([value & 0x7F | 0x80]), value >> 7
    return found + bytes([value])


def onnx(graph: bytes | None = None) -> bytes:
    weights = field(1, 3) + field(2, 1) + field(8, b"w") + field(9, bytes(1000))
    node = (
        field(1, b"x") + field(2, b"y") + field(4, b"If") + field(5, field(1, b"then") + field(6, field(2, b"inner")))
    )
    made = graph if graph is not None else field(1, node) + field(2, b"g") + field(5, weights) + field(11, b"")
    return field(1, 8) + field(2, b"maker") + field(7, made) + field(8, field(2, 17))


def npy(descr: str = "'<f4'", shape: str = "(2, 3)", numbers: bytes = bytes(24)) -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + numbers


def zipped(members: Mapping[str, bytes], packing: int = zipfile.ZIP_STORED, *, streamed: bool = False) -> bytes:
    made = _Streamed() if streamed else io.BytesIO()
    with zipfile.ZipFile(made, "w", packing) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, packing)
    return made.getvalue()


class _Streamed(io.BytesIO):
    """Nothing that was written can be changed: sizes stand behind the bytes, as torch writes them."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError


def torch(
    pickle: bytes = HONEST["a_tensor"], more: Mapping[str, bytes] | None = None, *, streamed: bool = True
) -> bytes:
    members = {
        "archive/data.pkl": pickle,
        "archive/byteorder": b"little",
        "archive/data/0": b"\x82\x01\x00" + SYSTEM,  # numbers, which no loader takes for a pickle
        "archive/version": b"3\n",
        **(more or {}),
    }
    return zipped(members, streamed=streamed)


def polyglot() -> bytes:
    """A file that safetensors reads wholly, and that runs code where it is unpickled."""
    hops = 100  # the length of the header begins with the opcode of a text (X), and goes on with how long that is
    length = ord("X") + 256 * hops
    tensor = {"dtype": "U8", "shape": [len(SYSTEM)], "data_offsets": [0, len(SYSTEM)]}
    text = json.dumps({"t": tensor, "__metadata__": {"x": ""}}).encode()
    text = bytearray(text[:-3] + b"." * (length - len(text)) + text[-3:])
    at = 5 + hops - 8
    while length - at > 128:  # each is a text too (U), of as many characters as a printable one stands for
        text[at : at + 2] = b"U@"
        at += 2 + ord("@")
    text[at : at + 2] = b"U" + bytes([length - at - 2])
    return safetensors(bytes(text), SYSTEM)


NONE = {
    "model.safetensors": safetensors(),
    "empty.safetensors": safetensors({}, b""),
    "model.gguf": gguf(),
    "model.onnx": onnx(),
    "array.npy": npy(),
    "one.npy": npy("'<f8'", "()", bytes(8)),
    "texts.npy": npy("'<U2'", "(3,)"),
    "times.npy": npy("'<M8[ns]'", "(3,)"),
    "records.npy": npy("[('a', '<f4'), ('b', '<i2', (2,))]", "(3,)"),
    "README.md": "cats and dogs, größer als μ\n".encode(),
    "labels.csv": b"cell,type\n1,B\n",
    "nothing": b"",
    "config.json": b'{"architectures": ["Bert"]}',
    "vocabulary.json": b'{"auto": 1, "class_name": "Dense"}',
    "N.txt": b"N.B. this is text\n",
}
DATA_ONLY = {
    **{f"{name}.pkl": data for name, data in HONEST.items()},
    "model.pt": torch(),
    "older.pt": torch(streamed=False),
    "arrays.npz": zipped({"a.npy": npy(), "b.npy": npy("'|O'", "(3,)", HONEST["numbers"])}),
    "objects.npy": npy("'|O'", "(3,)", HONEST["numbers"]),
}
UNREADABLE = {
    "rest.safetensors": safetensors(numbers=bytes(25)),
    "twice.safetensors": safetensors(b'{"a":1,"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', bytes(4)),
    "gap.safetensors": safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)),
    "shape.safetensors": safetensors({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 4]}}, bytes(4)),
    "negative.safetensors": safetensors({"a": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]}}, bytes(4)),
    "true.safetensors": safetensors({"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}, bytes(4)),
    "kind.safetensors": safetensors({"a": {"dtype": "X", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
    "deep.safetensors": safetensors(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "many.safetensors": safetensors(b'{"a":[' + b"0," * 600_000 + b"0]}"),
    "rest.gguf": gguf(numbers=bytes(64 + 33)),
    "short.gguf": gguf(numbers=bytes(64 + 31)),
    "kind.gguf": gguf(kind=99),
    "long.gguf": gguf({"x": (8, b"\xff" * 8)}),
    "lists.gguf": gguf({"x": (9, struct.pack("<IQ", 9, 2**62) * 10)}),
    "version.gguf": b"GGUF\x09" + bytes(100),
    "field.onnx": onnx(field(31, b"x")),
    "rest.onnx": onnx() + b"\x0a\x05",
    "deep.onnx": onnx(b""),
    "rest.npy": npy(numbers=bytes(25)),
    "header.npy": npy("__import__('os').system('true')"),
    "huge.npy": npy(shape="(" + "9" * 18 + ",)" * 1),
    "packed.npz": zipped({"a.npy": npy()}, zipfile.ZIP_DEFLATED),
    "packed.pt": zipped({"archive/data.pkl": HONEST["a_tensor"]}, zipfile.ZIP_DEFLATED),
    "archive.zip": zipped({"a.txt": b"text"}),
    "nothing.zip": zipped({}),
    "nested.zip": zipped({"a.zip": zipped({"a.txt": b"text"})}),
    "prefix.pt": b"x" + torch(),
    "suffix.pt": torch() + b"x",
    "model.h5": b"\x89HDF\r\n\x1a\n" + bytes(1000),
    "model.bin": bytes(range(256)),
    "text.gz": b"\x1f\x8b\x08\x00" + bytes(20),
    "nul.txt": b"text\0",
    "latin1.txt": "größer".encode("latin-1"),
    "broken_config.json": b'{"auto_map"',
    "large/config.json": b'{"architectures": []' + b" " * 17 * 1024**2 + b"}",
    "keras.json": b'{"class_name": "Lambda", "class_name": "Dense"}',
    "deep_config.json": b"[" * 100_000,
    "endless.txt": b"N0" * 150_001 + SYSTEM,
    "truncated.pkl": HONEST["an_array_of_protocol_4"][:-2],
    "rest.pkl": HONEST["an_ordered_dictionary"] + b"\xff",
}
_deep = b""
for _ in range(100):
    _deep = field(1, field(5, field(6, _deep)))
UNREADABLE["deep.onnx"] = onnx(_deep)
CODE = {
    **{f"{name}.txt": data for name, data in HOSTILE.items()},
    "both.safetensors": polyglot(),
    "model.pt": torch(SYSTEM),
    "script.pt": torch(more={"archive/code/__torch__.py": b"def f(): pass"}),
    "constants.pt": torch(more={"archive/constants.pkl": HONEST["numbers"]}),
    "packed_beside.pt": zipped({"archive/data.pkl": SYSTEM}) + b"x",
    "hidden.pt": b"GIF89a" + torch(SYSTEM),
    "large/config.json": b'{"auto_map": {}' + b" " * 17 * 1024**2 + b"}",
    "objects.npy": npy("'|O'", "(3,)", SYSTEM),
    "objects.npz": zipped({"a.npy": npy(), "b.npy": npy("'O'", "(3,)", SYSTEM)}),
    "code.zip": zipped({"a.py": b""}),
    "model.keras": zipped(
        {"metadata.json": b"{}", "config.json": b'{"config": {"layers": [{"class_name": "Lambda"}]}}'}
    ),
    "model.h5": b"\x89HDF\r\n\x1a\n" + bytes(300_000) + b'{\\"class_name\\": \\"Lambda\\"}',
    "template.gguf": gguf({"tokenizer.chat_template": (8, struct.pack("<Q", 1) + b"x")}),
    "template.default.gguf": gguf({"tokenizer.chat_template.default": (8, struct.pack("<Q", 1) + b"x")}),
    "deep/config.json": b'{"a": [{"\\u0061uto_map": {"AutoModel": "x.Model"}}]}',
    "tokenizer_config.json": b'{"auto_map": {}}',
    **dict.fromkeys(("a.py", "A.PY", "b.pyc", "c.so", "c.so.1.2", "d.dll", "e.R", "f.rds", "g.RData", "deep/.py"), b""),
    "r_data": b"X\n\x00\x00\x00\x03\x00",
}
EVERY = {"none": NONE, "data_only": DATA_ONLY, "unreadable": UNREADABLE, "code": CODE}
