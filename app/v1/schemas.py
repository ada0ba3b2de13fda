"""What requests look like and what answers look like. Rules of the registry are not here."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from ..web.schemas import Answer, Open, PreferHeaders, Request, name, text, words


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
