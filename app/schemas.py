"""What requests look like and what answers look like. Rules of the registry are not here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import g
from marshmallow import EXCLUDE, Schema, fields, pre_load, validate


class Request(Schema):
    """A field that is not known is no error, but the answer names it in ``warnings``."""

    class Meta:
        unknown = EXCLUDE

    @pre_load
    def note_unknown(self, data: Any, **_: Any) -> Any:
        if isinstance(data, Mapping):
            known = {field.data_key or name for name, field in self.fields.items()}
            g.unknown_fields = sorted(str(name) for name in set(data) - known)
        return data


class Answer(Schema):
    ok = fields.Constant(True, metadata={"description": "Always true in an answer that is no problem document."})
    warnings = fields.List(
        fields.String(),
        metadata={"description": "What the caller should know: unknown fields, limits of what was proven."},
    )


def answer(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content as an answer: ``warnings`` are there only if there are any."""
    unknown = [f"The field {name!r} is not known here and was ignored." for name in g.get("unknown_fields", [])]
    warnings = [*content.get("warnings", []), *unknown]
    rest = {name: value for name, value in content.items() if name != "warnings"}
    return {**rest, "warnings": warnings} if warnings else rest


def _text(description: str, **options: Any) -> fields.String:
    return fields.String(metadata={"description": description}, **options)


def _name(description: str) -> fields.String:
    return _text(description, required=True)


def _words(description: str) -> fields.String:
    return _text(description, load_default=None, allow_none=True)


class RegisterRequest(Request):
    task = _name("The task, for example celltype_sc.")
    model_name = _name("The model's name within the task.")
    version = _name("The version's label; it is never given to other bytes.")
    artifacts_dir = _name("Absolute path of the package's directory, as the registry's machine sees it.")
    metadata = fields.Dict(load_default=dict, allow_none=True, metadata={"description": "Free JSON, at most 1 MiB."})
    set_alias = _text("The alias that shall name the version; null: none.", load_default="latest", allow_none=True)
    actor = _words("Who does this.")
    reason = _words("Why.")


class RegisterHeaders(Schema):
    class Meta:
        unknown = EXCLUDE

    idempotency_key = fields.String(
        data_key="Idempotency-Key",
        load_default=None,
        metadata={"description": "Makes a repeat of the same request harmless: it gets the first answer."},
    )


class RegisterAnswer(Answer):
    task = fields.String()
    model_name = fields.String()
    version = fields.String()
    package_path = fields.String()
    package_digest = fields.String()
    hashes = fields.Dict(keys=fields.String(), values=fields.String())
    alias_set = fields.String(allow_none=True)
    created_at = fields.String()


class RefQuery(Request):
    task = _name("The task.")
    ref = _name("model_name@selector; the selector is an alias or a version.")


class ResolveQuery(RefQuery):
    verify = fields.Boolean(load_default=True, metadata={"description": "Read and prove every byte first."})


class ShowQuery(RefQuery):
    verify = fields.Boolean(load_default=False, metadata={"description": "Read and prove every byte first."})


class ResolveAnswer(Answer):
    path = fields.String()
    task = fields.String()
    model_name = fields.String()
    version = fields.String()
    alias = fields.String(allow_none=True)
    package_digest = fields.String(allow_none=True)
    verified = fields.Boolean()


class ShowAnswer(Answer):
    meta = fields.Dict()
    package_dir = fields.String()
    version = fields.String()
    aliases = fields.List(fields.String())
    tags = fields.Dict()
    stage = fields.String(validate=validate.OneOf(["none", "staging", "production", "archived"]))
    description = fields.String(allow_none=True)
    package_digest = fields.String(allow_none=True)


class VerifyRequest(RefQuery):
    pass


class VerifyAnswer(Answer):
    version = fields.String()
    files_checked = fields.Integer()
    bytes_checked = fields.Integer()
    package_digest = fields.String()
    duration_s = fields.Float()


class PromoteRequest(Request):
    task = _name("The task.")
    model_name = _name("The model's name.")
    alias = _name("The alias to move, or to make.")
    version = _name("The version that it shall name.")
    actor = _words("Who does this.")
    reason = _words("Why.")
    expected_version = _text(
        "Move only if the alias names this version now; null: only if there is no such alias.", allow_none=True
    )


class PromoteAnswer(Answer):
    alias = fields.String()
    version = fields.String()
    previous_version = fields.String(allow_none=True)
    seq = fields.Integer()
    updated_at = fields.String()


class ModelQuery(Request):
    task = _name("The task.")
    model = _name("The model's name.")


class AliasFields(Schema):
    alias = fields.String()
    version = fields.String()
    updated_at = fields.String(allow_none=True)
    actor = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)
    seq = fields.Integer(allow_none=True)


class AliasesAnswer(Answer):
    model_name = fields.String()
    aliases = fields.List(fields.Nested(AliasFields))


class HistoryQuery(ModelQuery):
    alias = _text("Only events of this alias.", load_default=None)
    version = _text("Only events of this version.", load_default=None)
    event = _text("Only events of this kind.", load_default=None)
    after = fields.Integer(
        load_default=0, validate=validate.Range(min=0), metadata={"description": "Only events after this seq."}
    )
    limit = fields.Integer(
        load_default=100, validate=validate.Range(min=1, max=1000), metadata={"description": "At most so many events."}
    )


class EventFields(Schema):
    seq = fields.Integer()
    event = fields.String()
    task = fields.String(allow_none=True)
    model_name = fields.String(allow_none=True)
    version = fields.String(allow_none=True)
    alias = fields.String(allow_none=True)
    previous_version = fields.String(allow_none=True)
    actor = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)
    ts_utc = fields.String(allow_none=True)
    package_digest = fields.String(allow_none=True)


class HistoryAnswer(Answer):
    events = fields.List(fields.Nested(EventFields))
    next = fields.Integer(allow_none=True)


class FileFields(Schema):
    name = fields.String()
    sha256 = fields.String(allow_none=True)
    size_bytes = fields.Integer(allow_none=True)


class ArtifactsAnswer(Answer):
    version = fields.String()
    files = fields.List(fields.Nested(FileFields))


class HealthAnswer(Answer):
    service = fields.String()
    version = fields.String()
    registry_root_configured = fields.Boolean()


class ReadyAnswer(Answer):
    free_bytes = fields.Integer(allow_none=True, metadata={"description": "null: the storage knows no limit."})


class AuthStatusAnswer(Answer):
    auth_enabled = fields.Boolean()
    mode = fields.String()
    iam_url = fields.String(allow_none=True)


class Problem(Schema):
    """RFC 9457, with the registry's own fields; a code may add more (docs/errors.md)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    ok = fields.Boolean(required=True)
    code = fields.String(required=True)
    request_id = fields.String(allow_none=True)
    errors = fields.Dict()
    problems = fields.List(fields.Dict())
