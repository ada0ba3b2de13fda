"""Schemas are made once: a copy of what a view is described by has the same schema, not a copy of its fields."""

from __future__ import annotations

from typing import Any, Self

from marshmallow import EXCLUDE, Schema


class Described(Schema):
    """What every schema of the service is made of; nobody changes one that is made.

    Each of smorest's decorators copies all that those before it have said of a view.
    """

    class Meta:
        unknown = EXCLUDE

    def __deepcopy__(self, _: Any) -> Self:
        return self
