"""Who vouches for a version, and what must be vouched for before it is used. Evidence never changes a package byte.

``keys``            public and private keys, and what is made with them: the only place that knows cryptography
``rules``           whose keys count and what a version needs: the documents, and which of them hold
``signing``         signed documents, and whose signature of one counts
``attestations``    what was said of a version, by whom, and what was found wrong with it
``gates``           what stands between a version and an alias
``log``             one Merkle tree over all journals, and what proves it to outsiders

A room imports only from those above it, and ``log`` from ``keys`` alone. Whoever is outside asks this face for a
module, which is imported then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..vocabulary.faces import face

if TYPE_CHECKING:
    from . import keys, log
    from .attestations import (
        attesting,
        finding,
        judged_document,
        of_version,
        one_look,
        predicates,
        resolving,
        statements_of,
        told,
    )
    from .gates import (
        asking,
        gate,
        judging,
        looking,
        overriding,
        recomputing,
        requirements,
        seen,
        trying,
        unasked,
        unjudged,
    )
    from .log import checking, checkpoints, export, extension, outsider, proofs, publishing, signed_note
    from .log import index as log_index
    from .log import key as log_key
    from .log import tree as log_tree
    from .rules import policy_document, policy_grammar, rulebook, ruling, trust_document
    from .signing import (
        artifact_manifest,
        found_signatures,
        making,
        not_counted,
        signatures,
        signed_document,
        ssh_signature,
        statement,
    )

__all__ = [
    "artifact_manifest",
    "asking",
    "attesting",
    "checking",
    "checkpoints",
    "export",
    "extension",
    "finding",
    "found_signatures",
    "gate",
    "judged_document",
    "judging",
    "keys",
    "log",
    "log_index",
    "log_key",
    "log_tree",
    "looking",
    "making",
    "not_counted",
    "of_version",
    "one_look",
    "outsider",
    "overriding",
    "policy_document",
    "policy_grammar",
    "predicates",
    "proofs",
    "publishing",
    "recomputing",
    "requirements",
    "resolving",
    "rulebook",
    "ruling",
    "seen",
    "signatures",
    "signed_document",
    "signed_note",
    "ssh_signature",
    "statement",
    "statements_of",
    "told",
    "trust_document",
    "trying",
    "unasked",
    "unjudged",
]

# Where the modules of the rooms lie; the others are here.
_PLACES = {
    name: f"{room}.{name}"
    for room, names in {
        "rules": "trust_document policy_document policy_grammar rulebook ruling",
        "signing": (
            "not_counted statement ssh_signature signed_document artifact_manifest signatures found_signatures making"
        ),
        "attestations": (
            "predicates judged_document of_version attesting finding resolving statements_of told one_look"
        ),
        "gates": "seen looking requirements judging overriding gate asking trying unasked unjudged recomputing",
        "log": "signed_note checkpoints publishing proofs extension outsider export checking",
    }.items()
    for name in names.split()
}
_PLACES |= {"log_index": "log.index", "log_key": "log.key", "log_tree": "log.tree"}

if not TYPE_CHECKING:  # a type checker would take any name for a module
    __getattr__, __dir__ = face(globals(), {name: _PLACES.get(name, name) for name in __all__})
