"""What requests look like and what answers look like. Rules of the registry are not here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import g
from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate, validates_schema


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


class Open(Schema):
    """Described as open: fields may be added to what the service sends, and no client may trip over one."""

    class Meta:
        unknown = EXCLUDE


class Answer(Open):
    ok = fields.Constant(True, metadata={"description": "Always true in an answer that is no problem document."})
    warnings = fields.List(
        fields.String(),
        metadata={"description": "What the caller should know: unknown fields, limits of what was proven."},
    )


def unknown_fields() -> list[str]:
    """A sentence about each field of the request that nobody knows."""
    return [f"The field {name!r} is not known here and was ignored." for name in g.get("unknown_fields", [])]


def answer(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content as an answer: ``warnings`` are there only if there are any."""
    warnings = [*content.get("warnings", []), *unknown_fields()]
    rest = {name: value for name, value in content.items() if name != "warnings"}
    return {**rest, "warnings": warnings} if warnings else rest


def text(description: str, **options: Any) -> fields.String:
    """A text field; ``options`` as marshmallow takes them."""
    return fields.String(metadata={"description": description}, **options)


def name(description: str) -> fields.String:
    """A required text field."""
    return text(description, required=True)


def words(description: str) -> fields.String:
    """An optional text field; null is as good as absent."""
    return text(description, load_default=None, allow_none=True)


class RegisterRequest(Request):
    task = name("The task, for example celltype_sc.")
    model_name = name("The model's name within the task.")
    version = name("The version's label; it is never given to other bytes.")
    artifacts_dir = text("Absolute path of the package's directory, as the registry's machine sees it.")
    upload_id = text("In place of artifacts_dir: the upload whose files the version shall have.")
    metadata = fields.Dict(load_default=dict, allow_none=True, metadata={"description": "Free JSON, at most 1 MiB."})
    set_alias = text("The alias that shall name the version; null: none.", load_default="latest", allow_none=True)
    actor = words("Who does this.")
    reason = words("Why.")

    @validates_schema(skip_on_field_errors=False)
    def one_source(self, data: Any, **_: Any) -> None:
        """Where the files are is said once."""
        if "artifacts_dir" not in data and "upload_id" not in data:
            raise ValidationError("Missing data for required field.", "artifacts_dir")
        if "artifacts_dir" in data and "upload_id" in data:
            raise ValidationError("Send either this or artifacts_dir.", "upload_id")


class PreferHeaders(Schema):
    class Meta:
        unknown = EXCLUDE

    prefer = text(
        "respond-async: answer at once, and tell of the outcome at /v1/operations/.",
        data_key="Prefer",
        load_default=None,
    )


class AcceptedAnswer(Answer):
    operation_id = fields.String()
    state = fields.String()
    url = fields.String()


class RegisterHeaders(PreferHeaders):
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
    task = name("The task.")
    ref = name("model_name@selector; the selector is an alias or a version.")


class MomentQuery(RefQuery):
    as_of = text("What the ref meant at this moment (RFC 3339).", load_default=None)


class ResolveQuery(MomentQuery):
    verify = fields.Boolean(load_default=True, metadata={"description": "Read and prove every byte first."})


class ShowQuery(MomentQuery):
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
    task = name("The task.")
    model_name = name("The model's name.")
    alias = name("The alias to move, or to make.")
    version = name("The version that it shall name.")
    actor = words("Who does this.")
    reason = words("Why.")
    expected_version = text(
        "Move only if the alias names this version now; null: only if there is no such alias.", allow_none=True
    )


class PromoteAnswer(Answer):
    alias = fields.String()
    version = fields.String()
    previous_version = fields.String(allow_none=True)
    seq = fields.Integer()
    updated_at = fields.String()


class ModelQuery(Request):
    task = name("The task.")
    model = name("The model's name.")


class AliasFields(Open):
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
    alias = text("Only events of this alias.", load_default=None)
    version = text("Only events of this version.", load_default=None)
    event = text("Only events of this kind.", load_default=None)
    after = fields.Integer(
        load_default=0, validate=validate.Range(min=0), metadata={"description": "Only events after this seq."}
    )
    limit = fields.Integer(
        load_default=100, validate=validate.Range(min=1, max=1000), metadata={"description": "At most so many events."}
    )


class EventFields(Open):
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
    set = fields.Dict(allow_none=True)


class HistoryAnswer(Answer):
    events = fields.List(fields.Nested(EventFields))
    next = fields.Integer(allow_none=True)


class FileFields(Open):
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


class CatalogFields(Open):
    ready = fields.Boolean(metadata={"description": "Whether lists and searches are answered without waiting."})
    models_done = fields.Integer()
    models_total = fields.Integer()


class ReadyAnswer(Answer):
    catalog = fields.Nested(CatalogFields, metadata={"description": "How far this worker has come in building it."})
    free_bytes = fields.Integer(allow_none=True, metadata={"description": "null: the storage knows no limit."})


class AuthStatusAnswer(Answer):
    auth_enabled = fields.Boolean()
    mode = fields.String()
    iam_url = fields.String(allow_none=True)


class Problem(Open):
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
