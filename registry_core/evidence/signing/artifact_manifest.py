"""The artifact manifest: what a person signs before the registry adds metadata, name and version.

It is ``sha256sums.txt`` without the registry's own files and those that hold signatures, and is the same bytes as

    find . -type f ! -path ./model_meta.json ... -printf '%P\\0' | LC_ALL=C sort -z | xargs -0r sha256sum --
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from ...format.layout import MANIFEST, META
from .signed_document import MAX_BYTES, is_bundle

MODEL_SIGNATURE = "model.sig"
SSH_SIGNATURE = f"{MANIFEST}.sig"
_BUNDLES = ".sigstore.json"
# Further ones are artifacts like all others.
MAX_BUNDLES = 16
MAX_BUNDLES_BYTES = 4 * MAX_BYTES

REGISTRY_FILES = frozenset({META, MANIFEST})
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r"})


def render(hashes: Mapping[str, str], signature_files: Collection[str]) -> bytes:
    """The artifact manifest of the files (path -> SHA-256 hex), without those that hold signatures."""
    left_out = REGISTRY_FILES.union(signature_files)
    named = sorted((path for path in hashes if path not in left_out), key=_bytes)
    return _bytes("".join([_line(path, hashes[path]) for path in named]))


def signature_files(sizes: Mapping[str, int], read: Callable[[str], bytes]) -> dict[str, bytes | None]:
    """Path -> bytes of the files at the top that hold signatures; None: too large to be one.

    Only they are read, and the few that are named like a bundle. ``sizes``: path -> bytes of every file.
    """
    found = {
        path: read(path) if sizes[path] <= MAX_BYTES else None
        for path in (MODEL_SIGNATURE, SSH_SIGNATURE)
        if path in sizes
    }
    for path in _like_bundles(sizes):
        if is_bundle(data := read(path)):
            found[path] = data
    return found


def may_be_signature_files(paths: Iterable[str]) -> set[str]:
    """Those that hold a signature, by their names."""
    at_top = [path for path in paths if "/" not in path]
    return {path for path in at_top if path in (MODEL_SIGNATURE, SSH_SIGNATURE) or _is_named_like_bundle(path)}


def _is_named_like_bundle(path: str) -> bool:
    return path.endswith(_BUNDLES) and "/" not in path


def _like_bundles(sizes: Mapping[str, int]) -> Iterator[str]:
    """What may be a bundle by its name and its size."""
    left = MAX_BUNDLES_BYTES
    named = sorted(filter(_is_named_like_bundle, sizes))
    for path in named[:MAX_BUNDLES]:
        if sizes[path] <= min(MAX_BYTES, left):
            left -= sizes[path]
            yield path


def _line(path: str, sha256: str) -> str:
    """As sha256sum writes it: what would break a line is escaped, and the line begins by saying so."""
    if "\\" in path or "\n" in path or "\r" in path:
        return f"\\{sha256}  {path.translate(_ESCAPES)}\n"
    return f"{sha256}  {'./-' if path == '-' else path}\n"  # "-" would be its standard input


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
