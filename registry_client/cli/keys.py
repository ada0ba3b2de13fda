"""The options that name a private key, and the key in the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from registry_core import PrivateKey

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_MAX_BYTES = 64 * 1024
_PUBLIC = (b"ssh-", b"ecdsa-", b"sk-")  # how a line of OpenSSH begins


def key_options(command: F) -> F:
    """``--key`` and ``--ssh-key``."""
    by_ssh = click.option("--ssh-key", type=_FILE, help="Sign with this private key of OpenSSH, as it signs.")
    by_key = click.option("--key", type=_FILE, help="Sign with this private key, in PEM or of OpenSSH.")
    return by_key(by_ssh(command))


def read_key(key: Path | None, ssh_key: Path | None) -> tuple[PrivateKey, bool]:
    """(the key, whether it signs as OpenSSH does). Who runs this is asked for its password, if it has one.

    Raises ``click.UsageError``, ``NotConfigured``.
    """
    file = key or ssh_key
    if file is None or (key is not None and ssh_key is not None):
        raise click.UsageError("Name one private key, by --key or --ssh-key.")
    from registry_core import Encrypted, load_private  # only when it is wanted

    data = _read(file)
    if b"PUBLIC KEY" in data[:64] or data.startswith(_PUBLIC):
        raise click.UsageError(f"{file} cannot be used: it is a public key. Name the private one that belongs to it.")
    try:
        try:
            return load_private(data), key is None
        except Encrypted:
            password = click.prompt(f"Password of {file}", hide_input=True, err=True)
            return load_private(data, password.encode()), key is None
    except ValueError as error:
        raise click.UsageError(f"{file} cannot be used: {error}.") from None


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as reader:
            return reader.read(_MAX_BYTES)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from None
