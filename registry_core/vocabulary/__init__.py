"""The words that everything else is written in: a value means the same everywhere. No I/O, nothing of ours imported.

failures
    ``errors`` (every one, with its code), ``branches`` of their tree, ``evidence_errors``
what verbs give
    ``answers``, ``summaries``, ``streamed``, ``runs``, ``looking``, ``comparison``, ``reports``, ``value``
what verbs take, described once
    ``verbs``, ``happened``, ``access``, ``filters``, ``parameters``
both, of evidence
    ``attestations`` (and findings), ``evidence`` (who signed), ``version_evidence`` (in one look), ``facts``,
    ``rules``, ``gates``, ``log``
texts
    ``texts`` (names and whatever else others say: what it may be, and how it is shown), ``patterns`` of names
beside them
    ``owners``, ``times``, ``progress``, ``stages``, ``unset``, ``artifact``, ``bounded``, ``finite``; ``faces``
"""
