"""What may be asked of one model. A change is one event or none; a read writes nothing.

``registration``, ``promotion``, ``annotating``, ``deletion`` and ``owning`` change: each looks, decides, and leaves
the rest to ``models.changes``; ``promotion`` has the rules that every move of an alias keeps, and ``old_versions``
removes what a bucket keeps of what ``deletion`` has purged; ``taken`` says who has a name. ``resolution``, ``history``,
``raw_lines``, ``looking`` and ``comparison`` read, and so does ``admission``, which says what a registration would
meet. ``facts`` tells what files are, and has it told anew. ``running`` logs to training runs, which are no part of the
journal, and tells of them.

A module is imported when it is first asked for: a program that reads pays for no change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..vocabulary.faces import face

if TYPE_CHECKING:
    from . import (
        admission,
        annotating,
        comparison,
        deletion,
        facts,
        history,
        looking,
        old_versions,
        owning,
        promotion,
        raw_lines,
        registration,
        resolution,
        running,
    )

__all__ = [
    "admission",
    "annotating",
    "comparison",
    "deletion",
    "facts",
    "history",
    "looking",
    "old_versions",
    "owning",
    "promotion",
    "raw_lines",
    "registration",
    "resolution",
    "running",
]

if not TYPE_CHECKING:  # a type checker would take any name for a module
    __getattr__, __dir__ = face(globals(), {name: name for name in __all__})
