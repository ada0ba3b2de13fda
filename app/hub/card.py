"""What a package says of itself in the front matter of its README.md and in config.json, for the Hub's clients.

Only bytes that are the registered ones are read, at most :data:`MOST_BYTES` of a file; whatever is wrong with them, the
model has no card, and is there all the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from registry_core import ArtifactNotFound, Bounded, RegistryError, Snapshot

from ..web.front_matter import split

README, CONFIG = "README.md", "config.json"
MOST_BYTES = 1024 * 1024  # of a file that is read
REMEMBERED = 8 * 1024 * 1024  # characters, of all cards


@dataclass(frozen=True)
class Card:
    """``data`` is the front matter, ``config`` what clients read of config.json. Both are JSON."""

    data: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def pipeline_tag(self) -> str | None:
        """What the model does, in the Hub's words."""
        return _text(self.data.get("pipeline_tag"))

    @property
    def library_name(self) -> str | None:
        """The library that loads it: a config.json with an architecture is that of transformers."""
        return _text(self.data.get("library_name")) or ("transformers" if self.config.get("architectures") else None)

    @property
    def tags(self) -> list[str]:
        """Its own, and those that the Hub makes of other fields."""
        made = [f"{kind}:{text}" for kind, name in _KINDS for text in _texts(self.data.get(name))]
        plain = [self.library_name, self.pipeline_tag, *_texts(self.data.get("language"))]
        return list(dict.fromkeys([*filter(None, plain), *_texts(self.data.get("tags")), *made]))


_KINDS = (("license", "license"), ("dataset", "datasets"), ("base_model", "base_model"))
_NONE = Card()
_known: Bounded[str, Card] = Bounded(REMEMBERED, lambda card: 100 + len(json.dumps([card.data, card.config])))


def card_of(snapshot: Snapshot) -> Card:
    """The version's card, an empty one where it has none. Remembered by the commit id, which stands for the bytes.

    Whoever may not use the model is told what its files are called, and nothing that stands in them.
    """
    if not snapshot.is_for_use:
        return _NONE
    known = _known.get(snapshot.commit_id)
    if known is not None:
        return known
    try:
        readme, config = _read(snapshot, README), _read(snapshot, CONFIG)
    except RegistryError:
        return _NONE  # not readable at the moment: asked again
    card = Card(split(readme)[0], _config(config))
    _known.put(snapshot.commit_id, card)
    return card


def _read(snapshot: Snapshot, path: str) -> str:
    """The file, empty where there is none that can be used. Raises ``RegistryError`` for damage, too."""
    try:
        stored = snapshot.file(path)
    except ArtifactNotFound:
        return ""
    if stored.size_bytes > MOST_BYTES:
        return ""
    with closing(stored.open()) as reader:
        content = reader.read(stored.size_bytes)
    if hashlib.sha256(content).hexdigest() != stored.sha256:
        raise RegistryError(f"{path} is damaged.")
    return content.decode("utf-8", "replace")


def _config(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    architectures, model_type = list(_texts(found.get("architectures"))), _text(found.get("model_type"))
    parts = {"architectures": architectures, "model_type": model_type}
    return {name: part for name, part in parts.items() if part}


def _texts(value: Any) -> Iterator[str]:
    """Of a list or of one text; other things are passed over."""
    return (text for text in (value if isinstance(value, list) else [value]) if _text(text) is not None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
