"""Signed documents: what is signed, in which forms, and whose signature counts. It reads bytes and no journal.

``statement``         what is signed: in-toto Statements
``artifact_manifest`` what is signed of a package before it is registered
``ssh_signature``     signatures as OpenSSH writes them
``signed_document``   envelopes and bundles: whose signature of one counts
``not_counted``       why a document does not count, a word of a short list
``signatures``        the three forms of a package's signature, held against stored digests
``found_signatures``  those that a package brings along, for its register event
``making``            signed documents as we make them ourselves
"""
