"""The commands that sign packages: before they are registered, and after."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .command import finish, plain_verb, verb
from .keys import key_options, read_key

if TYPE_CHECKING:
    from .command import Registry


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


@click.command()
@click.argument("task")
@click.argument("ref")
@key_options
@click.option("--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
@verb
def sign(
    registry: Registry,
    *,
    as_json: bool,
    task: str,
    ref: str,
    key: Path | None,
    ssh_key: Path | None,
    output: Path,
) -> None:
    """Sign the package that REF names, with its name and version. 'omr attest' sends the signature."""
    from registry_core import SIGNATURE_PREDICATE, sign_statement  # only when it is wanted

    private, ssh = read_key(key, ssh_key)
    found = registry.resolve(task, ref, verify=False)
    names = f"{found.model_name}@{found.version}"
    if found.package_digest is None:
        raise click.UsageError(f"{names} has no package digest: 'omr adopt' gives one to older software's versions.")
    document = sign_statement(private, f"{task}/{names}", found.package_digest, SIGNATURE_PREDICATE, {}, ssh=ssh)
    try:
        output.write_bytes(document)
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}.") from None
    content = {"task": task, "model_name": found.model_name, "version": found.version, "output": str(output)}
    finish({**content, "package_digest": found.package_digest}, as_json)
