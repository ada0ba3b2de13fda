"""The short list of what a pickle may name without being called code: constructors of plain data.

Each was looked at for what it does with arguments that somebody hostile has chosen. Not here, and never to be:
``torch.storage._load_from_bytes`` (it unpickles its argument), anything of ``operator``, ``functools`` and ``types``,
of ``builtins`` all but plain containers, joblib's wrappers (they read other files, and unpickle them), and
``copyreg._reconstructor`` (it calls whichever class is its argument).
"""

from __future__ import annotations

import re

_STORAGES = (
    *("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"),
    *("ComplexDouble", "ComplexFloat", "QUInt8", "QInt8", "QInt32", "Untyped"),
)
_DTYPES = (
    *("float64", "float32", "float16", "bfloat16", "complex64", "complex128", "bool"),
    *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"),
    *("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
)
_NAMES = {  # they may be named, as an argument of others, and nothing may be made of them
    ("numpy", "ndarray"): "the class of arrays; called, it takes raw bytes for objects",
    ("torch.storage", "UntypedStorage"): "the name of a kind of bytes",
    **{("torch", f"{kind}Storage"): "the name of a kind of numbers" for kind in _STORAGES},
    **{("torch", dtype): "the name of a kind of numbers" for dtype in _DTYPES},
}

# (module, name) -> why it is data.
CONSTRUCTORS: dict[tuple[str, str], str] = {
    **_NAMES,
    ("collections", "OrderedDict"): "a dictionary; it keeps what it is given",
    ("collections", "defaultdict"): "a dictionary; what it makes for a missing key is on this list too",
    ("collections", "Counter"): "a dictionary of numbers",
    ("collections", "deque"): "a list",
    **{
        (module, name): "a plain container; it keeps what it is given"
        for module in ("builtins", "__builtin__")  # as it was called in Python 2
        for name in ("set", "frozenset", "list", "dict", "tuple", "bytes", "bytearray")
    },
    ("_codecs", "encode"): "how protocols 0 to 2 write bytes; only as text in latin1, since other codecs are modules",
    ("numpy", "dtype"): "the description of a number, as long as it is the plain one of its kind",
    **{
        (f"{package}.{module}", name): why
        for package in ("numpy.core", "numpy._core")  # before and since numpy 2
        for module, name, why in (
            ("multiarray", "_reconstruct", "an empty array, of a class that is on this list"),
            ("multiarray", "scalar", "one number out of its bytes"),
            ("numeric", "_frombuffer", "an array over bytes of this pickle"),
        )
    },
    ("torch._utils", "_rebuild_tensor"): "a view of numbers that the archive holds",
    ("torch._utils", "_rebuild_tensor_v2"): "a view of numbers that the archive holds; its hooks are of this list",
    ("torch._utils", "_rebuild_tensor_v3"): "a view of numbers that the archive holds; its hooks are of this list",
    ("torch._utils", "_rebuild_parameter"): "a tensor that is trained; its hooks are of this list",
    ("torch", "Size"): "a tuple of numbers",
    ("torch", "device"): "the name of a device",
}

_LATIN1 = ("latin1", "latin-1")
_PLAIN = re.compile(r"[<>|=]?([biufcmMSUVO?])([0-9]{0,9})")
_OBJECT_FLAGS, _UNICODE_FLAGS = 63, 8


def fault_of_call(module: str, name: str, arguments: object) -> str | None:
    """Why calling it with these arguments is more than making data; None where it is data."""
    if (module, name) in _NAMES:
        return "that is no constructor of plain data"
    if (module, name) == ("_codecs", "encode"):
        is_latin1 = isinstance(arguments, tuple) and len(arguments) == 2 and arguments[1] in _LATIN1
        return None if is_latin1 else "it encodes by another codec than latin1"
    if (module, name) == ("numpy", "dtype"):
        text = arguments[0] if isinstance(arguments, tuple) and arguments else None
        is_plain = isinstance(text, str) and _PLAIN.fullmatch(text) is not None
        return None if is_plain else "it describes more than one number"
    return None


def fault_of_dtype(text: str, state: object) -> str | None:
    """Why the state, set on a numpy dtype of this text, is not the one that numpy itself writes.

    Another may say of bytes that they are objects, and numpy follows them as addresses.
    """
    plain = _PLAIN.fullmatch(text)
    if plain is None or not isinstance(state, tuple) or len(state) not in (8, 9):
        return "its state is not one of a number"
    kind, digits = plain.groups()
    width = int(digits or 0) * (4 if kind == "U" else 1)
    sizes = {"S": (width, 1), "U": (width, 4), "V": (width, 1)}.get(kind, (-1, -1))
    flags = {"O": _OBJECT_FLAGS, "U": _UNICODE_FLAGS}.get(kind, 0)
    return None if state[2:8] == (None, None, None, *sizes, flags) else "its state is not the one of its kind"
