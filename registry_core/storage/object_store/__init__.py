"""A registry root on an object store: one conditional PUT is lock, check and commit.

``store`` is the root, and ``bucket`` all that is asked of the store; ``self_check`` tries it, ``s3`` asks what only S3
has. ``documents`` has documents, ``logs`` and lines (``batches``), remembered by ``record_cache``. ``packages`` are
built in ``staging``, found by ``pointers``, read by ``stream``; ``old_versions`` are what is left of them. ``uploads``
arrive by ``receiving`` and ``packing`` in ``pieces``; ``unfinished_uploads`` are what a killed process left.
"""
