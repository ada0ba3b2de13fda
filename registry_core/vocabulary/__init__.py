"""The words that everything else is written in: a value means the same everywhere. No I/O, nothing of ours imported.

``errors`` (every failure, with its code; ``branches`` of its tree, ``evidence_errors`` those of evidence),
``answers``, ``summaries``, ``streamed``, ``runs``, ``looking``, ``comparison`` and ``reports`` (what verbs give),
``verbs``, ``happened``, ``access``, ``evidence``, ``filters`` and ``parameters`` (what they take, described once),
``texts`` (names and whatever else others say: what it may be, and how it is shown), ``patterns`` of names,
``owners``, ``times``, ``progress``, ``stages``, ``unset``, ``value``, ``artifact``, ``bounded``, ``finite``; ``faces``.
"""
