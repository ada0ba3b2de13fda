"""What is seldom meant to be in a package, or is lost on its way into one: said before anything is sent."""

from __future__ import annotations

import os
import re

from ..forms import tree_fault
from .local_package import LocalFile, Selected

# Each pattern, and what finds its names one after another in a path.
_SELDOM = {
    pattern: re.compile(rf"(?:\A|/){re.escape(pattern)}(?:/|\Z)".replace(r"\*", "[^/]*"))
    for pattern in (".git", "__pycache__", ".DS_Store", ".cache/huggingface", "*.incomplete")
}
_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_BYTES = 1024  # git-lfs takes nothing longer for one


def remarks(selected: Selected) -> list[str]:
    """A sentence for each kind. Raises as :meth:`LocalFile.open`."""
    paths = [file.path for file in selected.files]
    found = []
    for pattern, names in _SELDOM.items():
        if fitting := [path for path in paths if names.search(path)]:
            found.append(
                f"{_some(fitting)} will be in the package; 'omr push --exclude {pattern}' leaves such files out."
            )
    if pointers := [file.path for file in selected.files if _is_pointer(file)]:
        found.append(f"{_some(pointers)}: a Git LFS pointer, and not the file itself. 'git lfs pull' fetches it.")
    fault = tree_fault(paths)
    if fault is not None:
        found.append(f"'omr pull' refuses a version that has {fault[0]!r}: {fault[1]}.")
    if selected.empty_directories:
        found.append(f"{_some(selected.empty_directories)}: a package has no empty directories. Put a file there.")
    if selected.executables:
        found.append(f"{_some(selected.executables)}: executable here; a package keeps bytes and no modes.")
    return found


def _is_pointer(file: LocalFile) -> bool:
    if not len(_POINTER) < file.size_bytes <= _POINTER_BYTES:
        return False
    fd = file.open()
    try:
        return os.pread(fd, len(_POINTER), 0) == _POINTER
    finally:
        os.close(fd)


def _some(paths: list[str]) -> str:
    return repr(paths[0]) + (f" (and {len(paths) - 1} more)" if len(paths) > 1 else "")
