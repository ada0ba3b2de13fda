"""No token stays anywhere: what a run of tests leaves is searched for whatever is written like one, whoever made it.

A token may stand in one kind of place: a file of mode 0600 that is in no registry's root, where a client keeps its own.
"""

from __future__ import annotations

import base64
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_core.access import tokens

MOST_BYTES = 16 * 1024 * 1024  # of a file: no log, journal or document of a test is larger, and packages are
_OURS = re.compile(rb"omr_[0-9a-f]{16}_[0-9a-f]{72}")
_ISSUED = re.compile(rb"(eyJ[\w-]{8,})\.(eyJ[\w-]{4,})\.[\w-]{20,}")
_RUN = re.compile(rb"[A-Za-z0-9+/]{1,65536}")


def _within_base64(text: bytes) -> Iterator[bytes]:
    """What stands in base64 where the text is encoded: it may begin at each of three places of a group."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text)
        yield encoded[(before * 8 + 5) // 6 : (before + len(text)) * 8 // 6]


# ``user:`` ends so that a token begins behind it.
_ENCODED = re.compile(b"|".join(re.escape(one) for begin in (b":omr_", b":eyJ") for one in _within_base64(begin)))


def tokens_in(data: bytes) -> list[str]:
    """What each token in the bytes is, without the token itself; those in Basic credentials are found too."""
    found = [f"token {match[0][4:20].decode()}" for match in _OURS.finditer(data) if tokens.id_of(match[0].decode())]
    found += ["a signed token" for match in _ISSUED.finditer(data) if _is_header(match[1])]
    for match in _ENCODED.finditer(data):
        before, behind = _RUN.match(data[match.start() :: -1]), _RUN.match(data, match.start())
        assert before is not None
        assert behind is not None
        run = data[match.start() - before.end() + 1 : behind.end()]
        found += [f"{one}, in base64" for at in range(4) for one in tokens_in(_decoded(run[at:]))]
    return found


def _decoded(text: bytes) -> bytes:
    whole = text if len(text) % 4 != 1 else text[:-1]
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))


def _is_header(part: bytes) -> bool:
    try:
        return "alg" in json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (ValueError, TypeError):
        return False


def found_in(*tops: Path) -> list[str]:
    """Each token that stands where none may, in a file below one of them or in a name there."""
    return [f"{file}: {one}" for top in tops for file in _files(top) for one in _of(file)]


def _files(top: Path) -> Iterator[Path]:
    if top.is_file():
        yield top
    for directory, directories, names in os.walk(top):
        yield from (Path(directory) / name for name in [*directories, *names])


def _of(file: Path) -> list[str]:
    found = tokens_in(os.fsencode(file.name))
    try:
        about = file.lstat()
        if stat.S_ISREG(about.st_mode) and about.st_size <= MOST_BYTES and not _is_clients(file, about.st_mode):
            found += tokens_in(file.read_bytes())
    except OSError:
        return found  # gone meanwhile, or nobody may read it
    return found


def _is_clients(file: Path, mode: int) -> bool:
    is_private = stat.S_IMODE(mode) == 0o600
    return is_private and not any((above / "registry.json").exists() for above in file.parents)


def require_none_in(*tops: Path) -> None:
    found = found_in(*tops)
    assert not found, f"tokens stand where none may: {found}"


@pytest.fixture(scope="session", autouse=True)
def no_token_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever tests of this process have left behind is searched at its end."""
    yield
    require_none_in(tmp_path_factory.getbasetemp())
