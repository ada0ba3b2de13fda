"""A directory to a service, as a new version: only what the service lacks is sent, and a broken push goes on.

``pushing`` is the whole of it: ``choice`` and ``local_package`` say what is sent, ``remarks`` what the sender should
know, ``tus`` sends large files and ``packing`` small ones; ``signed_manifest`` is what is signed of it before.
"""
