"""The commands of ``omr``, found as click finds them."""

from __future__ import annotations

from collections.abc import Iterator

import click


def every_command(group: click.Group, prefix: str = "omr") -> Iterator[tuple[str, click.Command]]:
    """(``omr runs show``, the command) of each that is no group."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            yield from every_command(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command
