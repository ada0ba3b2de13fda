"""Requests and answers that are not those of a verb as ``Verbs`` describes it. Rules of the registry are not here."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, missing, validate, validates_schema

from registry_core import MAX_LIMIT, STAGES, Admission, Alias, CatalogState, Registration, Verbs, VerbsOfEvents

from ..web.answers import Answer
from ..web.parsing import Request
from ..web.schemas import PreferHeaders, answer_schema, field_of, fields_of, part_schema, request_schema, text

# How HTTP has it where a verb is described otherwise: the name in a query, and what is checked before the registry.
MODEL: dict[str, Any] = {"data_key": "model"}
ONE_STAGE: dict[str, Any] = {"validate": validate.OneOf(STAGES)}
GIVEN: dict[str, Any] = {"allow_none": False}
GIVEN_OR_LEFT_OUT: dict[str, Any] = {**GIVEN, "load_default": missing}  # and never null


def between(lowest: int, highest: int | None = None) -> dict[str, Any]:
    """The options of a number that has bounds."""
    return {"validate": validate.Range(min=lowest, max=highest)}


class AdmissionRequest(Request):
    task = text("The task, for example celltype_sc.", required=True)
    model_name = text("The model's name within the task.", required=True)
    version = text("The version's label; it is never given to other bytes.", required=True)
    metadata = fields.Dict(load_default=dict, allow_none=True, metadata={"description": "Free JSON, at most 1 MiB."})
    set_alias = text("The alias that shall name the version, latest unless you say; null: none.", allow_none=True)
    actor = field_of(Verbs.promote, "actor")
    reason = field_of(Verbs.promote, "reason")


class RegisterRequest(AdmissionRequest):
    artifacts_dir = text("Absolute path of the package's directory, as the registry's machine sees it.")
    upload_id = text("In place of artifacts_dir: the upload whose files the version shall have.")

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


RegisterAnswer = type("RegisterAnswer", (Answer,), fields_of(Registration))
AdmissionAnswer = type("AdmissionAnswer", (Answer,), fields_of(Admission))


class AliasesAnswer(Answer):
    model_name = fields.String()
    aliases = fields.List(fields.Nested(part_schema(Alias)))


_LEFT_OUT: dict[str, Any] = {"required": False, "load_default": missing}


class _OfOneOrAll(Request):
    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def one_or_all(self, _data: Any, sent: Any, **_: Any) -> None:
        """A model is named whole, or not at all; numbers of events after which to begin are those of one."""
        lacking = [name for name in ("task", "model") if name not in sent]
        if lacking and any(name in sent for name in ("task", "model", "after")):
            raise ValidationError({name: ["Missing data for required field."] for name in lacking})


# One call for the events of a model and of all: what either has is left out where it is not sent.
HistoryQuery = type(
    "HistoryRequest",
    (
        _OfOneOrAll,
        request_schema(
            VerbsOfEvents.history,
            task=_LEFT_OUT,
            model_name={**MODEL, **_LEFT_OUT},
            after={**between(0), "load_default": missing},
            limit=between(1, MAX_LIMIT),
            order={"validate": validate.OneOf(("asc", "desc")), "load_default": missing},
        ),
    ),
    {},
)
HistoryAnswer = type(
    "HistoryAnswer",
    (answer_schema(VerbsOfEvents.history),),
    {
        "next": fields.Raw(
            allow_none=True,
            metadata={"description": "What to send for more, as after or before; null at the end."},
        )
    },
)


class HealthAnswer(Answer):
    service = fields.String()
    version = fields.String()
    registry_root_configured = fields.Boolean()


class ReadyAnswer(Answer):
    catalog = fields.Nested(
        part_schema(CatalogState), metadata={"description": "How far this worker has come in building it."}
    )
    free_bytes = fields.Integer(allow_none=True, metadata={"description": "null: the storage knows no limit."})


class AuthStatusAnswer(Answer):
    auth_enabled = fields.Boolean()
    mode = fields.String()
    iam_url = fields.String(allow_none=True)
