"""The command ``omr``: parse, call one verb, print. The same words, answers and errors as everywhere else.

Commands, each room imported when one of its commands is called; ``main`` has those that read and register, and starts:
    ``governing``, ``running``, ``looking``, ``happened``, ``listing``, ``transferring``, ``maintaining``, ``repairing``
    ``access``, ``signing_in``
    ``rules``
    ``facts``
    ``attestations``
    ``vouching``
    ``auditing``, ``log``
What they share:
    ``command``, ``metadata`` and ``keys`` (what some are given), ``output`` (what is printed)
"""
