"""Problem documents under /hf say in headers, too, what they are: the Hub's clients read nothing else."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, g, request

from registry_core import InvalidToken

from ..web.errors import problem

PREFIX = "/hf"
_MOST_CHARACTERS = 500

_CODES = {
    "model_not_found": "RepoNotFound",
    # So its clients say that there is no such model, or that a token is missing or wrong.
    "unauthenticated": "RepoNotFound",
    InvalidToken.code: "RepoNotFound",
    "permission_denied": "GatedRepo",
    "version_not_found": "RevisionNotFound",
    "alias_not_found": "RevisionNotFound",
    "artifact_not_found": "EntryNotFound",
    # A plain 404 is taken for a broken network. What is not of the form task/model_name is no model here.
    "no_such_path": "RepoNotFound",
}
_READING = ("GET", "HEAD", "OPTIONS")
_NOTHING_THERE = ("no_such_path", "method_not_allowed")  # for whatever writes: no address here takes it


def refuse_to_write() -> Response:
    """The 403 of whoever asks to write, or whether writing is allowed."""
    sentence = "The registry is read only for clients of the Hugging Face Hub: use omr push. Nothing was changed."
    return problem(HTTPStatus.FORBIDDEN, "read_only", HTTPStatus.FORBIDDEN.phrase, sentence)


def translated(response: Response) -> Response:
    """The problem document with the headers that say the same."""
    told = response.get_json(silent=True) or {}
    if request.method not in _READING and told.get("code") in _NOTHING_THERE:
        response = refuse_to_write()
        told = response.get_json()
    code = _CODES.get(told.get("code", ""))
    if code is not None:
        response.headers["X-Error-Code"] = code
    if code == "EntryNotFound" and "repo_commit" in g:
        response.headers["X-Repo-Commit"] = g.repo_commit
    detail = str(told.get("detail", "The registry cannot answer this."))[:_MOST_CHARACTERS]
    if told.get("code") == "no_such_path":
        detail = "There is nothing at this address; models are named <task>/<model_name> here."
    # A header holds no control character, and no letter beyond ASCII.
    response.headers["X-Error-Message"] = detail.encode("unicode_escape", "replace").decode("ascii")
    return response
