"""The words that everything else is written in: a value means the same everywhere. No I/O, nothing of ours imported.

failures
    ``errors`` (every one, with its code), ``branches`` of their tree, ``evidence_errors``
what verbs give
    ``answers``, ``summaries``, ``streamed``, ``runs``, ``looking``, ``comparison``, ``reports``, ``value``
what verbs take, described once
    ``verbs``, ``happened``, ``access``, ``facts``, ``filters``, ``parameters``
of evidence
    ``evidence``
    ``version_evidence``
    ``rules``
    ``attestations`` (and findings)
    ``log``
texts
    ``texts`` (names and whatever else others say: what it may be, and how it is shown), ``patterns`` of names
beside them
    ``owners``, ``times``, ``progress``, ``stages``, ``unset``, ``artifact``, ``bounded``, ``finite``; ``faces``
``errors`` (every failure, with its code; ``branches`` of its tree, ``evidence_errors`` those of evidence), ``answers``,
``summaries``, ``streamed``, ``runs``, ``looking``, ``comparison`` and ``reports`` (what verbs give), ``verbs``,
``happened``, ``access``, ``rules``, ``evidence``, ``filters`` and ``parameters`` (what they take, described once),
``texts`` (names and whatever else others say: what it may be, and how it is shown), ``patterns`` of names, ``owners``,
``times``, ``progress``, ``stages``, ``unset``, ``artifact``, ``bounded``, ``finite``; ``faces``.
``errors`` (every failure, with its code; ``branches`` of its tree, ``evidence_errors`` those of evidence),
``answers``, ``summaries``, ``streamed``, ``runs``, ``looking``, ``comparison`` and ``reports`` (what verbs give),
``verbs``, ``happened``, ``access``, ``evidence``, ``gates``, ``filters``, ``parameters`` (what they take, said once),
``texts`` (names and whatever else others say: what it may be, and how it is shown), ``patterns`` of names,
``owners``, ``times``, ``progress``, ``stages``, ``unset``, ``artifact``, ``bounded``, ``finite``; ``faces``.
"""
