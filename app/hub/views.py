"""The read half of the Hugging Face Hub's protocol, under /hf: its clients load models from here unmodified.

A repo is ``<task>/<model_name>``, a revision an alias, a version or a commit id, ``main`` the alias ``latest``. A
file's address under anything but a commit id leads to the one under the commit id, so that an alias that moves
between two requests cannot give a client the bytes of one version under the digest of another.
"""

from __future__ import annotations

from typing import NoReturn

from flask import Response, current_app, g, jsonify, request, url_for

from registry_core import InvalidName, ModelNotFound, Snapshot, VersionNotFound

from ..web import next_page
from ..web.answers import warn
from ..web.blueprint import Blueprint
from ..web.gate import may_be_large
from ..web.needs import Need
from ..web.parsing import current_budget
from ..web.root import current_caller, current_registry
from ..web.sending import CONTENT_TYPE, send
from .answers import account, branches_and_tags, commit_fields, entries, model_fields, tree_at
from .errors import PREFIX, refuse_to_write
from .listing import MOST_LISTED, Wanted, find_models

MOST_COMMITS = 1000

blueprint = Blueprint("hub", __name__, url_prefix=PREFIX, description="Hugging Face Hub protocol, read only")

_FINDS = (404, 409, 503)
_API = "/api/models/<task>/<model_name>"


def _snapshot(task: str, model_name: str, revision: str, *, with_bytes: bool = False) -> Snapshot:
    """The version, its files to be read if ``with_bytes``. Errors that come after it carry its commit id."""
    try:
        snapshot = current_registry().snapshot(task, model_name, revision, with_bytes=with_bytes)
    except InvalidName as error:
        _not_found(error, task, model_name)
    g.repo_commit = snapshot.commit_id
    return snapshot


def _not_found(error: InvalidName, task: str, model_name: str) -> NoReturn:
    """A name that nothing can have is one that nothing has."""
    if error.detail.get("field") in ("task", "model_name"):
        raise ModelNotFound(f"There is no model {task}/{model_name}.", task=task, model_name=model_name) from error
    raise VersionNotFound(error.message, task=task, model_name=model_name) from error


@blueprint.get("/<task>/<model_name>/resolve/<revision>/<path:path>", needs=Need.USE)
@blueprint.sends(CONTENT_TYPE, also=(206, 302, 304, 307), problems=(*_FINDS, 412, 416))
def resolve(task: str, model_name: str, revision: str, path: str) -> Response:
    """One file, at its commit id; from any other revision a redirect leads there."""
    snapshot = _snapshot(task, model_name, revision, with_bytes=True)
    stored = snapshot.file(path)
    identified = {"X-Repo-Commit": snapshot.commit_id}
    if revision == snapshot.commit_id:
        return send(stored, identified)
    response = Response(status=307)
    # A path without a host: the oldest clients follow no other.
    place = url_for("hub.resolve", task=task, model_name=model_name, revision=snapshot.commit_id, path=path)
    response.headers.update({**identified, "Location": place, "Cache-Control": "no-cache"})
    response.autocorrect_location_header = False
    return response


@blueprint.get(_API, needs=Need.READ)
@may_be_large
@blueprint.sends_json(problems=_FINDS)
def model(task: str, model_name: str) -> Response:
    """The model at `main`: its commit id and its files, with `blobs=true` their digests."""
    return _model(task, model_name, "main")


@blueprint.get(f"{_API}/revision/<revision>", needs=Need.READ)
@may_be_large
@blueprint.sends_json(problems=_FINDS)
def model_at(task: str, model_name: str, revision: str) -> Response:
    """The model at a revision: its commit id and its files, with `blobs=true` their digests."""
    return _model(task, model_name, revision)


def _model(task: str, model_name: str, revision: str) -> Response:
    return jsonify(model_fields(task, model_name, _snapshot(task, model_name, revision), blobs=_is_set("blobs")))


@blueprint.get(f"{_API}/tree/<revision>", needs=Need.READ)
@may_be_large
@blueprint.sends_json(problems=_FINDS)
def tree(task: str, model_name: str, revision: str) -> Response:
    """The files and folders at the top of a version; with `recursive=true` all of them."""
    return _tree(task, model_name, revision, "")


@blueprint.get(f"{_API}/tree/<revision>/<path:path>", needs=Need.READ)
@may_be_large
@blueprint.sends_json(problems=_FINDS)
def subtree(task: str, model_name: str, revision: str, path: str) -> Response:
    """The files and folders in a folder of a version; with `recursive=true` all below it."""
    return _tree(task, model_name, revision, path.strip("/"))


def _tree(task: str, model_name: str, revision: str, folder: str) -> Response:
    snapshot = _snapshot(task, model_name, revision)
    return jsonify(tree_at(snapshot, folder, recursive=_is_set("recursive"), expand=_is_set("expand")))


@blueprint.post(f"{_API}/paths-info/<revision>", needs=Need.READ)
@may_be_large
@blueprint.sends_json(problems=(*_FINDS, 413, 422))
def paths_info(task: str, model_name: str, revision: str) -> Response:
    """What is known of the `paths` in the form that is sent; those that are not there are left out."""
    request.max_form_memory_size = current_app.config["MAX_CONTENT_LENGTH"]
    current_budget().check_form(request.get_data())
    snapshot = _snapshot(task, model_name, revision)
    expand = request.form.get("expand", "").lower() == "true"
    known = entries(snapshot, expand=expand)
    paths = (path.strip("/") for path in request.form.getlist("paths"))
    return jsonify([known[path] for path in dict.fromkeys(paths) if path in known])


@blueprint.get(f"{_API}/refs", needs=Need.READ)
@may_be_large
@blueprint.sends_json(problems=_FINDS)
def refs(task: str, model_name: str) -> Response:
    """Aliases and `main` as branches, versions as tags."""
    registry = current_registry()
    try:
        named, everything = registry.list_aliases(task, model_name), registry.hub_commits(task, model_name)
    except InvalidName as error:
        _not_found(error, task, model_name)
    found = branches_and_tags({alias.alias: alias.version for alias in named}, everything)
    response = jsonify({**found, "pullRequests": []} if _is_set("include_prs") else found)
    warn(response, list(dict.fromkeys([*named.warnings, *everything.warnings])))
    return response


@blueprint.get(f"{_API}/commits/<revision>", needs=Need.READ)
@may_be_large
@blueprint.sends_json(problems=_FINDS)
def commits(task: str, model_name: str, revision: str) -> Response:
    """The version and those that were registered before it, the newest first."""
    snapshot = _snapshot(task, model_name, revision)
    everything = current_registry().hub_commits(task, model_name)
    since = next((n for n, commit in enumerate(everything) if commit.version == snapshot.version), 0)
    response = jsonify([commit_fields(commit) for commit in everything[since : since + MOST_COMMITS]])
    warn(response, everything.warnings)
    return response


@blueprint.get("/api/models", needs=Need.READ)
@may_be_large
@blueprint.sends_json(problems=(422, 503))
def models() -> Response:
    """Models that have the alias `latest`, at most `limit`, of those that all filters pass; the header Link goes on.

    `author` is the task, `search` words, `filter` (repeated) tags, `pipeline_tag` and `library` what the package's
    README.md says; any other filter passes none. With `full`, `cardData` or `config` rows have those, too.
    """
    limit = max(1, min(request.args.get("limit", MOST_LISTED, type=int), MOST_LISTED))
    found, following = find_models(current_registry(), Wanted.of(request.args), limit, request.args.get("cursor"))
    response = jsonify(found)
    # With scheme and host: those clients follow nothing else.
    next_page.point_to(response, url_for("hub.models", _external=True), following)
    return response


@blueprint.get(f"{_API}/auth-check", needs=Need.READ)
@blueprint.sends_json(problems=_FINDS)
def auth_check(task: str, model_name: str) -> Response:
    """That the model is there: whoever may ask may read it."""
    try:
        current_registry().list_aliases(task, model_name)
    except InvalidName as error:
        _not_found(error, task, model_name)
    return jsonify({})


@blueprint.get(f"{_API}/auth-check/write", needs=Need.KNOWN)
@blueprint.sends_json(problems=(403,))
def auth_check_write(task: str, model_name: str) -> Response:  # noqa: ARG001 - the same for every model
    """That nobody may write here."""
    return refuse_to_write()


@blueprint.get("/api/whoami-v2", needs=Need.KNOWN)
@blueprint.sends_json()
def whoami() -> Response:
    """Who asks; `anonymous` where nobody is asked who it is."""
    return jsonify(account(current_caller()))


@blueprint.get("/api/agent-harnesses", needs=Need.KNOWN)
@blueprint.sends_json()
def agent_harnesses() -> Response:
    """None; said once, clients do not ask again for a day."""
    return jsonify({"standardEnvVars": [], "harnesses": {}})


def _is_set(name: str) -> bool:
    return request.args.get(name, "").lower() in ("true", "1")
