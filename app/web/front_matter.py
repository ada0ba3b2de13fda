"""What a README.md says of its model between two lines of three dashes, as its readers at the Hub know it."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import yaml

from registry_core import finite

MOST_FRONT_MATTER = 16 * 1024  # characters; those of well-known models have some hundred

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_LONGEST_WHOLE_NUMBER = 2**53


def split(readme: str) -> tuple[dict[str, Any], str]:
    """(the mapping between the first two lines of three dashes, as JSON, the text below it).

    Where those are no such thing, nothing is mapped, and what stands between the lines is still no text.
    """
    found = _FRONT_MATTER.match(readme[: MOST_FRONT_MATTER + 16])
    if found is None or len(found[1]) > MOST_FRONT_MATTER:
        return {}, readme
    return _mapping(found[1]), readme[found.end() :]


def _mapping(text: str) -> dict[str, Any]:
    try:
        mapping = _Loader(text).get_single_data()
    except Exception:  # noqa: BLE001 - the library raises what a wrong scalar makes it: KeyError, AttributeError, ...
        return {}
    found: dict[str, Any] = finite(_plain(mapping))[0] if isinstance(mapping, dict) else {}
    return found


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Without aliases: a few lines of them stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError
        return super().compose_node(parent, index)


def _plain(value: Any) -> Any:
    """The value in the kinds that JSON has; what is of another is text or null."""
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(part) for part in value]
    if isinstance(value, int):  # bool, too
        return value if abs(value) < _LONGEST_WHOLE_NUMBER else None
    if isinstance(value, str | float) or value is None:
        return value
    return value.isoformat() if isinstance(value, date) else None
