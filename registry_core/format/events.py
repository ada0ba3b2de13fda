"""The kinds of event, and what each of them says: the one list that all others follow.

A test holds the constants, :class:`~registry_core.vocabulary.answers.Event` and ``docs/design.md`` against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

REGISTER, PROMOTE, ROLLBACK, UNALIAS = "register", "promote", "rollback", "unalias"
TAG, PATCH, STAGE = "tag", "patch", "stage"
DELETE, RESTORE, PURGE = "delete", "restore", "purge"
REPAIR = "repair"
OF_A_VERSION = frozenset((REGISTER, PROMOTE, ROLLBACK, TAG, PATCH, STAGE, DELETE, RESTORE, PURGE))  # they name one
OWN = "own"
ACCESS, TOKEN = "access", "token"
ATTEST, FINDING, FACTS = "attest", "finding", "facts"
TRUST, POLICY, CHECKPOINT = "trust", "policy", "checkpoint"
MOST_BYTES = 65_535  # of an event of these six


@dataclass(frozen=True)
class Kind:
    """What happened. ``own``: the fields that not every event has, and this one has or may have.

    Most are of a model's journal; what ``is_of_registry`` is of the registry's own, and a repair of either.
    """

    name: str
    meaning: str
    own: tuple[str, ...] = ()
    is_of_registry: bool = False


@dataclass(frozen=True)
class Field:
    """What an event says. ``type`` is that of its value where there is one; ``parts``: of a list, that of its parts.

    Readers are shown it, unless it ``is_private``: then it stays in the journal.
    """

    name: str
    type: type
    meaning: str
    is_private: bool = False
    parts: Any = str


KINDS = (
    Kind(
        REGISTER,
        "a version was taken in, or one of older software got its baseline; with an alias, that names it now",
        ("commit", "created_at", "idempotency", "adopted", "previous_seq", "owner", "signatures", "facts", "gate"),
    ),
    Kind(PROMOTE, "an alias was made, or moved to another version", ("previous_seq", "gate")),
    Kind(ROLLBACK, "an alias was moved back to the version that it named before", ("previous_seq", "gate")),
    Kind(UNALIAS, "an alias was removed; the event names no version", ("previous_seq",)),
    Kind(TAG, "tags were set or removed", ("set",)),
    Kind(PATCH, "the description was set, and perhaps tags", ("set",)),
    Kind(
        STAGE,
        "the archived mark was set or taken away; with an alias, that names the version now",
        ("set", "unaliased", "previous_seq", "gate"),
    ),
    Kind(DELETE, "the version was deleted; its bytes are kept"),
    Kind(RESTORE, "the deleted version came back"),
    Kind(PURGE, "the bytes of the deleted version were given up"),
    Kind(
        REPAIR,
        "an operator had something mended; where the end of the journal was lost, it follows the lost events",
        ("repaired", "paths", "lost_from", "lost_to", "shown_by"),
    ),
    Kind(OWN, "the model is another organization's now, or nobody's; the event names no version", ("owner",)),
    Kind(
        ATTEST, "a signed document about the version is kept, or one of them is dismissed", ("attestation", "dismisses")
    ),
    Kind(FINDING, "something was found wrong with the version, or that has ended", ("finding",)),
    Kind(FACTS, "what the files of the version are was read again", ("facts",)),
    Kind(ACCESS, "of the registry: the rules of access are those of a document now", ("document",), True),
    Kind(TOKEN, "of the registry: a token was made, or revoked", ("token",), True),
    Kind(TRUST, "of the registry: whose signatures count is what a document says now", ("document",), True),
    Kind(
        POLICY,
        "of the registry: the policy of a task or of all is set, or cleared",
        ("policy", "document"),
        True,
    ),
    Kind(CHECKPOINT, "of the registry: its log was begun, or covers more of all journals now", ("checkpoint",), True),
)

# In the order of a line.
FIELDS = (
    Field("seq", int, "the number of the line, from 1"),
    Field("event", str, "the kind"),
    Field("task", str, "the task of the model"),
    Field("model_name", str, "the model"),
    Field("version", str, "the version that it is about, or that the alias names now"),
    Field("alias", str, "the alias that it makes, moves or removes"),
    Field("previous_version", str, "what the alias named before"),
    Field("previous_seq", int, "the event that moved the alias before; 0: none has"),
    Field("actor", str, "who"),
    Field("claimed_actor", str, "who the caller said it was, where it was known who it was"),
    Field("principal", dict, "who it was, as far as that was known: sub, iss, kind, org, via, token_id"),
    Field("reason", str, "why"),
    Field("package_digest", str, "the digest of the version's manifest"),
    Field("commit", str, "the version's name for clients of the Hugging Face Hub, made from its content"),
    Field("created_at", str, "the moment of the call; of an adopted version what its metadata says"),
    Field("attempt", str, "a name that no other event has; a register's staged bytes bear it too"),
    Field("owner", str, "the organization whose the model is from now on; nobody's where it is null"),
    Field("set", dict, "the new values of tags, description or archived"),
    Field("unaliased", list, "aliases of the version that it removes"),
    Field("document", str, "the digest of the document that holds from now on; null where none does"),
    Field(
        "token", dict, "the id of the token; of a new one its kind, name and end, and the digest of what is kept of it"
    ),
    Field(
        "signatures",
        list,
        "the signature files of the package: whose they are, and whether and why not they count",
        parts=dict,
    ),
    Field("facts", dict, "what the files of the version are, read without running anything: extractor, load, formats"),
    Field("gate", dict, "by which policies and trust the alias may name the version, and what was found"),
    Field("attestation", dict, "the document: its digest, form and predicate type, and whose signatures counted"),
    Field("dismisses", int, "the event whose attestation counts no longer"),
    Field("finding", dict, "what was found: severity, title and url; or which one has ended"),
    Field("policy", str, "the task whose policy it is; `*`: that of all"),
    Field("checkpoint", dict, "the kind; of a tree its size and root, and what of which journals is new in it"),
    Field("adopted", bool, "true where a version of older software got its baseline"),
    Field("repaired", str, "what was mended: journal, clock, documents, tombstones, seals or strays"),
    Field("paths", list, "what was written anew or set aside, below the model's directory"),
    Field("lost_from", int, "the first event that is lost; each lost one is an empty line"),
    Field("lost_to", int, "the last event that is lost, directly before this one"),
    Field("shown_by", str, "what shows that there was the last one"),
    Field("idempotency", dict, "the key that the caller sent, and the digest of the request", is_private=True),
    Field(
        "ts_utc",
        str,
        "the moment, RFC 3339 with microseconds and `Z`; later than the event before, but in a repair of the clock",
    ),
    Field("prev", str, "the digest that chains the line to what stands before it"),
)

PRIVATE = frozenset(field.name for field in FIELDS if field.is_private)
