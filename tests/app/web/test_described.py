"""What views are described by is made once, not copied for each word that is said of a view."""

from __future__ import annotations

import copy

import pytest
from marshmallow import Schema, fields

from app import create_app
from app.config import Settings
from app.web.described import Described
from app.web.schemas import Problem
from registry_core import CoreSettings

FIELDS = 700  # those of the problem document, for each status


def test_a_copy_of_a_description_has_the_same_schema() -> None:
    problem = Problem()
    assert copy.deepcopy({"schema": problem})["schema"] is problem


def test_every_schema_of_the_service_is_such_a_one() -> None:
    ours = [kind for kind in _below(Schema) if kind.__module__.startswith("app.")]
    assert len(ours) > 30
    assert [kind for kind in ours if not issubclass(kind, Described)] == []


def test_the_service_starts_without_a_copy_of_each_field_for_each_view(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = []
    copy_field = fields.Field.__deepcopy__
    monkeypatch.setattr(fields.Field, "__deepcopy__", lambda *asked: copied.append(None) or copy_field(*asked))
    create_app(Settings(core=CoreSettings()))
    assert len(copied) <= FIELDS


def _below(kind: type[Schema]) -> list[type[Schema]]:
    return [found for below in kind.__subclasses__() for found in (below, *_below(below))]
