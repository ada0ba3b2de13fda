"""What the Hugging Face Hub's clients are told: versions in the Hub's words. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from registry_core import ArtifactNotFound, Caller, HubCommit, Snapshot, StoredFile

from .card import Card, card_of

_POINTER_BYTES = 134  # of a git-lfs pointer; clients want the number
_UNKNOWN_DATE = "1970-01-01T00:00:00.000Z"


def date(text: Any) -> str | None:
    """The moment as the Hub writes it, to the millisecond; None for what is no moment."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def account(caller: Caller) -> dict[str, Any]:
    """Whose token it is."""
    name = caller.name or caller.subject or caller.kind
    token = {"displayName": caller.token_id or caller.via or "open", "role": "read"}
    answer = {"type": "user", "id": caller.subject or name, "name": name, "fullname": name, "orgs": []}
    return {**answer, "auth": {"type": "access_token", "accessToken": token}}


def model_fields(task: str, model_name: str, snapshot: Snapshot, *, blobs: bool) -> dict[str, Any]:
    """A model at one version."""
    about, card = snapshot.about(), card_of(snapshot)
    fields = {
        **_common(task, model_name, about["created_at"], about["tags"], card),
        **_from_card(card),
        "sha": snapshot.commit_id,
        "disabled": False,
        "siblings": [_sibling(stored, blobs=blobs) for stored in snapshot.files()],
    }
    return {**fields, "usedStorage": sum(stored.size_bytes for stored in snapshot.files())}


def listed(item: Mapping[str, Any], card: Card, *, full: bool) -> dict[str, Any]:
    """A model in a list, from the metadata of its latest version and, with ``full``, all that its card says."""
    common = _common(item["task"], item["model_name"], item.get("created_at"), item.get("tags") or {}, card)
    return {**common, **(_from_card(card) if full else {})}


def _from_card(card: Card) -> dict[str, Any]:
    return {name: part for name, part in (("cardData", card.data), ("config", card.config)) if part}


def _common(task: str, model_name: str, created_at: Any, tags: Mapping[str, Any], card: Card) -> dict[str, Any]:
    """What a list has too. The package's own words go before the registry's."""
    created = date(created_at)
    library = {"library_name": card.library_name} if card.library_name is not None else {}
    return {
        "_id": f"{task}/{model_name}",
        "id": f"{task}/{model_name}",
        "modelId": f"{task}/{model_name}",
        "author": task,
        "pipeline_tag": card.pipeline_tag or task,
        **library,
        "tags": list(dict.fromkeys([*card.tags, *(f"{key}:{value}" for key, value in tags.items())])),
        "private": False,
        "gated": False,
        "downloads": 0,
        "likes": 0,
        **({"createdAt": created, "lastModified": created} if created is not None else {}),
    }


def _sibling(stored: StoredFile, *, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": stored.path}
    lfs = {"sha256": stored.sha256, "size": stored.size_bytes, "pointerSize": _POINTER_BYTES}
    return {"rfilename": stored.path, "size": stored.size_bytes, "blobId": stored.sha256, "lfs": lfs}


def file_entry(stored: StoredFile) -> dict[str, Any]:
    """A file in a tree. Its ``lfs`` block makes clients check it by its SHA-256, not by git's SHA-1."""
    lfs = {"oid": stored.sha256, "size": stored.size_bytes, "pointerSize": _POINTER_BYTES}
    return {"type": "file", "path": stored.path, "size": stored.size_bytes, "oid": stored.sha256, "lfs": lfs}


def entries(snapshot: Snapshot, *, expand: bool) -> dict[str, dict[str, Any]]:
    """Path -> entry, of every file and every folder, sorted by path."""
    found: dict[str, dict[str, Any]] = {}
    for stored in snapshot.files():
        found[stored.path] = file_entry(stored)
        parts = stored.path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            oid = hashlib.sha256(f"{snapshot.commit_id}/{folder}".encode("utf-8", "surrogateescape")).hexdigest()[:40]
            found.setdefault(folder, {"type": "directory", "path": folder, "oid": oid, "size": 0})
    last = {"id": snapshot.commit_id, "title": snapshot.version, "date": _UNKNOWN_DATE}
    if expand:
        last["date"] = date(snapshot.about()["created_at"]) or _UNKNOWN_DATE
    return {path: {**found[path], "lastCommit": last} if expand else found[path] for path in sorted(found)}


def tree_at(snapshot: Snapshot, folder: str, *, recursive: bool, expand: bool) -> list[dict[str, Any]]:
    """What is in the folder. Raises ``ArtifactNotFound`` if there is no such folder."""
    everything = entries(snapshot, expand=expand)
    if folder and everything.get(folder, {}).get("type") != "directory":
        raise ArtifactNotFound(f"The version {snapshot.version} has no folder {folder!r}.", path=folder)
    top = f"{folder}/" if folder else ""
    inside = [entry for path, entry in everything.items() if path.startswith(top)]
    return [entry for entry in inside if recursive or "/" not in entry["path"][len(top) :]]


def branches_and_tags(aliases: Mapping[str, str], commits: Sequence[HubCommit]) -> dict[str, Any]:
    """Aliases as branches, ``main`` among them where it leads somewhere, and versions as tags."""
    by_version = {commit.version: commit.commit_id for commit in commits}
    if "latest" in aliases:
        aliases = {"main": aliases["latest"], **aliases}
    return {
        "branches": [
            {"name": alias, "ref": f"refs/heads/{alias}", "targetCommit": by_version[version]}
            for alias, version in aliases.items()
            if version in by_version
        ],
        "converts": [],
        "tags": [
            {"name": commit.version, "ref": f"refs/tags/{commit.version}", "targetCommit": commit.commit_id}
            for commit in commits
        ],
    }


def commit_fields(commit: HubCommit) -> dict[str, Any]:
    """A version in a list of commits."""
    return {
        "id": commit.commit_id,
        "title": f"Version {commit.version}",
        "message": commit.reason or "",
        "authors": [{"user": commit.actor or "unknown"}],
        "date": date(commit.created_at) or _UNKNOWN_DATE,
    }
