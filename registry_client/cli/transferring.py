"""The commands that move bytes between this machine and a service: pull, push, cache."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import output
from .command import PREFIX, Age, Size, finish, plain_verb, remote_verb, who, why
from .metadata import metadata_option, read_metadata

if TYPE_CHECKING:
    from ..client import RegistryClient

_cache_dir = click.option(
    "--cache-dir",
    envvar=f"{PREFIX}_CACHE_DIR",
    type=click.Path(path_type=Path),
    help=f"Where pulled files are kept [default: ${PREFIX}_CACHE_DIR, or below ~/.cache].",
)
_no_cache = click.option("--no-cache", is_flag=True, help="Keep nothing on this machine but what was asked for.")
_workers = click.option(
    "--workers", type=click.IntRange(1, 32), default=4, show_default=True, help="Files at the same time."
)


def _cache_of(words: dict[str, Any]) -> dict[str, Any]:
    """The words, with the cache that they name in place of its directory."""
    from ..local.cache import Cache

    directory, without = words.pop("cache_dir"), words.pop("no_cache")
    return {**words, "use_cache": not without, "cache": None if without else Cache(directory)}


@click.command()
@click.argument("task")
@click.argument("ref")
@click.argument("dest", type=click.Path(path_type=Path))
@click.option("--digest", help="The package digest that it must have, whatever the registry says.")
@click.option("--offline", is_flag=True, help="Ask nobody; take all from the cache.")
@click.option("--update", is_flag=True, help="Replace another version of the model that DEST holds, unchanged.")
@click.option("--link", is_flag=True, help="Hard-link files into the cache where that can be; never change one then.")
@_workers
@_cache_dir
@_no_cache
@remote_verb
def pull(registry: RegistryClient, *, as_json: bool, task: str, ref: str, dest: Path, **words: Any) -> None:
    """Put the files of the version that REF names into DEST, which is new or empty, every byte proven."""
    with output.progress("pull") as progress:
        done = registry.pull(task, ref, dest, progress=progress, **_cache_of(words))
    finish(done.to_dict(), as_json)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("task")
@click.argument("model_name")
@click.argument("version")
@metadata_option
@click.option("--set-alias", default="latest", show_default=True, help="The alias that shall name the version.")
@click.option("--no-alias", is_flag=True, help="Set no alias.")
@click.option("--idempotency-key", help="Makes a repeat of the same call harmless.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out what it fits: '*.log', 'logs/*'.")
@click.option("--follow-links", is_flag=True, help="Send what symbolic links lead to.")
@_workers
@_cache_dir
@_no_cache
@who
@why
@remote_verb
def push(
    registry: RegistryClient,
    *,
    as_json: bool,
    directory: Path,
    metadata: str | None,
    set_alias: str,
    no_alias: bool,
    **words: Any,
) -> None:
    """Upload DIRECTORY, or one file, of this machine, and register it as a version. Run again, it goes on."""
    with output.progress("push") as progress:
        done = registry.push(
            os.path.abspath(directory),
            metadata=read_metadata(metadata),
            set_alias=None if no_alias else set_alias,
            progress=progress,
            **_cache_of(words),
        )
    content = done.to_dict()
    if not as_json:
        del content["warnings"]  # they were printed before anything was sent
    finish(content, as_json)


@click.group()
def cache() -> None:
    """The files that were pulled, kept to be used again."""


@cache.command(name="ls")
@_cache_dir
@plain_verb
def cache_ls(_: None, *, as_json: bool, cache_dir: Path | None) -> None:
    """List the cached files, the least recently used first."""
    from ..local.cache import Cache

    opened = Cache(cache_dir)
    files = opened.files()
    rows = [
        {
            "sha256": f"sha256:{file.sha256}",
            "size_bytes": file.size_bytes,
            "used_at": datetime.fromtimestamp(file.used_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        for file in files
    ]
    total = sum(file.size_bytes for file in files)

    def show(_: dict[str, Any]) -> None:
        output.table(("sha256", "size_bytes", "used_at"), rows)
        output.line(f"{len(rows)} files, {total} bytes in {opened.directory}", err=True)

    finish({"directory": str(opened.directory), "bytes": total, "files": rows}, as_json, show)


@cache.command(name="prune")
@click.option("--older-than", type=Age(), help="Remove what was not used for so long.")
@click.option("--max-bytes", type=Size(), help="Remove the least recently used files beyond so many bytes.")
@_cache_dir
@plain_verb
def cache_prune(
    _: None, *, as_json: bool, older_than: float | None, max_bytes: int | None, cache_dir: Path | None
) -> None:
    """Remove cached files; without an option, all of them. What is needed again is fetched again."""
    from ..local.cache import Cache

    finish(Cache(cache_dir).prune(older_than_s=older_than, max_bytes=max_bytes).to_dict(), as_json)
