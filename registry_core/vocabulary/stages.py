"""The stages of a version. Two of them are aliases; ``archived`` is a mark."""

from __future__ import annotations

NO_STAGE = "none"
ARCHIVED = "archived"
ALIAS_STAGES = ("production", "staging")  # the aliases that are stages too, the stronger one first
STAGES = (NO_STAGE, *reversed(ALIAS_STAGES), ARCHIVED)
