"""The commands that sign packages: before they are registered, and after."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .command import finish, plain_verb


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--workers", type=click.IntRange(1, 32), default=4, show_default=True, help="Files at the same time.")
@plain_verb
def manifest(_: None, *, as_json: bool, directory: Path, workers: int) -> None:
    """Print what is signed of DIRECTORY before it is registered: each file's SHA-256 and path, as sha256sum does.

    Left out are model_meta.json, sha256sums.txt and, at the top, files that hold signatures.
    """
    from ..push.signed_manifest import manifest_of  # only when it is wanted

    written = manifest_of(directory, workers)
    if as_json:
        finish({"manifest": written.decode("utf-8", "backslashreplace")}, as_json)
    else:
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()
