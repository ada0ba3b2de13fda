"""A registry root on a filesystem: documents, logs and packages as files under locks.

``tree`` is the root. ``documents`` has the documents and their locks, ``logfile`` and ``linefile`` what is appended,
``log_index`` finds lines, ``rewriting`` mends the end of a log, ``listing`` tells what lies where. ``packages`` are
built in ``staging``, their files put through ``building``, by ``borrowing`` where that copies nothing, and moved by
``moves``. ``uploads`` arrive through ``receiving`` and ``packing``, and ``upload_index`` lists them. All go ``beneath``
the root the one way; ``failures`` says what failed, and ``one_file`` opens one of a package.
"""
