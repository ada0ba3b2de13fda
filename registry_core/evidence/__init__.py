"""Who vouches for a version, and what must be vouched for before it is used. Evidence never changes a package byte.

``keys``            public and private keys, and what is made with them: the only place that knows cryptography
``ssh_signature``   signatures as OpenSSH writes them
``signed_document`` envelopes and bundles: whose signature of one counts
``statement``       what is signed: in-toto Statements
``not_counted``     why a document does not count, a word of a short list
``exact_json``      JSON that means one thing to every reader
``artifact_manifest`` what is signed of a package before it is registered
``signatures``      the three forms of a package's signature, held against stored digests
"""

from __future__ import annotations

from ..vocabulary.faces import face

__all__ = [
    "artifact_manifest",
    "exact_json",
    "keys",
    "not_counted",
    "signatures",
    "signed_document",
    "ssh_signature",
    "statement",
]

__getattr__, __dir__ = face(globals(), {name: name for name in __all__})
