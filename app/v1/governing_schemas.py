"""Requests and answers of the verbs that govern. Rules of the registry are not here."""

from __future__ import annotations

from marshmallow import fields, validate

from ..web.schemas import Answer, Open, Request, name, text, words
from .schemas import ModelQuery, RefQuery

STAGES = ("none", "staging", "production", "archived")


class Who(Request):
    task = name("The task.")
    model_name = name("The model's name.")
    actor = words("Who does this.")
    reason = words("Why.")


class Expecting(Who):
    expected_version = text("Do it only if the alias names this version now.", allow_none=True)


class AliasRequest(Expecting):
    alias = name("The alias.")


class UnaliasAnswer(Answer):
    alias = fields.String()
    previous_version = fields.String(allow_none=True)
    seq = fields.Integer()
    updated_at = fields.String()


class VersionRequest(Who):
    version = name("The version.")


class DeleteRequest(VersionRequest):
    reason = name("Why; it stays in the tombstone.")


class DeleteAnswer(Answer):
    version = fields.String()
    package_digest = fields.String(allow_none=True)
    deleted_at = fields.String()
    actor = fields.String(allow_none=True)
    reason = fields.String()
    purged_at = fields.String(allow_none=True)
    seq = fields.Integer()


class RestoreAnswer(Answer):
    version = fields.String()
    package_path = fields.String()
    package_digest = fields.String(allow_none=True)
    seq = fields.Integer()
    updated_at = fields.String()


class TagRequest(VersionRequest):
    key = name("The tag's key.")
    value = fields.Raw(
        required=True, allow_none=True, metadata={"description": "Text, number or boolean; null removes the tag."}
    )


class AnnotationAnswer(Answer):
    """What is said about the version now, whichever verb has changed it."""

    version = fields.String()
    tags = fields.Dict()
    description = fields.String(allow_none=True)
    stage = fields.String(validate=validate.OneOf(STAGES))
    seq = fields.Integer()


class PatchRequest(VersionRequest):
    description = text("What the version is; null removes it.", allow_none=True)
    tags = fields.Dict(
        keys=fields.String(), metadata={"description": "Tags to set beside the others; null removes one."}
    )


class StageRequest(Expecting):
    version = name("The version.")
    stage = fields.String(required=True, validate=validate.OneOf(STAGES))


class AuditQuery(ModelQuery):
    expect_head = text("SEQ:DIGEST of an earlier proof, which the journal must extend.", load_default=None)


class Head(Open):
    seq = fields.Integer()
    digest = fields.String()


class AuditAnswer(Answer):
    events = fields.Integer()
    head = fields.Nested(Head, allow_none=True)


class CompareQuery(ModelQuery):
    versions = fields.List(
        fields.String(), required=True, metadata={"description": "2 to 20 versions, each as a field of its own."}
    )


class CompareAnswer(Answer):
    versions = fields.Dict()
    diff = fields.Dict()


class RunFields(Open):
    run_id = fields.String()
    params = fields.Dict()
    tags = fields.Dict()
    metrics = fields.Dict()


class MetricsQuery(RefQuery):
    pass


class MetricsAnswer(Answer):
    version = fields.String()
    version_metrics = fields.Dict()
    run_history = fields.List(fields.Nested(RunFields))
