"""Metadata on the command line: JSON as it is, from a file, or from standard input."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from registry_core import InvalidMetadata

metadata_option = click.option("--metadata", help="Free JSON: an object, @FILE to read one, or @- for standard input.")


def read_metadata(text: str | None) -> dict[str, Any]:
    """The object. Raises ``click.BadParameter``, ``InvalidMetadata``."""
    if text is None:
        return {}
    if text.startswith("@"):
        try:
            text = sys.stdin.read() if text == "@-" else Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(f"{text[1:]} cannot be read: {error}", param_hint="--metadata") from None
    try:
        return json.loads(text)  # type: ignore[no-any-return]
    except RecursionError:
        raise InvalidMetadata("The metadata is nested far deeper than the 64 levels that are kept.") from None
    except ValueError as error:
        raise click.BadParameter(f"that is not valid JSON: {error}", param_hint="--metadata") from None
