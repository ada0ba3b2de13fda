"""The commands that sign packages: before they are registered, and after."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .command import finish, plain_verb, verb, who, why
from .keys import key_options, read_key

if TYPE_CHECKING:
    from .command import Registry


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out what a push with it leaves out.")
@click.option("--follow-links", is_flag=True, help="Name what symbolic links lead to, as a push with it sends it.")
@click.option("--workers", type=click.IntRange(1, 32), default=4, show_default=True, help="Files at the same time.")
@plain_verb
def manifest(
    _: None, *, as_json: bool, directory: Path, exclude: tuple[str, ...], follow_links: bool, workers: int
) -> None:
    """Print what is signed of DIRECTORY before it is registered: each file's SHA-256 and path, as sha256sum does.

    Left out are model_meta.json, sha256sums.txt and, at the top, files that hold signatures.
    """
    from ..push.choice import Choice  # only when it is wanted
    from ..push.signed_manifest import manifest_of

    written = manifest_of(directory, workers, Choice(exclude, follow_links))
    if as_json:
        finish({"manifest": written.decode()}, as_json)
    else:
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()


@dataclass(frozen=True)
class Subject:
    """A version as whoever signs it names it."""

    task: str
    model_name: str
    version: str
    package_digest: str

    @property
    def names(self) -> str:
        return f"{self.model_name}@{self.version}"

    @property
    def named(self) -> tuple[str, str]:
        """(``<task>/<model>@<version>``, the package digest)."""
        return f"{self.task}/{self.names}", self.package_digest


def subject(registry: Registry, task: str, ref: str) -> Subject:
    """What the ref names now. Raises ``click.UsageError`` for a version without a digest."""
    found = registry.resolve(task, ref, verify=False)
    if found.package_digest is None:
        names = f"{found.model_name}@{found.version}"
        raise click.UsageError(f"{names} has no package digest: 'omr adopt' gives one to older software's versions.")
    return Subject(task, found.model_name, found.version, found.package_digest)


@click.command()
@click.argument("task")
@click.argument("ref")
@key_options
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it there, and send nothing.")
@who
@why
@verb
def sign(
    registry: Registry,
    *,
    as_json: bool,
    task: str,
    ref: str,
    key: Path | None,
    ssh_key: Path | None,
    output: Path | None,
    **words: str | None,
) -> None:
    """Sign the package that REF names, with its name and version, and have that count for it."""
    from registry_core import SIGNATURE_PREDICATE, sign_statement  # only when it is wanted

    private, ssh = read_key(key, ssh_key)
    found = subject(registry, task, ref)
    document = sign_statement(private, *found.named, SIGNATURE_PREDICATE, {}, ssh=ssh)
    if output is None:
        finish(registry.attest(task, found.names, document, **words).to_dict(), as_json)
        return
    try:
        output.write_bytes(document)
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}.") from None
    content = {"task": task, "model_name": found.model_name, "version": found.version, "output": str(output)}
    finish({**content, "package_digest": found.package_digest}, as_json)
